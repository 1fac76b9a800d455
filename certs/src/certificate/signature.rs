//! Who signed a certificate: algorithm against policy first, then the signature.

use fips_core::signing::Scheme;
use fips_core::{Diagnostic, verification};
use rustls_pki_types::SignatureVerificationAlgorithm;

use super::Certificate;

/// The schemes a certificate may be signed with, beside the identifiers they go by.
fn schemes() -> impl Iterator<Item = (Scheme, &'static dyn SignatureVerificationAlgorithm)> {
    [
        (Scheme::EcdsaP256Sha256, verification::ECDSA_P256_SHA256),
        (Scheme::EcdsaP384Sha384, verification::ECDSA_P384_SHA384),
        (Scheme::EcdsaP521Sha512, verification::ECDSA_P521_SHA512),
        (Scheme::RsaPkcs1Sha256, verification::RSA_PKCS1_SHA256),
        (Scheme::RsaPkcs1Sha384, verification::RSA_PKCS1_SHA384),
        (Scheme::RsaPkcs1Sha512, verification::RSA_PKCS1_SHA512),
        (Scheme::RsaPssSha256, verification::RSA_PSS_SHA256),
        (Scheme::RsaPssSha384, verification::RSA_PSS_SHA384),
        (Scheme::RsaPssSha512, verification::RSA_PSS_SHA512),
    ]
    .into_iter()
}

/// Whether the identifier is that of a scheme of the policy.
pub(crate) fn is_signature_algorithm(identifier: &[u8]) -> bool {
    schemes().any(|(_, algorithm)| algorithm.signature_alg_id().as_ref() == identifier)
}

/// The scheme of a signature under a key, both by their identifiers; `None` for a pairing that is
/// none of the policy.
pub(crate) fn scheme(signature_algorithm: &[u8], key_algorithm: &[u8]) -> Option<Scheme> {
    schemes()
        .find(|(_, algorithm)| {
            algorithm.signature_alg_id().as_ref() == signature_algorithm
                && algorithm.public_key_alg_id().as_ref() == key_algorithm
        })
        .map(|(scheme, _)| scheme)
}

impl Certificate {
    /// Looks whether `issuer` signed this certificate: its name, its key identifier, its
    /// constraints and the signature (RFC 5280 §6.1.3, §6.1.4), not the time.
    ///
    /// # Errors
    ///
    /// What does not hold, in words.
    pub fn verify_issued_by(
        &self,
        diagnostic: &Diagnostic,
        issuer: &Self,
    ) -> Result<(), NotIssued> {
        let (own, other) = (&self.facts, &issuer.facts);
        if own.issuer_der != other.subject_der {
            return Err(NotIssued::OtherName {
                named: own.issuer.clone(),
                found: other.subject.clone(),
            });
        }
        if let (Some(named), Some(found)) = (&own.authority_key_id, &other.subject_key_id)
            && named != found
        {
            return Err(NotIssued::OtherKeyId);
        }
        if !other.is_authority || other.key_usages.is_some_and(|bits| !bits.key_cert_sign) {
            return Err(NotIssued::NoAuthority);
        }
        let scheme =
            scheme(&own.signature_algorithm, &other.key_algorithm).ok_or(NotIssued::Algorithm)?;
        diagnostic
            .verify(scheme, &other.public_key, &own.tbs, &own.signature)
            .map_err(|_| NotIssued::Signature)
    }
}

/// Why a certificate is not of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotIssued {
    /// The pairing of key and hash is none of the policy.
    #[error(
        "it is signed with an algorithm outside of the policy (ECDSA on P-256, P-384, P-521 with \
         the hash of the curve's strength; RSA from 2048 bits with SHA-256, SHA-384 or SHA-512)"
    )]
    Algorithm,
    /// The issuer is none.
    #[error("its issuer's certificate may not sign certificates")]
    NoAuthority,
    /// The authority key identifier differs.
    #[error("its authority key identifier is not the subject key identifier of its CA")]
    OtherKeyId,
    /// The issuer's name differs.
    #[error("it names the issuer `{named}`, its CA is `{found}`")]
    OtherName {
        /// The issuer it names.
        named: String,
        /// The subject of the CA.
        found: String,
    },
    /// The signature does not verify.
    #[error("its signature does not verify under its CA's key")]
    Signature,
}
