//! Looking at every certificate, without an open gate.

use std::collections::BTreeMap;
use std::time::Duration;

use fips_core::Diagnostic;
use time::OffsetDateTime;

use super::bundle::Bundle;
use super::files::{self, Pair};
use super::record::Made;
use super::revocation::Revoked;
use super::row::{Kind, Row, Status};
use super::{Pki, drift, once, parallel};
use crate::catalogue::{AuthorityEntry, KubeconfigEntry, LeafEntry, STATE};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::key::KeySource;
use crate::store::EntryPath;

const DAY: Duration = Duration::from_secs(86_400);

/// When a certificate that still holds is worth a warning.
///
/// A certificate that lives shorter than the usual (leaf 365 days, authority 3,650) is warned
/// about at the same fraction of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thresholds {
    /// Time left of an authority: 365 days.
    pub authority: Duration,
    /// Time left of a leaf: 120 days, as RKE2 has it.
    pub leaf: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            authority: DAY * 365,
            leaf: DAY * 120,
        }
    }
}

impl Thresholds {
    /// The time left below which `certificate` is warned about.
    fn of(&self, certificate: &Certificate) -> time::Duration {
        let (level, usual) = if certificate.is_authority() {
            (self.authority, DAY * 3650)
        } else {
            (self.leaf, DAY * 365)
        };
        let life = certificate.not_after() - certificate.not_before();
        let scaled = life * (level.as_secs_f64() / usual.as_secs_f64()).min(1.0);
        time::Duration::try_from(level)
            .unwrap_or(time::Duration::MAX)
            .min(scaled)
    }
}

/// Authorities by name, as far as their certificates could be read.
type Authorities = BTreeMap<String, Bundle>;

/// A file of certificates that the catalogue does not know, and the key that lies beside.
struct Other {
    certificate: EntryPath,
    key: Option<EntryPath>,
}

/// What every look needs; several threads share it.
struct Checker<'a> {
    pki: &'a Pki<'a>,
    diagnostic: &'a Diagnostic,
    now: OffsetDateTime,
    thresholds: Thresholds,
}

impl Pki<'_> {
    /// Looks at every certificate of the store: those of the catalogue, first to last, then its
    /// kubeconfigs, keys and other files, and after them every other `.crt` file.
    ///
    /// A file that cannot be read or decoded is a row, not an error.
    ///
    /// # Errors
    ///
    /// The store cannot be listed.
    pub fn check(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        thresholds: Thresholds,
    ) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.check_each(diagnostic, now, thresholds, |row| {
            rows.push(row);
            Ok::<_, Error>(())
        })?;
        Ok(rows)
    }

    /// As [`check`](Self::check), and gives `sink` each row as it is found, until it fails: what
    /// is in memory does not grow with what is looked at, but for the catalogue, the register of
    /// each authority, and the names of files that the catalogue does not know.
    ///
    /// # Errors
    ///
    /// The store cannot be listed: then no row was given. What `sink` answers.
    pub fn check_each<E: From<Error>>(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        thresholds: Thresholds,
        mut sink: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        // First, since it can fail; and the names of all files are gone before the look begins.
        let others = self.others()?;
        self.look(diagnostic, now, thresholds, &mut sink)?;
        let checker = self.checker(diagnostic, now, thresholds);
        parallel::in_order(
            &others,
            |other| checker.other(other),
            |rows| rows.into_iter().try_for_each(&mut sink),
        )
    }

    /// Gives `sink` the rows of the catalogue, one after another, until it fails: the authorities
    /// first. What was read for one is dropped before the next.
    pub(super) fn look<E>(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        thresholds: Thresholds,
        sink: &mut dyn FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let checker = self.checker(diagnostic, now, thresholds);
        let mut authorities = Authorities::new();
        let mut revoked = BTreeMap::new();
        for entry in self.catalogue.authorities() {
            let (mut rows, bundle) = checker.authority(entry);
            let first = bundle.as_ref().and_then(Bundle::first);
            // A name that can be no file's has no list.
            if let Ok(mut found) = self.revoked(diagnostic, entry, first, now) {
                rows.append(&mut found.rows);
                revoked.insert(entry.name.clone(), found);
            }
            rows.into_iter().try_for_each(&mut *sink)?;
            if let Some(bundle) = bundle {
                authorities.insert(entry.name.clone(), bundle);
            }
        }
        parallel::in_order(
            self.catalogue.leaves(),
            |entry| {
                let issuer = &entry.issuer;
                checker.leaf(entry, authorities.get(issuer), revoked.get(issuer))
            },
            |rows| rows.into_iter().try_for_each(&mut *sink),
        )?;
        for entry in self.catalogue.kubeconfigs() {
            let authority = authorities.get(&entry.authority);
            checker
                .kubeconfig(entry, authority)
                .into_iter()
                .try_for_each(&mut *sink)?;
        }
        for entry in self.catalogue.key_sets() {
            once::keys_row(self.store, entry)
                .into_iter()
                .try_for_each(&mut *sink)?;
        }
        for entry in self.catalogue.files() {
            once::file_row(self.store, entry)
                .into_iter()
                .try_for_each(&mut *sink)?;
        }
        Ok(())
    }

    /// The files of certificates that the catalogue does not know.
    fn others(&self) -> Result<Vec<Other>, Error> {
        let mut all = self.store.list()?;
        // As `list` has it, except that a store of another's may not.
        all.sort_unstable();
        let mut others = Vec::new();
        for path in &all {
            let Some(stem) = path.as_str().strip_suffix(".crt") else {
                continue;
            };
            if self.catalogue.holds(path) || path.as_str().starts_with(STATE) {
                continue;
            }
            let key = EntryPath::new(format!("{stem}.key"))?;
            others.push(Other {
                certificate: path.clone(),
                key: all.binary_search(&key).is_ok().then_some(key),
            });
        }
        Ok(others)
    }

    fn checker<'a>(
        &'a self,
        diagnostic: &'a Diagnostic,
        now: OffsetDateTime,
        thresholds: Thresholds,
    ) -> Checker<'a> {
        Checker {
            pki: self,
            diagnostic,
            now,
            thresholds,
        }
    }
}

