//! Peers that break the protocol, scripted byte by byte, against our server and our client: which
//! alert leaves our side, which words explain it, that the peer is told nothing, and that the
//! connection is dead. Alerts are those of RFC 8446 §6.2 and RFC 5246 §7.2; where rustls sends
//! another, a comment says which.

#![allow(unreachable_pub, reason = "the modules are one test")]

#[path = "../support/mod.rs"]
mod support;

mod after;
mod bytes;
mod case;
mod clients;
mod records;
mod servers;
mod servers12;
mod taken;
