//! What may be said about this process: two axes and how the gate was opened, never one word.

use std::fmt;
use std::fs;

use serde::Serialize;

use crate::boundary::Opening;
use crate::build_facts::{BuildFacts, CRATE_DEVIATIONS};
use crate::check::{Check, Outcome};
use crate::{CertificateStatus, ffi, module};

/// The first axis: where the module's code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleClaim {
    /// The version on the certificate, from sources byte-identical to the validated release's.
    SourceOfValidated,
    /// A later release of the same branch.
    PatchedBranch,
    /// Anything else.
    Unknown,
}

/// The second axis: whether the certificate lists the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentClaim {
    /// One of the operational environments on the certificate.
    Tested,
    /// Any other: the user affirms the port (FIPS 140-3 management manual §7.9); CMVP makes
    /// no statement about it.
    Ported,
}

/// The whole sentence.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Statement {
    /// The module's version string.
    pub version: String,
    /// Source axis.
    pub module: ModuleClaim,
    /// Environment axis.
    pub environment: EnvironmentClaim,
    /// What the environment is.
    pub environment_found: String,
    /// Names of the checks that were waived.
    pub waived: Vec<&'static str>,
    /// How the gate was opened, or would be.
    pub opening: Opening,
    /// Whether the gate was entered; else it was only examined.
    pub entered: bool,
    /// Names of the checks that failed.
    pub failed: Vec<&'static str>,
}

