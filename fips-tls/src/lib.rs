//! TLS under NIST SP 800-52r2: profiles as data, a rustls provider over `fips-core`, and
//! configurations that were checked after their last change.
//!
//! ```
//! use fips_core::Boundary;
//! use fips_tls::{ClientConfig, Identity, Profile, ServerConfig, Trust};
//!
//! # fn files() -> [&'static str; 3] { ["server.crt", "server.key", "ca.crt"] }
//! fn server(boundary: &Boundary) -> Result<ServerConfig, fips_tls::Error> {
//!     let [chain, key, ca] = files();
//!     ServerConfig::builder(boundary, Profile::sp800_52r2())
//!         .with_identity(Identity::from_files(boundary, chain, key)?)
//!         .with_client_trust(Trust::from_file(ca)?)
//!         .with_alpn(&[b"h2"])
//!         .build()
//! }
//!
//! match Boundary::enter() {
//!     // Files that are not there, or a key others may read: the error says which and how to
//!     // mend it.
//!     Ok(boundary) => println!("{}", server(&boundary).unwrap_err()),
//!     // A kernel without FIPS mode: each failed check, with its remedy.
//!     Err(refusal) => println!("{refusal}"),
//! }
//! ```
//!
//! # What is where
//!
//! * [`Profile`], with [`Version`], [`Suite`], [`Group`], [`Scheme`] and [`KeyRule`]: the
//!   policy, each row with its source. A filter over what the module can do: it can be narrowed,
//!   and takes more groups only where it names them as optional.
//! * [`Identity`] and [`Trust`]: what a side shows, and whom it takes; [`Identities`]: what a
//!   server shows by name.
//! * [`Authorization`], with [`PeerRule`] and [`SpiffeId`]: which of those it takes may come in.
//! * [`ServerConfig`] and [`ClientConfig`]: the only way from those to rustls. Extended master
//!   secret required; no early data, key log or secret extraction; a server's tickets sealed by
//!   the module and opened for one hour at most, a client's sessions offered for one hour at
//!   most; every certificate of a presented chain judged.
//! * [`FleetKeys`]: for servers that resume each other's sessions.
//! * [`live`]: configurations that follow their files while connections go on.
//! * [`Session`] and [`PeerIdentity`]: what a finished handshake agreed on, and with whom.
//! * [`Explanation`]: a failed one in words.
//! * What a connection asked of the module: wrap its calls, or its futures, in a
//!   [`Ledger`](fips_core::indicator::Ledger). A TLS 1.3 connection is approved throughout; a
//!   TLS 1.2 one has its three entries of
//!   [`EXCEPTIONS`](fips_core::indicator::EXCEPTIONS).
//! * [`adapter`]: servers and clients over the crates that a control plane speaks with.
//! * [`counters`]: what handshakes came to, for a scrape.
//! * [`provider`] and [`install_process_default`]: the bare provider, for crates that take
//!   nothing else.
//! * [`rustls`] and [`pki_types`]: whose types are part of this crate's API.
//!
//! # Security
//!
//! Private keys and what this crate makes of them are wiped when dropped. rustls and aws-lc-rs
//! free some secrets of connections unwiped: ECDH shared secrets, the key block of TLS 1.2, the
//! secrets of handshakes and of tickets. A program that minds sets a global allocator that wipes
//! what is freed, such as `zeroizing_alloc::ZeroAlloc`, as `fipsctl` does.
//!
//! # Features
//!
//! All off but `live`.
//!
//! * `axum`: a listener whose handshakes do not wait for each other, for `axum::serve`.
//! * `etcd`: a client of etcd-client over our channel; needs `protoc` to build.
//! * `evaluation`: see `fips-core`.
//! * `hyper`: a connector for hyper-util's client, and a server loop.
//! * `kube`: a Kubernetes client from a `kube::Config`; the program names its `k8s-openapi`.
//! * `live` (on): [`live::Live`], configurations that follow their files.
//! * `prometheus`: the [`counters`] as a collector of prometheus-client.
//! * `reqwest`: a client builder with our configuration.
//! * `tokio`: acceptor, connector and listener over tokio-rustls.
//! * `tonic`: a gRPC server's incoming connections, and a client's channel.
//!
//! Each but `evaluation`, `live` and `prometheus` is an [`adapter`]. None brings a provider; lines of
//! dependencies that do not either are in `docs/migrate-from-rustls.md`.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod adapter;
mod authorization;
mod certificate;
mod check;
mod client;
pub mod counters;
mod error;
mod explain;
mod file;
mod fleet;
mod identities;
mod identity;
#[cfg(feature = "live")]
mod links;
pub mod live;
mod name;
mod peer;
mod peers;
mod policy;
mod provider;
mod refusal;
mod resumption;
mod revocation;
mod server;
mod server_name;
mod session;
mod ticketer;
mod trust;
mod verifier;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub use authorization::{
    Authorization, AuthorizationFault, NotAuthorized, NotAuthorizedReason, PeerRule, RuleFault,
    SpiffeFault, SpiffeId, TrustDomain,
};
pub use certificate::{CertificateReason, CertificateRefused, SignatureName};
pub use check::ConfigFault;
pub use client::{ClientBuilder, ClientConfig, ClientReady, WantsTrust};
pub use error::{Error, IdentityFault, PemFault, RevocationFault, TrustFault};
pub use explain::Explanation;
pub use fleet::{FleetKeys, FleetKeysFault};
pub use identities::Identities;
pub use identity::Identity;
pub use live::Current;
pub use peer::PeerIdentity;
pub use policy::{
    Group, KeyRule, NotOptional, NothingLeft, Profile, ProfileFileError, PublicKey, Row, Scheme,
    Suite, UnknownProfile, Version,
};
pub use provider::{ProcessDefaultTaken, install_process_default, provider};
pub use refusal::{PeerRefusal, RefusalReason, last_refusal};
pub use revocation::{Revocation, RevocationList};
pub use server::{
    ServerBuilder, ServerConfig, ServerReady, WantsClientAuthentication, WantsIdentity,
};
pub use session::Session;
pub use trust::Trust;

/// The rustls that this crate is built on: its types are part of the public API.
pub use rustls;
/// Certificates, keys and names as rustls takes them: part of the public API.
pub use rustls_pki_types as pki_types;
