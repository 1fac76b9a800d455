//! The leaves of an authority that is rotated: issued anew, or written again with another chain.

use fips_core::{Boundary, Diagnostic};

use super::Rotation;
use crate::audit::{Event, EventKind};
use crate::catalogue::{Credentials, KubeconfigEntry, LeafEntry, Place};
use crate::clock::FixedClock;
use crate::error::Error;
use crate::issue::LeafParams;
use crate::key;
use crate::pki::files::{self, Pair};
use crate::pki::issuer::Issuer;
use crate::pki::read_back::{Leaf, Staged};
use crate::pki::report::Issued;
use crate::pki::{parallel, stage};

impl Rotation<'_> {
    /// The leaves it signs that are there, or should be.
    pub(super) fn leaves(&self) -> impl Iterator<Item = &LeafEntry> {
        let store = self.pki.store;
        self.pki.catalogue.leaves().iter().filter(move |leaf| {
            leaf.issuer == self.entry.name
                && (!leaf.optional || Pair::of_leaf(store, leaf).is_some())
        })
    }

    /// The kubeconfigs that embed its file and are there.
    pub(super) fn kubeconfigs(&self) -> impl Iterator<Item = &KubeconfigEntry> {
        let store = self.pki.store;
        self.pki.catalogue.kubeconfigs().iter().filter(move |one| {
            one.authority == self.entry.name
                && one.credentials == Credentials::Embedded
                && matches!(files::kubeconfig(store, &one.path), Ok(Some(_)))
        })
    }

    /// Issues every leaf anew.
    pub(super) fn reissue(
        &self,
        boundary: &Boundary,
        mut staged: Staged,
        issuer: &Issuer,
        moment: &FixedClock,
    ) -> Result<(Staged, Vec<Issued>), Error> {
        let (store, catalogue) = (self.pki.store, &self.pki.catalogue);
        let entries: Vec<&LeafEntry> = self.leaves().collect();
        let make = |entry: &&'_ LeafEntry| -> Result<_, Error> {
            let old = Pair::of_leaf(store, entry);
            let old = old.as_ref().and_then(Pair::first);
            let old = old.map(|old| (old.serial(), old.not_after()));
            let key = key::generate(boundary, entry.key_type)?;
            let leaf = LeafParams::new(entry.subject.clone(), entry.usages, entry.lifetime)
                .with_names(entry.names.iter().cloned())
                .signed_by(&key, &issuer.authority, moment)?;
            Ok((old, key, leaf))
        };
        let mut made = Vec::with_capacity(entries.len());
        parallel::in_order(&entries, make, |one| {
            made.push(one?);
            Ok::<_, Error>(())
        })?;
        let mut issued = Vec::with_capacity(entries.len());
        for (entry, (old, key, leaf)) in entries.into_iter().zip(made) {
            let event = Event::new(EventKind::Renewed, &entry.name).with_certificate(&leaf)?;
            staged = staged.log(match &old {
                Some((serial, _)) => event.with_old_serial(serial),
                None => event,
            });
            let (old_serial, old_expires) = old.unzip();
            issued.push(Issued {
                old_serial,
                old_expires,
                ..Issued::new(&entry.name, entry.file(), &leaf)
            });
            staged = stage::leaf(staged, store, catalogue, entry, issuer, &leaf, &key)?;
        }
        Ok((staged, issued))
    }

    /// Writes every leaf of `issuer` again, with the chain that goes with it now. One that is
    /// torn or of another authority stays as it is: `check` tells of it.
    pub(super) fn restage(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        mut staged: Staged,
        issuer: &Issuer,
    ) -> Result<Staged, Error> {
        let (store, catalogue) = (self.pki.store, &self.pki.catalogue);
        let entries: Vec<&LeafEntry> = self.leaves().collect();
        let whole = |entry: &&'_ LeafEntry| {
            let pair = Pair::of_leaf(store, entry).filter(|pair| pair.torn().is_none())?;
            let leaf = pair.certificates.ok()?.into_iter().next()?;
            let signed = leaf.verify_issued_by(diagnostic, issuer.authority.certificate());
            signed.is_ok().then_some(leaf)
        };
        let mut found = Vec::with_capacity(entries.len());
        parallel::in_order(&entries, whole, |one| {
            found.push(one);
            Ok::<_, Error>(())
        })?;
        for (entry, leaf) in entries.into_iter().zip(&found) {
            let Some(leaf) = leaf else {
                continue;
            };
            match &entry.place {
                Place::Kubeconfig(_) => {
                    let Some(key) = files::leaf_key(boundary, store, entry) else {
                        continue;
                    };
                    staged = stage::leaf(staged, store, catalogue, entry, issuer, leaf, &key)?;
                }
                // The key stays as it is, byte for byte.
                Place::Pair { certificate, .. } => {
                    let expected = Leaf::new(leaf, issuer.above(), entry.chained, entry.usages);
                    staged = staged.leaf(certificate, leaf, expected);
                }
            }
        }
        Ok(staged)
    }

    /// Writes the kubeconfigs again, with the authority's file as it is staged.
    pub(super) fn restage_kubeconfigs(&self, mut staged: Staged) -> Result<Staged, Error> {
        for entry in self.kubeconfigs() {
            staged = stage::kubeconfig(staged, self.pki.store, &self.pki.catalogue, entry)?;
        }
        Ok(staged)
    }
}
