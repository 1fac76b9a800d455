//! Leaves of an authority that are still good: what keeps it from being retired.

use fips_core::Diagnostic;
use serde::Serialize;
use time::OffsetDateTime;

use super::Rotation;
use crate::catalogue::STATE;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::pki::files;

/// A leaf that the old authority signed and that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LiveLeaf {
    /// Where it was found.
    pub file: String,
    /// Whom it names.
    pub subject: String,
    /// Its serial number.
    pub serial: String,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

impl Rotation<'_> {
    /// What of `old` is known and good at `now`: in any file of certificates, and in any
    /// kubeconfig.
    pub(super) fn live(
        &self,
        old: &Certificate,
        now: OffsetDateTime,
        diagnostic: &Diagnostic,
    ) -> Result<Vec<LiveLeaf>, Error> {
        let store = self.pki.store;
        let mut live: Vec<LiveLeaf> = Vec::new();
        for path in store.list()? {
            if path.as_str().starts_with(STATE) {
                continue;
            }
            let name = path.as_str();
            // What cannot be read is no leaf that anybody shows; `check` tells of it.
            let found = if name.ends_with(".crt") || name.ends_with(".pem") {
                files::certificates(store, &path).ok()
            } else if name.ends_with(".kubeconfig") || name.ends_with(".conf") {
                files::kubeconfig(store, &path)
                    .ok()
                    .flatten()
                    .and_then(|found| Certificate::from_pem(&found.certificate?).ok())
            } else {
                None
            };
            for certificate in found.iter().flatten() {
                if certificate.not_after() >= now
                    && !certificate.is_authority()
                    && certificate.verify_issued_by(diagnostic, old).is_ok()
                {
                    live.push(LiveLeaf {
                        file: path.to_string(),
                        subject: certificate.subject().to_owned(),
                        serial: certificate.serial(),
                        expires: certificate.not_after(),
                    });
                }
            }
        }
        Ok(live)
    }
}
