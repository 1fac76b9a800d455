//! Which module is linked, and what its certificates say.

use serde::Serialize;

use crate::check::{Check, Group};
use crate::ffi;

/// When the table below was last compared with CMVP's lists and the vendor's statements.
pub const MODULE_TABLE_DATE: &str = "2026-11-22";

/// What a certificate says about a module version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateStatus {
    /// A certificate names this very version.
    Named,
    /// A later release of a branch whose certificate names an earlier one.
    PatchedBranch,
    /// A certificate names it, but this boundary was not built for it.
    NamedButOld,
    /// No certificate names it.
    NotNamed,
}

/// A row of the table of module versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct KnownVersion {
    /// The string inside the module.
    pub version: &'static str,
    /// Releases of aws-lc-fips-sys that carry it.
    pub crates: &'static str,
    /// CMVP certificates.
    pub certificates: &'static str,
    /// What they say.
    pub status: CertificateStatus,
}

const fn row(
    version: &'static str,
    crates: &'static str,
    certificates: &'static str,
    status: CertificateStatus,
) -> KnownVersion {
    KnownVersion {
        version,
        crates,
        certificates,
        status,
    }
}

/// The table. A version that is not in it is unknown, never assumed good.
pub fn known_versions() -> &'static [KnownVersion] {
    const BRANCH: &str = "the vendor reads #5314 as covering branch 3 from 3.1.0 on";
    const TABLE: &[KnownVersion] = &[
        row(
            "AWS-LC FIPS 1.0",
            "",
            "#4631",
            CertificateStatus::NamedButOld,
        ),
        row(
            "AWS-LC FIPS 2.0.0",
            "0.12",
            "#4816 (static), #5429 (dynamic)",
            CertificateStatus::NamedButOld,
        ),
        row(
            "AWS-LC FIPS 3.0.0",
            "0.13.0 to 0.13.10",
            "none for this version",
            CertificateStatus::NotNamed,
        ),
        row(
            "AWS-LC FIPS 3.1.0",
            "0.13.11",
            "#5314 (static), #5298 (dynamic)",
            CertificateStatus::Named,
        ),
        row(
            "AWS-LC FIPS 3.2.0",
            "0.13.12",
            BRANCH,
            CertificateStatus::PatchedBranch,
        ),
        row(
            "AWS-LC FIPS 3.3.0",
            "0.13.13, 0.13.14",
            BRANCH,
            CertificateStatus::PatchedBranch,
        ),
        row(
            "AWS-LC FIPS 3.4.0",
            "0.13.15",
            BRANCH,
            CertificateStatus::PatchedBranch,
        ),
        row(
            "AWS-LC FIPS 3.5.0",
            "0.13.16",
            BRANCH,
            CertificateStatus::PatchedBranch,
        ),
        row(
            "AWS-LC FIPS 3.6.0",
            "0.13.17",
            BRANCH,
            CertificateStatus::PatchedBranch,
        ),
        row(
            "AWS-LC FIPS 4.2.0",
            "0.14",
            "in process",
            CertificateStatus::NotNamed,
        ),
    ];
    TABLE
}

/// The row of `version`.
pub(crate) fn lookup(version: &str) -> Option<&'static KnownVersion> {
    known_versions().iter().find(|row| row.version == version)
}

/// Name of the version's check.
pub(crate) const VERSION: &str = "module.version";

/// The two checks of the group; the second is waivable by `accept_patched_branch` alone.
pub(crate) fn checks(version: &str, accept_patched_branch: bool) -> [Check; 2] {
    let mode = Check::passed(
        Group::Module,
        "module.fips-mode",
        "the module runs in FIPS mode",
    )
    .read_from("FIPS_mode() of the linked module")
    .source("security policy of #5314, §11");
    let mode = if ffi::fips_mode() {
        mode.found("on")
    } else {
        mode.found("off")
            .fails_with("link the module through fips-core's exactly pinned aws-lc-fips-sys")
    };
    [mode, version_check(version, accept_patched_branch)]
}

fn version_check(version: &str, accept_patched_branch: bool) -> Check {
    let check = Check::passed(
        Group::Module,
        VERSION,
        "a version that a CMVP certificate names: AWS-LC FIPS 3.1.0",
    )
    .read_from("awslc_version_string() of the linked module")
    .source("CMVP #5314; table of 2026-11-22");
    const MEND: &str =
        "build with the pins of fips-core (aws-lc-rs =1.17.1, aws-lc-fips-sys =0.13.11)";
    match lookup(version).map(|row| (row, row.status)) {
        Some((row, CertificateStatus::Named)) => {
            check.found(format!("{version}, named by {}", row.certificates))
        }
        Some((row, CertificateStatus::PatchedBranch)) => {
            let check = check
                .found(format!("{version}, a patched branch: {}", row.certificates))
                .fails_with(format!(
                    "{MEND}, or, under an update-stream policy, open the gate with \
                     Requirements::accept_patched_branch()"
                ));
            if accept_patched_branch {
                check.waived()
            } else {
                check
            }
        }
        Some((row, CertificateStatus::NamedButOld | CertificateStatus::NotNamed)) => check
            .found(format!("{version}, certificates: {}", row.certificates))
            .fails_with(MEND),
        None => check
            .found(format!("{version:?}, which the table does not know"))
            .fails_with(MEND),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Outcome;

    #[test]
    fn only_the_named_version_passes() {
        for row in known_versions() {
            let strict = version_check(row.version, false).outcome;
            let patched = version_check(row.version, true).outcome;
            let expected = match row.status {
                CertificateStatus::Named => (Outcome::Passed, Outcome::Passed),
                CertificateStatus::PatchedBranch => (Outcome::Failed, Outcome::Waived),
                _ => (Outcome::Failed, Outcome::Failed),
            };
            assert_eq!((strict, patched), expected, "{}", row.version);
        }
        for unknown in [
            "",
            "AWS-LC FIPS 3.1.00",
            "AWS-LC 1.50.0",
            "AWS-LC FIPS 3.7.0",
        ] {
            assert_eq!(
                version_check(unknown, true).outcome,
                Outcome::Failed,
                "{unknown}"
            );
        }
    }

    #[test]
    fn the_linked_module_is_the_named_one() {
        assert_eq!(ffi::version_string(), "AWS-LC FIPS 3.1.0");
        assert!(ffi::fips_mode());
    }
}
