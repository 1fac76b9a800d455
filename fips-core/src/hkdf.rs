//! HKDF (SP 800-56Cr2 two-step, RFC 5869), as TLS 1.3's key schedule uses it.
//!
//! The key schedule stays on the module's own HKDF calls; rebuilding it from HMAC would hide
//! from the service indicator what is being computed. So does keeping what `HKDF_extract` gives:
//! alone it is not an approved service, and the module's whole `HKDF()`, which is one, repeats it
//! with each expand (what that costs: docs/performance.md).

use std::fmt;

use aws_lc_rs::hkdf as lc;

use crate::boundary::require_open;
use crate::digest::Algorithm;
use crate::error::{Error, Guard};
use crate::indicator::{self, Service};

/// A pseudo-random key: what `extract` gives and `expand` takes.
pub struct Prk {
    /// On the heap: it holds the key itself, and a move of it would leave a copy on the stack.
    prk: Box<lc::Prk>,
    algorithm: Algorithm,
}

impl Prk {
    /// Extracts from `secret` with `salt`. Where a protocol says "no salt", pass zeros of the
    /// hash's length: an empty one is not an approved service of the module.
    ///
    /// The module is called when the key is used (extract alone is not an approved service).
    ///
    /// # Errors
    ///
    /// [`Error::GateClosed`]; [`Guard::EmptySalt`].
    pub fn extract(algorithm: Algorithm, salt: &[u8], secret: &[u8]) -> Result<Self, Error> {
        require_open(Service::Hkdf)?;
        if salt.is_empty() {
            return Err(guard(Guard::EmptySalt));
        }
        let prk = Box::new(lc::Salt::new(lc_algorithm(algorithm), salt).extract(secret));
        Ok(Self { prk, algorithm })
    }

    /// Takes a pseudo-random key that an earlier `expand` gave.
    ///
    /// # Errors
    ///
    /// [`Error::GateClosed`]; [`Guard::KeyLength`] when it is not of the hash's length.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, Error> {
        require_open(Service::Hkdf)?;
        if bytes.len() != algorithm.output_len() {
            return Err(guard(Guard::KeyLength {
                expected: algorithm.output_len(),
                found: bytes.len(),
            }));
        }
        let prk = Box::new(lc::Prk::new_less_safe(lc_algorithm(algorithm), bytes));
        Ok(Self { prk, algorithm })
    }

    /// Fills `output` from this key and `info`, whose pieces are taken one after another.
    ///
    /// # Errors
    ///
    /// [`Guard::EmptyInfo`]; [`Guard::OutputTooLong`] over 255 times the hash's length
    /// (RFC 5869 §2.3); [`Error::NotApproved`].
    pub fn expand(&self, info: &[&[u8]], output: &mut [u8]) -> Result<(), Error> {
        if info.iter().all(|piece| piece.is_empty()) {
            return Err(guard(Guard::EmptyInfo));
        }
        let limit = 255 * self.algorithm.output_len();
        if output.len() > limit {
            return Err(guard(Guard::OutputTooLong {
                limit,
                found: output.len(),
            }));
        }
        indicator::observe(Service::Hkdf, || {
            self.prk.expand(info, Length(output.len()))?.fill(output)
        })
    }

    /// The hash this key belongs to.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for Prk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prk")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Length(pub(crate) usize);

impl lc::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

pub(crate) fn lc_algorithm(algorithm: Algorithm) -> lc::Algorithm {
    match algorithm {
        Algorithm::Sha256 => lc::HKDF_SHA256,
        Algorithm::Sha384 => lc::HKDF_SHA384,
        Algorithm::Sha512 => lc::HKDF_SHA512,
    }
}

fn guard(guard: Guard) -> Error {
    Error::Guard {
        service: Service::Hkdf,
        guard,
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::{Boundary, Requirements};

    #[test]
    fn rfc5869_test_case_1() {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let prk = Prk::extract(Algorithm::Sha256, &salt, &[0x0b; 22]).unwrap();
        let mut okm = [0; 42];
        prk.expand(&[&info[..4], &info[4..]], &mut okm).unwrap();
        assert_eq!(okm[..8], [0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a]);
        assert_eq!(okm[38..], [0x87, 0x18, 0x58, 0x65]);
    }

    #[test]
    fn guards_on_both_sides() {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        assert!(Prk::extract(Algorithm::Sha256, &[], b"x").is_err());
        let prk = Prk::extract(Algorithm::Sha256, &[0; 32], b"x").unwrap();
        assert!(prk.expand(&[], &mut [0; 8]).is_err());
        assert!(prk.expand(&[b"", b""], &mut [0; 8]).is_err());
        assert!(prk.expand(&[b"i"], &mut [0; 255 * 32]).is_ok());
        assert!(prk.expand(&[b"i"], &mut [0; 255 * 32 + 1]).is_err());
        assert!(Prk::from_bytes(Algorithm::Sha384, &[1; 32]).is_err());
        let prk = Prk::from_bytes(Algorithm::Sha384, &[1; 48]).unwrap();
        assert!(prk.expand(&[b"i"], &mut [0; 48]).is_ok());
    }
}
