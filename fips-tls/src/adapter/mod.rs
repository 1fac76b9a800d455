//! Over the crates that a control plane speaks with: each behind the feature of its name.
//!
//! An adapter takes a [`Current`](crate::Current) configuration and asks it once for each
//! connection, so that a reload reaches new connections without a restart. It asks again for
//! what a finished handshake means under the newest one ([`Session`](crate::Session)), and drops
//! the connection when its peer is refused there: validity, revocation and authorisation hold on
//! resumption too. Every handshake has a time limit, a counter
//! ([`counters`](crate::counters)) and an event of `tracing`: `DEBUG` for a finished one, `WARN`
//! for a failed one.
//!
//! None reads rustls's process default.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "etcd")]
pub mod etcd;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "kube")]
pub mod kube;
#[cfg(feature = "reqwest")]
pub mod reqwest;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "tonic")]
pub mod tonic;
