//! Certificates and their keys as read, wherever they are.

use fips_core::Boundary;
use fips_core::signing::PrivateKey;
use zeroize::Zeroizing;

use crate::catalogue::{AuthorityEntry, Found, LeafEntry, Place};
use crate::certificate::Certificate;
use crate::key::{self, PublicHalf};
use crate::store::{EntryPath, Store};

/// Certificates and the key of the first; what cannot be read is a reason in words.
pub(super) struct Pair {
    pub(super) certificates: Result<Vec<Certificate>, String>,
    pub(super) key: Result<PublicHalf, String>,
}

impl Pair {
    /// An authority's; one whose key is kept elsewhere counts as whole.
    pub(super) fn of_authority(store: &dyn Store, entry: &AuthorityEntry) -> Self {
        match &entry.key {
            // What is sealed states no public half; whether it fits is seen when it is opened.
            Some(key)
                if content(store, key)
                    .is_ok_and(|file| file.is_some_and(|file| key::is_sealed(&file))) =>
            {
                Self::without_key(store, &entry.certificate)
            }
            Some(key) => Self::of_files(store, &entry.certificate, key),
            None => Self::without_key(store, &entry.certificate),
        }
    }

    /// A leaf's, wherever it is; `None` when none of it is there.
    pub(super) fn of_leaf(store: &dyn Store, entry: &LeafEntry) -> Option<Self> {
        match &entry.place {
            Place::Kubeconfig(path) => {
                let found = match kubeconfig(store, path) {
                    Ok(Some(found)) => found,
                    Ok(None) => return None,
                    Err(why) => {
                        return Some(Self {
                            certificates: Err(why.clone()),
                            key: Err(why),
                        });
                    }
                };
                if entry.optional && found.by_files_alone() {
                    // The kubelet's, once it renews its leaf itself: not ours to judge.
                    return None;
                }
                let missing = |what: &str| format!("{path} has no {what}");
                Some(Self {
                    certificates: found
                        .certificate
                        .as_deref()
                        .ok_or_else(|| missing("client-certificate-data"))
                        .and_then(|pem| parse(path, pem)),
                    key: found
                        .key()
                        .ok_or_else(|| missing("client-key-data"))
                        .and_then(|pem| public_half(path, pem)),
                })
            }
            Place::Pair { certificate, key } => {
                let pair = Self::of_files(store, certificate, key);
                let gone = |path| matches!(content(store, path), Ok(None));
                let nothing = pair.certificates.is_err() && pair.key.is_err();
                (!(nothing && gone(certificate) && gone(key))).then_some(pair)
            }
        }
    }

    /// A pair of two files.
    pub(super) fn of_files(store: &dyn Store, certificate: &EntryPath, key: &EntryPath) -> Self {
        Self {
            certificates: certificates(store, certificate),
            key: content(store, key)
                .and_then(|file| file.ok_or_else(|| format!("{key} is missing")))
                .and_then(|file| public_half(key, &file)),
        }
    }

    /// Certificates alone.
    pub(super) fn without_key(store: &dyn Store, certificate: &EntryPath) -> Self {
        Self {
            certificates: certificates(store, certificate),
            key: Ok(PublicHalf::Unstated),
        }
    }

    /// What a leaf that is not there comes to.
    pub(super) fn missing(entry: &LeafEntry) -> Self {
        let missing = |path: &EntryPath| format!("{path} is missing");
        Self {
            certificates: Err(missing(entry.file())),
            key: Err(missing(entry.key_file())),
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
            (Err(one), Err(other)) if one == other => return Some(one.clone()),
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

/// The key of a leaf, when it is there and can be read.
pub(super) fn leaf_key(
    boundary: &Boundary,
    store: &dyn Store,
    entry: &LeafEntry,
) -> Option<PrivateKey> {
    match &entry.place {
        Place::Kubeconfig(path) => {
            let found = kubeconfig(store, path).ok()??;
            key::from_pem(boundary, found.key()?).ok()
        }
        Place::Pair { key, .. } => {
            let file = store.read(key).ok()??;
            key::from_pem(boundary, &file).ok()
        }
    }
}

/// The certificates of a file; a missing file is an error too.
pub(super) fn certificates(
    store: &dyn Store,
    path: &EntryPath,
) -> Result<Vec<Certificate>, String> {
    let file = content(store, path)?.ok_or_else(|| format!("{path} is missing"))?;
    parse(path, &file)
}

/// A kubeconfig, when it is there.
pub(super) fn kubeconfig(store: &dyn Store, path: &EntryPath) -> Result<Option<Found>, String> {
    let Some(file) = content(store, path)? else {
        return Ok(None);
    };
    Found::parse(&file)
        .map(Some)
        .map_err(|why| format!("{path} {why}"))
}

pub(super) fn content(
    store: &dyn Store,
    path: &EntryPath,
) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    store.read(path).map_err(|error| error.to_string())
}

fn parse(path: &EntryPath, pem: &[u8]) -> Result<Vec<Certificate>, String> {
    Certificate::from_pem(pem).map_err(|error| format!("{path}: {error}"))
}

fn public_half(path: &EntryPath, pem: &[u8]) -> Result<PublicHalf, String> {
    PublicHalf::of_file(pem).map_err(|why| format!("{path}: {why}"))
}
