//! What a judge of this thread refused last: rustls's errors tell the reason and not the peer.

use std::cell::RefCell;
use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};
use serde::Serialize;

use crate::authorization::NotAuthorized;
use crate::certificate::CertificateRefused;
use crate::explain::Explanation;
use crate::name;
use crate::peer::PeerIdentity;

/// A peer that was not believed: who it says it is, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerRefusal {
    /// The subject of the leaf, as RFC 4514 writes it, cut after 256 characters; nothing vouches
    /// for it.
    pub subject: String,
    /// The serial number of the leaf, as OpenSSL prints it; empty when it cannot be read.
    pub serial: String,
    /// The kind of reason, for counting.
    pub reason: RefusalReason,
    /// The reason in words, with its source and how to mend it.
    pub explanation: Explanation,
}

/// Kinds of reasons why a peer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RefusalReason {
    /// No rule admits it.
    Authorization,
    /// It does not parse.
    Encoding,
    /// It has expired.
    Expired,
    /// Another name than the one connected to, or one outside of its authority's constraints.
    Name,
    /// It is not valid yet.
    NotYetValid,
    /// None of the others.
    Other,
    /// The profile does not take a key or a signature algorithm of the chain.
    Policy,
    /// It is not for this use.
    Purpose,
    /// It is revoked.
    Revoked,
    /// The list that speaks of it has ended.
    RevocationListExpired,
    /// No list speaks of it, or none that its issuer signed.
    RevocationUnknown,
    /// A signature is wrong.
    Signature,
    /// No trusted authority issued it.
    UnknownIssuer,
}

impl RefusalReason {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Authorization,
        Self::Encoding,
        Self::Expired,
        Self::Name,
        Self::NotYetValid,
        Self::Other,
        Self::Policy,
        Self::Purpose,
        Self::Revoked,
        Self::RevocationListExpired,
        Self::RevocationUnknown,
        Self::Signature,
        Self::UnknownIssuer,
    ];

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Encoding => "encoding",
            Self::Expired => "expired",
            Self::Name => "name",
            Self::NotYetValid => "not-yet-valid",
            Self::Other => "other",
            Self::Policy => "policy",
            Self::Purpose => "purpose",
            Self::Revoked => "revoked",
            Self::RevocationListExpired => "revocation-list-expired",
            Self::RevocationUnknown => "revocation-unknown",
            Self::Signature => "signature",
            Self::UnknownIssuer => "unknown-issuer",
        }
    }

    pub(crate) fn of(error: &Error) -> Self {
        use CertificateError as E;
        let Error::InvalidCertificate(error) = error else {
            return match error {
                Error::InvalidCertRevocationList(_) => Self::RevocationUnknown,
                Error::PeerMisbehaved(_) => Self::Signature,
                _ => Self::Other,
            };
        };
        match error {
            E::ApplicationVerificationFailure => Self::Authorization,
            E::BadEncoding => Self::Encoding,
            E::BadSignature
            | E::UnsupportedSignatureAlgorithmContext { .. }
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::Signature,
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
                Self::RevocationListExpired
            }
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::Purpose,
            E::NotValidForName | E::NotValidForNameContext { .. } => Self::Name,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            E::Revoked => Self::Revoked,
            E::UnknownIssuer => Self::UnknownIssuer,
            E::UnknownRevocationStatus => Self::RevocationUnknown,
            E::Other(other) => {
                if other.0.is::<CertificateRefused>() {
                    Self::Policy
                } else if matches!(
                    other.0.downcast_ref(),
                    Some(webpki::Error::NameConstraintViolation)
                ) {
                    Self::Name
                } else {
                    Self::Other
                }
            }
            _ => Self::Other,
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for PeerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.explanation)
    }
}

impl PeerRefusal {
    pub(crate) fn new(leaf: &CertificateDer<'_>, error: &Error) -> Self {
        let (subject, serial) = match PeerIdentity::from_certificate(leaf) {
            Ok(peer) => (
                name::in_error(peer.subject()),
                name::in_error(peer.serial()),
            ),
            Err(_) => (
                "(a certificate that does not parse)".to_owned(),
                String::new(),
            ),
        };
        Self {
            subject,
            serial,
            reason: RefusalReason::of(error),
            explanation: Explanation::of(error),
        }
    }

    /// Of a peer whose chain is believed.
    pub(crate) fn not_authorized(peer: &PeerIdentity, refused: &NotAuthorized) -> Self {
        Self {
            subject: name::in_error(peer.subject()),
            serial: name::in_error(peer.serial()),
            reason: RefusalReason::Authorization,
            explanation: Explanation::of_not_authorized(refused),
        }
    }
}

thread_local! {
    static LAST: RefCell<Option<PeerRefusal>> = const { RefCell::new(None) };
}

/// Takes what a judge refused last on this thread, if anything since the last call.
///
/// rustls answers a refusal with an error that has the reason and not the peer: who drives a
/// connection calls this before a step of the handshake, to forget what was, and after one that
/// failed. The adapters of this crate do.
pub fn last_refusal() -> Option<PeerRefusal> {
    LAST.with_borrow_mut(Option::take)
}

/// As [`last_refusal`], and leaves it there.
pub(crate) fn noted() -> Option<PeerRefusal> {
    LAST.with_borrow(Option::clone)
}

/// Notes a refusal for [`last_refusal`], with an event.
pub(crate) fn note(refusal: PeerRefusal) {
    tracing::debug!(
        peer = refusal.subject,
        serial = refusal.serial,
        reason = refusal.reason.name(),
        "a TLS peer is refused: {}",
        refusal.explanation,
    );
    LAST.set(Some(refusal));
}
