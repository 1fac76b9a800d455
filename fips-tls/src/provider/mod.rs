//! The rustls provider over `fips-core`: every primitive is a call of the module.

mod aead12;
mod aead13;
mod fail_closed;
mod hash;
mod hkdf;
mod kx;
mod offered;
mod prf;
mod process_default;
mod random;
mod signing;
mod suites;
mod verification;

use std::sync::{Arc, OnceLock};

use fips_core::Boundary;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};

use crate::error::Error;
use crate::policy::Profile;

pub use process_default::{ProcessDefaultTaken, install_process_default};
pub(crate) use signing::TlsSigningKey;

/// The boundary that rustls's `'static` objects work in. A witness is one value for the whole
/// process, so the first one stands for all.
static BOUNDARY: OnceLock<Boundary> = OnceLock::new();

pub(crate) fn boundary() -> Option<&'static Boundary> {
    BOUNDARY.get()
}

/// What certificates and handshakes may be signed with under `profile`.
pub(crate) fn algorithms(profile: &Profile) -> WebPkiSupportedAlgorithms {
    offered::offered(profile).algorithms
}

/// Whether the gate is open still, for what is built on a provider.
pub(crate) fn still_open() -> Result<(), Error> {
    boundary()
        .map_or(Ok(()), Boundary::still_open)
        .map_err(|source| Error::Module {
            what: "TLS configuration",
            source,
        })
}

/// The rustls provider for `profile`.
///
/// For crates that take a provider, or nothing but the process default
/// (`CryptoProvider::install_default`). [`ServerConfig`](crate::ServerConfig) and
/// [`ClientConfig`](crate::ClientConfig) pass their own explicitly and never look at the
/// default.
///
/// # Security
///
/// A provider alone is not the policy: extended master secret, the ticketer and the judgement
/// of peers' chains belong to the configurations of this crate.
///
/// Exporters (RFC 5705) of a TLS 1.2 connection end in a panic: no approved service of the
/// module covers their label, and rustls asks for them through a call that cannot answer with
/// an error. Those of TLS 1.3 work.
pub fn provider(boundary: &Boundary, profile: &Profile) -> Arc<CryptoProvider> {
    BOUNDARY.get_or_init(|| *boundary);
    let offered = offered::offered(profile);
    Arc::new(CryptoProvider {
        cipher_suites: profile
            .suites()
            .iter()
            .map(|row| suites::suite(row.value))
            .collect(),
        kx_groups: profile
            .groups()
            .iter()
            .map(|row| kx::group(row.value))
            .collect(),
        signature_verification_algorithms: offered.algorithms,
        secure_random: &random::Drbg,
        key_provider: offered.keys,
    })
}
