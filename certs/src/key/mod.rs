//! Private keys on disk: the types that are issued, and their PEM forms.

mod pkcs11_uri;
mod public;
mod public_half;
mod sealed;
mod source;
mod subject;
mod unlock;

use std::fmt;

use fips_core::Boundary;
use fips_core::signing::{KeyAlgorithm, PrivateKey, Scheme};
use rcgen::PublicKeyData;
use rustls_pki_types::PrivateKeyDer;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::issue::EncodedKey;
use crate::pem;

pub use pkcs11_uri::Pkcs11Uri;
pub use public::PublicKey;
pub(crate) use public_half::PublicHalf;
pub use sealed::{SEALED_LABEL, from_sealed_pem, is_sealed, to_sealed_pem};
pub use source::KeySource;
pub use subject::SubjectKey;
pub(crate) use subject::named;
pub use unlock::{KeySecrets, KeyUnlock};

/// The keys this crate makes certificates for. P-521 is verified, not issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyType {
    /// ECDSA on P-256, signing with SHA-256.
    #[default]
    P256,
    /// ECDSA on P-384, signing with SHA-384.
    P384,
    /// RSA of 2048 bits, signing with SHA-256 (PKCS#1 v1.5).
    Rsa2048,
    /// RSA of 3072 bits, signing with SHA-384 (PKCS#1 v1.5).
    Rsa3072,
    /// RSA of 4096 bits, signing with SHA-384 (PKCS#1 v1.5).
    Rsa4096,
}

