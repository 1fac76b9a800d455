//! The certificates that a store holds.

use data_encoding::HEXLOWER;
use fips_core::digest::{self, Algorithm};

use super::paths;
use crate::catalogue::Found;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::store::{EntryPath, Store};

/// What is at one `.crt` entry, or inside a kubeconfig.
pub(super) enum Present {
    /// A certificate of the file, and the SHA-256 of its DER.
    Certificate(Box<Certificate>, String),
    /// The file cannot be read, and why.
    Unreadable(String),
}

/// Shows `see` every certificate of every `.crt` entry among `entries`, and those that a
/// kubeconfig (`.conf`, `.kubeconfig`) embeds for its user, one file at a time.
pub(super) fn each(
    store: &dyn Store,
    entries: &[EntryPath],
    see: &mut dyn FnMut(&EntryPath, Present) -> Result<(), Error>,
) -> Result<(), Error> {
    for path in entries {
        let is_kubeconfig = [".conf", ".kubeconfig"]
            .iter()
            .any(|end| path.as_str().ends_with(end));
        if !(is_kubeconfig || path.as_str().ends_with(".crt")) || paths::holds(path) {
            continue;
        }
        let read = store.read(path).and_then(|content| match content {
            Some(content) if is_kubeconfig => embedded(&content),
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

/// The certificates of a kubeconfig's user. One that is none, or names its certificate by file,
/// has none; whether it is well is the check's question.
fn embedded(content: &[u8]) -> Result<Vec<Certificate>, Error> {
    match Found::parse(content).map(|found| found.certificate) {
        Ok(Some(pem)) => Certificate::from_pem(&pem),
        Ok(None) | Err(_) => Ok(Vec::new()),
    }
}
