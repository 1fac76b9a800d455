//! Waiting longer after each failure.

use std::time::Duration;

use fips_core::random;

use crate::config::Retry;

/// How often it failed in a row, and how long to wait now.
#[derive(Debug)]
pub(crate) struct Backoff {
    retry: Retry,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(retry: Retry) -> Self {
        Self { retry, failures: 0 }
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure. The wait doubles up to the longest, less up to a quarter by chance, so
    /// that many agents do not come back at once.
    pub(crate) fn failed(&mut self) -> Duration {
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = self
            .retry
            .first
            .saturating_mul(doubled)
            .min(self.retry.most);
        // A closed gate has no random numbers; the agent ends then anyway.
        let [chance] = random::bytes::<1>().unwrap_or([0]);
        wait - wait.mul_f64(0.25 * f64::from(chance) / 255.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_longest_and_begins_anew() {
        let retry = Retry {
            first: Duration::from_secs(10),
            most: Duration::from_secs(60),
        };
        let mut backoff = Backoff::new(retry);
        for most in [10, 20, 40, 60, 60, 60] {
            let (wait, most) = (backoff.failed(), Duration::from_secs(most));
            assert!(
                wait <= most && wait >= most.mul_f64(0.75),
                "{wait:?} {most:?}"
            );
        }
        for _ in 0..100 {
            assert!(backoff.failed() <= Duration::from_secs(60));
        }
        backoff.succeeded();
        assert_eq!(backoff.failures(), 0);
        assert!(backoff.failed() <= Duration::from_secs(10));
    }
}
