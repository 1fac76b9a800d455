//! The cryptographic boundary of a Rust control plane.
//!
//! Every TLS connection and every certificate operation goes through one module, AWS-LC FIPS
//! 3.1.0 (the version CMVP certificate #5314 names), under a NIST policy, or the program
//! refuses to run and says why. This crate is the door to the three libraries behind it:
//!
//! * [`core`]: the gate ([`core::Boundary`]), the evidence, the approved primitives.
//! * [`tls`]: rustls on that module, policy profiles, checked configurations.
//! * [`certs`]: the PKI of a control plane on disk: made, checked, renewed.
//!
//! ```
//! use fips_boundary::core::Boundary;
//!
//! match Boundary::enter() {
//!     Ok(boundary) => println!("{}", boundary.status().statement()),
//!     // Each failed check: what was expected, what was found, where, the rule, how to mend it.
//!     Err(refusal) => println!("{refusal}"),
//! }
//! ```
//!
//! # Security
//!
//! These crates wipe their own secrets. rustls and aws-lc-rs free some of theirs unwiped: ECDH
//! shared secrets, the key block of TLS 1.2, the secrets of handshakes and of tickets. A program
//! that wipes whatever it frees keeps none of them in freed memory:
//!
//! ```
//! use std::alloc::System;
//!
//! use zeroizing_alloc::ZeroAlloc;
//!
//! #[global_allocator]
//! static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! `evaluation` (off): adds `Boundary::enter_for_evaluation()` for development machines without
//! a FIPS kernel. Everything made under it is marked.
//!
//! `live` (on) and the adapters `axum`, `etcd`, `hyper`, `kube`, `reqwest`, `tokio` and `tonic`, with
//! `prometheus` (off): see [`tls`]. `pkcs11` (off): see [`certs`].

#![forbid(unsafe_code)]

pub use fips_certs as certs;
pub use fips_core as core;
pub use fips_tls as tls;

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
