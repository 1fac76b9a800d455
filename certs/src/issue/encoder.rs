//! rcgen's view of keys.

use std::cell::RefCell;

use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};

use super::Signer;
use crate::error::Error;
use crate::key::{KeyType, SubjectKey};

/// The public half of a key, as rcgen takes it.
pub(crate) struct EncodedKey<'k> {
    key_type: KeyType,
    public: &'k [u8],
}

impl<'k> EncodedKey<'k> {
    pub(crate) fn new<K: SubjectKey + ?Sized>(key: &'k K) -> Result<Self, Error> {
        Ok(Self {
            key_type: key.key_type()?,
            public: key.public_key(),
        })
    }

    pub(crate) fn key_type(&self) -> KeyType {
        self.key_type
    }
}

impl PublicKeyData for EncodedKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        algorithm(self.key_type)
    }
}

/// A signer as rcgen takes it. rcgen's errors carry no source: the signer's own answer is kept
/// aside.
pub(crate) struct Encoder<'s> {
    signer: &'s dyn Signer,
    failure: RefCell<Option<Error>>,
}

impl<'s> Encoder<'s> {
    pub(crate) fn new(signer: &'s dyn Signer) -> Self {
        Self {
            signer,
            failure: RefCell::new(None),
        }
    }

    /// What went wrong while encoding for `subject`.
    pub(crate) fn error(&self, error: &rcgen::Error, subject: &(impl ToString + ?Sized)) -> Error {
        self.failure.take().unwrap_or_else(|| Error::Encode {
            subject: subject.to_string(),
            why: error.to_string(),
        })
    }
}

impl PublicKeyData for Encoder<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.signer.public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        algorithm(self.signer.key_type())
    }
}

impl SigningKey for Encoder<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.signer.sign(message).map_err(|error| {
            self.failure.replace(Some(error));
            rcgen::Error::RemoteKeyError
        })
    }
}

fn algorithm(key_type: KeyType) -> &'static SignatureAlgorithm {
    match key_type {
        KeyType::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        KeyType::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        KeyType::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
        KeyType::Rsa3072 | KeyType::Rsa4096 => &rcgen::PKCS_RSA_SHA384,
    }
}

/// A key that signs nothing, to see how rcgen encodes a name.
pub(super) struct NoKey;

impl PublicKeyData for NoKey {
    fn der_bytes(&self) -> &[u8] {
        &[4]
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for NoKey {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Vec::new())
    }
}
