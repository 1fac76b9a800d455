use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::Error;

/// The shortest interval of periodic self-tests: one second, of which they take some 6 ms.
pub const MIN_SELF_TEST_INTERVAL: Duration = Duration::from_secs(1);

/// What an entry asks for beyond, or short of, the strict rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requirements {
    pub(crate) accept_patched_branch: bool,
    pub(crate) non_dumpable: bool,
    #[serde(rename = "self_test_every_seconds", serialize_with = "seconds")]
    pub(crate) self_test_every: Option<Duration>,
}

impl Requirements {
    /// The strict rules alone.
    pub const fn strict() -> Self {
        Self {
            accept_patched_branch: false,
            non_dumpable: false,
            self_test_every: None,
        }
    }

    /// Accepts a later release of the branch whose certificate names 3.1.0 (3.2.0 to 3.6.0),
    /// for who follows an update-stream policy. Recorded as a waiver in every status.
    #[must_use]
    pub const fn accept_patched_branch(self) -> Self {
        Self {
            accept_patched_branch: true,
            ..self
        }
    }

    /// Makes the process non-dumpable: no core file, no ptrace by the same user. Off unless
    /// asked, since it changes the owner of this process's files in procfs.
    #[must_use]
    pub const fn non_dumpable(self) -> Self {
        Self {
            non_dumpable: true,
            ..self
        }
    }

    /// Has the module test itself again and again (ISO/IEC 19790:2012 §7.10.1), `interval` after
    /// the end of the last run, in a thread that does nothing else and keeps no process alive.
    /// The first failure closes the gate for good.
    ///
    /// # Errors
    ///
    /// [`Error::SelfTestInterval`] under [`MIN_SELF_TEST_INTERVAL`].
    pub fn self_test_every(self, interval: Duration) -> Result<Self, Error> {
        if interval < MIN_SELF_TEST_INTERVAL {
            return Err(Error::SelfTestInterval { interval });
        }
        Ok(Self {
            self_test_every: Some(interval),
            ..self
        })
    }
}

fn seconds<S: Serializer>(interval: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    interval
        .map(|interval| interval.as_secs_f64())
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_taken_as_it_is_or_not_at_all() {
        let strict = Requirements::strict();
        for short in [
            Duration::ZERO,
            MIN_SELF_TEST_INTERVAL - Duration::from_nanos(1),
        ] {
            let error = strict.self_test_every(short).unwrap_err();
            assert_eq!(error, Error::SelfTestInterval { interval: short });
        }
        for fits in [
            MIN_SELF_TEST_INTERVAL,
            Duration::from_millis(1500),
            Duration::MAX,
        ] {
            let asked = strict.self_test_every(fits).unwrap();
            assert_ne!(asked, strict);
            assert_ne!(
                asked,
                asked.self_test_every(Duration::from_secs(7)).unwrap()
            );
            let json = serde_json::to_value(asked).unwrap();
            assert_eq!(json["self_test_every_seconds"], fits.as_secs_f64());
        }
    }
}
