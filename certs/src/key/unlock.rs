//! What unlocks keys that do not lie open in a file.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::Pkcs11Uri;
use crate::error::Error;
use crate::sealing::Secret;
use crate::secret_source::SecretSource;
use crate::store::EntryPath;

/// What a [`Pki`](crate::Pki) asks for the secrets of its authorities' keys, when it needs one.
pub trait KeyUnlock: fmt::Debug + Send + Sync {
    /// The PIN of a token; `None` for one that needs none, or has a keypad.
    ///
    /// # Errors
    ///
    /// [`Error::Secret`].
    fn pin(&self, uri: &Pkcs11Uri) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;

    /// What the key in the file `key` is sealed under.
    ///
    /// # Errors
    ///
    /// [`Error::NoSecret`].
    fn secret(&self, key: &EntryPath) -> Result<Arc<Secret>, Error>;
}

/// One source of PINs, and one secret for all sealed keys.
#[derive(Default)]
pub struct KeySecrets {
    pin: Option<SecretSource>,
    secret: Option<Arc<Secret>>,
    /// Read once: a pipe gives its content no second time.
    read: Mutex<Option<Zeroizing<Vec<u8>>>>,
}

impl KeySecrets {
    /// Takes the PIN from `source`, where a URI has no `pin-source`.
    #[must_use]
    pub fn with_pin(self, source: SecretSource) -> Self {
        Self {
            pin: Some(source),
            ..self
        }
    }

    /// Opens, and seals, keys in files under `secret`.
    #[must_use]
    pub fn with_secret(self, secret: impl Into<Arc<Secret>>) -> Self {
        Self {
            secret: Some(secret.into()),
            ..self
        }
    }
}

impl KeyUnlock for KeySecrets {
    fn pin(&self, uri: &Pkcs11Uri) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        if let Some(path) = uri.pin_source() {
            return SecretSource::File(path.to_owned()).read().map(Some);
        }
        let Some(source) = &self.pin else {
            return Ok(None);
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.is_none() {
            *read = Some(source.read()?);
        }
        Ok(read.clone())
    }

    fn secret(&self, key: &EntryPath) -> Result<Arc<Secret>, Error> {
        let none = || Error::NoSecret { key: key.clone() };
        self.secret.clone().ok_or_else(none)
    }
}

impl fmt::Debug for KeySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySecrets")
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}
