//! The certificates that a store holds.

use data_encoding::HEXLOWER;
use fips_core::digest::{self, Algorithm};

use super::paths;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::store::{EntryPath, Store};

/// What is at one `.crt` entry.
pub(super) enum Present {
    /// A certificate of the file, and the SHA-256 of its DER.
    Certificate(Box<Certificate>, String),
    /// The file cannot be read, and why.
    Unreadable(String),
}

/// Shows `see` every certificate of every `.crt` entry among `entries`, one file at a time.
pub(super) fn each(
    store: &dyn Store,
    entries: &[EntryPath],
    see: &mut dyn FnMut(&EntryPath, Present) -> Result<(), Error>,
) -> Result<(), Error> {
    for path in entries {
        if !path.as_str().ends_with(".crt") || paths::holds(path) {
            continue;
        }
        let read = store.read(path).and_then(|content| match content {
            Some(content) => Certificate::from_pem(&content),
            // Removed since it was listed.
            None => Ok(Vec::new()),
        });
        match read {
            Ok(certificates) => {
                for certificate in certificates {
                    let sha256 = digest::digest(Algorithm::Sha256, certificate.der())?;
                    let sha256 = HEXLOWER.encode(sha256.as_ref());
                    see(path, Present::Certificate(Box::new(certificate), sha256))?;
                }
            }
            Err(error) => see(path, Present::Unreadable(error.to_string()))?,
        }
    }
    Ok(())
}
