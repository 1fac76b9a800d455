//! Authorities' keys, wherever they lie.

use std::sync::Arc;

use fips_core::Boundary;
use fips_core::signing::PrivateKey;

use super::Pki;
use super::init::{apply, diagnostic};
use super::issuer::KEY_ELSEWHERE;
use super::read_back::Staged;
use super::record::{self, Record};
use super::rotation::Phase;
use crate::audit::{Event, EventKind};
use crate::catalogue::AuthorityEntry;
use crate::clock::Clock;
use crate::error::Error;
use crate::issue::{IntoSigner, Signer};
use crate::key::{self, KeySource, KeyUnlock, Pkcs11Uri};
use crate::store::{EntryPath, Secrecy};

impl Pki<'_> {
    /// Asks `unlock` for PINs and passphrases from now on.
    #[must_use]
    pub fn with_unlock(self, unlock: Arc<dyn KeyUnlock>) -> Self {
        Self { unlock, ..self }
    }

    /// Seals the key of the authority `name`, which lies open in its file, under the secret
    /// that the [`KeyUnlock`] has for it.
    ///
    /// # Errors
    ///
    /// [`Error::KeyForm`] when its key is in no file, or sealed already; [`Error::Gate`];
    /// [`Error::NoSecret`]; failures of the module and the store. In each case nothing was
    /// changed.
    pub fn seal_key(
        &mut self,
        boundary: &Boundary,
        name: &str,
        clock: &dyn Clock,
    ) -> Result<EntryPath, Error> {
        self.rewrite_key(boundary, name, clock, true)
    }

    /// Writes the sealed key of the authority `name` as it is, mode 0600.
    ///
    /// # Errors
    ///
    /// As [`seal_key`](Self::seal_key), and [`Error::Sealing`] for another secret than it was
    /// sealed under.
    pub fn unseal_key(
        &mut self,
        boundary: &Boundary,
        name: &str,
        clock: &dyn Clock,
    ) -> Result<EntryPath, Error> {
        self.rewrite_key(boundary, name, clock, false)
    }

    /// The file that [`seal_key`](Self::seal_key) would write, or
    /// [`unseal_key`](Self::unseal_key). Needs no open gate.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; [`Error::KeyForm`] when the key is in no file, or is what it
    /// would be made into.
    pub fn rewritable_key(&self, name: &str, seal: bool) -> Result<EntryPath, Error> {
        let refuse = |why: &str| Error::KeyForm {
            authority: name.to_owned(),
            why: why.to_owned(),
        };
        let entry = self
            .catalogue
            .authority(name)
            .ok_or_else(|| Error::UnknownEntry {
                name: name.to_owned(),
                known: self.authority_names(),
            })?;
        let path = entry
            .key
            .clone()
            .ok_or_else(|| refuse("it is in no file of this folder"))?;
        let journal = self.rotation(name)?.journal()?;
        if journal.is_some_and(|journal| journal.phase != Phase::Retire) {
            return Err(refuse(
                "a rotation is under way, whose other key would stay as it is: go on to retire \
                 the old one, or `rollback`, first",
            ));
        }
        let file = self
            .store
            .read(&path)?
            .ok_or_else(|| refuse("its key's file is missing"))?;
        match (key::is_sealed(&file), seal) {
            (true, true) => Err(refuse(
                "its key is sealed already; unseal it first to seal it under another secret",
            )),
            (false, false) => Err(refuse("its key is not sealed")),
            _ => Ok(path),
        }
    }

    fn authority_names(&self) -> String {
        let authorities = self.catalogue.authorities().iter();
        let names: Vec<&str> = authorities.map(|entry| entry.name.as_str()).collect();
        names.join(", ")
    }

    fn rewrite_key(
        &mut self,
        boundary: &Boundary,
        name: &str,
        clock: &dyn Clock,
        seal: bool,
    ) -> Result<EntryPath, Error> {
        self.admit(Some(boundary.status().opening()))?;
        let path = self.rewritable_key(name, seal)?;
        let file = self.store.read(&path)?.unwrap_or_default();
        let key = from_file(boundary, &path, &file, &*self.unlock)?;
        let source = if seal {
            KeySource::SealedFile
        } else {
            KeySource::File
        };
        let (action, kind) = if seal {
            ("seal", EventKind::KeySealed)
        } else {
            ("unseal", EventKind::KeyUnsealed)
        };
        let mut staged =
            Staged::new(format!("{action} the key of {name}")).log(Event::new(kind, name));
        staged = put(staged, boundary, &path, &key, &source, &*self.unlock)?;
        let catalogue = self.catalogue.clone().with_key_source(name, source)?;
        let record = self.fresh_record()?.map(|mut record| {
            record.key_sources = catalogue.key_sources().clone();
            record
        });
        if let Some(record) = &record {
            staged = staged.bytes(&record::path()?, Secrecy::Public, record.to_json()?);
        }
        let diagnostic = diagnostic()?;
        apply(
            boundary,
            &diagnostic,
            self.store,
            staged,
            Vec::new(),
            clock.now(),
        )?;
        self.catalogue = catalogue;
        self.record = record;
        Ok(path)
    }

    /// Why no new key can be made for `entry` here, in the form of the one it has.
    pub(super) fn key_out_of_reach(&self, entry: &AuthorityEntry) -> Option<String> {
        match self.catalogue.key_source(&entry.name) {
            KeySource::File | KeySource::SealedFile if entry.key.is_some() => None,
            // A key that never left its token must not be followed by one in a file.
            KeySource::Pkcs11(_) => Some(
                "its key is on a token, where no key is made from here: make one there by `pki \
                 key generate`, and name it to `pki rotate-ca start` by --ca-key"
                    .to_owned(),
            ),
            KeySource::External | KeySource::File | KeySource::SealedFile => {
                Some(KEY_ELSEWHERE.to_owned())
            }
        }
    }

    /// The record as it is now, to be written with a change: no other was made since this PKI
    /// was opened, which that one would take back.
    pub(super) fn fresh_record(&self) -> Result<Option<Record>, Error> {
        let found = Record::read(self.store)?;
        if found != self.record {
            return Err(Error::Record {
                path: record::path()?,
                why: "it was changed since this PKI was opened: open it again".to_owned(),
            });
        }
        Ok(found)
    }

    /// What signs for `entry`, whose key exists.
    pub(super) fn signer(
        &self,
        boundary: &Boundary,
        entry: &AuthorityEntry,
    ) -> Result<Arc<dyn Signer>, Error> {
        let refuse = |why: String| Error::Authority {
            authority: entry.name.clone(),
            why,
        };
        match (self.catalogue.key_source(&entry.name), &entry.key) {
            (KeySource::Pkcs11(uri), _) => on_token(boundary, entry, uri, &*self.unlock),
            (KeySource::File | KeySource::SealedFile, Some(path)) => {
                let file = self
                    .store
                    .read(path)?
                    .ok_or_else(|| refuse(format!("{path} is missing")))?;
                from_file(boundary, path, &file, &*self.unlock)?.into_signer()
            }
            (KeySource::External | KeySource::File | KeySource::SealedFile, _) => {
                Err(refuse(KEY_ELSEWHERE.into()))
            }
        }
    }
}

