use fips_core::digest::Algorithm;
use fips_core::hkdf::Prk;
use fips_core::{Error, hmac};
use rustls::crypto::hmac::Tag;
use rustls::crypto::tls13::{Hkdf, HkdfExpander, OkmBlock, OutputLengthError};
use zeroize::Zeroizing;

use super::fail_closed::fail_closed;

pub(super) static HKDF_SHA256: HkdfSha2 = HkdfSha2(Algorithm::Sha256);
pub(super) static HKDF_SHA384: HkdfSha2 = HkdfSha2(Algorithm::Sha384);

const ZEROS: [u8; OkmBlock::MAX_LEN] = [0; OkmBlock::MAX_LEN];

/// The key schedule of TLS 1.3 (RFC 8446 §7.1) on the module's own HKDF.
pub(super) struct HkdfSha2(Algorithm);

impl HkdfSha2 {
    fn zeros(&self) -> &'static [u8] {
        &ZEROS[..self.0.output_len()]
    }

    /// RFC 8446 §7.1: where there is no salt, and for an empty one (RFC 5869 §2.2), zeros of
    /// the hash's length stand in.
    fn extract(&self, salt: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        let salt = match salt {
            None | Some([]) => self.zeros(),
            Some(salt) => salt,
        };
        expander(Prk::extract(self.0, salt, secret))
    }
}

impl Hkdf for HkdfSha2 {
    fn extract_from_zero_ikm(&self, salt: Option<&[u8]>) -> Box<dyn HkdfExpander> {
        self.extract(salt, self.zeros())
    }

    fn extract_from_secret(&self, salt: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        self.extract(salt, secret)
    }

    fn expander_for_okm(&self, okm: &OkmBlock) -> Box<dyn HkdfExpander> {
        expander(Prk::from_bytes(self.0, okm.as_ref()))
    }

    fn hmac_sign(&self, key: &OkmBlock, message: &[u8]) -> Tag {
        match hmac::Key::new(self.0, key.as_ref()).and_then(|key| key.sign(&[message])) {
            Ok(tag) => Tag::new(tag.as_ref()),
            Err(error) => fail_closed(&error),
        }
    }

    fn fips(&self) -> bool {
        true
    }
}

fn expander(prk: Result<Prk, Error>) -> Box<dyn HkdfExpander> {
    match prk {
        Ok(prk) => Box::new(Expander(prk)),
        Err(error) => fail_closed(&error),
    }
}

struct Expander(Prk);

impl HkdfExpander for Expander {
    fn expand_slice(&self, info: &[&[u8]], output: &mut [u8]) -> Result<(), OutputLengthError> {
        match self.0.expand(info, output) {
            Ok(()) => Ok(()),
            Err(Error::Guard {
                guard: fips_core::Guard::OutputTooLong { .. },
                ..
            }) => Err(OutputLengthError),
            Err(error) => fail_closed(&error),
        }
    }

    fn expand_block(&self, info: &[&[u8]]) -> OkmBlock {
        let mut buffer = Zeroizing::new(ZEROS);
        let output = &mut buffer[..self.hash_len()];
        match self.0.expand(info, output) {
            Ok(()) => OkmBlock::new(output),
            Err(error) => fail_closed(&error),
        }
    }

    fn hash_len(&self) -> usize {
        self.0.algorithm().output_len()
    }
}
