//! Everything that rustls can name or set, against what the policy lists: a code, a field, a
//! method or a feature that nobody has judged fails here.

#![allow(unreachable_pub, reason = "the modules are one test")]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod codes;
mod features;
mod fields;
mod parts;
mod profiles;
mod source;
