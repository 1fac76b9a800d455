//! Random bytes from the module's DRBG (SP 800-90Ar1 CTR_DRBG, AES-256).

use aws_lc_rs::rand as lc;

use crate::boundary::require_open;
use crate::error::Error;
use crate::indicator::{self, Service};

/// Fills `output`.
///
/// # Errors
///
/// [`Error::GateClosed`]; [`Error::Module`] when the entropy source fails.
pub fn fill(output: &mut [u8]) -> Result<(), Error> {
    require_open(Service::Random)?;
    // A draw of nothing is no service: the indicator stays silent on it.
    if output.is_empty() {
        return Ok(());
    }
    indicator::observe(Service::Random, || lc::fill(output))
}

/// `N` random bytes.
///
/// # Security
///
/// For what is no secret: the array is copied as it is moved. A key is made with [`fill`], in
/// memory that is wiped.
///
/// # Errors
///
/// As [`fill`].
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut output = [0; N];
    fill(&mut output)?;
    Ok(output)
}
