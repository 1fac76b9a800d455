use std::sync::{Mutex, OnceLock, PoisonError};

use serde::Serialize;

use crate::check::{Check, Group, Outcome};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::indicator::Service;
use crate::kernel::{KernelDetector, KernelFips};
use crate::requirements::Requirements;
use crate::self_test::{self, Periodic, SelfTestRun, SelfTests};
use crate::{BuildFacts, Refusal, Statement, build_facts, entropy, environment, ffi, module};

/// The witness that the gate is open in this process.
///
/// [`Boundary::enter`] and [`Boundary::enter_with`] are the only ways to one in a normal build.
/// It is a small `Copy` value: hand it by reference to whatever makes keys or configurations.
#[derive(Clone, Copy, Debug)]
pub struct Boundary(());

/// How the gate was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// All strict rules held, or only those of [`Requirements`] were relaxed.
    Strict,
    /// `enter_for_evaluation` of a build with the feature `evaluation`.
    Evaluation,
}

/// The organizational unit in the subject of every authority made under evaluation. It is part
/// of what the authority signs and of every name it issues under: a strict boundary refuses to
/// use such a certificate, and nobody can take the mark out.
pub const EVALUATION_MARK: &str = "EVALUATION ONLY - NOT FOR PRODUCTION";

/// How the gate of this process was opened; `None` before an entry has succeeded.
pub fn opening() -> Option<Opening> {
    STATUS.get().map(Status::opening)
}

/// A rule that did not hold and was let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiver {
    /// The check's stable name.
    pub check: &'static str,
    /// What was found.
    pub found: String,
    /// What let it through.
    pub by: &'static str,
}

/// The state of the gate in this process, fixed by the first entry.
#[derive(Clone, Debug)]
pub struct Status {
    opening: Opening,
    requirements: Requirements,
    kernel: KernelFips,
    checks: Vec<Check>,
    waivers: Vec<Waiver>,
    statement: Statement,
}

impl Status {
    /// How the gate was opened.
    pub fn opening(&self) -> Opening {
        self.opening
    }

    /// What the entry asked for.
    pub fn requirements(&self) -> Requirements {
        self.requirements
    }

    /// The kernel's answer.
    pub fn kernel(&self) -> &KernelFips {
        &self.kernel
    }

    /// Every check that was run.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What was let through; empty on a strict entry without relaxations.
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// What may be said about this process, as its entry found it.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The module's own tests since the start of this process, as of now: how many runs, and
    /// how the last one went.
    pub fn self_tests(&self) -> SelfTests {
        self_test::done()
    }
}

static STATUS: OnceLock<Status> = OnceLock::new();
static ENTERING: Mutex<()> = Mutex::new(());

impl Boundary {
    /// Runs all checks under the strict rules and opens the gate.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] with each failed check: what was expected, what was found, where, the rule
    /// and how to mend it. A refusal leaves nothing behind; a later entry runs all checks again.
    pub fn enter() -> Result<Self, Refusal> {
        Self::enter_with(Requirements::strict())
    }

    /// As [`enter`](Self::enter), with other requirements.
    ///
    /// # Errors
    ///
    /// As [`enter`](Self::enter); also when the gate is open already with other requirements.
    pub fn enter_with(requirements: Requirements) -> Result<Self, Refusal> {
        Self::open(requirements, Opening::Strict)
    }

    /// Opens the gate on a machine without a FIPS kernel, for development and tests.
    ///
    /// Waives the kernel's flag (a forged one still refuses) and an attached tracer, never the
    /// module. Every status says so, and what is made under it is marked.
    ///
    /// # Errors
    ///
    /// As [`enter_with`](Self::enter_with).
    #[cfg(feature = "evaluation")]
    pub fn enter_for_evaluation(requirements: Requirements) -> Result<Self, Refusal> {
        Self::open(requirements, Opening::Evaluation)
    }

