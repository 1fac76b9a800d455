//! The tree of a node, which the server's authorities sign.

use std::collections::BTreeMap;

use fips_core::Boundary;

use super::init::{apply, diagnostic};
use super::issuer::Issuer;
use super::read_back::Staged;
use super::record::{self, Made, Record};
use super::report::{Issued, Report};
use super::{Pki, issue, stage};
use crate::audit::{Event, EventKind};
use crate::catalogue::{Catalogue, Entry};
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::issue::LeafParams;
use crate::key;
use crate::store::{Secrecy, Store};

impl Pki<'_> {
    /// Makes the tree that `catalogue` asks for in `store`, or renews all of it where the store
    /// holds its record: the certificates of this PKI's authorities are copied, their keys stay
    /// here, and the leaves are signed by them. Each is logged here before it is written there, and a
    /// copy of it stays in `fips/issued/SERIAL.crt`, so that none is lost on its way.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] when the store holds anything of it, or the record of another
    /// catalogue; [`Error::UnknownEntry`] for an authority that this PKI does not have;
    /// otherwise as [`renew`](Self::renew).
    pub fn make_node(
        &self,
        boundary: &Boundary,
        store: &dyn Store,
        catalogue: &Catalogue,
        clock: &dyn Clock,
    ) -> Result<Report, Error> {
        self.admit(Some(boundary.status().opening()))?;
        match Record::read(store)? {
            Some(record) if record.catalogue == *catalogue.definition() => {}
            Some(_) => {
                return Err(Error::Exists {
                    path: record::path()?,
                });
            }
            None => {
                if let Some(path) = Pki::obstacle(store, catalogue)? {
                    return Err(Error::Exists { path });
                }
            }
        }
        let (diagnostic, now) = (diagnostic()?, clock.now());
        let moment = FixedClock::new(now);
        let mut here = Staged::new("sign the certificates of a node");
        let mut there = Staged::new("make the certificates of a node");
        let mut issuers: BTreeMap<&str, Issuer> = BTreeMap::new();
        for entry in catalogue.authorities() {
            let own = match self.catalogue.entry(&entry.name) {
                Some(Entry::Authority(own)) => own,
                _ => return Err(self.unknown(&entry.name)),
            };
            let issuer = self.issuer(boundary, &diagnostic, own, now)?;
            // Added trust goes along: a rotation counts on it.
            let file = self.store.read(&own.certificate)?;
            let file = file.ok_or_else(|| Error::Authority {
                authority: entry.name.clone(),
                why: format!("{} is missing", own.certificate),
            })?;
            there = there.bytes(&entry.certificate, Secrecy::Public, file);
            issuers.insert(&entry.name, issuer);
        }
        let mut issued = Vec::new();
        for entry in catalogue.leaves() {
            let issuer = issuers
                .get(entry.issuer.as_str())
                .ok_or_else(|| self.unknown(&entry.issuer))?;
            let key = key::generate(boundary, entry.key_type)?;
            let leaf = LeafParams::new(entry.subject.clone(), entry.usages, entry.lifetime)
                .with_names(entry.names.iter().cloned())
                .signed_by(&key, &issuer.authority, &moment)?;
            issued.push(Issued::new(&entry.name, entry.file(), &leaf));
            let event = || Event::new(EventKind::Issued, &entry.name).with_certificate(&leaf);
            here = here.log(event()?).bytes(
                &issue::copy_of(&leaf)?,
                Secrecy::Public,
                leaf.to_pem().into_bytes(),
            );
            there = there.log(event()?);
            there = stage::leaf(there, store, catalogue, entry, issuer, &leaf, &key)?;
        }
        for entry in catalogue.kubeconfigs() {
            there = stage::kubeconfig(there, store, catalogue, entry)?;
        }
        let definition = catalogue.definition().clone();
        // Its authorities were not made in it.
        let record = Record::new(boundary, Made::Adopted, definition, now);
        there = there.bytes(&record::path()?, Secrecy::Public, record.to_json()?);
        // One too many in the log of the authority is better than one too few.
        apply(boundary, &diagnostic, self.store, here, Vec::new(), now)?;
        apply(boundary, &diagnostic, store, there, issued, now)
    }
}
