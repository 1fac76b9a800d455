//! Making a PKI.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fips_core::{Boundary, Diagnostic, Opening};
use time::OffsetDateTime;

use super::issuer::Issuer;
use super::plan::Plan;
use super::read_back::Staged;
use super::record::{self, Made, Record};
use super::renew::MOST_AT_ONCE;
use super::report::{Issued, Report};
use super::{Pki, keys, once, stage};
use crate::audit::{self, Event, EventKind};
use crate::catalogue::{Catalogue, LeafEntry};
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::issue::{AuthorityParams, LeafParams};
use crate::key::{self, KeySecrets, KeySource, KeyUnlock};
use crate::store::{EntryPath, Secrecy, Store};

/// Room below each authority for one more: the cross-signed successor of a rotation.
pub(super) const ROOM: u8 = 1;

impl<'s> Pki<'s> {
    /// Every file that [`init`](Self::init) writes: those of `catalogue`, and the record. The
    /// first of the audit log comes on top.
    ///
    /// # Errors
    ///
    /// [`Error::Path`] for a record that cannot be named.
    pub fn files(catalogue: &Catalogue) -> Result<Vec<EntryPath>, Error> {
        let record = record::path()?;
        Ok(std::iter::once(record)
            .chain(catalogue.paths().cloned())
            .collect())
    }

    /// What is in the way of [`init`](Self::init): the first of its [`files`](Self::files), or
    /// of the audit log, that the store holds already.
    ///
    /// # Errors
    ///
    /// The store cannot be listed.
    pub fn obstacle(store: &dyn Store, catalogue: &Catalogue) -> Result<Option<EntryPath>, Error> {
        let there: BTreeSet<EntryPath> = store.list()?.into_iter().collect();
        let files = Self::files(catalogue)?;
        Ok(files
            .into_iter()
            .chain(audit::first_files()?)
            .find(|path| there.contains(path)))
    }

    /// Makes everything `catalogue` asks for, and opens it.
    ///
    /// All of it is one change, up to a thousand leaves. Those beyond follow a thousand at a
    /// time, as [`renew`](Self::renew) makes what is missing; it makes the rest when this is
    /// stopped in between.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] when the store holds any of it already; [`Error::ReadBack`] when what
    /// was written does not hold, and nothing of that change was done; failures of the module,
    /// the encoder and the store.
    pub fn init(
        boundary: &Boundary,
        store: &'s dyn Store,
        catalogue: Catalogue,
        clock: &dyn Clock,
    ) -> Result<(Self, Report), Error> {
        let unlock = Arc::new(KeySecrets::default());
        Self::init_with(boundary, store, catalogue, clock, unlock)
    }

