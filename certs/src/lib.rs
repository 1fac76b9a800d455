//! The PKI of a Kubernetes-like control plane on disk: issue, check, renew, inside a FIPS
//! boundary.
//!
//! A [`Catalogue`](catalogue::Catalogue) says as data which authorities, leaves and kubeconfigs
//! there are; a [`Store`](store::Store) holds them and changes as one or not at all; [`Pki`] is
//! the engine between the two. Keys are made and used inside the module through `fips-core`;
//! encoding is rcgen's, parsing x509-parser's and path validation rustls-webpki's, each without
//! a crypto backend of its own.
//!
//! ```
//! use fips_certs::catalogue::{Catalogue, Options, Program};
//! use fips_certs::pki::{RenewalPolicy, Thresholds};
//! use fips_certs::store::DirStore;
//! use fips_certs::{Clock, Pki, SystemClock};
//! use fips_core::{Boundary, Diagnostic};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let server_folder = folder.path().join("server");
//! let boundary = match Boundary::enter() {
//!     Ok(boundary) => boundary,
//!     // Not a FIPS kernel: the refusal says what is missing, and nothing is made.
//!     Err(refusal) => {
//!         println!("{refusal}");
//!         return Ok(());
//!     }
//! };
//! let mut options = Options::new(Program::Rke2, "node-1");
//! options.node_ips = vec!["192.0.2.10".parse()?];
//!
//! let store = DirStore::create_or_open(server_folder)?;
//! let (pki, _) = Pki::init(&boundary, &store, Catalogue::new(options)?, &SystemClock)?;
//!
//! // Looking needs no open gate.
//! let (diagnostic, now) = (Diagnostic::new()?, SystemClock.now());
//! for row in pki.check(&diagnostic, now, Thresholds::default())? {
//!     println!("{} {:?} {}", row.file, row.expires, row.status);
//! }
//!
//! // What is due, and why; then doing it.
//! let plan = pki.renewals(&diagnostic, now, &RenewalPolicy::default())?;
//! if !plan.is_empty() {
//!     pki.renew(&boundary, &plan, &SystemClock)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Overview
//!
//! - [`AuthorityParams`], [`LeafParams`]: what a certificate shall say; the key is passed beside.
//! - [`Authority`]: a certificate that signs others, made here or loaded; its key is a [`Signer`].
//! - [`Certificate`]: one that was read.
//! - [`crl`]: revocation lists, issued and read.
//! - [`key`]: private keys in PEM.
//! - [`csr`]: certificate requests, and the rules that say what may be issued for them.
//! - [`import`]: foreign certificates judged, every reason at once.
//! - [`sealing`]: streams and small things sealed for storage.
//! - [`lint`]: certificates against the standards and the rules of this crate.
//! - [`Clock`]: the one source of time.
//!
//! # Features
//!
//! `evaluation` (off): as in `fips-core`. A PKI made under it is marked, in its record and in
//! the name of each authority ([`fips_core::EVALUATION_MARK`]), and a strict boundary does not
//! use it.
//!
//! `pkcs11` (off): authorities whose keys lie on a PKCS#11 token. The token's library is loaded
//! into the process.

#![forbid(unsafe_code)]

mod certificate;
mod clock;
mod der;
mod error;
mod issue;
mod mark;
mod names;
mod pem;
mod secret_source;
mod usages;

pub mod audit;
pub mod catalogue;
pub mod crl;
pub mod csr;
pub mod import;
pub mod key;
pub mod lint;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
pub mod pki;
pub mod sealing;
pub mod store;
pub mod token;

pub use certificate::{Certificate, Description, NotIssued};
pub use clock::{Clock, FixedClock, SystemClock};
pub use error::{Error, GateMismatch, remedy};
pub use issue::{Authority, AuthorityParams, BACKDATE, IntoSigner, LeafParams, Signer};
pub use names::{Subject, SubjectAltName};
pub use pki::Pki;
pub use secret_source::SecretSource;
pub use usages::Usages;

/// Dates in the public interface are of this crate.
pub use time;