    /// The state of the gate.
    pub fn status(&self) -> &'static Status {
        // A witness exists only after `open` has set the status.
        STATUS
            .get()
            .expect("a witness exists, so the status is set")
    }

    /// Has the module test itself now: its integrity and every known answer (security policy
    /// §10.5, ISO/IEC 19790:2012 §7.10). Takes some 6 ms; other threads may go on using the
    /// module.
    ///
    /// # Errors
    ///
    /// [`Error::SelfTestFailed`] when a test fails, or has failed before in this process. Then
    /// the gate is closed for good: every service answers with this error, an entry refuses.
    pub fn self_test(&self) -> Result<SelfTestRun, Error> {
        self_test::run()
    }

    /// Whether the gate is open still: it closes when a test of the module fails, on request or
    /// periodically. Every service asks this by itself; a program asks it to know when to end.
    ///
    /// # Errors
    ///
    /// [`Error::SelfTestFailed`].
    pub fn still_open(&self) -> Result<(), Error> {
        self_test::require_passed()
    }

    /// Everything known about this boundary, as data.
    pub fn evidence(&self) -> Evidence {
        Evidence::of_status(self.status())
    }

    /// The checks as an entry would run them, without opening anything.
    ///
    /// They are the very checks: the module tests itself. Nothing of the process is changed.
    pub fn examine(requirements: Requirements) -> Evidence {
        let (_, checks) = run_checks(requirements);
        Evidence::of_checks(announced(requirements, checks), Opening::Strict)
    }

    /// As [`examine`](Self::examine), for an entry by `enter_for_evaluation`.
    #[cfg(feature = "evaluation")]
    pub fn examine_for_evaluation(requirements: Requirements) -> Evidence {
        let (kernel, mut checks) = run_checks(requirements);
        waive_for_evaluation(&kernel, &mut checks);
        Evidence::of_checks(announced(requirements, checks), Opening::Evaluation)
    }

    fn open(requirements: Requirements, opening: Opening) -> Result<Self, Refusal> {
        let _entering = ENTERING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = STATUS.get() {
            if self_test::require_passed().is_err() {
                return Err(Refusal {
                    checks: self_test::checks_after_failure().to_vec(),
                });
            }
            return if (status.requirements, status.opening) == (requirements, opening) {
                Ok(Self(()))
            } else {
                Err(second_entry(status))
            };
        }

        let (kernel, mut checks) = run_checks(requirements);
        if opening == Opening::Evaluation {
            waive_for_evaluation(&kernel, &mut checks);
        }
        let failed = |checks: &[Check]| checks.iter().any(|check| check.outcome == Outcome::Failed);
        let periodic = match requirements.self_test_every {
            Some(every) if !failed(&checks) => {
                let periodic = Periodic::prepare(every);
                checks.push(self_test::periodic_check(every, periodic.as_ref().err()));
                periodic.ok()
            }
            _ => None,
        };
        if requirements.non_dumpable && !failed(&checks) {
            // Last, so that a refusal leaves the process as it was.
            checks.push(environment::become_non_dumpable());
        }
        if failed(&checks) {
            let refusal = Refusal { checks };
            for check in refusal.failed() {
                tracing::error!(
                    check = check.id,
                    found = %check.found,
                    mend = %check.mend,
                    "cryptographic boundary: check failed"
                );
            }
            tracing::error!(fips_mode = false, "cryptographic boundary: refused");
            return Err(refusal);
        }

        let waivers = waivers(&checks, opening);
        let statement = Statement::new(&checks, opening, true);
        for waiver in &waivers {
            tracing::warn!(
                check = waiver.check,
                found = %waiver.found,
                by = waiver.by,
                "cryptographic boundary: waived"
            );
        }
        tracing::info!(
            // FIPS mode is active only when nothing had to be waived.
            fips_mode = waivers.is_empty(),
            opening = ?opening,
            statement = %statement,
            "cryptographic boundary: open"
        );
        let status = Status {
            opening,
            requirements,
            kernel,
            checks,
            waivers,
            statement,
        };
        // Nobody else can have set it: entries are serialised by the lock above.
        let _ = STATUS.set(status);
        if let Some(periodic) = periodic {
            periodic.start();
        }
        Ok(Self(()))
    }
}

/// Fails with [`Error::GateClosed`] until an entry has succeeded, and with
/// [`Error::SelfTestFailed`] after a test of the module has failed: two atomic loads.
#[inline]
pub(crate) fn require_open(service: Service) -> Result<(), Error> {
    match STATUS.get() {
        Some(_) => self_test::require_passed(),
        None => Err(Error::GateClosed { service }),
    }
}

/// The checks, with what an entry would do to the process.
fn announced(requirements: Requirements, mut checks: Vec<Check>) -> Vec<Check> {
    if let Some(every) = requirements.self_test_every {
        checks.push(self_test::would_be_periodic(every));
    }
    if requirements.non_dumpable {
        checks.push(environment::would_become_non_dumpable());
    }
    checks
}

/// All six groups; never stops at the first failure.
fn run_checks(requirements: Requirements) -> (KernelFips, Vec<Check>) {
    let facts = BuildFacts::of_this_build();
    let (kernel, kernel_check) = KernelDetector::default().check();
    let mut checks = vec![kernel_check];
    checks.extend(module::checks(
        &ffi::version_string(),
        requirements.accept_patched_branch,
    ));
    checks.extend(self_test::checks());
    checks.extend(entropy::checks(&facts));
    checks.extend(environment::checks());
    checks.extend(build_facts::checks(&facts));
    if patched_branch_accepted(&checks) && facts.sources_problem.is_none() {
        // The digests are those of 3.1.0: a patched release cannot have them all. Sources that
        // could not be looked at stay a failure.
        for check in &mut checks {
            if check.id == build_facts::SOURCES {
                *check = check.clone().waived();
            }
        }
    }
    (kernel, checks)
}