    /// As [`init`](Self::init), with authorities whose keys are sealed, or on tokens and there
    /// already; `unlock` is asked for their secrets.
    ///
    /// # Errors
    ///
    /// Those of [`init`](Self::init); [`Error::Authority`] for an authority whose key is out of
    /// reach; [`Error::NoSecret`]; [`Error::Secret`]; [`Error::Signer`].
    pub fn init_with(
        boundary: &Boundary,
        store: &'s dyn Store,
        catalogue: Catalogue,
        clock: &dyn Clock,
        unlock: Arc<dyn KeyUnlock>,
    ) -> Result<(Self, Report), Error> {
        if let Some(path) = Self::obstacle(store, &catalogue)? {
            return Err(Error::Exists { path });
        }

        // One moment for the whole PKI.
        let now = clock.now();
        let moment = FixedClock::new(now);
        let mut staged = Staged::new("make a PKI");
        let mut issued = Vec::new();
        let mut issuers: BTreeMap<&str, Issuer> = BTreeMap::new();
        let lengths = path_lengths(&catalogue);
        for entry in catalogue.authorities() {
            let params = AuthorityParams::new(entry.subject_at(now)?, entry.lifetime)
                .with_path_length(lengths.get(entry.name.as_str()).copied().unwrap_or(ROOM));
            let source = catalogue.key_source(&entry.name);
            let signer;
            let place = entry.key.as_ref();
            (staged, signer) = keys::new_signer(boundary, staged, entry, source, place, &*unlock)?;
            let above = match &entry.issuer {
                Some(name) => Some(known(&issuers, name)?),
                None => None,
            };
            let authority = match above {
                Some(above) => params.signed_by(signer, &above.authority, &moment)?,
                None => params.self_signed(signer, &moment)?,
            };
            let certificate = authority.certificate();
            issued.push(Issued::new(&entry.name, &entry.certificate, certificate));
            let mut event = Event::new(EventKind::Issued, &entry.name);
            if *source != KeySource::File {
                event = event.with_reason(authority.signer().origin());
            }
            staged = staged.log(event.with_certificate(certificate)?);
            let issuer = Issuer::new(authority, above);
            staged = stage::authority(staged, entry, &issuer);
            issuers.insert(&entry.name, issuer);
        }
        let leaves = catalogue.leaves();
        let (first, later) = leaves.split_at(leaves.len().min(MOST_AT_ONCE));
        for entry in first {
            let issuer = known(&issuers, &entry.issuer)?;
            let key = key::generate(boundary, entry.key_type)?;
            let leaf = LeafParams::new(entry.subject.clone(), entry.usages, entry.lifetime)
                .with_names(entry.names.iter().cloned())
                .signed_by(&key, &issuer.authority, &moment)?;
            issued.push(Issued::new(&entry.name, entry.file(), &leaf));
            let event = Event::new(EventKind::Issued, &entry.name);
            staged = staged.log(event.with_certificate(&leaf)?);
            staged = stage::leaf(staged, store, &catalogue, entry, issuer, &leaf, &key)?;
        }
        // A kubeconfig that embeds a leaf is written with it.
        let with_leaf: BTreeSet<&EntryPath> = later.iter().map(LeafEntry::file).collect();
        for entry in catalogue.kubeconfigs() {
            if !with_leaf.contains(&entry.path) {
                staged = stage::kubeconfig(staged, store, &catalogue, entry)?;
            }
        }
        for entry in catalogue.key_sets() {
            staged = once::new_keys(staged, boundary, entry)?;
        }
        for entry in catalogue.files() {
            staged = once::new_file(staged, entry)?;
        }
        let mut record = Record::new(boundary, Made::Here, catalogue.definition().clone(), now);
        record.key_sources = catalogue.key_sources().clone();
        staged = staged.bytes(&record::path()?, Secrecy::Public, record.to_json()?);

        let diagnostic = diagnostic()?;
        let mut report = apply(boundary, &diagnostic, store, staged, issued, now)?;
        let rest = Plan::of_missing(later);
        let pki = Self {
            store,
            catalogue,
            record: Some(record),
            unlock,
        };
        if !rest.is_empty() {
            report.add(pki.renew(boundary, &rest, &moment)?);
        }
        Ok((pki, report))
    }
}

fn known<'i>(issuers: &'i BTreeMap<&str, Issuer>, name: &str) -> Result<&'i Issuer, Error> {
    issuers.get(name).ok_or_else(|| Error::UnknownEntry {
        name: name.to_owned(),
        known: issuers.keys().copied().collect::<Vec<_>>().join(", "),
    })
}

/// The path length of each authority: room for those of the catalogue below it, and one more.
fn path_lengths(catalogue: &Catalogue) -> BTreeMap<&str, u8> {
    let mut lengths = BTreeMap::new();
    // An issuer comes before what it signs: from the end, each is known before its issuer.
    for entry in catalogue.authorities().iter().rev() {
        let own = *lengths.entry(entry.name.as_str()).or_insert(ROOM);
        if let Some(issuer) = &entry.issuer {
            let above = lengths.entry(issuer.as_str()).or_insert(ROOM);
            *above = own.saturating_add(1).max(*above);
        }
    }
    lengths
}

/// Where the gate is open, the module is one that may look, too.
pub(super) fn diagnostic() -> Result<Diagnostic, Error> {
    Diagnostic::new().map_err(|refusal| Error::Refused(Box::new(refusal)))
}

/// Makes the change together with its lines in the audit log, each entry judged as it was read
/// back.
pub(super) fn apply(
    boundary: &Boundary,
    diagnostic: &Diagnostic,
    store: &dyn Store,
    staged: Staged,
    issued: Vec<Issued>,
    now: OffsetDateTime,
) -> Result<Report, Error> {
    let staged = staged.logged(boundary, store, now)?;
    store.apply(staged.change(), &|path, content| {
        staged.verify(boundary, diagnostic, now, path, content)
    })?;
    for entry in &issued {
        tracing::info!(
            name = entry.name,
            file = entry.file,
            subject = entry.subject,
            serial = entry.serial,
            old_serial = entry.old_serial,
            expires = %entry.expires,
            "certificate issued"
        );
    }
    let status = boundary.status();
    Ok(Report {
        issued,
        written: staged.paths().map(ToString::to_string).collect(),
        evaluation: status.opening() == Opening::Evaluation,
        statement: status.statement().to_string(),
    })
}
