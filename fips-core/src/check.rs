use serde::Serialize;

use crate::rfc4514;

/// Which of the gate's six questions a check belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Is the kernel in FIPS mode, and is the answer genuine?
    Kernel,
    /// Is the linked module one that a certificate names?
    Module,
    /// Do the module's own tests pass now?
    Integrity,
    /// Can the DRBG be seeded?
    Entropy,
    /// Is the process free of what the security policy forbids?
    Environment,
    /// Was the module built as the certificate's was?
    Build,
}

impl Group {
    /// The group's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Module => "module",
            Self::Integrity => "integrity",
            Self::Entropy => "entropy",
            Self::Environment => "environment",
            Self::Build => "build",
        }
    }
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As the strict rule wants it.
    Passed,
    /// Not as the rule wants it, and let through by a recorded waiver.
    Waived,
    /// Nothing this process can find out; said, and left to who runs it.
    Unchecked,
    /// Not as the rule wants it: the gate stays shut.
    Failed,
}

impl Outcome {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Waived => "WAIVED",
            Self::Unchecked => "unchecked",
            Self::Failed => "FAIL",
        }
    }
}

/// One check of the gate: what was wanted, what was found, where, by which rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// The question it belongs to.
    pub group: Group,
    /// A stable name, such as `kernel.fips-mode`.
    pub id: &'static str,
    /// What it came to.
    pub outcome: Outcome,
    /// What the strict rule expects.
    pub expected: &'static str,
    /// What was found.
    pub found: String,
    /// Where it was read.
    pub read_from: String,
    /// Standard and section.
    pub source: &'static str,
    /// How to mend it; empty when there is nothing to mend.
    pub mend: String,
}

impl Check {
    /// A check with nothing wrong, to be built upon.
    pub(crate) fn passed(group: Group, id: &'static str, expected: &'static str) -> Self {
        Self {
            group,
            id,
            outcome: Outcome::Passed,
            expected,
            found: String::new(),
            read_from: String::new(),
            source: "",
            mend: String::new(),
        }
    }

    /// What was found, in one line: the system's words hold what others chose, such as the type
    /// of a file system that an unprivileged account mounted.
    pub(crate) fn found(mut self, found: impl AsRef<str>) -> Self {
        self.found = rfc4514::one_line(found.as_ref());
        self
    }

    pub(crate) fn read_from(mut self, place: impl Into<String>) -> Self {
        self.read_from = place.into();
        self
    }

    pub(crate) fn source(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }

    pub(crate) fn fails_with(mut self, mend: impl Into<String>) -> Self {
        self.outcome = Outcome::Failed;
        self.mend = mend.into();
        self
    }

    pub(crate) fn unchecked(mut self) -> Self {
        self.outcome = Outcome::Unchecked;
        self
    }

    /// Lets a failed check through, keeping what was found.
    pub(crate) fn waived(mut self) -> Self {
        if self.outcome == Outcome::Failed {
            self.outcome = Outcome::Waived;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_stays_on_its_line() {
        let check = Check::passed(Group::Kernel, "kernel.x", "")
            .found("forged: fuse.\x1b[2J\npass\u{202e}, mounted at /prüf");
        assert_eq!(
            check.found,
            "forged: fuse.\\u{1b}[2J\\npass\\u{202e}, mounted at /prüf"
        );
    }
}
