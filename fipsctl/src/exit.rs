//! Exit codes, the same for every command.

use std::path::PathBuf;

use fips_boundary::certs::import::Reason;
use fips_boundary::core::{self, Refusal};
use fips_boundary::tls::CertificateReason;
use fips_boundary::{certs, tls};

/// Done, nothing to complain about.
pub(crate) const DONE: u8 = 0;
/// Done, and something was found that wants attention.
pub(crate) const FINDINGS: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// The boundary refuses.
pub(crate) const REFUSED: u8 = 3;
/// Tried and failed.
pub(crate) const FAILED: u8 = 4;

/// Why a command ended without its result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Agent(#[from] fips_agent::Error),
    #[error(transparent)]
    Certs(#[from] certs::Error),
    /// The gate was open, and has closed.
    #[error(transparent)]
    Closed(#[from] core::Error),
    #[error("cannot {action} {path}: {source}{}", certs::remedy(source), path = path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot {action}: {explanation}")]
    Handshake { action: String, explanation: String },
    #[error("cannot {action}: {source}{}", certs::remedy(source))]
    Io {
        action: String,
        source: std::io::Error,
    },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Tls(#[from] tls::Error),
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Agent(error) => of_agent(error),
            Self::Certs(error) => of_certs(error),
            Self::Closed(_) | Self::Refused(_) => REFUSED,
            Self::Tls(error) if made_under_evaluation(error) => REFUSED,
            Self::Usage(_) => USAGE,
            Self::File { .. } | Self::Handshake { .. } | Self::Io { .. } | Self::Tls(_) => FAILED,
        }
    }
}

fn of_agent(error: &fips_agent::Error) -> u8 {
    match error {
        fips_agent::Error::Certs(error) => of_certs(error),
        fips_agent::Error::Closed(_) | fips_agent::Error::Refused(_) => REFUSED,
        fips_agent::Error::Config { .. } => USAGE,
        fips_agent::Error::Tls(error) if made_under_evaluation(error) => REFUSED,
        _ => FAILED,
    }
}

fn of_certs(error: &certs::Error) -> u8 {
    match error {
        // A strict boundary does not touch what was made under evaluation.
        certs::Error::Gate(_) | certs::Error::Refused(_) => REFUSED,
        certs::Error::Import { reasons, .. }
            if reasons
                .iter()
                .any(|reason| matches!(reason, Reason::Gate(_))) =>
        {
            REFUSED
        }
        certs::Error::UnknownEntry { .. } | certs::Error::UnknownService { .. } => USAGE,
        _ => FAILED,
    }
}

/// Whether a strict boundary refused a certificate for the mark it carries.
fn made_under_evaluation(error: &tls::Error) -> bool {
    match error {
        tls::Error::Certificate { refused, .. } => {
            refused.reason == CertificateReason::EvaluationOnly
        }
        tls::Error::InFile { source, .. } => made_under_evaluation(source),
        _ => false,
    }
}
