//! HMAC (FIPS 198-1) with keys of 112 bits or more.

use std::fmt;

use aws_lc_rs::hmac as lc;

use crate::digest::Algorithm;
use crate::error::{Error, Guard};
use crate::indicator::{self, Service};

/// The fewest bytes of a key: 112 bits (SP 800-131Ar2 §10). The module's indicator does not look.
pub const MIN_KEY_LEN: usize = 14;

/// A keyed HMAC.
pub struct Key(lc::Key);

impl Key {
    /// Takes `key` for HMAC with `algorithm`.
    ///
    /// # Errors
    ///
    /// [`Guard::MacKeyTooShort`] under [`MIN_KEY_LEN`] bytes.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Result<Self, Error> {
        if key.len() < MIN_KEY_LEN {
            return Err(Error::Guard {
                service: Service::Hmac,
                guard: Guard::MacKeyTooShort { found: key.len() },
            });
        }
        Ok(Self(lc::Key::new(lc_algorithm(algorithm), key)))
    }

    /// The tag over the pieces of `data`, one after another.
    ///
    /// # Errors
    ///
    /// [`Error::NotApproved`] when the module's indicator does not mark the call.
    pub fn sign(&self, data: &[&[u8]]) -> Result<Tag, Error> {
        let mut context = lc::Context::with_key(&self.0);
        for piece in data {
            context.update(piece);
        }
        indicator::observe(Service::Hmac, || Ok::<_, ()>(Tag(context.sign())))
    }

    /// Whether `tag` is the one over `data`, compared in constant time.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] when it is not.
    pub fn verify(&self, data: &[u8], tag: &[u8]) -> Result<(), Error> {
        indicator::observe(Service::Hmac, || lc::verify(&self.0, data, tag))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

/// An HMAC tag.
#[derive(Clone, Copy)]
pub struct Tag(lc::Tag);

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A tag can be key material (RFC 5869).
        f.debug_struct("Tag").finish_non_exhaustive()
    }
}

pub(crate) fn lc_algorithm(algorithm: Algorithm) -> lc::Algorithm {
    match algorithm {
        Algorithm::Sha256 => lc::HMAC_SHA256,
        Algorithm::Sha384 => lc::HMAC_SHA384,
        Algorithm::Sha512 => lc::HMAC_SHA512,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_on_both_sides_of_the_floor() {
        assert!(Key::new(Algorithm::Sha256, &[1; MIN_KEY_LEN]).is_ok());
        let error = Key::new(Algorithm::Sha256, &[1; MIN_KEY_LEN - 1]).unwrap_err();
        assert!(matches!(
            error,
            Error::Guard {
                guard: Guard::MacKeyTooShort { found: 13 },
                ..
            }
        ));
    }

    #[test]
    fn a_tag_over_pieces_verifies_and_a_changed_one_does_not() {
        let key = Key::new(Algorithm::Sha384, &[9; 48]).unwrap();
        let mut tag = key.sign(&[b"one", b"two"]).unwrap().as_ref().to_vec();
        key.verify(b"onetwo", &tag).unwrap();
        tag[0] ^= 1;
        assert_eq!(
            key.verify(b"onetwo", &tag),
            Err(Error::Module {
                service: Service::Hmac
            })
        );
    }
}
