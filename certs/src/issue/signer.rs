//! Keys that sign: the module's own, or one elsewhere behind the same trait.

use std::fmt;
use std::sync::Arc;

use fips_core::signing::PrivateKey;

use crate::error::Error;
use crate::key::{KeyType, SubjectKey};

/// A key that signs certificates and revocation lists: in the module ([`PrivateKey`]), or on a
/// token.
///
/// # Security
///
/// The signature is made outside of this crate's view. Whoever implements this answers for the
/// module that makes it; [`origin`](Self::origin) says which, in records and reports.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The type of the key, which fixes the scheme it signs with.
    fn key_type(&self) -> KeyType;

    /// Where the key lies, in words: "a file", or the token and its module.
    fn origin(&self) -> String;

    /// The public key as in a certificate's BIT STRING.
    fn public_key(&self) -> &[u8];

    /// Signs `message` with the scheme of the key's type. ECDSA answers the DER of
    /// `ECDSA-Sig-Value` (RFC 3279 §2.2.3).
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] with the module's answer, [`Error::Signer`] with another's.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error>;
}

impl SubjectKey for dyn Signer + '_ {
    fn key_type(&self) -> Result<KeyType, Error> {
        Ok(Signer::key_type(self))
    }

    fn public_key(&self) -> &[u8] {
        Signer::public_key(self)
    }
}

/// What can be made into a shared [`Signer`].
pub trait IntoSigner {
    /// Judges the key and shares it.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] for a key of a type that is not issued for.
    fn into_signer(self) -> Result<Arc<dyn Signer>, Error>;
}

impl IntoSigner for Arc<dyn Signer> {
    fn into_signer(self) -> Result<Arc<dyn Signer>, Error> {
        Ok(self)
    }
}

impl IntoSigner for PrivateKey {
    fn into_signer(self) -> Result<Arc<dyn Signer>, Error> {
        Ok(Arc::new(ModuleKey {
            key_type: SubjectKey::key_type(&self)?,
            key: self,
        }))
    }
}

/// A key inside the module, of a type that is issued for.
struct ModuleKey {
    key: PrivateKey,
    key_type: KeyType,
}

impl Signer for ModuleKey {
    fn key_type(&self) -> KeyType {
        self.key_type
    }

    fn origin(&self) -> String {
        "a key in the module".to_owned()
    }

    fn public_key(&self) -> &[u8] {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key
            .sign(self.key_type.scheme(), message)
            .map_err(|source| Error::Crypto {
                action: "sign",
                source,
            })
    }
}

impl fmt::Debug for ModuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleKey")
            .field("key_type", &self.key_type)
            .finish_non_exhaustive()
    }
}
