//! Looking at every certificate, without an open gate.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fips_core::Diagnostic;
use time::OffsetDateTime;

use super::bundle::Bundle;
use super::files::{self, Pair};
use super::record::Made;
use super::row::{Kind, Row, Status};
use super::{Pki, drift};
use crate::catalogue::{AuthorityEntry, LeafEntry};
use crate::certificate::Certificate;
use crate::error::Error;
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

struct Checker<'a> {
    pki: &'a Pki<'a>,
    diagnostic: &'a Diagnostic,
    now: OffsetDateTime,
    thresholds: Thresholds,
    rows: Vec<Row>,
    seen: BTreeSet<EntryPath>,
}

impl Pki<'_> {
    /// Looks at every certificate of the store: those of the catalogue, first to last, and
    /// after them every other `.crt` file.
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
        let mut checker = Checker {
            pki: self,
            diagnostic,
            now,
            thresholds,
            rows: Vec::new(),
            seen: BTreeSet::new(),
        };
        let mut authorities = Authorities::new();
        for entry in &self.catalogue.authorities {
            if let Some(bundle) = checker.authority(entry) {
                authorities.insert(entry.name.clone(), bundle);
            }
        }
        for entry in &self.catalogue.leaves {
            checker.leaf(entry, authorities.get(&entry.issuer));
        }
        checker.kubeconfigs();
        checker.others()?;
        Ok(checker.rows)
    }
}

impl Checker<'_> {
    fn authority(&mut self, entry: &AuthorityEntry) -> Option<Bundle> {
        let pair = Pair::read(self.pki.store, &entry.certificate, &entry.key);
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
                && let Some(reason) = drift::of_key(first, entry.key_type)
            {
                row.worsen(Status::Warning, reason);
            }
            if let Some((status, reason)) = self.mark(bundle) {
                row.worsen(status, reason);
            }
        }
        self.rows.push(row);
        let above = self.rows.len();
        self.chain(&entry.certificate, &pair);
        if let Some(bundle) = &bundle {
            let certificates = bundle.chain().iter().chain(bundle.added()).skip(1);
            for (row, certificate) in self.rows[above..].iter_mut().zip(certificates) {
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
        self.nochain(entry, pair.first());
        bundle
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

    fn nochain(&mut self, entry: &AuthorityEntry, first: Option<&Certificate>) {
        let mut row = Row::new(&entry.nochain, Kind::Nochain).entry(&entry.nochain_name());
        match files::certificates(self.pki.store, &entry.nochain) {
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
        self.seen.insert(entry.nochain.clone());
        self.rows.push(row);
    }

    fn leaf(&mut self, entry: &LeafEntry, issuer: Option<&Bundle>) {
        let pair = Pair::read(self.pki.store, &entry.certificate, &entry.key);
        let mut row = self.row(Kind::Leaf, &entry.name, &entry.certificate, &pair);
        if let Ok([leaf, after @ ..]) = pair.certificates.as_deref() {
            let authority = issuer.and_then(Bundle::first);
            let chain =
                issuer.and_then(|issuer| drift::of_chain(after, issuer, !self.pki.made_here()));
            for reason in drift::of_leaf(leaf, entry, authority, self.diagnostic)
                .into_iter()
                .chain(chain)
            {
                row.worsen(Status::Drifted, reason);
            }
        }
        self.rows.push(row);
        self.chain(&entry.certificate, &pair);
    }

    fn row(&mut self, kind: Kind, name: &str, file: &EntryPath, pair: &Pair) -> Row {
        self.seen.insert(file.clone());
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
    fn chain(&mut self, file: &EntryPath, pair: &Pair) {
        for (position, certificate) in pair.certificates.iter().flatten().enumerate().skip(1) {
            let row = Row::new(file, Kind::Other).certificate(
                certificate,
                self.now,
                self.thresholds.of(certificate),
            );
            self.rows.push(Row { position, ..row });
        }
    }

    fn kubeconfigs(&mut self) {
        for entry in &self.pki.catalogue.kubeconfigs {
            let mut row = Row::new(&entry.path, Kind::Kubeconfig).entry(&entry.name);
            match files::content(self.pki.store, &entry.path) {
                Err(why) => row.worsen(Status::Torn, why),
                Ok(None) => row.worsen(Status::Torn, format!("{} is missing", entry.path)),
                Ok(Some(content)) if content.as_slice() != entry.content.as_bytes() => {
                    row.worsen(Status::Drifted, "it is not what the catalogue asks for");
                }
                Ok(Some(_)) => {}
            }
            self.rows.push(row);
        }
    }

    /// Files the catalogue does not know: by their dates, and as a pair where a key lies beside.
    fn others(&mut self) -> Result<(), Error> {
        let all: BTreeSet<EntryPath> = self.pki.store.list()?.into_iter().collect();
        for path in &all {
            let Some(stem) = path.as_str().strip_suffix(".crt") else {
                continue;
            };
            if self.seen.contains(path) {
                continue;
            }
            let key = EntryPath::new(format!("{stem}.key"))?;
            let pair = if all.contains(&key) {
                Pair::read(self.pki.store, path, &key)
            } else {
                Pair {
                    certificates: files::certificates(self.pki.store, path),
                    key: Ok(crate::key::PublicHalf::Unstated),
                }
            };
            let mut row = Row::new(path, Kind::Other);
            if let Some(why) = pair.torn() {
                row.worsen(Status::Torn, why);
            }
            if let Some(first) = pair.first() {
                row = row.certificate(first, self.now, self.thresholds.of(first));
            }
            self.rows.push(row);
            self.chain(path, &pair);
        }
        Ok(())
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
