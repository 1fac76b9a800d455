//! One look at a directory, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fips_certs::crl::RevocationListParams;
use fips_certs::key::{KeySecrets, KeyUnlock};
use fips_certs::pki::{
    Blocked, Kind, ListsRefreshed, Plan, RenewalPolicy, Report, Row, Status, Thresholds,
};
use fips_certs::store::{DirStore, Recovery};
use fips_certs::{Clock, Pki};
use fips_core::{Boundary, Diagnostic};
use serde::Serialize;
use time::OffsetDateTime;

use crate::error::Error;
use crate::steadiness::Steadiness;

/// Renews a directory when asked to look; keeps no lock between two looks.
#[derive(Debug)]
pub struct Renewer {
    boundary: Boundary,
    dir: PathBuf,
    policy: RenewalPolicy,
    clock: Arc<dyn Clock>,
    unlock: Arc<dyn KeyUnlock>,
    steadiness: Steadiness,
    /// The time that has passed since the clock was last looked at: a look that failed before
    /// did not see it.
    unseen: Duration,
}

/// What a look found, and did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Round {
    /// When.
    pub at: OffsetDateTime,
    /// Every certificate, as it is now.
    pub rows: Vec<Row>,
    /// What was renewed.
    pub report: Option<Report>,
    /// Which revocation lists were issued, since they were due, and which cannot be.
    pub lists: Option<ListsRefreshed>,
    /// What should be renewed and cannot.
    pub blocked: Vec<Blocked>,
    /// Why nothing was renewed, although it is due.
    pub held: Option<Held>,
    /// What opening the directory found of an interrupted change.
    pub recovery: Recovery,
    /// The serial number of each leaf, by its name in the catalogue.
    pub serials: BTreeMap<String, String>,
    /// The component of each leaf.
    pub services: BTreeMap<String, String>,
    /// When the next certificate falls due.
    pub due: Option<OffsetDateTime>,
    /// The phase of each rotation that has begun, by its name: an authority's or a key set's.
    pub rotations: BTreeMap<String, &'static str>,
}

/// Why what is due is not renewed now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Held {
    /// How far the clock jumped, in seconds; negative when back, or when certificates begin in
    /// the future.
    pub jump_seconds: i64,
    /// How long it must still run steadily, in seconds.
    pub seconds_left: u64,
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            jump_seconds,
            seconds_left,
        } = self;
        if *jump_seconds < 0 {
            write!(
                f,
                "the clock went back by {} s, or is behind the certificates; nothing is renewed \
                 before it has run steadily for {seconds_left} s more",
                jump_seconds.unsigned_abs()
            )
        } else {
            write!(
                f,
                "the clock jumped ahead by {jump_seconds} s; nothing is renewed before it has run \
                 steadily for {seconds_left} s more"
            )
        }
    }
}

