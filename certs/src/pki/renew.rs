//! Carrying out a plan.

use std::collections::{BTreeMap, btree_map};

use fips_core::signing::PrivateKey;
use fips_core::{Boundary, Diagnostic};

use super::init::{apply, diagnostic};
use super::issuer::Issuer;
use super::plan::{Plan, Renewal};
use super::read_back::Staged;
use super::record::{self, Made, Record};
use super::report::{Issued, Report};
use super::{Pki, files, once, parallel, stage};
use crate::audit::{Event, EventKind};
use crate::catalogue::{
    AuthorityEntry, Content, Entry, FileEntry, KeySetEntry, KubeconfigEntry, LeafEntry,
};
use crate::certificate::Certificate;
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::issue::LeafParams;
use crate::key;
use crate::store::Secrecy;

/// The most entries of a plan that are made or renewed as one change: what is in memory, and in
/// the store's journal, stays bounded however long the plan.
pub(super) const MOST_AT_ONCE: usize = 1000;

impl Pki<'_> {
    /// Renews what `plan` lists: a new certificate each, with a new key unless the plan keeps
    /// them. Authorities stay as they are; their copies are written again.
    ///
    /// Up to a thousand entries are one change. A longer plan is as many changes as it takes,
    /// each whole; what they come to is one report. Keys and certificates are made on as many
    /// threads as there are processors.
    ///
    /// # Errors
    ///
    /// [`Error::Gate`] when the PKI was made under another kind of gate, by its record or by
    /// the mark in an authority's name; [`Error::Authority`]
    /// and [`Error::Key`] when an authority cannot sign; [`Error::ReadBack`] when what was
    /// written does not hold; failures of the module and the store. In each case nothing of the
    /// change was done, and an authority's refusal is logged; what earlier changes of a long plan
    /// renewed stays, and the next plan lists the rest.
    pub fn renew(
        &self,
        boundary: &Boundary,
        plan: &Plan,
        clock: &dyn Clock,
    ) -> Result<Report, Error> {
        self.admit(Some(boundary.status().opening()))?;
        self.carry_out(boundary, plan, clock).map_err(|why| {
            if is_refusal(&why) {
                self.refused(boundary, "renew", why, clock.now())
            } else {
                why
            }
        })
    }

    fn carry_out(
        &self,
        boundary: &Boundary,
        plan: &Plan,
        clock: &dyn Clock,
    ) -> Result<Report, Error> {
        if let Some(record) = &self.record
            && record.catalogue != *self.catalogue.definition()
        {
            return Err(Error::Record {
                path: record::path()?,
                why: "it was set aside for another catalogue, which may look and not write".into(),
            });
        }
        let diagnostic = diagnostic()?;
        let now = clock.now();
        let mut issuers = BTreeMap::new();
        // After the leaves: a kubeconfig may embed one that is renewed, too.
        let (mut planned, mut kubeconfigs) = (Vec::new(), Vec::new());
        for renewal in &plan.renewals {
            let found = self.planned(renewal)?;
            let (Planned::Leaf(_, authority) | Planned::Nochain(authority)) = found else {
                kubeconfigs.push((renewal, found));
                continue;
            };
            if let btree_map::Entry::Vacant(place) = issuers.entry(authority.name.as_str()) {
                place.insert(self.issuer(boundary, &diagnostic, authority, now)?);
            }
            planned.push((renewal, found));
        }
        planned.append(&mut kubeconfigs);
        let renewing = Renewing {
            pki: self,
            boundary,
            issuers,
            keep_keys: plan.keep_keys,
            moment: FixedClock::new(now),
        };
        let mut parts = planned.chunks(MOST_AT_ONCE);
        // An empty plan is a change of nothing, which has its report, too.
        let first = parts.next().unwrap_or_default();
        let mut report = renewing.carry_out(&diagnostic, first, self.record.is_none())?;
        for part in parts {
            report.add(renewing.carry_out(&diagnostic, part, false)?);
        }
        Ok(report)
    }

    fn planned(&self, renewal: &Renewal) -> Result<Planned<'_>, Error> {
        let found = self
            .catalogue
            .entry(&renewal.name)
            .and_then(|entry| match entry {
                Entry::File(entry) if matches!(entry.content, Content::Text(_)) => {
                    Some(Planned::File(entry))
                }
                Entry::KeySet(entry) => Some(Planned::KeySet(entry)),
                Entry::Kubeconfig(entry) => Some(Planned::Kubeconfig(entry)),
                Entry::Leaf(entry) => {
                    let authority = self.catalogue.authority(&entry.issuer)?;
                    Some(Planned::Leaf(entry, authority))
                }
                Entry::Nochain(entry) => Some(Planned::Nochain(entry)),
                Entry::Authority(_) | Entry::File(_) => None,
            });
        found.ok_or_else(|| self.unknown(&renewal.name))
    }
}

/// Whether an authority refused: then store and module still work, and it can be logged.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Authority { .. }
            | Error::Key { .. }
            | Error::NoSecret { .. }
            | Error::Sealing(_)
            | Error::Signer { .. }
    )
}

