use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use fips_core::indicator::{self, LedgerRow};
use serde::{Serialize, Serializer};

use super::{
    CHAIN_CACHE, DONE, FAILED, FailureReason, RELOADS, Side, TICKETS_OPENED, TICKETS_SEALED,
};
use crate::policy::{Group, Suite, Version};

/// What was counted until now. Each number is right; they are read one after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Finished handshakes whose peer was taken; a row for each kind that occurred.
    pub handshakes: Vec<Handshakes>,
    /// The others; a row for each reason that occurred.
    pub failures: Vec<Failures>,
    /// Tickets of clients that were opened (good), and those not taken: too old, of another
    /// generation, forged (bad).
    pub tickets_opened: Outcomes,
    /// Tickets that were sealed, and those that could not be.
    pub tickets_sealed: Outcomes,
    /// Peers' chains found among those judged before (good), and those judged anew (bad).
    pub chain_cache: Outcomes,
    /// Changes of files that live configurations took up, and those they refused: each reason
    /// once, as it is told to the log.
    pub reloads: Outcomes,
    /// The service indicator's answers, of this process as a whole.
    pub indicator: Vec<LedgerRow>,
}

/// Finished handshakes of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Handshakes {
    /// This process's side.
    pub side: Side,
    /// The version.
    #[serde(serialize_with = "shown")]
    pub version: Version,
    /// The suite.
    #[serde(serialize_with = "shown")]
    pub suite: Suite,
    /// The group; none on a resumed TLS 1.2 session.
    #[serde(serialize_with = "shown_or_none")]
    pub group: Option<Group>,
    /// Whether they resumed a session.
    pub resumed: bool,
    /// How many.
    pub count: u64,
}

/// Failed handshakes of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failures {
    /// This process's side.
    pub side: Side,
    /// Why.
    pub reason: FailureReason,
    /// How many.
    pub count: u64,
}

/// How often something went one way or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Outcomes {
    /// As one wants it.
    pub good: u64,
    /// Not so.
    pub bad: u64,
}

/// What was counted until now.
pub fn snapshot() -> Snapshot {
    Snapshot {
        handshakes: handshakes(),
        failures: failures(),
        tickets_opened: TICKETS_OPENED.read(),
        tickets_sealed: TICKETS_SEALED.read(),
        chain_cache: CHAIN_CACHE.read(),
        reloads: RELOADS.read(),
        indicator: indicator::ledger()
            .into_iter()
            .map(|(service, count)| LedgerRow { service, count })
            .collect(),
    }
}

fn occurred(counter: &AtomicU64) -> Option<u64> {
    Some(counter.load(Ordering::Relaxed)).filter(|count| *count > 0)
}

fn handshakes() -> Vec<Handshakes> {
    let groups = || Group::ALL.into_iter().map(Some).chain([None]);
    let mut rows = Vec::new();
    for (side, suites) in Side::ALL.into_iter().zip(&DONE) {
        for (suite, by_group) in Suite::ALL.into_iter().zip(suites) {
            for (group, by_kind) in groups().zip(by_group) {
                for (resumed, counter) in [false, true].into_iter().zip(by_kind) {
                    rows.extend(occurred(counter).map(|count| Handshakes {
                        side,
                        version: suite.version(),
                        suite,
                        group,
                        resumed,
                        count,
                    }));
                }
            }
        }
    }
    rows
}

fn failures() -> Vec<Failures> {
    let of = |(side, reasons): (Side, &'static [AtomicU64; FailureReason::COUNT])| {
        FailureReason::all()
            .zip(reasons)
            .filter_map(move |(reason, counter)| {
                Some(Failures {
                    side,
                    reason,
                    count: occurred(counter)?,
                })
            })
    };
    Side::ALL.into_iter().zip(&FAILED).flat_map(of).collect()
}

fn shown<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[allow(clippy::ref_option, reason = "serde passes fields so")]
fn shown_or_none<T: Display, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}
