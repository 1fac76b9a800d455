//! The one source of time.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use time::{OffsetDateTime, UtcOffset};

/// Where everything here takes the time from, so that tests and recovery can move it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now, in UTC.
    fn now(&self) -> OffsetDateTime;
}

/// The second of UTC that `moment` lies in, as certificates, lists and logs keep it; `None` for a
/// moment so near the ends of time that UTC has no date for it.
pub(crate) fn whole_second(moment: OffsetDateTime) -> Option<OffsetDateTime> {
    let moment = moment.checked_to_offset(UtcOffset::UTC)?;
    moment.replace_nanosecond(0).ok()
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// A clock that moves when told to.
#[derive(Debug)]
pub struct FixedClock(Mutex<OffsetDateTime>);

impl FixedClock {
    /// A clock that stands at `now`.
    pub const fn new(now: OffsetDateTime) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock on; it stops at the last time that can be represented.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let by = time::Duration::try_from(by).unwrap_or(time::Duration::MAX);
        *now = now.saturating_add(by);
    }

    /// Sets the clock, also back.
    pub fn set(&self, now: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
