//! What is to be logged.

use std::fmt;

use data_encoding::HEXLOWER;
use fips_core::digest::{self, Algorithm};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::certificate::Certificate;
use crate::error::Error;

/// The most characters of one text in the log: what is refused may have been made to fill it.
const MOST_CHARACTERS: usize = 1024;

/// One thing that was done, or refused.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) kind: EventKind,
    pub(super) name: String,
    pub(super) certificate: Option<Logged>,
    pub(super) old_serial: Option<String>,
    pub(super) reason: Option<String>,
    /// Of the log's first line alone.
    pub(super) log: Option<String>,
}

/// What the log says of a certificate.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) subject: String,
    pub(super) serial: String,
    pub(super) issuer: String,
    pub(super) not_after: OffsetDateTime,
    pub(super) sha256: String,
}

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventKind {
    /// A revocation list was signed.
    CrlIssued,
    /// A certificate was there when the log began.
    Found,
    /// A certificate, key or secret that was made elsewhere was taken over.
    Imported,
    /// A certificate was made.
    Issued,
    /// An authority's key was sealed in its file.
    KeySealed,
    /// An authority's sealed key was written as it is.
    KeyUnsealed,
    /// The first line of a log.
    LogBegun,
    /// A node's password was bound at its first join.
    NodeBound,
    /// A node's password was removed: the node may be bound anew.
    NodeReleased,
    /// What had expired or was torn was made good from disk.
    Recovered,
    /// Something was asked for and not done.
    Refused,
    /// A certificate was made in the place of another.
    Renewed,
    /// A certificate was revoked.
    Revoked,
    /// A rotation came one step on, or back.
    RotationStep,
    /// A join token was made.
    TokenCreated,
    /// A join token was made again with another pin.
    TokenReissued,
    /// A join token was revoked.
    TokenRevoked,
    /// A node joined by a token.
    TokenUsed,
}

impl EventKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::CrlIssued,
        Self::Found,
        Self::Imported,
        Self::Issued,
        Self::KeySealed,
        Self::KeyUnsealed,
        Self::LogBegun,
        Self::NodeBound,
        Self::NodeReleased,
        Self::Recovered,
        Self::Refused,
        Self::Renewed,
        Self::Revoked,
        Self::RotationStep,
        Self::TokenCreated,
        Self::TokenReissued,
        Self::TokenRevoked,
        Self::TokenUsed,
    ];

    /// The word in the log, such as `rotation-step`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CrlIssued => "crl-issued",
            Self::Found => "found",
            Self::Imported => "imported",
            Self::Issued => "issued",
            Self::KeySealed => "key-sealed",
            Self::KeyUnsealed => "key-unsealed",
            Self::LogBegun => "log-begun",
            Self::NodeBound => "node-bound",
            Self::NodeReleased => "node-released",
            Self::Recovered => "recovered",
            Self::Refused => "refused",
            Self::Renewed => "renewed",
            Self::Revoked => "revoked",
            Self::RotationStep => "rotation-step",
            Self::TokenCreated => "token-created",
            Self::TokenReissued => "token-reissued",
            Self::TokenRevoked => "token-revoked",
            Self::TokenUsed => "token-used",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Event {
    /// `kind` happened to `name`: an entry of the catalogue, a file, a token's id. Never a
    /// secret.
    pub fn new(kind: EventKind, name: impl AsRef<str>) -> Self {
        Self {
            kind,
            name: bounded(name.as_ref()),
            certificate: None,
            old_serial: None,
            reason: None,
            log: None,
        }
    }

    /// Says which certificate: subject, serial number, issuer, end, and the SHA-256 of its DER,
    /// by which [`verify`](super::verify) knows it again.
    ///
    /// # Errors
    ///
    /// A failure of the module.
    pub fn with_certificate(self, certificate: &Certificate) -> Result<Self, Error> {
        let sha256 = digest::digest(Algorithm::Sha256, certificate.der())?;
        let logged = Logged {
            subject: bounded(certificate.subject()),
            serial: bounded(&certificate.serial()),
            issuer: bounded(certificate.issuer()),
            not_after: certificate.not_after(),
            sha256: HEXLOWER.encode(sha256.as_ref()),
        };
        Ok(Self {
            certificate: Some(logged),
            ..self
        })
    }

    /// Says which certificate was there before, by its serial number.
    #[must_use]
    pub fn with_old_serial(self, serial: impl AsRef<str>) -> Self {
        Self {
            old_serial: Some(bounded(serial.as_ref())),
            ..self
        }
    }

    /// Says why, or what exactly. Never a secret.
    #[must_use]
    pub fn with_reason(self, reason: impl AsRef<str>) -> Self {
        Self {
            reason: Some(bounded(reason.as_ref())),
            ..self
        }
    }
}

/// The beginning of `text`, marked when it is not all.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
