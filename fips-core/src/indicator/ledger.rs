use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::{EXCEPTIONS, Service};

/// How calls of one service, or of all, were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Calls that the indicator called approved.
    pub approved: u64,
    /// Calls of the exceptions table.
    pub excepted: u64,
    /// Calls that failed in the module (a bad signature, a failed open).
    pub failed: u64,
    /// Calls whose result was dropped because the indicator stayed silent.
    pub dropped: u64,
}

/// One service in a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    /// The service.
    pub service: Service,
    /// How often, with which answer.
    #[serde(flatten)]
    pub count: Count,
}

/// A call of [`EXCEPTIONS`] in a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExceptedCall {
    /// The service it belongs to.
    pub service: Service,
    /// Which of its calls.
    pub call: &'static str,
    /// How often.
    pub count: u64,
}

/// What a ledger held when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    approved_only: bool,
    #[serde(flatten)]
    total: Count,
    exceptions: Vec<ExceptedCall>,
    services: Vec<LedgerRow>,
}

impl Summary {
    /// Whether every result that was handed out came from a call the indicator called approved.
    /// A failed call handed out nothing and does not count.
    pub fn approved_only(&self) -> bool {
        self.approved_only
    }

    /// All services together.
    pub fn total(&self) -> Count {
        self.total
    }

    /// The calls of [`EXCEPTIONS`] that were made, in the table's order.
    pub fn exceptions(&self) -> &[ExceptedCall] {
        &self.exceptions
    }

    /// The services that were used, in the order of [`Service::ALL`].
    pub fn services(&self) -> &[LedgerRow] {
        &self.services
    }
}

/// One line, such as `51 calls approved, 0 excepted, 0 failed, 0 dropped`; excepted calls are
/// named.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total;
        write!(
            f,
            "{} calls approved, {} excepted",
            total.approved, total.excepted
        )?;
        for (index, excepted) in self.exceptions.iter().enumerate() {
            let before = if index == 0 { " (" } else { ", " };
            write!(f, "{before}{} {}", excepted.call, excepted.count)?;
        }
        if !self.exceptions.is_empty() {
            write!(f, ")")?;
        }
        write!(f, ", {} failed, {} dropped", total.failed, total.dropped)
    }
}

/// What the indicator and the module said of one call.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Approved,
    Dropped,
    /// The place in [`EXCEPTIONS`].
    Excepted(usize),
    Failed,
}

#[derive(Debug)]
struct Row {
    approved: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// The numbers behind a ledger. Excepted calls are counted one by one, and summed when asked.
#[derive(Debug)]
pub(super) struct Counters {
    services: [Row; Service::ALL.len()],
    exceptions: [AtomicU64; EXCEPTIONS.len()],
}

impl Counters {
    pub(super) const fn new() -> Self {
        Self {
            services: [const {
                Row {
                    approved: AtomicU64::new(0),
                    failed: AtomicU64::new(0),
                    dropped: AtomicU64::new(0),
                }
            }; Service::ALL.len()],
            exceptions: [const { AtomicU64::new(0) }; EXCEPTIONS.len()],
        }
    }

    #[inline]
    pub(super) fn add(&self, service: Service, answer: Answer) {
        let row = &self.services[service as usize];
        match answer {
            Answer::Approved => &row.approved,
            Answer::Dropped => &row.dropped,
            Answer::Excepted(index) => &self.exceptions[index],
            Answer::Failed => &row.failed,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// The services that were used.
    pub(super) fn rows(&self) -> Vec<LedgerRow> {
        let excepted = |service| {
            EXCEPTIONS
                .iter()
                .zip(&self.exceptions)
                .filter(|(exception, _)| exception.service == service)
                .map(|(_, count)| count.load(Ordering::Relaxed))
                .sum()
        };
        Service::ALL
            .into_iter()
            .zip(&self.services)
            .map(|(service, row)| LedgerRow {
                service,
                count: Count {
                    approved: row.approved.load(Ordering::Relaxed),
                    excepted: excepted(service),
                    failed: row.failed.load(Ordering::Relaxed),
                    dropped: row.dropped.load(Ordering::Relaxed),
                },
            })
            .filter(|row| row.count != Count::default())
            .collect()
    }

    pub(super) fn summary(&self) -> Summary {
        let services = self.rows();
        let total = services.iter().fold(Count::default(), |sum, row| Count {
            approved: sum.approved + row.count.approved,
            excepted: sum.excepted + row.count.excepted,
            failed: sum.failed + row.count.failed,
            dropped: sum.dropped + row.count.dropped,
        });
        let exceptions = EXCEPTIONS
            .iter()
            .zip(&self.exceptions)
            .map(|(exception, count)| ExceptedCall {
                service: exception.service,
                call: exception.call,
                count: count.load(Ordering::Relaxed),
            })
            .filter(|excepted| excepted.count != 0)
            .collect();
        Summary {
            approved_only: total.excepted == 0 && total.dropped == 0,
            total,
            exceptions,
            services,
        }
    }
}
