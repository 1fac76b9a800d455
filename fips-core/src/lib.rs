//! The inner ring of `fips-boundary`: the gate, the evidence and the approved primitives.
//!
//! Everything here runs in one module, AWS-LC FIPS 3.1.0 (the version named by CMVP
//! certificate #5314), statically linked through exactly pinned crates. [`Boundary::enter`]
//! examines the kernel, the module, its integrity, the entropy source, the process environment
//! and the build, and answers with the witness [`Boundary`] or with a [`Refusal`] that lists
//! each failed check, where it was read, the rule behind it and how to mend it.
//!
//! ```
//! use fips_core::Boundary;
//!
//! match Boundary::enter() {
//!     Ok(boundary) => println!("{}", boundary.status().statement()),
//!     Err(refusal) => {
//!         // On a kernel without FIPS mode: each failed check, with its remedy.
//!         assert!(refusal.failed().next().is_some());
//!         println!("{refusal}");
//!     }
//! }
//! ```
//!
//! # Which calls ask for the witness
//!
//! Roots ask for `&Boundary`: making or loading a private key ([`signing::PrivateKey`]), a
//! sealing key ([`seal::SealingKey`]) and a key-encryption key
//! ([`key_wrap::KeyEncryptionKey`]). Leaf operations, most of them called by rustls through
//! `'static` objects (random, ephemeral key agreement and encapsulation, key derivation, record
//! protection), ask the process's status instead and answer [`Error::GateClosed`] when no gate
//! has been opened.
//! Digest, HMAC and signature verification only look: they run without an open gate, through
//! [`Diagnostic`] where a command wants the module checked first.
//!
//! After a failed self-test of the module ([`Boundary::self_test`],
//! [`Requirements::self_test_every`]) all of them, and every entry, answer with
//! [`Error::SelfTestFailed`] for as long as the process lives.
//!
//! # Features
//!
//! `evaluation` (off): adds `Boundary::enter_for_evaluation`, which waives the kernel's flag
//! and the tracer, never the module. Whatever is made under it says so.

mod advisories;
mod boundary;
mod build_facts;
mod check;
mod diagnostic;
mod entropy;
mod environment;
mod error;
mod evidence;
mod ffi;
mod kernel;
mod module;
mod procfs;
mod refusal;
mod requirements;
mod self_test;
mod statement;
#[cfg(all(test, feature = "evaluation"))]
mod vectors;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub mod agreement;
pub mod constant_time;
pub mod digest;
pub mod hkdf;
pub mod hmac;
pub mod indicator;
pub mod kem;
pub mod key_wrap;
pub mod pbkdf2;
pub mod pem;
pub mod random;
pub mod record;
pub mod rfc4514;
pub mod seal;
pub mod signing;
pub mod tls12_prf;
pub mod verification;

pub use advisories::{Advisory, LaterChange};
pub use boundary::{Boundary, EVALUATION_MARK, Opening, Status, Waiver, opening};
pub use build_facts::{BuildFacts, CRATE_DEVIATIONS};
pub use check::{Check, Group, Outcome};
pub use diagnostic::Diagnostic;
pub use error::{Error, Guard};
pub use evidence::Evidence;
pub use kernel::{KernelDetector, KernelFips, NotGenuine};
pub use module::{CertificateStatus, KnownVersion, MODULE_TABLE_DATE, known_versions};
pub use refusal::Refusal;
pub use requirements::{MIN_SELF_TEST_INTERVAL, Requirements};
pub use self_test::{SelfTest, SelfTestResult, SelfTestRun, SelfTests};
pub use statement::{EnvironmentClaim, ModuleClaim, Statement};
