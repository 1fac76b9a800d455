//! A tree that another program made: its kinds of keys, and the record that takes it over.

use fips_core::Boundary;

use super::init::{apply, diagnostic};
use super::read_back::Staged;
use super::record::{self, Made, Record};
use super::report::Report;
use super::row::{Kind, Status};
use super::{Pki, Thresholds, files};
use crate::audit::{Event, EventKind};
use crate::catalogue::{Catalogue, Options};
use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::error::Error;
use crate::key::{KeyType, PublicKey, SubjectKey};
use crate::store::{Secrecy, Store};

/// Changes `options` so that each entry has the kind of key it is found with in `store`, where
/// that is one that is issued for: whoever made the tree chose it.
///
/// # Errors
///
/// [`Error::Catalogue`] and [`Error::Name`] for options that make no sense.
pub fn keys_as_found(store: &dyn Store, options: &mut Options) -> Result<(), Error> {
    let catalogue = Catalogue::new(options.clone())?;
    let kind = |certificate: Option<&Certificate>| certificate?.key_type().ok();
    let mut keep = |name: &str, wanted, found: Option<KeyType>| {
        if let Some(found) = found.filter(|found| *found != wanted) {
            let entry = options.overrides.entry(name.to_owned());
            entry.or_default().key_type.get_or_insert(found);
        }
    };
    for entry in catalogue.authorities() {
        let found = files::certificates(store, &entry.certificate).unwrap_or_default();
        keep(&entry.name, entry.key_type, kind(found.first()));
    }
    for entry in catalogue.leaves() {
        let found = files::Pair::of_leaf(store, entry);
        let first = found.as_ref().and_then(files::Pair::first);
        keep(&entry.name, entry.key_type, kind(first));
    }
    // Of keys without a certificate, a public half alone tells the kind: kubeadm makes its own as
    // its `encryptionAlgorithm` says.
    for entry in catalogue.key_sets() {
        let public = entry.public.as_ref();
        let public = public.and_then(|path| files::content(store, path).ok()?);
        let found = public.and_then(|file| PublicKey::from_pem(&file).ok()?.key_type().ok());
        keep(&entry.name, entry.key_type, found);
    }
    Ok(())
}

impl Pki<'_> {
    /// Writes the record of a PKI that was [adopted](Self::adopt), after which
    /// [`open`](Self::open) finds it. Nothing else is touched.
    ///
    /// # Errors
    ///
    /// [`Error::Authority`] when one of its authorities cannot do its work: such a tree is
    /// mended first. [`Error::Exists`] when there is a record; failures of the store.
    pub fn take_over(&mut self, boundary: &Boundary, clock: &dyn Clock) -> Result<Report, Error> {
        if Record::read(self.store)?.is_some() {
            return Err(Error::Exists {
                path: record::path()?,
            });
        }
        self.admit(Some(boundary.status().opening()))?;
        let (diagnostic, now) = (diagnostic()?, clock.now());
        self.look(&diagnostic, now, Thresholds::default(), &mut |row| {
            if row.kind == Kind::Authority && row.status > Status::Warning {
                return Err(Error::Authority {
                    why: format!("{}: {}", row.status, row.reasons.join("; ")),
                    authority: row.entry.unwrap_or(row.file),
                });
            }
            Ok(())
        })?;
        let definition = self.catalogue.definition().clone();
        let record = Record::new(boundary, Made::Adopted, definition, now);
        let mut staged = Staged::new("take over a PKI of another program");
        for entry in self.catalogue.authorities() {
            let certificates = files::certificates(self.store, &entry.certificate);
            if let Some(certificate) = certificates.unwrap_or_default().first() {
                let event = Event::new(EventKind::Imported, &entry.name);
                staged = staged.log(event.with_certificate(certificate)?);
            }
        }
        let staged = staged.bytes(&record::path()?, Secrecy::Public, record.to_json()?);
        let report = apply(boundary, &diagnostic, self.store, staged, Vec::new(), now)?;
        self.record = Some(record);
        Ok(report)
    }
}
