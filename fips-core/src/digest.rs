//! SHA-2 digests (FIPS 180-4).

use std::fmt;

use aws_lc_rs::digest as lc;

use crate::error::Error;
use crate::indicator::{self, Service};

/// The hash functions of the TLS policy. SHA-1 and MD5 have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Algorithm {
    /// Bytes of a digest.
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn lc(self) -> &'static lc::Algorithm {
        match self {
            Self::Sha256 => &lc::SHA256,
            Self::Sha384 => &lc::SHA384,
            Self::Sha512 => &lc::SHA512,
        }
    }
}

/// A finished digest.
#[derive(Clone, Copy)]
pub struct Digest(lc::Digest);

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Digests `data` in one call.
///
/// # Errors
///
/// [`Error::NotApproved`] when the module's indicator does not mark the call.
pub fn digest(algorithm: Algorithm, data: &[u8]) -> Result<Digest, Error> {
    indicator::observe(Service::Digest, || {
        Ok::<_, ()>(Digest(lc::digest(algorithm.lc(), data)))
    })
}

/// A digest in the making. A clone goes on independently.
#[derive(Clone)]
pub struct Context(lc::Context);

impl Context {
    /// Begins a digest.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(lc::Context::new(algorithm.lc()))
    }

    /// Adds `data`.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// Finishes the digest.
    ///
    /// # Errors
    ///
    /// As [`digest`].
    pub fn finish(self) -> Result<Digest, Error> {
        indicator::observe(Service::Digest, || Ok::<_, ()>(Digest(self.0.finish())))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The state may have taken in secrets.
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shot_and_pieces_agree_with_the_standard() {
        // FIPS 180-4 example: SHA-256("abc").
        let expected = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae,
            0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61,
            0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(
            digest(Algorithm::Sha256, b"abc").unwrap().as_ref(),
            expected
        );
        let mut context = Context::new(Algorithm::Sha256);
        context.update(b"a");
        let fork = context.clone();
        context.update(b"bc");
        assert_eq!(context.finish().unwrap().as_ref(), expected);
        assert_ne!(fork.finish().unwrap().as_ref(), expected);
    }
}
