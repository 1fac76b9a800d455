//! rcgen's view of a key inside the module.

use std::cell::RefCell;

use fips_core::signing::PrivateKey;
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};

use crate::error::Error;
use crate::key::KeyType;

/// A private key as rcgen takes it. rcgen's errors carry no source: the module's own answer
/// is kept aside.
pub(super) struct Signer<'k> {
    key: &'k PrivateKey,
    key_type: KeyType,
    failure: RefCell<Option<fips_core::Error>>,
}

impl<'k> Signer<'k> {
    pub(super) fn new(key: &'k PrivateKey) -> Result<Self, Error> {
        let key_type = KeyType::of(key).ok_or_else(|| Error::Key {
            why: format!(
                "{} is verified, not issued: use P-256, P-384 or RSA",
                key.algorithm()
            ),
        })?;
        Ok(Self {
            key,
            key_type,
            failure: RefCell::new(None),
        })
    }

    /// What went wrong while encoding for `subject`.
    pub(super) fn error(&self, error: &rcgen::Error, subject: impl ToString) -> Error {
        match self.failure.take() {
            Some(source) => Error::Crypto {
                action: "sign a certificate",
                source,
            },
            None => Error::Encode {
                subject: subject.to_string(),
                why: error.to_string(),
            },
        }
    }

    pub(super) fn key_type(&self) -> KeyType {
        self.key_type
    }
}

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key.public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.key_type {
            KeyType::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyType::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyType::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
            KeyType::Rsa3072 | KeyType::Rsa4096 => &rcgen::PKCS_RSA_SHA384,
        }
    }
}

impl SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key
            .sign(self.key_type.scheme(), message)
            .map_err(|error| {
                self.failure.replace(Some(error));
                rcgen::Error::RemoteKeyError
            })
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