/// Whether the version was let through as a patched release of the certificate's branch.
fn patched_branch_accepted(checks: &[Check]) -> bool {
    checks
        .iter()
        .any(|check| check.id == module::VERSION && check.outcome == Outcome::Waived)
}

fn waive_for_evaluation(kernel: &KernelFips, checks: &mut [Check]) {
    for check in checks {
        let waivable = match check.id {
            // A forged flag is an attack or a broken machine, not a development one.
            "kernel.fips-mode" => !matches!(kernel, KernelFips::NotGenuine(_)),
            "environment.tracer" => true,
            _ => false,
        };
        if waivable {
            *check = check.clone().waived();
        }
    }
}

fn waivers(checks: &[Check], opening: Opening) -> Vec<Waiver> {
    checks
        .iter()
        .filter(|check| check.outcome == Outcome::Waived)
        .map(|check| Waiver {
            check: check.id,
            found: check.found.clone(),
            by: match (check.group, opening) {
                (Group::Build | Group::Module, _) => "Requirements::accept_patched_branch()",
                (_, Opening::Evaluation) => "Boundary::enter_for_evaluation()",
                (_, Opening::Strict) => "Requirements",
            },
        })
        .collect()
}

fn second_entry(status: &Status) -> Refusal {
    Refusal {
        checks: vec![
            Check::passed(
                Group::Environment,
                "environment.one-entry",
                "one process opens the gate in one way",
            )
            .found(format!(
                "already open: {:?} with {:?}",
                status.opening, status.requirements
            ))
            .read_from("this process's status")
            .source("ARCHITECTURE.md, \"The gate\"")
            .fails_with("enter once, at the start of the program, and hand the witness on"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel_check(state: &KernelFips) -> Check {
        Check::passed(Group::Kernel, "kernel.fips-mode", "x")
            .found(format!("{state:?}"))
            .fails_with("x")
    }

    #[test]
    fn evaluation_waives_a_missing_flag_and_a_tracer_and_nothing_else() {
        use crate::NotGenuine;
        for state in [
            KernelFips::Absent,
            KernelFips::Disabled,
            KernelFips::Unreadable(String::new()),
            KernelFips::Unexpected(String::new()),
        ] {
            let mut checks = vec![kernel_check(&state)];
            waive_for_evaluation(&state, &mut checks);
            assert_eq!(checks[0].outcome, Outcome::Waived, "{state:?}");
        }
        let forged = KernelFips::NotGenuine(NotGenuine::OtherProcFile {
            path: String::new(),
        });
        let mut checks = vec![kernel_check(&forged)];
        waive_for_evaluation(&forged, &mut checks);
        assert_eq!(checks[0].outcome, Outcome::Failed);

        for check in run_checks(Requirements::strict()).1 {
            let id = check.id;
            let mut checks = vec![check.fails_with("x")];
            waive_for_evaluation(&KernelFips::Absent, &mut checks);
            let waived = checks[0].outcome == Outcome::Waived;
            assert_eq!(
                waived,
                ["kernel.fips-mode", "environment.tracer"].contains(&id),
                "{id}"
            );
        }
    }

    #[test]
    fn a_patched_branch_waives_its_version_and_its_sources_alone() {
        let with_version = |outcome: fn(Check) -> Check| {
            let mut checks = run_checks(Requirements::strict()).1;
            for check in &mut checks {
                if check.id == module::VERSION {
                    *check = outcome(check.clone().fails_with("x"));
                }
            }
            checks
        };
        assert!(!patched_branch_accepted(
            &run_checks(Requirements::strict()).1
        ));
        assert!(!patched_branch_accepted(&with_version(|check| check)));
        assert!(patched_branch_accepted(&with_version(Check::waived)));
    }

    #[test]
    fn examining_changes_nothing_of_the_process() {
        let owner = || {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata("/proc/self/environ")
                .map(|m| (m.uid(), m.gid()))
                .unwrap()
        };
        use rustix::process::dumpable_behavior;
        let before = (dumpable_behavior().unwrap(), owner());
        let evidence = Boundary::examine(Requirements::strict().non_dumpable());
        assert_eq!((dumpable_behavior().unwrap(), owner()), before);
        assert!(
            evidence
                .checks
                .iter()
                .any(|check| check.id == "environment.dumpable")
        );
    }

    #[test]
    fn all_groups_are_examined() {
        let (_, checks) = run_checks(Requirements::strict());
        let mut groups: Vec<_> = checks.iter().map(|check| check.group).collect();
        groups.dedup();
        assert_eq!(
            groups,
            [
                Group::Kernel,
                Group::Module,
                Group::Integrity,
                Group::Entropy,
                Group::Environment,
                Group::Build
            ]
        );
        for check in checks {
            assert!(
                !check.found.is_empty() && !check.source.is_empty(),
                "{check:?}"
            );
            assert_eq!(
                check.outcome == Outcome::Failed,
                !check.mend.is_empty(),
                "{check:?}"
            );
        }
    }
}
