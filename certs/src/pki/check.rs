//! Looking at every certificate, without an open gate.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fips_core::Diagnostic;
use time::OffsetDateTime;

use super::files::{self, Pair};
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
type Authorities = BTreeMap<String, Certificate>;

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
            if let Some(certificate) = checker.authority(entry) {
                authorities.insert(entry.name.clone(), certificate);
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
    fn authority(&mut self, entry: &AuthorityEntry) -> Option<Certificate> {
        let pair = Pair::read(self.pki.store, &entry.certificate, &entry.key);
        let mut row = self.row(Kind::Authority, &entry.name, &entry.certificate, &pair);
        if let Some(certificate) = pair.first() {
            for reason in drift::of_authority(certificate) {
                row.worsen(Status::Drifted, reason);
            }
            if certificate.facts().subject_der == certificate.facts().issuer_der
                && let Err(why) = certificate.verify_issued_by(self.diagnostic, certificate)
            {
                row.worsen(Status::Drifted, format!("as a root: {why}"));
            }
        }
        self.rows.push(row);
        self.chain(&entry.certificate, &pair);

        let first = pair.first().cloned();
        let mut row = Row::new(&entry.nochain, Kind::Other);
        match files::certificates(self.pki.store, &entry.nochain) {
            Err(why) => row.worsen(Status::Torn, why),
            Ok(certificates) => {
                row = row.certificate(
                    &certificates[0],
                    self.now,
                    self.thresholds.of(&certificates[0]),
                );
                if certificates.len() != 1 || first.as_ref() != certificates.first() {
                    row.worsen(
                        Status::Drifted,
                        format!(
                            "it is not the first certificate of {} alone",
                            entry.certificate
                        ),
                    );
                }
            }
        }
        self.seen.insert(entry.nochain.clone());
        self.rows.push(row);
        first
    }

    fn leaf(&mut self, entry: &LeafEntry, issuer: Option<&Certificate>) {
        let pair = Pair::read(self.pki.store, &entry.certificate, &entry.key);
        let mut row = self.row(Kind::Leaf, &entry.name, &entry.certificate, &pair);
        if let Some(certificate) = pair.first() {
            for reason in drift::of_leaf(certificate, entry, issuer, self.diagnostic) {
                row.worsen(Status::Drifted, reason);
            }
        }
        if let (Ok(certificates), Some(issuer)) = (&pair.certificates, issuer)
            && certificates.get(1).is_some_and(|next| next != issuer)
        {
            row.worsen(
                Status::Drifted,
                "the certificate after the leaf is not that of its CA",
            );
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
