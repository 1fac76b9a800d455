//! Whether the clock runs steadily: it is held against the time that has really passed.

use std::time::Duration;

use time::OffsetDateTime;

/// How far the clock may drift between two looks before it has jumped: what a time daemon
/// corrects by slewing stays far below.
const TOLERANCE: time::Duration = time::Duration::seconds(10);

/// Watches one clock.
#[derive(Debug)]
pub(crate) struct Steadiness {
    settle: Duration,
    last: Option<OffsetDateTime>,
    /// The last jump, and how long the clock has run steadily since.
    jump: Option<(time::Duration, Duration)>,
}

impl Steadiness {
    pub(crate) const fn new(settle: Duration) -> Self {
        Self {
            settle,
            last: None,
            jump: None,
        }
    }

    /// Looks at the clock, `elapsed` after the last look; `odd` when certificates begin in the
    /// future, which counts as a jump of the past.
    ///
    /// Answers how far it jumped, and how long it must still run steadily.
    pub(crate) fn look(
        &mut self,
        now: OffsetDateTime,
        elapsed: Duration,
        odd: Option<time::Duration>,
    ) -> Option<(time::Duration, Duration)> {
        let passed = time::Duration::try_from(elapsed).unwrap_or(time::Duration::MAX);
        let jumped = self.last.map(|last| now - last - passed);
        self.last = Some(now);
        match (jumped.filter(|by| by.abs() > TOLERANCE), &mut self.jump) {
            (Some(by), jump) => *jump = Some((by, Duration::ZERO)),
            (None, Some((_, steady))) => *steady = steady.saturating_add(elapsed),
            (None, jump @ None) => *jump = odd.map(|by| (by, Duration::ZERO)),
        }
        let (by, steady) = self.jump?;
        let left = self.settle.saturating_sub(steady);
        if left.is_zero() {
            self.jump = None;
            return None;
        }
        Some((by, left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(300);
    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn a_steady_clock_is_never_held() {
        let mut clock = Steadiness::new(SETTLE);
        for minute in 0..100 {
            assert_eq!(clock.look(at(minute * 60 + minute % 3), MINUTE, None), None);
        }
    }

    #[test]
    fn a_jump_either_way_is_held_until_the_clock_has_settled() {
        for jump in [3600, -3600, 40_000_000] {
            let mut clock = Steadiness::new(SETTLE);
            assert_eq!(clock.look(at(0), Duration::ZERO, None), None);
            let held = clock.look(at(60 + jump), MINUTE, None).unwrap();
            assert_eq!(held, (time::Duration::seconds(jump), SETTLE));
            for minute in 2..6 {
                assert!(clock.look(at(60 * minute + jump), MINUTE, None).is_some());
            }
            assert_eq!(clock.look(at(360 + jump), MINUTE, None), None);
            assert_eq!(clock.look(at(420 + jump), MINUTE, None), None);
        }
    }

    #[test]
    fn a_second_jump_begins_the_wait_anew() {
        let mut clock = Steadiness::new(SETTLE);
        clock.look(at(0), Duration::ZERO, None);
        clock.look(at(4000), MINUTE, None);
        clock.look(at(4200), Duration::from_secs(200), None);
        let (_, left) = clock.look(at(260), MINUTE, None).unwrap();
        assert_eq!(left, SETTLE);
    }

    #[test]
    fn certificates_of_the_future_are_waited_with_from_the_first_look() {
        let mut clock = Steadiness::new(SETTLE);
        let odd = Some(time::Duration::hours(-2));
        assert!(clock.look(at(0), Duration::ZERO, odd).is_some());
        assert!(clock.look(at(299), Duration::from_secs(299), odd).is_some());
        assert_eq!(clock.look(at(301), Duration::from_secs(2), odd), None);
    }
}
