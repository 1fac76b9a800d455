//! What the fuzzer alone may call: the judges of chains, without a handshake around them.

use std::sync::Arc;

use fips_core::Boundary;
use rustls::client::danger::ServerCertVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::error::TrustFault;
use crate::policy::Profile;
use crate::provider::provider;
use crate::trust::Trust;
use crate::verifier::{PolicyClientVerifier, PolicyServerVerifier};

/// The judges of servers and of clients, as configurations have them.
///
/// # Errors
///
/// As a configuration's.
pub fn verifiers(
    boundary: &Boundary,
    profile: &Profile,
    trust: &Trust,
) -> Result<(Arc<dyn ServerCertVerifier>, Arc<dyn ClientCertVerifier>), TrustFault> {
    let provider = provider(boundary, profile);
    Ok((
        Arc::new(PolicyServerVerifier::new(&provider, profile, trust, None)),
        Arc::new(PolicyClientVerifier::new(&provider, profile, trust, None)),
    ))
}
