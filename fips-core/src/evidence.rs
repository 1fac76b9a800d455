//! Everything known about the boundary of this process, as plain data.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::advisories::{ADVISORIES, Advisory, LATER_CHANGES, LaterChange};
use crate::boundary::{Opening, Status};
use crate::check::{Check, Outcome};
use crate::indicator::{self, EXCEPTIONS, Exception, LedgerRow};
use crate::self_test::{self, SelfTests};
use crate::{
    BuildFacts, CRATE_DEVIATIONS, KnownVersion, MODULE_TABLE_DATE, Requirements, Statement,
    known_versions,
};

/// Version of the JSON form; grows when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// The caveat printed on the certificate, verbatim, and what it means here.
const CAVEATS: [&str; 2] = [
    "No assurance of the minimum strength of generated SSPs (e.g., keys)",
    "The DRBG is seeded from outside of the module; this project claims no SP 800-90B assessment of that source",
];

/// The evidence: what was checked, what may be said, what was used.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// Version of this form.
    pub schema: u32,
    /// Name and version of this crate.
    pub made_by: &'static str,
    /// When it was made, RFC 3339, UTC.
    pub made_at: String,
    /// The two axes and how the gate was opened, as data.
    pub statement: Statement,
    /// The same as one sentence.
    pub sentence: String,
    /// Whether the gate is open in this process.
    pub open: bool,
    /// What the entry asked for; `None` when the gate was only examined.
    pub requirements: Option<Requirements>,
    /// Every check.
    pub checks: Vec<Check>,
    /// How the module was built.
    pub build: BuildFacts,
    /// Where the crate's build differs from the security policy's instructions.
    pub deviations: &'static [&'static str],
    /// Caveats of the certificate.
    pub caveats: &'static [&'static str],
    /// Published defects of the pinned module.
    pub advisories: &'static [Advisory],
    /// What later releases of the module's branch changed.
    pub later_changes: &'static [LaterChange],
    /// The table of versions the module was compared with.
    pub known_versions: &'static [KnownVersion],
    /// When that table was last compared with its sources.
    pub known_versions_date: &'static str,
    /// Calls let through without the indicator's mark.
    pub exceptions: &'static [Exception],
    /// The module's own tests since the start of the process.
    pub self_tests: SelfTests,
    /// The service indicator's ledger so far.
    pub ledger: Vec<LedgerRow>,
}

impl Evidence {
    pub(crate) fn of_status(status: &Status) -> Self {
        let mut checks = status.checks().to_vec();
        let mut statement = status.statement().clone();
        let open = self_test::require_passed().is_ok();
        if !open {
            // The entry's answers are out of date: the tests that failed since take their place.
            for now in self_test::checks_after_failure() {
                checks.retain(|check| check.id != now.id);
                checks.push(now);
            }
            statement = Statement::new(&checks, status.opening(), true);
        }
        Self::new(checks, statement, open, Some(status.requirements()))
    }

    pub(crate) fn of_checks(checks: Vec<Check>, opening: Opening) -> Self {
        let statement = Statement::new(&checks, opening, false);
        Self::new(checks, statement, false, None)
    }

    fn new(
        checks: Vec<Check>,
        statement: Statement,
        open: bool,
        requirements: Option<Requirements>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            made_by: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            made_at: OffsetDateTime::now_utc()
                .format(&Rfc3339)
                .unwrap_or_default(),
            sentence: statement.to_string(),
            statement,
            open,
            requirements,
            checks,
            build: BuildFacts::of_this_build(),
            deviations: &CRATE_DEVIATIONS,
            caveats: &CAVEATS,
            advisories: &ADVISORIES,
            later_changes: &LATER_CHANGES,
            known_versions: known_versions(),
            known_versions_date: MODULE_TABLE_DATE,
            exceptions: &EXCEPTIONS,
            self_tests: self_test::done(),
            ledger: indicator::ledger()
                .into_iter()
                .map(|(service, count)| LedgerRow { service, count })
                .collect(),
        }
    }

    /// Whether any check failed.
    pub fn refused(&self) -> bool {
        self.checks
            .iter()
            .any(|check| check.outcome == Outcome::Failed)
    }

    /// The evidence as JSON, indented.
    pub fn to_json(&self) -> String {
        // Plain data with string keys: serde_json has nothing to fail on.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// The text table: one line per check, the failed and waived ones explained, then the sentence.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .checks
            .iter()
            .map(|check| check.id.len())
            .max()
            .unwrap_or(0);
        for check in &self.checks {
            writeln!(
                f,
                "{:<9}  {:<width$}  {}",
                check.outcome.name(),
                check.id,
                check.found
            )?;
            if matches!(check.outcome, Outcome::Failed | Outcome::Waived) {
                writeln!(f, "{:11}expected:  {}", "", check.expected)?;
                writeln!(f, "{:11}read from: {}", "", check.read_from)?;
                writeln!(f, "{:11}rule:      {}", "", check.source)?;
                writeln!(f, "{:11}mend:      {}", "", check.mend)?;
            }
        }
        writeln!(f)?;
        for part in self.sentence.split("; ") {
            writeln!(f, "{part}")?;
        }
        for caveat in self.caveats {
            writeln!(f, "caveat: {caveat}")?;
        }
        for advisory in self.advisories {
            let reach = if advisory.reachable {
                "REACHABLE"
            } else {
                "not reachable"
            };
            writeln!(
                f,
                "advisory: {} ({}), {reach}: {}",
                advisory.id, advisory.place, advisory.why
            )?;
        }
        Ok(())
    }
}
