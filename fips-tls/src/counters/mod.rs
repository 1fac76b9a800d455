//! What the TLS of this process did since it began, as numbers: no names, no keys.
//!
//! Handshakes count where this crate drives them: in its [`adapter`](crate::adapter)s, but not in
//! that of reqwest, nor where a configuration's [`rustls`](crate::ServerConfig::rustls) was taken
//! elsewhere. Tickets, judged chains and reloads count everywhere.
//!
//! ```
//! let snapshot = fips_tls::counters::snapshot();
//! assert_eq!(snapshot.handshakes.iter().map(|row| row.count).sum::<u64>(), 0);
//! ```

mod failure;
mod snapshot;

#[cfg(feature = "prometheus")]
mod prometheus;

use std::sync::atomic::{AtomicU64, Ordering};

use crate::policy::{Group, Suite};

#[cfg(any(test, feature = "tokio"))]
use crate::session::Session;

pub use failure::FailureReason;
#[cfg(feature = "prometheus")]
pub use prometheus::Collector;
pub use snapshot::{Failures, Handshakes, Outcomes, Snapshot, snapshot};

/// Which end of a connection this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// It connects.
    Client,
    /// It accepts.
    Server,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Client, Self::Server];

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Groups, and none.
const GROUPS: usize = Group::ALL.len() + 1;

/// Successes and failures of one thing.
struct Pair {
    good: AtomicU64,
    bad: AtomicU64,
}

impl Pair {
    const fn new() -> Self {
        Self {
            good: AtomicU64::new(0),
            bad: AtomicU64::new(0),
        }
    }

    fn add(&self, good: bool) {
        let counter = if good { &self.good } else { &self.bad };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Outcomes {
        Outcomes {
            good: self.good.load(Ordering::Relaxed),
            bad: self.bad.load(Ordering::Relaxed),
        }
    }
}

/// By side, suite (which says the version), group, and whether resumed.
static DONE: [[[[AtomicU64; 2]; GROUPS]; Suite::ALL.len()]; 2] =
    [const { [const { [const { [const { AtomicU64::new(0) }; 2] }; GROUPS] }; Suite::ALL.len()] };
        2];
/// By side and reason.
static FAILED: [[AtomicU64; FailureReason::COUNT]; 2] =
    [const { [const { AtomicU64::new(0) }; FailureReason::COUNT] }; 2];
static CHAIN_CACHE: Pair = Pair::new();
static RELOADS: Pair = Pair::new();
static TICKETS_OPENED: Pair = Pair::new();
static TICKETS_SEALED: Pair = Pair::new();

/// A chain was judged: found among those judged before, or not.
pub(crate) fn chain_cache(hit: bool) {
    CHAIN_CACHE.add(hit);
}

/// What changed on the disk was taken up, or refused.
#[cfg(feature = "live")]
pub(crate) fn reload(ok: bool) {
    RELOADS.add(ok);
}

/// A client's ticket was opened, or not taken.
pub(crate) fn ticket_opened(ok: bool) {
    TICKETS_OPENED.add(ok);
}

/// A ticket was sealed, or could not be.
pub(crate) fn ticket_sealed(ok: bool) {
    TICKETS_SEALED.add(ok);
}

#[cfg(any(test, feature = "tokio"))]
pub(crate) fn handshake(side: Side, session: &Session) {
    let suite = Suite::ALL.iter().position(|suite| *suite == session.suite);
    let group = session.group.map_or(Some(Group::ALL.len()), |group| {
        Group::ALL.iter().position(|known| *known == group)
    });
    if let (Some(suite), Some(group)) = (suite, group) {
        let counter = &DONE[side as usize][suite][group][usize::from(session.resumed)];
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(any(test, feature = "tokio"))]
pub(crate) fn failure(side: Side, reason: FailureReason) {
    FAILED[side as usize][reason.index()].fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
