//! Leaves of an authority that are still good: what keeps it from being retired.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use fips_core::Diagnostic;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Phase, Rotation};
use crate::audit::{self, EventKind};
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

/// A Secret of type `kubernetes.io/tls` as JSON, and nothing of its key.
#[derive(Deserialize)]
struct TlsSecret<'a> {
    #[serde(borrow)]
    data: TlsData<'a>,
}

#[derive(Deserialize)]
struct TlsData<'a> {
    #[serde(rename = "tls.crt")]
    certificate: &'a str,
}

/// The certificates of such a Secret. k3s and RKE2 keep what their supervisor shows in one,
/// `tls/dynamic-cert.json` (rancher/dynamiclistener `storage/file`), and go on to show it when
/// its authority is another.
fn of_secret(file: &[u8]) -> Option<Vec<Certificate>> {
    let secret: TlsSecret<'_> = serde_json::from_slice(file).ok()?;
    let pem = BASE64.decode(secret.data.certificate.as_bytes()).ok()?;
    Certificate::from_pem(&pem).ok()
}

impl Rotation<'_> {
    /// What of `old` is known and good at `now`: in any file of certificates, in any kubeconfig,
    /// in any TLS Secret kept as JSON, and by the audit log.
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
            } else if name.ends_with(".json") {
                let content = store.read(&path).ok().flatten();
                content.and_then(|content| of_secret(&content))
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
        for entry in self.logged(old, now)? {
            if !live.iter().any(|leaf| leaf.serial == entry.serial) {
                live.push(entry);
            }
        }
        Ok(live)
    }

    /// What the audit log knows besides: leaves of `old` that were made for somebody outside of
    /// the catalogue, whose own were written over, keys and all.
    fn logged(&self, old: &Certificate, now: OffsetDateTime) -> Result<Vec<LiveLeaf>, Error> {
        let entries = match audit::entries(self.pki.store) {
            Ok(entries) => entries,
            Err(Error::NoAuditLog { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // The new authority may bear the old one's name: what was made before it signed is the
        // old one's.
        let name = &self.entry.name;
        let signs = format!("-> {}", Phase::IssueFromNew);
        let until = entries.iter().rposition(|entry| {
            entry.event == EventKind::RotationStep
                && entry.name == *name
                && entry
                    .reason
                    .as_ref()
                    .is_some_and(|why| why.contains(&signs))
        });
        let until = until.unwrap_or(entries.len());
        let revoked: BTreeSet<&String> = entries
            .iter()
            .filter(|entry| entry.event == EventKind::Revoked)
            .filter_map(|entry| entry.serial.as_ref())
            .collect();
        let mut live = Vec::new();
        for entry in &entries[..until] {
            let made = matches!(
                entry.event,
                EventKind::Imported | EventKind::Issued | EventKind::Renewed
            );
            let (Some(serial), Some(issuer), Some(expires)) =
                (&entry.serial, &entry.issuer, entry.not_after)
            else {
                continue;
            };
            if made
                && issuer == old.subject()
                && expires >= now
                && !revoked.contains(serial)
                && self.pki.catalogue.entry(&entry.name).is_none()
            {
                live.push(LiveLeaf {
                    file: format!("audit log, line {}: {}", entry.number, entry.name),
                    subject: entry.subject.clone().unwrap_or_default(),
                    serial: serial.clone(),
                    expires,
                });
            }
        }
        Ok(live)
    }
}
