//! The files of one pair, as read.

use crate::certificate::Certificate;
use crate::key::PublicHalf;
use crate::store::{EntryPath, Store};

/// A file of certificates and a file of a key; what cannot be read is a reason in words.
pub(super) struct Pair {
    pub(super) certificates: Result<Vec<Certificate>, String>,
    pub(super) key: Result<PublicHalf, String>,
}

impl Pair {
    pub(super) fn read(store: &dyn Store, certificate: &EntryPath, key: &EntryPath) -> Self {
        Self {
            certificates: certificates(store, certificate),
            key: content(store, key)
                .and_then(|file| file.ok_or_else(|| format!("{key} is missing")))
                .and_then(|file| PublicHalf::of_file(&file).map_err(|why| format!("{key}: {why}"))),
        }
    }

    /// The first certificate.
    pub(super) fn first(&self) -> Option<&Certificate> {
        self.certificates.as_ref().ok()?.first()
    }

    /// Why key and certificate are not a pair.
    pub(super) fn torn(&self) -> Option<String> {
        let (certificates, key) = match (&self.certificates, &self.key) {
            (Ok(certificates), Ok(key)) => (certificates, key),
            (Err(one), Err(other)) => return Some(format!("{one}; {other}")),
            (Err(why), _) | (_, Err(why)) => return Some(why.clone()),
        };
        match (certificates.first(), key) {
            (None, _) => Some("the file holds no certificate".into()),
            (_, PublicHalf::Unstated) => None,
            (Some(certificate), PublicHalf::Stated(public)) => (certificate.public_key() != public)
                .then(|| "the key is not that of the certificate".into()),
        }
    }
}

/// The certificates of a file; a missing file is an error too.
pub(super) fn certificates(
    store: &dyn Store,
    path: &EntryPath,
) -> Result<Vec<Certificate>, String> {
    let file = content(store, path)?.ok_or_else(|| format!("{path} is missing"))?;
    Certificate::from_pem(&file).map_err(|error| format!("{path}: {error}"))
}

pub(super) fn content(
    store: &dyn Store,
    path: &EntryPath,
) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, String> {
    store.read(path).map_err(|error| error.to_string())
}
