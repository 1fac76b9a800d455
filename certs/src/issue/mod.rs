//! Issuing certificates: parameters in, a certificate out, the keys passed beside.

mod authority;
mod cross;
mod encoder;
mod leaf;
mod signer;
#[cfg(all(test, feature = "evaluation"))]
mod tests;

use std::time::Duration;

use fips_core::digest::{self, Algorithm};
use fips_core::random;
use time::OffsetDateTime;

use crate::certificate::Certificate;
use crate::clock::whole_second;
use crate::error::Error;

pub(crate) use encoder::EncodedKey;

pub use authority::{Authority, AuthorityParams};
pub(crate) use authority::{distinguished_name, is_rewritable};
pub(crate) use encoder::Encoder;
pub use leaf::LeafParams;
pub use signer::{IntoSigner, Signer};

/// How far `notBefore` lies before now, for peers whose clocks are behind.
pub const BACKDATE: Duration = Duration::from_secs(300);

/// The first and the last second of a validity.
#[derive(Clone, Copy, Debug)]
struct Validity {
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Validity {
    /// From a little before `now` on for the whole seconds of `lifetime`, never outside of the
    /// issuer's.
    fn new(now: OffsetDateTime, lifetime: Duration, issuer: Option<&Certificate>) -> Option<Self> {
        let now = whole_second(now)?;
        let mut not_before = now.checked_sub(BACKDATE.try_into().ok()?)?;
        // Part of a second cannot be written: left in, it would be a lifetime here and none there.
        let mut not_after = whole_second(now.checked_add(lifetime.try_into().ok()?)?)?;
        if let Some(issuer) = issuer {
            not_before = not_before.max(issuer.not_before());
            not_after = not_after.min(issuer.not_after());
        }
        // RFC 5280 §4.1.2.5: four digits of a year.
        let written = (1950..=9999).contains(&not_before.year()) && not_after.year() <= 9999;
        (written && now < not_after && not_before <= now).then_some(Self {
            not_before,
            not_after,
        })
    }
}

/// A positive random serial number of 159 bits (RFC 5280 §4.1.2.2: at most 20 octets).
fn serial() -> Result<rcgen::SerialNumber, Error> {
    let mut bytes: [u8; 20] = random::bytes().map_err(|source| Error::Crypto {
        action: "draw a serial number",
        source,
    })?;
    // The top bit is the sign; the next one set keeps every serial at its full length.
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(rcgen::SerialNumber::from_slice(&bytes))
}

/// RFC 7093 §2, method 1: the leftmost 160 bits of the SHA-256 of the key's BIT STRING.
pub(crate) fn key_identifier(public_key: &[u8]) -> Result<Vec<u8>, Error> {
    let digest = digest::digest(Algorithm::Sha256, public_key).map_err(|source| Error::Crypto {
        action: "compute a key identifier",
        source,
    })?;
    Ok(digest.as_ref()[..20].to_vec())
}
