//! The CPU time of a piece of work.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CPU time that `work` takes, of `count` times, a tenth more before.
///
/// CPU time and not the clock on the wall: what else runs on the machine costs caches, and not
/// its turns.
pub(crate) fn nanoseconds(count: u32, mut work: impl FnMut()) -> i64 {
    for _ in 0..count / 10 + 1 {
        work();
    }
    let start = cpu_time();
    for _ in 0..count {
        work();
    }
    (cpu_time() - start) / i64::from(count)
}

/// As [`nanoseconds`], of work on something new each time, whose making does not count.
pub(crate) fn nanoseconds_with<T>(
    count: u32,
    mut make: impl FnMut() -> T,
    mut work: impl FnMut(T),
) -> i64 {
    work(make());
    let mut sum = 0;
    for _ in 0..count {
        let made = make();
        let start = cpu_time();
        work(made);
        sum += cpu_time() - start;
    }
    sum / i64::from(count)
}

fn cpu_time() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