impl Checker<'_> {
    fn authority(&self, entry: &AuthorityEntry) -> (Vec<Row>, Option<Bundle>) {
        let pair = Pair::of_authority(self.pki.store, entry);
        let mut row = self.row(Kind::Authority, &entry.name, &entry.certificate, &pair);
        let bundle = pair
            .certificates
            .as_ref()
            .ok()
            .map(|certificates| Bundle::new(certificates.clone(), self.diagnostic));
        if let Some((bundle, first)) = bundle.as_ref().zip(pair.first()) {
            for reason in drift::of_authority(first) {
                row.worsen(Status::Drifted, reason);
            }
            for (status, reason) in bundle.flaws(self.now) {
                row.worsen(status, reason);
            }
            if self.pki.made_here()
                && entry.key.is_some()
                && let Some(reason) = drift::of_key(first, entry.key_type)
            {
                row.worsen(Status::Warning, reason);
            }
            if let Some((status, reason)) = self.mark(bundle) {
                row.worsen(status, reason);
            }
        }
        if let KeySource::Pkcs11(uri) = self.pki.catalogue.key_source(&entry.name) {
            row.worsen(
                Status::Ok,
                format!("its key is elsewhere: {}", uri.origin()),
            );
        }
        let mut rows = vec![row];
        rows.extend(self.chain(&entry.certificate, &pair));
        if let Some(bundle) = &bundle {
            let certificates = bundle.chain().iter().chain(bundle.added()).skip(1);
            for (row, certificate) in rows[1..].iter_mut().zip(certificates) {
                let stray = (row.position >= bundle.chain().len())
                    .then(|| bundle.stray(certificate, self.diagnostic));
                for reason in drift::of_trust(certificate)
                    .into_iter()
                    .chain(stray.flatten())
                {
                    row.worsen(Status::Drifted, reason);
                }
            }
        }
        if let Some(path) = &entry.nochain {
            rows.push(self.nochain(entry, path, pair.first()));
        }
        (rows, bundle)
    }

    /// What the mark of evaluation in a name comes to: nothing where the record says the same.
    fn mark(&self, bundle: &Bundle) -> Option<(Status, String)> {
        let mut certificates = bundle.chain().iter().chain(bundle.added());
        if !certificates.any(|certificate| certificate.facts().marked) {
            return None;
        }
        let record = self.pki.record.as_ref();
        if record.is_some_and(|record| !record.evaluation) {
            let why = "made under evaluation, by its name; the record says otherwise";
            return Some((Status::Drifted, why.to_owned()));
        }
        Some((Status::Ok, "made under evaluation".to_owned()))
    }

    fn nochain(
        &self,
        entry: &AuthorityEntry,
        path: &EntryPath,
        first: Option<&Certificate>,
    ) -> Row {
        let mut row = Row::new(path, Kind::Nochain).entry(&entry.nochain_name());
        match files::certificates(self.pki.store, path) {
            Err(why) => row.worsen(Status::Torn, why),
            Ok(certificates) => {
                let found = &certificates[0];
                row = row.certificate(found, self.now, self.thresholds.of(found));
                if certificates.len() != 1 || first != Some(found) {
                    // The dates of a wrong copy say nothing.
                    row.status = Status::Drifted;
                    row.reasons = vec![format!(
                        "it is not the first certificate of {} alone",
                        entry.certificate
                    )];
                }
            }
        }
        row
    }

    /// The rows of a leaf; none for one that may be missing, and is.
    fn leaf(
        &self,
        entry: &LeafEntry,
        issuer: Option<&Bundle>,
        revoked: Option<&Revoked>,
    ) -> Vec<Row> {
        let pair = match Pair::of_leaf(self.pki.store, entry) {
            Some(pair) => pair,
            None if entry.optional => return Vec::new(),
            None => Pair::missing(entry),
        };
        let mut row = self.row(Kind::Leaf, &entry.name, entry.file(), &pair);
        if let Ok([leaf, after @ ..]) = pair.certificates.as_deref() {
            let authority = issuer.and_then(Bundle::first);
            let may_stand_alone = !entry.chained || !self.pki.made_here();
            let chain = issuer.and_then(|issuer| drift::of_chain(after, issuer, may_stand_alone));
            for reason in drift::of_leaf(leaf, entry, authority, self.diagnostic)
                .into_iter()
                .chain(chain)
            {
                row.worsen(Status::Drifted, reason);
            }
            if let Some(reason) = revoked.and_then(|revoked| revoked.reason(leaf)) {
                row.worsen(Status::Revoked, reason);
            }
        }
        let mut rows = vec![row];
        rows.extend(self.chain(entry.file(), &pair));
        rows
    }

    fn row(&self, kind: Kind, name: &str, file: &EntryPath, pair: &Pair) -> Row {
        let mut row = Row::new(file, kind).entry(name);
        if let Some(why) = pair.torn() {
            row.worsen(Status::Torn, why);
        }
        match pair.first() {
            Some(first) => row.certificate(first, self.now, self.thresholds.of(first)),
            None => row,
        }
    }

    /// The certificates after the first, by their dates.
    fn chain(&self, file: &EntryPath, pair: &Pair) -> Vec<Row> {
        let certificates = pair.certificates.iter().flatten().enumerate().skip(1);
        certificates
            .map(|(position, certificate)| {
                let row = Row::new(file, Kind::Other).certificate(
                    certificate,
                    self.now,
                    self.thresholds.of(certificate),
                );
                Row { position, ..row }
            })
            .collect()
    }

    fn kubeconfig(&self, entry: &KubeconfigEntry, authority: Option<&Bundle>) -> Option<Row> {
        let mut row = Row::new(&entry.path, Kind::Kubeconfig).entry(&entry.name);
        match files::content(self.pki.store, &entry.path) {
            Ok(None) if entry.optional => return None,
            Ok(None) => row.worsen(Status::Torn, format!("{} is missing", entry.path)),
            Err(why) => row.worsen(Status::Torn, why),
            Ok(Some(file)) => {
                for reason in drift::of_kubeconfig(&file, entry, authority) {
                    row.worsen(Status::Drifted, reason);
                }
            }
        }
        Some(row)
    }

    /// The rows of a file the catalogue does not know: by its dates, and as a pair where a key lies
    /// beside.
    fn other(&self, other: &Other) -> Vec<Row> {
        let path = &other.certificate;
        let pair = match &other.key {
            Some(key) => Pair::of_files(self.pki.store, path, key),
            None => Pair::without_key(self.pki.store, path),
        };
        let mut row = Row::new(path, Kind::Other);
        if let Some(why) = pair.torn() {
            row.worsen(Status::Torn, why);
        }
        if let Some(first) = pair.first() {
            row = row.certificate(first, self.now, self.thresholds.of(first));
        }
        let mut rows = vec![row];
        rows.extend(self.chain(path, &pair));
        rows
    }
}

impl Pki<'_> {
    /// Whether the authorities were made here, by the record.
    fn made_here(&self) -> bool {
        self.record
            .as_ref()
            .is_some_and(|record| record.made == Made::Here)
    }
}