impl Statement {
    pub(crate) fn new(checks: &[Check], opening: Opening, entered: bool) -> Self {
        let version = ffi::version_string();
        let names = |outcome| {
            checks
                .iter()
                .filter(|check| check.outcome == outcome)
                .map(|check| check.id)
                .collect()
        };
        let (environment, environment_found) = environment();
        Self {
            module: module_claim(&version, &BuildFacts::of_this_build()),
            version,
            environment,
            environment_found,
            waived: names(Outcome::Waived),
            opening,
            entered,
            failed: names(Outcome::Failed),
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.module {
            ModuleClaim::SourceOfValidated => write!(
                f,
                "{}, built from a source folder byte-identical to that of the module that CMVP \
                 certificate #5314 validates",
                self.version
            )?,
            ModuleClaim::PatchedBranch => write!(
                f,
                "{}, a patched release of the branch of CMVP certificate #5314, which names 3.1.0",
                self.version
            )?,
            ModuleClaim::Unknown => write!(f, "{}, which no claim is made for", self.version)?,
        }
        match self.environment {
            EnvironmentClaim::Tested => write!(
                f,
                "; environment: {}, tested on the certificate",
                self.environment_found
            )?,
            EnvironmentClaim::Ported => write!(
                f,
                "; environment: {}, a port that its user affirms and CMVP makes no statement about",
                self.environment_found
            )?,
        }
        write!(
            f,
            "; deviations of the crate's build: {}",
            CRATE_DEVIATIONS.join(", ")
        )?;
        let verb = match (self.entered, self.failed.is_empty()) {
            (true, true) => "open",
            (true, false) => {
                return write!(
                    f,
                    "; gate: closed for good: {} failed",
                    self.failed.join(", ")
                );
            }
            (false, true) => "not entered, would open",
            (false, false) => {
                return write!(
                    f,
                    "; gate: not entered, would refuse: {}",
                    self.failed.join(", ")
                );
            }
        };
        let how = match self.opening {
            Opening::Strict => "strict",
            Opening::Evaluation => "FOR EVALUATION ONLY",
        };
        write!(f, "; gate: {verb}, {how}, ")?;
        if self.waived.is_empty() {
            write!(f, "no waiver")
        } else {
            write!(f, "waived: {}", self.waived.join(", "))
        }
    }
}

fn module_claim(version: &str, facts: &BuildFacts) -> ModuleClaim {
    match module::lookup(version).map(|row| row.status) {
        Some(CertificateStatus::Named) if facts.sources_are_the_validated_ones() => {
            ModuleClaim::SourceOfValidated
        }
        Some(CertificateStatus::PatchedBranch) => ModuleClaim::PatchedBranch,
        _ => ModuleClaim::Unknown,
    }
}

/// Compares this machine with the rows of the certificate: Amazon Linux 2023 on Graviton4
/// (r8g.metal) and on Intel Xeon Platinum 8375C (c6i.metal).
///
/// The kernel must be Amazon's too: in a container, os-release is the image's.
fn environment() -> (EnvironmentClaim, String) {
    let os = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let machine = fs::read_to_string("/sys/class/dmi/id/product_name").unwrap_or_default();
    let kernel = rustix::system::uname();
    environment_claim(&os, machine.trim(), &kernel.release().to_string_lossy())
}

fn environment_claim(os_release: &str, machine: &str, kernel: &str) -> (EnvironmentClaim, String) {
    let value = |name: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'))
    };
    let machine_name = if machine.is_empty() {
        "unnamed machine"
    } else {
        machine
    };
    let found = format!(
        "{}, kernel {kernel}, on {machine_name} ({})",
        value("PRETTY_NAME").unwrap_or("unknown system"),
        std::env::consts::ARCH
    );
    let tested = value("ID") == Some("amzn")
        && value("VERSION_ID") == Some("2023")
        && kernel.contains(".amzn2023.")
        && matches!(machine, "c6i.metal" | "r8g.metal");
    let claim = if tested {
        EnvironmentClaim::Tested
    } else {
        EnvironmentClaim::Ported
    };
    (claim, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_certificates_rows_are_tested_environments() {
        let amazon = "ID=\"amzn\"\nVERSION_ID=\"2023\"\nPRETTY_NAME=\"Amazon Linux 2023\"\n";
        let kernel = "6.1.102-108.177.amzn2023.x86_64";
        for (os, machine, kernel, expected) in [
            (amazon, "c6i.metal", kernel, EnvironmentClaim::Tested),
            (amazon, "r8g.metal", kernel, EnvironmentClaim::Tested),
            (
                amazon,
                "c6i.metal",
                "6.8.0-1015-aws",
                EnvironmentClaim::Ported,
            ),
            (amazon, "c6i.large", kernel, EnvironmentClaim::Ported),
            (amazon, "", kernel, EnvironmentClaim::Ported),
            (
                "ID=debian\nVERSION_ID=\"12\"\n",
                "c6i.metal",
                kernel,
                EnvironmentClaim::Ported,
            ),
            ("", "r8g.metal", kernel, EnvironmentClaim::Ported),
        ] {
            let claim = environment_claim(os, machine, kernel).0;
            assert_eq!(claim, expected, "{os} {machine} {kernel}");
        }
    }

    #[test]
    fn the_source_claim_needs_both_the_version_and_the_digests() {
        let facts = BuildFacts::of_this_build();
        assert_eq!(
            module_claim("AWS-LC FIPS 3.1.0", &facts),
            ModuleClaim::SourceOfValidated
        );
        let altered = BuildFacts {
            sources_equal: facts.sources_equal - 1,
            ..facts
        };
        assert_eq!(
            module_claim("AWS-LC FIPS 3.1.0", &altered),
            ModuleClaim::Unknown
        );
        assert_eq!(
            module_claim("AWS-LC FIPS 3.4.0", &facts),
            ModuleClaim::PatchedBranch
        );
        assert_eq!(
            module_claim("AWS-LC FIPS 4.2.0", &facts),
            ModuleClaim::Unknown
        );
    }

    #[test]
    fn the_bare_word_never_appears() {
        let statement = Statement::new(&[], Opening::Strict, false).to_string();
        for (index, _) in statement.match_indices("validate") {
            assert!(statement[..index].contains("#5314"), "{statement}");
        }
    }
}
