//! What a thing is sealed under.

use super::{FileKey, Passphrase};

/// What a thing is sealed under, and opened by.
#[derive(Debug)]
#[non_exhaustive]
pub enum Secret {
    /// The key of a file: wraps a fresh key of the module's for each thing.
    FileKey(FileKey),
    /// A passphrase: gives, with a fresh salt, another key for each thing.
    Passphrase(Passphrase),
}

impl Secret {
    /// Its kind in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::FileKey(_) => "a key file",
            Self::Passphrase(_) => "a passphrase",
        }
    }
}

impl From<FileKey> for Secret {
    fn from(key: FileKey) -> Self {
        Self::FileKey(key)
    }
}

impl From<Passphrase> for Secret {
    fn from(passphrase: Passphrase) -> Self {
        Self::Passphrase(passphrase)
    }
}
