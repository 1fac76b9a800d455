//! The PKI of a Kubernetes-like control plane on disk: issue, check, renew, inside a FIPS
//! boundary.

#![forbid(unsafe_code)]

mod certificate;
mod clock;
mod error;
mod issue;
mod names;
mod pem;
mod usages;

pub mod catalogue;
pub mod key;
pub mod pki;
pub mod store;

pub use certificate::{Certificate, NotIssued};
pub use clock::{Clock, FixedClock, SystemClock};
pub use error::{Error, GateMismatch};
pub use issue::{Authority, AuthorityParams, BACKDATE, LeafParams};
pub use names::{Subject, SubjectAltName};
pub use pki::Pki;
pub use usages::Usages;
