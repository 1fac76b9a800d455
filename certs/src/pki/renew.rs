//! Carrying out a plan.

use std::collections::{BTreeMap, btree_map};

use fips_core::signing::PrivateKey;
use fips_core::{Boundary, Diagnostic};
use time::OffsetDateTime;

use super::bundle::Bundle;
use super::init::{apply, diagnostic};
use super::plan::{Plan, Renewal};
use super::read_back::Staged;
use super::record::{self, Made, Record};
use super::report::{Issued, Report};
use super::row::{Kind, Status};
use super::{Pki, files};
use crate::audit::{Event, EventKind};
use crate::catalogue::{AuthorityEntry, Catalogue, KubeconfigEntry, LeafEntry};
use crate::certificate::Certificate;
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::issue::{Authority, LeafParams};
use crate::key;
use crate::store::Secrecy;

/// An authority, and the chain its leaves are followed by: its own certificate first.
struct Issuer {
    authority: Authority,
    chain: Vec<Certificate>,
}

/// What a renewal writes.
enum Entry<'c> {
    Kubeconfig(&'c KubeconfigEntry),
    /// A leaf and the authority that signs it.
    Leaf(&'c LeafEntry, &'c AuthorityEntry),
    /// The copy of that authority's certificate.
    Nochain(&'c AuthorityEntry),
}

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
        for renewal in &plan.renewals {
            let event = Event::new(EventKind::Renewed, &renewal.name)
                .with_reason(renewal.reasons.join("; "));
            let (entry, authority) = match self.planned(renewal)? {
                Entry::Kubeconfig(entry) => {
                    let content = entry.content.clone().into_bytes();
                    staged = staged
                        .log(event)
                        .bytes(&entry.path, Secrecy::Secret, content);
                    continue;
                }
                Entry::Leaf(entry, authority) => (Some(entry), authority),
                Entry::Nochain(authority) => (None, authority),
            };
            let issuer = match issuers.entry(authority.name.as_str()) {
                btree_map::Entry::Occupied(found) => found.into_mut(),
                btree_map::Entry::Vacant(place) => {
                    place.insert(self.issuer(boundary, &diagnostic, authority, now)?)
                }
            };
            let Some(entry) = entry else {
                let content = issuer.authority.certificate().to_pem().into_bytes();
                staged = staged
                    .log(event)
                    .bytes(&authority.nochain, Secrecy::Public, content);
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
                ..Issued::new(&entry.name, &entry.certificate, &leaf)
            });
            let event = match &renewal.serial {
                Some(serial) => event.with_old_serial(serial),
                None => event,
            };
            staged = staged
                .log(event.with_certificate(&leaf)?)
                .leaf(&entry.certificate, &leaf, &issuer.chain, entry.usages)
                .key(&entry.key, &key)?;
        }
        if self.record.is_none() && !staged.change().is_empty() {
            let options = self.catalogue.options.clone();
            let record = Record::new(boundary, Made::Adopted, options, now);
            staged = staged.bytes(&record::path()?, Secrecy::Public, record.to_json()?);
        }
        apply(boundary, &diagnostic, self.store, staged, issued, now)
    }

    fn planned(&self, renewal: &Renewal) -> Result<Entry<'_>, Error> {
        let Catalogue {
            authorities,
            leaves,
            kubeconfigs,
            ..
        } = &self.catalogue;
        let name = &renewal.name;
        let found = match renewal.kind {
            Kind::Kubeconfig => kubeconfigs
                .iter()
                .find(|entry| entry.name == *name)
                .map(Entry::Kubeconfig),
            Kind::Leaf => leaves
                .iter()
                .find(|entry| entry.name == *name)
                .and_then(|entry| {
                    Some(Entry::Leaf(entry, self.catalogue.authority(&entry.issuer)?))
                }),
            Kind::Nochain => authorities
                .iter()
                .find(|entry| entry.nochain_name() == *name)
                .map(Entry::Nochain),
            Kind::Authority | Kind::Other => None,
        };
        found.ok_or_else(|| Error::UnknownEntry {
            name: name.clone(),
            known: self.renewable().join(", "),
        })
    }

    fn issuer(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        entry: &AuthorityEntry,
        now: OffsetDateTime,
    ) -> Result<Issuer, Error> {
        let refuse = |why: String| Error::Authority {
            authority: entry.name.clone(),
            why,
        };
        let certificates = files::certificates(self.store, &entry.certificate).map_err(refuse)?;
        let key = self
            .store
            .read(&entry.key)?
            .ok_or_else(|| refuse(format!("{} is missing", entry.key)))?;
        let key = key::from_pem(boundary, &key)?;
        let bundle = Bundle::new(certificates, diagnostic);
        // A plan can be older than what it is carried out on.
        let mut flaws = bundle.flaws(now).into_iter();
        if let Some((_, why)) = flaws.find(|(status, _)| *status > Status::Warning) {
            return Err(refuse(why));
        }
        let first = bundle
            .first()
            .ok_or_else(|| refuse("its file holds no certificate".into()))?;
        Ok(Issuer {
            authority: Authority::load(first.clone(), key)?,
            chain: bundle.chain().to_vec(),
        })
    }

    /// The key that is there, when it can be read and is of a kind that may be issued for.
    fn usable_key(&self, boundary: &Boundary, entry: &LeafEntry) -> Option<PrivateKey> {
        let file = self.store.read(&entry.key).ok()??;
        let key = key::from_pem(boundary, &file).ok()?;
        (key::KeyType::of(&key) == Some(entry.key_type)).then_some(key)
    }
}
