use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::ledger::{Answer, Counters};
use super::{Count, Service, Summary};

static PROCESS: Counters = Counters::new();

thread_local! {
    /// The ledgers whose scopes this thread is in, outermost first; no ledger twice.
    static SCOPES: RefCell<Vec<Ledger>> = const { RefCell::new(Vec::new()) };
}

/// The ledger of this process since its start, one row per service that was used.
pub fn ledger() -> Vec<(Service, Count)> {
    let rows = PROCESS.rows();
    rows.into_iter()
        .map(|row| (row.service, row.count))
        .collect()
}

/// Counts one call in the process's ledger and in those of the scopes it was made in.
#[inline]
pub(super) fn note(service: Service, answer: Answer) {
    PROCESS.add(service, answer);
    // A thread that is ending has no scopes left: its calls are the process's alone.
    let _ = SCOPES.try_with(|scopes| {
        for ledger in scopes.borrow().iter() {
            ledger.0.add(service, answer);
        }
    });
}

/// The ledger of one connection, or of any other piece of work: what the service indicator said
/// of the calls that were made inside its scope.
///
/// A clone counts into the same numbers. The scope belongs to the thread, as the module's
/// indicator does: calls count that the thread makes while it is inside [`record`](Self::record)
/// or polls a [`recorded`](Self::recorded) future. Work handed to another thread or task counts
/// only when it is wrapped there, with a clone.
///
/// Scopes nest: a call counts once in each ledger it lies in, and once where a ledger is
/// entered again inside itself. The process's ledger counts every call.
///
/// ```
/// use fips_core::digest::{Algorithm, digest};
/// use fips_core::indicator::Ledger;
///
/// let ledger = Ledger::new();
/// ledger.record(|| digest(Algorithm::Sha256, b"inside"))?;
/// digest(Algorithm::Sha256, b"outside")?;
///
/// let summary = ledger.summary();
/// assert!(summary.approved_only());
/// assert_eq!(summary.to_string(), "1 calls approved, 0 excepted, 0 failed, 0 dropped");
/// # Ok::<(), fips_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Counters>);

impl Ledger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self(Arc::new(Counters::new()))
    }

    /// Runs `work` inside this ledger's scope, which ends also when `work` panics.
    pub fn record<T>(&self, work: impl FnOnce() -> T) -> T {
        let _scope = Scope::enter(self);
        work()
    }

    /// Wraps `future` so that each of its polls runs inside this ledger's scope, on whatever
    /// thread. What it spawns does not.
    pub fn recorded<F: Future>(&self, future: F) -> Recorded<F> {
        Recorded {
            ledger: self.clone(),
            future: Box::pin(future),
        }
    }

    /// What has been counted so far.
    pub fn summary(&self) -> Summary {
        self.0.summary()
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

/// The scopes that a thread is in, to be taken along to another one.
///
/// ```
/// use fips_core::digest::{Algorithm, digest};
/// use fips_core::indicator::{Ledger, Scopes};
///
/// let ledger = Ledger::new();
/// ledger.record(|| {
///     let scopes = Scopes::current();
///     std::thread::scope(|threads| {
///         threads.spawn(|| scopes.record(|| digest(Algorithm::Sha256, b"elsewhere")));
///     });
/// });
/// assert_eq!(ledger.summary().total().approved, 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Scopes(Vec<Ledger>);

impl Scopes {
    /// Those of this thread, now.
    pub fn current() -> Self {
        Self(
            SCOPES
                .try_with(|scopes| scopes.borrow().clone())
                .unwrap_or_default(),
        )
    }

    /// Runs `work` inside of them, besides those that this thread is in.
    pub fn record<T>(&self, work: impl FnOnce() -> T) -> T {
        let _scopes: Vec<_> = self.0.iter().map(Scope::enter).collect();
        work()
    }
}

/// A future whose polls run inside a [`Ledger`]'s scope.
#[must_use = "futures do nothing unless polled"]
pub struct Recorded<F> {
    ledger: Ledger,
    future: Pin<Box<F>>,
}

/// The future may hold a connection's secrets, and is not shown.
impl<F> fmt::Debug for Recorded<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}

impl<F: Future> Future for Recorded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let _scope = Scope::enter(&this.ledger);
        this.future.as_mut().poll(context)
    }
}

/// Leaves the scope when dropped. Lives on the stack alone, so scopes end in reverse order; of
/// those that end together, each takes one off.
struct Scope {
    pushed: bool,
}

impl Scope {
    fn enter(ledger: &Ledger) -> Self {
        let pushed = SCOPES.try_with(|scopes| {
            let mut scopes = scopes.borrow_mut();
            let new = !scopes.iter().any(|other| Arc::ptr_eq(&other.0, &ledger.0));
            if new {
                scopes.push(ledger.clone());
            }
            new
        });
        Self {
            pushed: pushed.unwrap_or(false),
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if self.pushed {
            let _ = SCOPES.try_with(|scopes| scopes.borrow_mut().pop());
        }
    }
}
