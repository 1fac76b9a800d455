//! The PKI of a Kubernetes-like control plane on disk: issue, check, renew, inside a FIPS
//! boundary.

#![forbid(unsafe_code)]

mod error;
pub mod store;

pub use error::Error;