/// What every part of a plan is carried out with; several threads share it.
struct Renewing<'p> {
    pki: &'p Pki<'p>,
    boundary: &'p Boundary,
    issuers: BTreeMap<&'p str, Issuer>,
    keep_keys: bool,
    moment: FixedClock,
}

/// One leaf, made.
struct NewLeaf {
    key: PrivateKey,
    kept: bool,
    leaf: Certificate,
}

impl Renewing<'_> {
    /// Renews what `part` lists, as one change; with the record of a PKI that has none.
    fn carry_out(
        &self,
        diagnostic: &Diagnostic,
        part: &[(&Renewal, Planned<'_>)],
        record: bool,
    ) -> Result<Report, Error> {
        let now = self.moment.now();
        let (mut staged, issued) = self.stage(Staged::new("renew certificates"), part)?;
        if record && !staged.change().is_empty() {
            let catalogue = &self.pki.catalogue;
            let definition = catalogue.definition().clone();
            let mut record = Record::new(self.boundary, Made::Adopted, definition, now);
            record.key_sources = catalogue.key_sources().clone();
            staged = staged.bytes(&record::path()?, Secrecy::Public, record.to_json()?);
        }
        apply(
            self.boundary,
            diagnostic,
            self.pki.store,
            staged,
            issued,
            now,
        )
    }

    /// Makes what `part` lists, and stages it.
    fn stage(
        &self,
        mut staged: Staged,
        part: &[(&Renewal, Planned<'_>)],
    ) -> Result<(Staged, Vec<Issued>), Error> {
        let Pki {
            store, catalogue, ..
        } = self.pki;
        let mut made = Vec::with_capacity(part.len());
        parallel::in_order(
            part,
            |(_, planned)| self.make(planned),
            |one| {
                made.push(one?);
                Ok::<_, Error>(())
            },
        )?;
        let mut issued = Vec::new();
        for ((renewal, planned), made) in part.iter().zip(made) {
            let mut event = Event::new(EventKind::Renewed, &renewal.name)
                .with_reason(renewal.reasons.join("; "));
            match (planned, made) {
                (Planned::Leaf(entry, authority), Some(made)) => {
                    issued.push(Issued {
                        old_serial: renewal.serial.clone(),
                        old_expires: renewal.expires,
                        key_kept: made.kept,
                        ..Issued::new(&entry.name, entry.file(), &made.leaf)
                    });
                    if let Some(serial) = &renewal.serial {
                        event = event.with_old_serial(serial);
                    }
                    event = event.with_certificate(&made.leaf)?;
                    let issuer = self.issuer(authority)?;
                    let (leaf, key) = (&made.leaf, &made.key);
                    staged = stage::leaf(staged, *store, catalogue, entry, issuer, leaf, key)?;
                }
                (Planned::Nochain(authority), _) => {
                    if let Some(path) = &authority.nochain {
                        staged = staged.authority(path, &self.issuer(authority)?.chain, 1);
                    }
                }
                (Planned::Kubeconfig(entry), _) => {
                    staged = stage::kubeconfig(staged, *store, catalogue, entry)?;
                }
                (Planned::File(entry), _) => staged = once::new_file(staged, entry)?,
                (Planned::KeySet(entry), _) => {
                    staged = once::derived_keys(staged, self.boundary, *store, entry)?;
                }
                (Planned::Leaf(..), None) => {}
            }
            staged = staged.log(event);
        }
        Ok((staged, issued))
    }

    /// Key and certificate of a leaf; nothing for what has none.
    fn make(&self, planned: &Planned<'_>) -> Result<Option<NewLeaf>, Error> {
        let Planned::Leaf(entry, authority) = planned else {
            return Ok(None);
        };
        let found = if self.keep_keys {
            self.usable_key(entry)
        } else {
            None
        };
        let kept = found.is_some();
        let key = match found {
            Some(key) => key,
            None => key::generate(self.boundary, entry.key_type)?,
        };
        let leaf = LeafParams::new(entry.subject.clone(), entry.usages, entry.lifetime)
            .with_names(entry.names.iter().cloned())
            .signed_by(&key, &self.issuer(authority)?.authority, &self.moment)?;
        Ok(Some(NewLeaf { key, kept, leaf }))
    }

    fn issuer(&self, entry: &AuthorityEntry) -> Result<&Issuer, Error> {
        let found = self.issuers.get(entry.name.as_str());
        found.ok_or_else(|| self.pki.unknown(&entry.name))
    }

    /// The key that is there, when it can be read and is of a kind that may be issued for.
    fn usable_key(&self, entry: &LeafEntry) -> Option<PrivateKey> {
        let key = files::leaf_key(self.boundary, self.pki.store, entry)?;
        (key::KeyType::of(&key) == Some(entry.key_type)).then_some(key)
    }
}

/// What a renewal writes.
enum Planned<'c> {
    /// A file that holds no secret.
    File(&'c FileEntry),
    /// What follows from the first of these keys.
    KeySet(&'c KeySetEntry),
    Kubeconfig(&'c KubeconfigEntry),
    /// A leaf and the authority that signs it.
    Leaf(&'c LeafEntry, &'c AuthorityEntry),
    /// The copy of that authority's certificate.
    Nochain(&'c AuthorityEntry),
}