impl KeyType {
    /// Every type.
    pub const ALL: [Self; 5] = [
        Self::P256,
        Self::P384,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// The word in options and records, such as `p256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }

    /// The type of a key; `None` for one this crate does not issue for.
    pub fn of(key: &PrivateKey) -> Option<Self> {
        match key.algorithm() {
            KeyAlgorithm::EcdsaP256 => Some(Self::P256),
            KeyAlgorithm::EcdsaP384 => Some(Self::P384),
            KeyAlgorithm::EcdsaP521 => None,
            KeyAlgorithm::Rsa2048 => Some(Self::Rsa2048),
            KeyAlgorithm::Rsa3072 => Some(Self::Rsa3072),
            KeyAlgorithm::Rsa4096 => Some(Self::Rsa4096),
        }
    }

    /// The module's algorithm.
    pub const fn algorithm(self) -> KeyAlgorithm {
        match self {
            Self::P256 => KeyAlgorithm::EcdsaP256,
            Self::P384 => KeyAlgorithm::EcdsaP384,
            Self::Rsa2048 => KeyAlgorithm::Rsa2048,
            Self::Rsa3072 => KeyAlgorithm::Rsa3072,
            Self::Rsa4096 => KeyAlgorithm::Rsa4096,
        }
    }

    /// What a key of this type signs certificates with. PKCS#1 v1.5 for RSA: every peer reads
    /// it, and SP 800-52r2 §3.2.1 takes both.
    pub(crate) const fn scheme(self) -> Scheme {
        match self {
            Self::P256 => Scheme::EcdsaP256Sha256,
            Self::P384 => Scheme::EcdsaP384Sha384,
            Self::Rsa2048 => Scheme::RsaPkcs1Sha256,
            Self::Rsa3072 | Self::Rsa4096 => Scheme::RsaPkcs1Sha384,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for KeyType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|key_type| key_type.name() == name)
            .ok_or_else(|| Error::Catalogue {
                option: "key type".into(),
                why: format!("{name:?} is not one of p256, p384, rsa2048, rsa3072, rsa4096"),
            })
    }
}

/// Makes a key inside the module.
///
/// # Errors
///
/// [`Error::Crypto`] with the module's answer.
pub fn generate(boundary: &Boundary, key_type: KeyType) -> Result<PrivateKey, Error> {
    PrivateKey::generate(boundary, key_type.algorithm()).map_err(|source| Error::Crypto {
        action: "make a private key",
        source,
    })
}

/// The key as one PEM section `PRIVATE KEY` (PKCS#8, RFC 5958), unencrypted.
///
/// # Security
///
/// The caller holds the secret; it is wiped when dropped.
///
/// # Errors
///
/// [`Error::Crypto`] when the module cannot encode it.
pub fn to_pem(key: &PrivateKey) -> Result<Zeroizing<String>, Error> {
    let der = key.to_pkcs8().map_err(|source| Error::Crypto {
        action: "encode a private key",
        source,
    })?;
    Ok(pem::encode("PRIVATE KEY", &der))
}

/// Reads a file with one unencrypted key: PKCS#8, SEC 1 (RFC 5915) or PKCS#1 (RFC 8017).
///
/// # Errors
///
/// [`Error::Key`] for a file without a key or with several, for an encrypted one, and for a key
/// that the module does not take.
pub fn from_pem(boundary: &Boundary, file: &[u8]) -> Result<PrivateKey, Error> {
    let der = one_key(file).map_err(|why| Error::Key { why })?;
    PrivateKey::from_der(boundary, &der).map_err(|error| Error::Key {
        why: error.to_string(),
    })
}

/// Reads a file with one or more unencrypted keys, in its order: a set that service-account
/// tokens are verified by, the first key the one that signs.
///
/// # Errors
///
/// [`Error::Key`] as [`from_pem`].
pub fn each_from_pem(boundary: &Boundary, file: &[u8]) -> Result<Vec<PrivateKey>, Error> {
    let keys = every_key(file).map_err(|why| Error::Key { why })?;
    keys.iter()
        .map(|der| {
            PrivateKey::from_der(boundary, der).map_err(|error| Error::Key {
                why: error.to_string(),
            })
        })
        .collect()
}

/// The public half as one PEM section `PUBLIC KEY` (SubjectPublicKeyInfo, RFC 7468 §13).
///
/// # Errors
///
/// [`Error::Key`] for a key of a type that is not issued for.
pub fn public_to_pem<K: SubjectKey + ?Sized>(key: &K) -> Result<String, Error> {
    let der = EncodedKey::new(key)?.subject_public_key_info();
    Ok(std::mem::take(&mut *pem::encode("PUBLIC KEY", &der)))
}

/// The one key of a file.
fn one_key(file: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, String> {
    let mut keys = every_key(file)?;
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        _ => Err("holds several keys where one is expected".into()),
    }
}

/// The keys of a file, at least one. `EC PARAMETERS` before one, as OpenSSL writes them, are
/// passed over.
fn every_key(file: &[u8]) -> Result<Vec<Zeroizing<PrivateKeyDer<'static>>>, String> {
    if is_encrypted(file) {
        return Err(
            "it is encrypted, under a key-derivation this boundary does not run; decrypt it where \
             it was made (openssl pkcs8 -in KEY -out KEY.plain), keep the file at mode 0600"
                .into(),
        );
    }
    if is_sealed(file) {
        return Err(
            "it is sealed: give the passphrase or the key file that it was sealed under".into(),
        );
    }
    let mut found = Vec::new();
    for section in pem::sections(file)? {
        match section.private_key().map_err(pem::not_pem)? {
            None if section.label() == b"EC PARAMETERS" => {}
            None => {
                return Err(format!(
                    "holds a section {} where a private key is expected",
                    pem::name(&section)
                ));
            }
            Some(key) => found.push(key),
        }
    }
    if found.is_empty() {
        return Err("holds no PEM section with a private key".into());
    }
    Ok(found)
}

/// PKCS#8 encryption (RFC 5958 §3), or the older header of RFC 1421 §4.6.1.1.
fn is_encrypted(file: &[u8]) -> bool {
    file.split(|byte| *byte == b'\n').any(|line| {
        line.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY")
            || (line.starts_with(b"Proc-Type:")
                && line.windows(9).any(|window| window == b"ENCRYPTED"))
    })
}
