//! The public half that a certificate is issued for.

use fips_core::signing::{KeyAlgorithm, PrivateKey};

use super::KeyType;
use crate::certificate::Certificate;
use crate::error::Error;

/// A key a certificate can be issued for; its public half is all that is asked.
pub trait SubjectKey {
    /// Its type.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] for one that is not issued for, such as P-521.
    fn key_type(&self) -> Result<KeyType, Error>;

    /// The public key as in a certificate's BIT STRING: a point, or the DER of `RSAPublicKey`.
    fn public_key(&self) -> &[u8];
}

impl SubjectKey for PrivateKey {
    fn key_type(&self) -> Result<KeyType, Error> {
        KeyType::of(self).ok_or_else(|| not_issued(self.algorithm()))
    }

    fn public_key(&self) -> &[u8] {
        self.public_key()
    }
}

/// A certificate stands for the key it names: for another one of the same key.
impl SubjectKey for Certificate {
    fn key_type(&self) -> Result<KeyType, Error> {
        named(&self.facts().key_name)
    }

    fn public_key(&self) -> &[u8] {
        self.public_key()
    }
}

/// The type of a public key by its kind and size in words.
pub(crate) fn named(name: &str) -> Result<KeyType, Error> {
    KeyType::ALL
        .into_iter()
        .find(|key_type| key_type.algorithm().name() == name)
        .ok_or_else(|| not_issued(name))
}

fn not_issued(found: impl std::fmt::Display) -> Error {
    let known = KeyType::ALL.map(|key_type| key_type.algorithm());
    let known = known.map(KeyAlgorithm::name).join(", ");
    Error::Key {
        why: format!("{found} is verified, not issued: use one of {known}"),
    }
}
