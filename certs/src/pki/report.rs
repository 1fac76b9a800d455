//! What was done.

use serde::Serialize;
use time::OffsetDateTime;

use crate::certificate::Certificate;

/// What [`Pki::init`](super::Pki::init) or [`Pki::renew`](super::Pki::renew) did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Each certificate that was issued.
    pub issued: Vec<Issued>,
    /// Each file that was written, below the store's root; those of the audit log aside.
    pub written: Vec<String>,
    /// Whether this was done under evaluation.
    pub evaluation: bool,
    /// What may be said about the process that did it.
    pub statement: String,
}

impl Report {
    /// Takes over what a further change of the same work did.
    pub(super) fn add(&mut self, other: Self) {
        self.issued.extend(other.issued);
        self.written.extend(other.written);
    }
}

/// One certificate.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Issued {
    /// Its name in the catalogue.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Its subject.
    pub subject: String,
    /// The serial number of what was there before.
    pub old_serial: Option<String>,
    /// When that ends.
    #[serde(with = "time::serde::rfc3339::option")]
    pub old_expires: Option<OffsetDateTime>,
    /// The new serial number.
    pub serial: String,
    /// When the new one ends.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
    /// Kind and size of the key.
    pub key: String,
    /// Whether the key was kept.
    pub key_kept: bool,
}

impl Issued {
    pub(super) fn new(name: &str, file: impl ToString, certificate: &Certificate) -> Self {
        Self {
            name: name.to_owned(),
            file: file.to_string(),
            subject: certificate.subject().to_owned(),
            old_serial: None,
            old_expires: None,
            serial: certificate.serial(),
            expires: certificate.not_after(),
            key: certificate.facts().key_name.clone(),
            key_kept: false,
        }
    }
}
