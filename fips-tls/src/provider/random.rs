use rustls::crypto::{GetRandomFailed, SecureRandom};

/// The module's DRBG (SP 800-90Ar1), asked for every value: bytes drawn ahead would lie outside of
/// what the module watches for a fork, and for a copy of the whole machine.
#[derive(Debug)]
pub(super) struct Drbg;

impl SecureRandom for Drbg {
    fn fill(&self, output: &mut [u8]) -> Result<(), GetRandomFailed> {
        fips_core::random::fill(output).map_err(|_| GetRandomFailed)
    }

    fn fips(&self) -> bool {
        true
    }
}
