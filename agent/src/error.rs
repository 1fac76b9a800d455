//! What can go wrong, and how to mend it.

use std::io;
use std::path::PathBuf;

/// Why an agent cannot start, or has ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another agent keeps the directory.
    #[error(
        "{path} is kept by another agent ({holder}); stop that one first: two would renew against \
         each other",
        path = path.display()
    )]
    AlreadyKept {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as far as is known.
        holder: String,
    },
    /// The PKI could not be read or changed.
    #[error(transparent)]
    Certs(#[from] fips_certs::Error),
    /// The gate has closed: a test of the module has failed.
    #[error(transparent)]
    Closed(#[from] fips_core::Error),
    /// The configuration makes no sense.
    #[error("{place}: {why}")]
    Config {
        /// The file, or the part of it.
        place: String,
        /// What is wrong, and how to mend it.
        why: String,
    },
    /// Something of the operating system failed.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done, and where.
        action: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The module may not even look at certificates.
    #[error(transparent)]
    Refused(Box<fips_core::Refusal>),
    /// The endpoint's certificate, key or trust cannot be used.
    #[error("the endpoint: {0}")]
    Tls(#[from] fips_tls::Error),
}
