use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::UnixTime;

use super::status::{PartStatus, Refused};
use crate::counters;

/// An identity or a trust made of watched files.
pub struct Part<T> {
    pub(super) value: Arc<ArcSwap<T>>,
}

impl<T: Clone> Part<T> {
    /// The last good one.
    ///
    /// While configurations are built it is the one that is tried, and goes back to the one
    /// before when none can be built with it.
    pub fn current(&self) -> T {
        T::clone(&self.value.load())
    }
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
        }
    }
}

impl<T> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").finish_non_exhaustive()
    }
}

/// What the one who watches asks of a part.
pub(super) trait Changes: Send {
    /// The files it is made of.
    fn files(&self) -> Vec<PathBuf>;

    /// Reads the files and judges them. On true the part has another value, which is kept until
    /// the next look unless it is [taken back](Self::swap).
    fn look(&mut self, now: UnixTime) -> bool;

    /// Exchanges the value with the one before the last look that changed it.
    fn swap(&mut self);

    /// Notes that nothing can be built of the value, which was taken back.
    fn refuse(&mut self, why: &str, now: UnixTime);

    /// The new value is in force: what was refused before is so no more.
    fn published(&mut self, generation: u64);

    fn status(&self) -> PartStatus;
}

/// How long a file that was just written to is left alone before it is believed, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settling(pub(super) Duration);

impl Settling {
    const ROUNDS: usize = 8;

    /// Reads until two readings are alike, or the files have not been written to for long enough.
    ///
    /// `read` answers what tells one reading from another, how long ago the files were written,
    /// and whether it is whole, as far as one can see.
    pub(super) fn read<R, E>(
        self,
        mut read: impl FnMut() -> Result<R, E>,
        alike: impl Fn(&R, &R) -> bool,
        age: impl Fn(&R) -> Duration,
    ) -> Result<R, E> {
        let mut last = read();
        for _ in 0..Self::ROUNDS {
            let rest = match &last {
                Ok(reading) => self.0.saturating_sub(age(reading)),
                // Being replaced, perhaps.
                Err(_) => self.0,
            };
            if rest.is_zero() {
                break;
            }
            std::thread::sleep(rest);
            let again = read();
            let settled = match (&last, &again) {
                (Ok(one), Ok(other)) => alike(one, other),
                (Err(_), Err(_)) => true,
                _ => false,
            };
            last = again;
            if settled {
                break;
            }
        }
        last
    }
}

/// The last refusal, told to the log once for each reason.
pub(super) fn note_refusal(
    refused: &mut Option<Refused>,
    part: &str,
    reason: String,
    now: UnixTime,
) {
    let at = system(now);
    match refused {
        Some(known) if known.reason == reason => known.last = at,
        _ => {
            counters::reload(false);
            tracing::warn!(
                part,
                reason,
                "what is on the disk is refused, and the last good kept"
            );
            *refused = Some(Refused {
                reason,
                since: at,
                last: at,
            });
        }
    }
}

pub(super) fn system(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}