impl Renewer {
    /// Of the PKI in `dir`, which must have a record. `settle` is how long the clock must run
    /// steadily after a jump before anything is renewed.
    pub fn new(
        boundary: Boundary,
        dir: impl Into<PathBuf>,
        policy: RenewalPolicy,
        settle: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            boundary,
            dir: dir.into(),
            policy,
            clock,
            unlock: Arc::new(KeySecrets::default()),
            steadiness: Steadiness::new(settle),
            unseen: Duration::ZERO,
        }
    }

    /// Asks `unlock` for the secrets of authorities' keys that are sealed or on a token.
    #[must_use]
    pub fn with_unlock(self, unlock: Arc<dyn KeyUnlock>) -> Self {
        Self { unlock, ..self }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Looks, and renews what is due, lists of revoked certificates too, unless the clock has just
    /// jumped. `elapsed` is the time that has really passed since the last look (a monotonic
    /// clock's), whatever came of that; zero at the first.
    ///
    /// # Errors
    ///
    /// [`Error::Certs`], among them that a command holds the directory just now
    /// (`fips_certs::Error::Locked`); nothing was changed then.
    pub fn look(&mut self, elapsed: Duration) -> Result<Round, Error> {
        self.unseen = self.unseen.saturating_add(elapsed);
        let diagnostic = Diagnostic::new().map_err(|refusal| Error::Refused(Box::new(refusal)))?;
        let store = DirStore::open(&self.dir)?;
        let recovery = store.recovery().clone();
        let pki = Pki::open(&store)?.with_unlock(Arc::clone(&self.unlock));
        let now = self.clock.now();
        let mut rows = pki.check(&diagnostic, now, Thresholds::default())?;
        let held = self
            .steadiness
            .look(now, std::mem::take(&mut self.unseen), behind(&rows, now))
            .map(|(by, left)| Held {
                jump_seconds: by.whole_seconds(),
                seconds_left: left.as_secs().max(1),
            });
        let plan = pki.renewals(&diagnostic, now, &self.policy)?;
        let mut report = None;
        if held.is_none() && !plan.is_empty() {
            report = Some(pki.renew(&self.boundary, &plan, &*self.clock)?);
            rows = pki.check(&diagnostic, now, Thresholds::default())?;
        }
        let lists_due = !pki.lists_due(&diagnostic, now, &[])?.is_empty();
        let mut lists = None;
        if held.is_none() && lists_due {
            let params = RevocationListParams::default();
            lists = Some(pki.refresh_due_lists(&self.boundary, &params, &*self.clock)?);
            rows = pki.check(&diagnostic, now, Thresholds::default())?;
        }
        let wanting = lists_due || !plan.is_empty() || !plan.blocked.is_empty();
        let held = held.filter(|_| wanting);
        let Leaves { serials, services } = Leaves::of(&pki, &rows);
        let rotations = pki.rotations()?.into_iter();
        let rotations = rotations.map(|journal| (journal.name, journal.phase.name()));
        Ok(Round {
            at: now,
            rotations: rotations.collect(),
            due: self.due(&rows, &plan, now),
            blocked: plan.blocked,
            rows,
            report,
            lists,
            held,
            recovery,
            serials,
            services,
        })
    }

    /// The leaves as they are, without changing anything.
    pub(crate) fn leaves(&self) -> Result<Leaves, Error> {
        let diagnostic = Diagnostic::new().map_err(|refusal| Error::Refused(Box::new(refusal)))?;
        let store = DirStore::open_read_only(&self.dir)?;
        let pki = Pki::open(&store)?;
        let rows = pki.check(&diagnostic, self.clock.now(), Thresholds::default())?;
        Ok(Leaves::of(&pki, &rows))
    }

    /// When the next leaf or list falls due; those that are due and cannot be renewed are retried,
    /// not waited for.
    fn due(&self, rows: &[Row], plan: &Plan, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let blocked = plan.blocked.iter().map(|blocked| blocked.name.as_str());
        let blocked: BTreeSet<&str> = blocked.collect();
        let waits = |row: &Row| {
            let entry = row.entry.as_deref();
            entry.is_some_and(|name| blocked.contains(name))
        };
        rows.iter()
            .filter(|row| row.kind == Kind::Leaf && !waits(row))
            .filter_map(|row| self.policy.due_at(row))
            .chain(rows.iter().filter_map(list_due))
            .filter(|due| *due > now)
            .min()
    }
}

/// What hooks are told of.
#[derive(Debug)]
pub(crate) struct Leaves {
    pub(crate) serials: BTreeMap<String, String>,
    pub(crate) services: BTreeMap<String, String>,
}

impl Leaves {
    fn of(pki: &Pki<'_>, rows: &[Row]) -> Self {
        let (mut serials, mut services) = (BTreeMap::new(), BTreeMap::new());
        let leaves = rows.iter().filter(|row| row.kind == Kind::Leaf);
        for (name, row) in leaves.filter_map(|row| Some((row.entry.clone()?, row))) {
            if let Some(entry) = pki.catalogue().leaf(&name) {
                services.insert(name.clone(), entry.service.clone());
            }
            if let Some(serial) = &row.serial {
                serials.insert(name, serial.clone());
            }
        }
        Self { serials, services }
    }
}

/// When less than half of a list's time is left.
fn list_due(row: &Row) -> Option<OffsetDateTime> {
    let (begins, ends) = (row.not_before?, row.expires?);
    let half = begins + (ends - begins) / 2 + time::Duration::SECOND;
    (row.kind == Kind::RevocationList).then_some(half)
}

/// How far the clock is behind the newest certificate, as a negative time.
fn behind(rows: &[Row], now: OffsetDateTime) -> Option<time::Duration> {
    rows.iter()
        .filter(|row| matches!(row.kind, Kind::Authority | Kind::Leaf))
        .filter(|row| row.status >= Status::NotYetValid)
        .filter_map(|row| row.not_before)
        .max()
        .map(|begins| now - begins)
        .filter(|by| by.is_negative())
}
