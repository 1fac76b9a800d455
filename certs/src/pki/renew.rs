//! Carrying out a plan.

use std::collections::BTreeMap;

use fips_core::Boundary;
use fips_core::signing::PrivateKey;

use super::init::apply;
use super::plan::{Plan, Renewal};
use super::read_back::Staged;
use super::record::{self, Made, Record};
use super::report::{Issued, Report};
use super::{Pki, files};
use crate::catalogue::{AuthorityEntry, LeafEntry};
use crate::certificate::Certificate;
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::issue::{Authority, LeafParams};
use crate::key;
use crate::store::Secrecy;

/// An authority with the certificates its leaves are followed by.
struct Issuer {
    authority: Authority,
    chain: Vec<Certificate>,
}

impl Pki<'_> {
    /// Renews what `plan` lists, as one change: a new certificate each, with a new key unless
    /// the plan keeps them. Authorities stay as they are.
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
        let now = clock.now();
        let moment = FixedClock::new(now);
        let mut staged = Staged::new("renew certificates");
        let mut issued = Vec::new();
        let mut issuers = BTreeMap::new();
        for renewal in &plan.renewals {
            if let Some(entry) = self
                .catalogue
                .kubeconfigs
                .iter()
                .find(|entry| entry.name == renewal.name)
            {
                let content = entry.content.clone().into_bytes();
                staged = staged.bytes(&entry.path, Secrecy::Secret, content);
                continue;
            }
            let entry = self.planned(renewal)?;
            if !issuers.contains_key(&entry.issuer) {
                issuers.insert(entry.issuer.clone(), self.issuer(boundary, &entry.issuer)?);
            }
            let issuer = &issuers[&entry.issuer];
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
            staged = staged
                .leaf(
                    &entry.certificate,
                    &leaf,
                    &issuer.chain,
                    issuer.authority.certificate(),
                    entry.usages,
                )
                .key(&entry.key, &key)?;
        }
        if self.record.is_none() && !staged.change().is_empty() {
            let options = self.catalogue.options.clone();
            let record = Record::new(boundary, Made::Adopted, options, now);
            staged = staged.bytes(&record::path()?, Secrecy::Public, record.to_json()?);
        }
        apply(boundary, self.store, &staged, issued, now)
    }

    fn planned(&self, renewal: &Renewal) -> Result<&LeafEntry, Error> {
        self.catalogue
            .leaf(&renewal.name)
            .ok_or_else(|| self.unknown(&renewal.name))
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<&str> = self
            .catalogue
            .authorities
            .iter()
            .map(|entry| entry.name.as_str())
            .chain(
                self.catalogue
                    .leaves
                    .iter()
                    .map(|entry| entry.name.as_str()),
            )
            .collect();
        Error::UnknownEntry {
            name: name.to_owned(),
            known: known.join(", "),
        }
    }

    fn issuer(&self, boundary: &Boundary, name: &str) -> Result<Issuer, Error> {
        let entry: &AuthorityEntry = self
            .catalogue
            .authority(name)
            .ok_or_else(|| self.unknown(name))?;
        let refuse = |why: String| Error::Authority {
            authority: name.to_owned(),
            why,
        };
        let certificates = files::certificates(self.store, &entry.certificate).map_err(refuse)?;
        let key = self
            .store
            .read(&entry.key)?
            .ok_or_else(|| refuse(format!("{} is missing", entry.key)))?;
        let key = key::from_pem(boundary, &key)?;
        let chain = chain(&certificates);
        let first = certificates
            .into_iter()
            .next()
            .ok_or_else(|| refuse("its file holds no certificate".into()))?;
        Ok(Issuer {
            authority: Authority::load(first, key)?,
            chain,
        })
    }

    /// The key that is there, when it can be read and is of a kind that may be issued for.
    fn usable_key(&self, boundary: &Boundary, entry: &LeafEntry) -> Option<PrivateKey> {
        let file = self.store.read(&entry.key).ok()??;
        let key = key::from_pem(boundary, &file).ok()?;
        (key::KeyType::of(&key) == Some(entry.key_type)).then_some(key)
    }
}

/// The first certificate of a bundle and those that lead on from it; added trust is left out.
fn chain(bundle: &[Certificate]) -> Vec<Certificate> {
    let mut chain: Vec<Certificate> = Vec::new();
    for certificate in bundle {
        if let Some(last) = chain.last() {
            let (below, above) = (last.facts(), certificate.facts());
            let root = below.subject_der == below.issuer_der;
            if root || below.issuer_der != above.subject_der {
                break;
            }
        }
        chain.push(certificate.clone());
    }
    chain
}
