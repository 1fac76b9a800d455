use std::fmt;

use crate::check::{Check, Outcome};

/// The gate's refusal: every check that was run, the failed ones among them.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) checks: Vec<Check>,
}

impl Refusal {
    /// All checks, in the gate's order.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The failed ones.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .filter(|check| check.outcome == Outcome::Failed)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed().count();
        let noun = if failed == 1 { "check" } else { "checks" };
        write!(
            f,
            "the cryptographic boundary refuses to open: {failed} {noun} failed"
        )?;
        for check in self.failed() {
            write!(
                f,
                "\n  {}: expected {}; found {}\n    read from: {}\n    rule: {}\n    mend: {}",
                check.id, check.expected, check.found, check.read_from, check.source, check.mend
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
