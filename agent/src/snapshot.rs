//! What an agent knows, as it shows it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fips_certs::pki::{Blocked, Row};
use fips_core::{Boundary, Opening};
use serde::Serialize;
use time::OffsetDateTime;

use crate::renewer::Held;

/// What an agent knows at one moment.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// What may be said about the process.
    pub statement: String,
    /// How its gate was opened.
    pub opening: &'static str,
    /// What was waived then.
    pub waived: Vec<String>,
    /// When it started.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When it last looked with success.
    #[serde(with = "time::serde::rfc3339::option")]
    pub looked: Option<OffsetDateTime>,
    /// When it will look again.
    #[serde(with = "time::serde::rfc3339::option")]
    pub next: Option<OffsetDateTime>,
    /// Every certificate, as the last look found it.
    pub rows: Arc<Vec<Row>>,
    /// What should be renewed and cannot.
    pub blocked: Arc<Vec<Blocked>>,
    /// Why nothing is renewed now, although it is due.
    pub held: Option<Held>,
    /// The phase of each rotation that has begun, by its name.
    pub rotations: BTreeMap<String, &'static str>,
    /// How many certificates were renewed since the start.
    pub renewed: u64,
    /// How many looks have failed since the start.
    pub failures: u64,
    /// How many of them in a row, to now.
    pub failures_in_a_row: u32,
    /// What the last failure was.
    pub last_error: Option<String>,
    /// Each hook.
    pub hooks: BTreeMap<String, HookSnapshot>,
    /// Whether the endpoint serves the certificate on disk; `None` without an endpoint.
    pub endpoint_current: Option<bool>,
}

/// What is known of one hook.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct HookSnapshot {
    /// How often it has run with success.
    pub done: u64,
    /// How often it has failed.
    pub failed: u64,
    /// Whether it is still owed a run.
    pub pending: bool,
    /// What the last failure was.
    pub last_error: Option<String>,
}

/// A snapshot that is shared between the loop, the endpoint and the watchdog's pulse.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    snapshot: Arc<Mutex<Snapshot>>,
    /// When a look last ended, whatever came of it.
    alive: Arc<Mutex<Instant>>,
}

impl Shared {
    pub(crate) fn new(boundary: Boundary, started: OffsetDateTime) -> Self {
        let status = boundary.status();
        let statement = status.statement();
        let snapshot = Snapshot {
            statement: statement.to_string(),
            opening: match status.opening() {
                Opening::Evaluation => "evaluation",
                Opening::Strict => "strict",
            },
            waived: statement.waived.iter().map(ToString::to_string).collect(),
            started,
            looked: None,
            next: None,
            rows: Arc::default(),
            blocked: Arc::default(),
            held: None,
            rotations: BTreeMap::new(),
            renewed: 0,
            failures: 0,
            failures_in_a_row: 0,
            last_error: None,
            hooks: BTreeMap::new(),
            endpoint_current: None,
        };
        Self {
            snapshot: Arc::new(Mutex::new(snapshot)),
            alive: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// That a look has ended.
    pub(crate) fn alive(&self) {
        *self.alive.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long ago a look last ended.
    pub(crate) fn silent_for(&self) -> Duration {
        self.alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }

    pub(crate) fn get(&self) -> Snapshot {
        self.snapshot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.snapshot.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