/// The key of a new authority: made and staged at `path`, or found on its token.
pub(super) fn new_signer(
    boundary: &Boundary,
    staged: Staged,
    entry: &AuthorityEntry,
    source: &KeySource,
    path: Option<&EntryPath>,
    unlock: &dyn KeyUnlock,
) -> Result<(Staged, Arc<dyn Signer>), Error> {
    let path = match (source, path) {
        (KeySource::Pkcs11(uri), _) => {
            return Ok((staged, on_token(boundary, entry, uri, unlock)?));
        }
        (KeySource::File | KeySource::SealedFile, Some(path)) => path,
        (KeySource::External | KeySource::File | KeySource::SealedFile, _) => {
            return Err(Error::Authority {
                authority: entry.name.clone(),
                why: KEY_ELSEWHERE.into(),
            });
        }
    };
    let key = key::generate(boundary, entry.key_type)?;
    let staged = put(staged, boundary, path, &key, source, unlock)?;
    Ok((staged, key.into_signer()?))
}

/// Stages a key in the form of `source`: as it is, or sealed.
pub(super) fn put(
    staged: Staged,
    boundary: &Boundary,
    path: &EntryPath,
    key: &PrivateKey,
    source: &KeySource,
    unlock: &dyn KeyUnlock,
) -> Result<Staged, Error> {
    if *source == KeySource::SealedFile {
        sealed(staged, boundary, path, key, unlock)
    } else {
        staged.key(path, key)
    }
}

/// Stages a key sealed. It was opened again before: a key that does not come back is lost.
fn sealed(
    staged: Staged,
    boundary: &Boundary,
    path: &EntryPath,
    key: &PrivateKey,
    unlock: &dyn KeyUnlock,
) -> Result<Staged, Error> {
    let secret = unlock.secret(path)?;
    let text = key::to_sealed_pem(boundary, key, &secret)?;
    let back = key::from_sealed_pem(boundary, text.as_bytes(), &secret)?;
    if back.public_key() != key.public_key() {
        return Err(Error::ReadBack {
            path: path.clone(),
            why: "another key came out of the seal".into(),
        });
    }
    Ok(staged.bytes(path, Secrecy::Secret, text.into_bytes()))
}

pub(super) fn from_file(
    boundary: &Boundary,
    path: &EntryPath,
    file: &[u8],
    unlock: &dyn KeyUnlock,
) -> Result<PrivateKey, Error> {
    if key::is_sealed(file) {
        return key::from_sealed_pem(boundary, file, &*unlock.secret(path)?);
    }
    key::from_pem(boundary, file)
}

#[cfg(feature = "pkcs11")]
pub(super) fn on_token(
    boundary: &Boundary,
    entry: &AuthorityEntry,
    uri: &Pkcs11Uri,
    unlock: &dyn KeyUnlock,
) -> Result<Arc<dyn Signer>, Error> {
    let signer = crate::pkcs11::Pkcs11Signer::open(boundary, uri, unlock.pin(uri)?)?;
    if Signer::key_type(&signer) != entry.key_type {
        return Err(Error::Signer {
            origin: signer.origin(),
            action: "sign",
            why: format!(
                "the key is {}, the catalogue asks for {}; make one of that type",
                Signer::key_type(&signer),
                entry.key_type
            ),
        });
    }
    Ok(Arc::new(signer))
}

#[cfg(not(feature = "pkcs11"))]
pub(super) fn on_token(
    _: &Boundary,
    entry: &AuthorityEntry,
    _: &Pkcs11Uri,
    _: &dyn KeyUnlock,
) -> Result<Arc<dyn Signer>, Error> {
    Err(Error::Authority {
        authority: entry.name.clone(),
        why: "its key is on a PKCS#11 token, and this program was built without the feature \
              `pkcs11`; build it with that"
            .into(),
    })
}
