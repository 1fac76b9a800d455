//! Carrying out a plan.

use std::collections::{BTreeMap, btree_map};

use fips_core::Boundary;
use fips_core::signing::PrivateKey;

use super::init::{apply, diagnostic};
use super::plan::{Plan, Renewal};
use super::read_back::Staged;
use super::record::{self, Made, Record};
use super::report::{Issued, Report};
use super::{Pki, files, stage};
use crate::audit::{Event, EventKind};
use crate::catalogue::{AuthorityEntry, Entry, KubeconfigEntry, LeafEntry};
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::issue::LeafParams;
use crate::key;
use crate::store::Secrecy;

impl Pki<'_> {
    /// Renews what `plan` lists, as one change: a new certificate each, with a new key unless
    /// the plan keeps them. Authorities stay as they are; their copies are written again.
    ///
    /// # Errors
    ///
    /// [`Error::Gate`] when the PKI was made under another kind of gate, by its record or by
    /// the mark in an authority's name; [`Error::Authority`]
    /// and [`Error::Key`] when an authority cannot sign; [`Error::ReadBack`] when what was
    /// written does not hold; failures of the module and the store. In each case nothing was
    /// changed.
    pub fn renew(
        &self,
        boundary: &Boundary,
        plan: &Plan,
        clock: &dyn Clock,
    ) -> Result<Report, Error> {
        self.admit(Some(boundary.status().opening()))?;
        let diagnostic = diagnostic()?;
        let now = clock.now();
        let moment = FixedClock::new(now);
        let mut staged = Staged::new("renew certificates");
        let mut issued = Vec::new();
        let mut issuers = BTreeMap::new();
        let mut kubeconfigs = Vec::new();
        for renewal in &plan.renewals {
            let event = Event::new(EventKind::Renewed, &renewal.name)
                .with_reason(renewal.reasons.join("; "));
            let (entry, authority) = match self.planned(renewal)? {
                // After the leaves: one that it embeds may be renewed, too.
                Planned::Kubeconfig(entry) => {
                    staged = staged.log(event);
                    kubeconfigs.push(entry);
                    continue;
                }
                Planned::Leaf(entry, authority) => (Some(entry), authority),
                Planned::Nochain(authority) => (None, authority),
            };
            let issuer = match issuers.entry(authority.name.as_str()) {
                btree_map::Entry::Occupied(found) => found.into_mut(),
                btree_map::Entry::Vacant(place) => {
                    place.insert(self.issuer(boundary, &diagnostic, authority, now)?)
                }
            };
            let Some(entry) = entry else {
                staged = staged.log(event);
                if let Some(path) = &authority.nochain {
                    staged = staged.authority(path, &issuer.chain, 1);
                }
                continue;
            };
            let kept = if plan.keep_keys {
                self.usable_key(boundary, entry)
            } else {
                None
            };
            let key_kept = kept.is_some();
            let key = match kept {
                Some(key) => key,
                None => key::generate(boundary, entry.key_type)?,
            };
            let leaf = LeafParams::new(entry.subject.clone(), entry.usages, entry.lifetime)
                .with_names(entry.names.iter().cloned())
                .signed_by(&key, &issuer.authority, &moment)?;
            issued.push(Issued {
                old_serial: renewal.serial.clone(),
                old_expires: renewal.expires,
                key_kept,
                ..Issued::new(&entry.name, entry.file(), &leaf)
            });
            let event = match &renewal.serial {
                Some(serial) => event.with_old_serial(serial),
                None => event,
            };
            staged = staged.log(event.with_certificate(&leaf)?);
            staged = stage::leaf(
                staged,
                self.store,
                &self.catalogue,
                entry,
                issuer,
                &leaf,
                &key,
            )?;
        }
        for entry in kubeconfigs {
            staged = stage::kubeconfig(staged, self.store, &self.catalogue, entry)?;
        }
        if self.record.is_none() && !staged.change().is_empty() {
            let definition = self.catalogue.definition().clone();
            let mut record = Record::new(boundary, Made::Adopted, definition, now);
            record.key_sources = self.catalogue.key_sources().clone();
            staged = staged.bytes(&record::path()?, Secrecy::Public, record.to_json()?);
        }
        apply(boundary, &diagnostic, self.store, staged, issued, now)
    }

    fn planned(&self, renewal: &Renewal) -> Result<Planned<'_>, Error> {
        let found = self
            .catalogue
            .entry(&renewal.name)
            .and_then(|entry| match entry {
                Entry::Kubeconfig(entry) => Some(Planned::Kubeconfig(entry)),
                Entry::Leaf(entry) => {
                    let authority = self.catalogue.authority(&entry.issuer)?;
                    Some(Planned::Leaf(entry, authority))
                }
                Entry::Nochain(entry) => Some(Planned::Nochain(entry)),
                Entry::Authority(_) | Entry::File(_) | Entry::KeySet(_) => None,
            });
        found.ok_or_else(|| self.unknown(&renewal.name))
    }

    /// The key that is there, when it can be read and is of a kind that may be issued for.
    fn usable_key(&self, boundary: &Boundary, entry: &LeafEntry) -> Option<PrivateKey> {
        let key = files::leaf_key(boundary, self.store, entry)?;
        (key::KeyType::of(&key) == Some(entry.key_type)).then_some(key)
    }
}

/// What a renewal writes.
enum Planned<'c> {
    Kubeconfig(&'c KubeconfigEntry),
    /// A leaf and the authority that signs it.
    Leaf(&'c LeafEntry, &'c AuthorityEntry),
    /// The copy of that authority's certificate.
    Nochain(&'c AuthorityEntry),
}
