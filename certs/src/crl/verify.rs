//! Whether a list may be believed: its issuer, its signature, its time, and what it leaves out.

use fips_core::Diagnostic;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::list::{Partial, RevocationList};
use crate::certificate::{self, Certificate};

impl RevocationList {
    /// Looks whether `issuer` signed this list, and whether it is one that can be used at `now`
    /// (RFC 5280 §6.3.3): the algorithm against policy first, then the signature.
    ///
    /// # Errors
    ///
    /// What does not hold, in words.
    pub fn verify(
        &self,
        diagnostic: &Diagnostic,
        issuer: &Certificate,
        now: OffsetDateTime,
    ) -> Result<(), ListRefused> {
        self.verify_issued_by(diagnostic, issuer)?;
        self.verify_form()?;
        self.verify_time(now)
    }

    /// Looks whether `issuer` signed this list, not the time and not what it leaves out.
    ///
    /// # Errors
    ///
    /// What does not hold, in words.
    pub fn verify_issued_by(
        &self,
        diagnostic: &Diagnostic,
        issuer: &Certificate,
    ) -> Result<(), ListRefused> {
        let (own, other) = (self.facts(), issuer.facts());
        if own.issuer_der != other.subject_der {
            return Err(ListRefused::OtherName {
                named: own.issuer.clone(),
                found: other.subject.clone(),
            });
        }
        if let (Some(named), Some(found)) = (&own.authority_key_id, &other.subject_key_id)
            && named != found
        {
            return Err(ListRefused::OtherKeyId);
        }
        if other.key_usages.is_some_and(|bits| !bits.crl_sign) {
            return Err(ListRefused::NoCrlSign);
        }
        let scheme = certificate::scheme(&own.signature_algorithm, &other.key_algorithm)
            .ok_or(ListRefused::Algorithm)?;
        diagnostic
            .verify(scheme, &other.public_key, &own.tbs, &own.signature)
            .map_err(|_| ListRefused::Signature)
    }

    /// What the list is, apart from who signed it.
    fn verify_form(&self) -> Result<(), ListRefused> {
        let facts = self.facts();
        if let Some(oid) = &facts.unknown_critical {
            return Err(ListRefused::UnknownCritical { oid: oid.clone() });
        }
        if facts.delta {
            return Err(ListRefused::Delta);
        }
        match facts.partial {
            None => Ok(()),
            Some(Partial::Attribute) => Err(ListRefused::AttributeCertificates),
            Some(Partial::Indirect) => Err(ListRefused::Indirect),
            Some(Partial::Reasons) => Err(ListRefused::SomeReasons),
        }
    }

    fn verify_time(&self, now: OffsetDateTime) -> Result<(), ListRefused> {
        let facts = self.facts();
        let next = facts.next_update.ok_or(ListRefused::NoNextUpdate)?;
        if next <= facts.this_update {
            return Err(ListRefused::Ended { ended: next });
        }
        if facts.this_update > now {
            return Err(ListRefused::NotYetValid {
                begins: facts.this_update,
            });
        }
        if next < now {
            return Err(ListRefused::Ended { ended: next });
        }
        Ok(())
    }
}

/// A moment as RFC 3339 writes it.
fn in_words(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

/// Why a revocation list is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListRefused {
    /// The pairing of key and hash is none of the policy.
    #[error(
        "it is signed with an algorithm outside of the policy (ECDSA on P-256, P-384, P-521 with \
         the hash of the curve's strength; RSA from 2048 bits with SHA-256, SHA-384 or SHA-512)"
    )]
    Algorithm,
    /// It speaks of attribute certificates.
    #[error("it speaks of attribute certificates alone (RFC 5280 §5.2.5)")]
    AttributeCertificates,
    /// It holds changes alone.
    #[error("it is a delta list, which holds changes alone (RFC 5280 §5.2.4): use the full one")]
    Delta,
    /// It has ended.
    #[error("it ended at {}: the next one should be there (RFC 5280 §5.1.2.5)", in_words(*ended))]
    Ended {
        /// Its `nextUpdate`.
        ended: OffsetDateTime,
    },
    /// It speaks for other issuers.
    #[error("it is an indirect list, which speaks for other issuers (RFC 5280 §5.2.5)")]
    Indirect,
    /// The issuer may not sign lists.
    #[error("its issuer's key usage lacks cRLSign (RFC 5280 §4.2.1.3)")]
    NoCrlSign,
    /// It does not say how long it holds.
    #[error("it does not say when the next one comes (RFC 5280 §5.1.2.5)")]
    NoNextUpdate,
    /// It begins later.
    #[error("it begins at {}, later than now; see the clock", in_words(*begins))]
    NotYetValid {
        /// Its `thisUpdate`.
        begins: OffsetDateTime,
    },
    /// The authority key identifier differs.
    #[error("its authority key identifier is not the subject key identifier of its issuer")]
    OtherKeyId,
    /// The issuer's name differs.
    #[error("it names the issuer `{named}`, the authority is `{found}`")]
    OtherName {
        /// The issuer it names.
        named: String,
        /// The subject of the authority.
        found: String,
    },
    /// The signature does not verify.
    #[error("its signature does not verify under its issuer's key")]
    Signature,
    /// It speaks of some reasons.
    #[error("it speaks of some reasons alone (RFC 5280 §5.2.5)")]
    SomeReasons,
    /// A critical extension nobody here understands.
    #[error("it has the critical extension {oid}, which is not understood (RFC 5280 §5.2)")]
    UnknownCritical {
        /// The extension.
        oid: String,
    },
}
