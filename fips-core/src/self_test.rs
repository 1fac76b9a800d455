//! The module's own tests: when the gate opens, on request, and at intervals (security policy
//! §10.5, ISO/IEC 19790:2012 §7.10).
//!
//! The module runs them at load and aborts the process when one fails. Asked again, it answers
//! and goes on: it is here that a failure closes the gate, for good, for the whole process.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::check::{Check, Group};
use crate::error::Error;
use crate::ffi;

/// What the module can test of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelfTest {
    /// HMAC-SHA-256 over the module in memory against the recorded one.
    Integrity,
    /// A known answer of every algorithm, the DRBG's health tests among them.
    KnownAnswers,
}

impl SelfTest {
    /// Every test, in the order they run.
    pub const ALL: [Self; 2] = [Self::Integrity, Self::KnownAnswers];

    /// The test's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity test",
            Self::KnownAnswers => "known-answer tests",
        }
    }

    /// What it covers, as the module's sources have it.
    pub const fn covers(self) -> &'static str {
        match self {
            Self::Integrity => "the module's text and constants in memory",
            Self::KnownAnswers => {
                "AES-CBC, AES-GCM, SHA-1, SHA-256, SHA-512, SHA3-256, HMAC, HKDF, CTR_DRBG, \
                 TLS KDF, PBKDF2, SSKDF, KBKDF, RSA, ECDSA, ECDH, FFDH, ML-KEM, EdDSA"
            }
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Integrity => 1,
            Self::KnownAnswers => 2,
        }
    }

    fn run(self) -> SelfTestResult {
        let started = Instant::now();
        let passed = match self {
            Self::Integrity => ffi::integrity_test(),
            Self::KnownAnswers => ffi::self_test(),
        };
        SelfTestResult {
            test: self,
            passed,
            micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One test in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SelfTestResult {
    /// Which.
    pub test: SelfTest,
    /// Whether the module said that it passed.
    pub passed: bool,
    /// How long it took, in microseconds.
    pub micros: u64,
}

/// One run of all tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SelfTestRun {
    /// When it began, RFC 3339, UTC.
    pub at: String,
    /// Each test, in the order of [`SelfTest::ALL`].
    pub tests: Vec<SelfTestResult>,
}

/// What this process has run so far, the gate's own run included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SelfTests {
    /// How many runs have ended.
    pub runs: u64,
    /// The last one.
    pub last: Option<SelfTestRun>,
}

/// The tests that have failed in this process, by their bits. Never cleared.
static FAILED: AtomicU8 = AtomicU8::new(0);
static DONE: Mutex<SelfTests> = Mutex::new(SelfTests {
    runs: 0,
    last: None,
});

/// Fails when a test of the module has failed in this process: one atomic load.
#[inline]
pub(crate) fn require_passed() -> Result<(), Error> {
    match FAILED.load(Ordering::Acquire) {
        0 => Ok(()),
        _ => Err(failure()),
    }
}

#[cold]
fn failure() -> Error {
    let test = SelfTest::ALL
        .into_iter()
        .find(|test| has_failed(*test))
        .unwrap_or(SelfTest::Integrity);
    Error::SelfTestFailed { test }
}

fn has_failed(test: SelfTest) -> bool {
    FAILED.load(Ordering::Acquire) & test.bit() != 0
}

/// Runs all tests now. After a failure nothing is run: no later answer could be believed.
pub(crate) fn run() -> Result<SelfTestRun, Error> {
    // One run at a time, so that the count and the last run belong together.
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    require_passed()?;
    let run = SelfTestRun {
        at: OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .unwrap_or_default(),
        tests: SelfTest::ALL.map(SelfTest::run).to_vec(),
    };
    for result in &run.tests {
        if !result.passed {
            FAILED.fetch_or(result.test.bit(), Ordering::Release);
            tracing::error!(
                test = result.test.name(),
                "cryptographic boundary: the module's test failed; the gate is closed for good"
            );
        }
    }
    done.runs += 1;
    done.last = Some(run.clone());
    drop(done);
    require_passed().map(|()| run)
}

/// What has been run so far.
pub(crate) fn done() -> SelfTests {
    DONE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The gate's checks: a run of its own.
pub(crate) fn checks() -> [Check; 2] {
    // Its outcome is in the flags, which also remember earlier runs.
    let _ = run();
    SelfTest::ALL.map(|test| check(test, "passed, just now"))
}

/// The gate's checks after a failure: nothing is run again.
pub(crate) fn checks_after_failure() -> [Check; 2] {
    SelfTest::ALL.map(|test| check(test, "passed in the last run"))
}

fn check(test: SelfTest, passed: &str) -> Check {
    let check = match test {
        SelfTest::Integrity => Check::passed(
            Group::Integrity,
            "integrity.hmac",
            "HMAC-SHA-256 over the module in memory equals the recorded one",
        )
        .read_from("BORINGSSL_integrity_test()")
        .source("security policy of #5314, §5.1, §10.5; ISO/IEC 19790 §7.5"),
        SelfTest::KnownAnswers => Check::passed(
            Group::Integrity,
            "integrity.known-answers",
            "every known-answer test passes",
        )
        .read_from("BORINGSSL_self_test()")
        .source("security policy of #5314, §10.5; ISO/IEC 19790 §7.10"),
    };
    if has_failed(test) {
        check
            .found("the module answered with a failure")
            .fails_with(MEND)
    } else {
        check.found(passed)
    }
}

pub(crate) const MEND: &str = "end this process and start it again; if its start fails too, test \
     this machine's memory and build the binary again from clean sources";

/// The thread of the periodic tests, waiting for its start. Dropped unstarted, it ends.
pub(crate) struct Periodic(Sender<()>);

impl Periodic {
    /// Makes the thread. It ends with the process, or when a test fails.
    pub(crate) fn prepare(every: Duration) -> io::Result<Self> {
        let (begin, begun) = mpsc::channel();
        thread::Builder::new()
            .name("fips-self-test".to_owned())
            .spawn(move || {
                if begun.recv().is_err() {
                    return;
                }
                loop {
                    thread::sleep(every);
                    if run().is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self(begin))
    }

    pub(crate) fn start(self) {
        // The thread waits for nothing else, so it is there.
        let _ = self.0.send(());
    }
}

/// The check that an entry adds when it was asked for periodic tests.
pub(crate) fn periodic_check(every: Duration, failure: Option<&io::Error>) -> Check {
    let check = periodic();
    match failure {
        Some(error) => check
            .found(format!("no thread: {error}"))
            .fails_with("allow this process one more thread (ulimit -u, pids.max of its cgroup)"),
        None => check.found(format!("every {every:?}")),
    }
}

/// What an entry would do, without doing it.
pub(crate) fn would_be_periodic(every: Duration) -> Check {
    periodic()
        .found(format!("every {every:?}, started on entering, not now"))
        .unchecked()
}

fn periodic() -> Check {
    Check::passed(
        Group::Integrity,
        "integrity.periodic",
        "the module tests itself again at the interval asked for",
    )
    .read_from("the thread `fips-self-test`")
    .source("ISO/IEC 19790 §7.10; asked for by Requirements::self_test_every()")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_counted_and_kept() {
        let before = done().runs;
        let run = run().unwrap();
        let tests: Vec<_> = run.tests.iter().map(|result| result.test).collect();
        assert_eq!(tests, SelfTest::ALL);
        assert!(
            run.tests
                .iter()
                .all(|result| result.passed && result.micros > 0)
        );
        // Other tests run it too, at the same time.
        assert!(done().runs > before);
        assert!(done().last.is_some());
    }
}
