use fips_core::digest::Algorithm;
use fips_core::tls12_prf;
use rustls::crypto::ActiveKeyExchange;
use rustls::crypto::tls12::Prf;
use rustls::version::TLS12;
use rustls::{Error, OtherError};
use std::sync::Arc;

use super::fail_closed::fail_closed;

pub(super) static PRF_SHA256: Tls12Prf = Tls12Prf(Algorithm::Sha256);
pub(super) static PRF_SHA384: Tls12Prf = Tls12Prf(Algorithm::Sha384);

/// The TLS 1.2 pseudo-random function (SP 800-135r1 §4.2.2), which refuses every label but
/// those of a handshake with extended master secret (RFC 7627).
pub(super) struct Tls12Prf(Algorithm);

impl Prf for Tls12Prf {
    fn for_key_exchange(
        &self,
        output: &mut [u8; 48],
        kx: Box<dyn ActiveKeyExchange>,
        peer_pub_key: &[u8],
        label: &[u8],
        seed: &[u8],
    ) -> Result<(), Error> {
        let secret = kx.complete_for_tls_version(peer_pub_key, &TLS12)?;
        tls12_prf::derive(self.0, secret.secret_bytes(), label, seed, output)
            .map_err(|error| Error::Other(OtherError(Arc::new(error))))
    }

    fn for_secret(&self, output: &mut [u8], secret: &[u8], label: &[u8], seed: &[u8]) {
        if let Err(error) = tls12_prf::derive(self.0, secret, label, seed, output) {
            fail_closed(&error);
        }
    }

    fn fips(&self) -> bool {
        true
    }
}
