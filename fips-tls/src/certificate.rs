//! What the policy says about one certificate, before any signature is verified.

use std::fmt;

use fips_core::{EVALUATION_MARK, Opening, opening};
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{
    OID_PKCS1_RSASSAPSS, OID_PKCS1_SHA1WITHRSA, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA,
    OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
    OID_SIG_ECDSA_WITH_SHA512,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AlgorithmIdentifier, X509Name};

use crate::error::{Error, PemFault};
use crate::name;
use crate::policy::{Profile, PublicKey};

/// Why a certificate is refused, whoever signed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificate {position} of the chain ({subject}): {reason}")]
pub struct CertificateRefused {
    /// The place in the chain: 0 is the leaf.
    pub position: usize,
    /// The subject, as RFC 4514 writes it, cut after 256 characters.
    pub subject: String,
    /// The reason.
    pub reason: CertificateReason,
}

/// Which rule a certificate broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateReason {
    /// Made under evaluation, and this process runs under a strict boundary.
    #[error(
        "its subject or issuer carries the mark \"{EVALUATION_MARK}\", which a strict boundary \
         does not take: make a PKI under a strict boundary"
    )]
    EvaluationOnly,
    /// Not a certificate.
    #[error(
        "it does not parse as an X.509 certificate (RFC 5280 §4.1): export it again as DER or PEM"
    )]
    Malformed,
    /// A kind or size of key the profile does not name.
    #[error(
        "its key is {found}, which profile {profile} does not take ({source_of_rule}): issue it \
         again with a key the profile names"
    )]
    Key {
        /// The key.
        found: PublicKey,
        /// The profile's name.
        profile: &'static str,
        /// Standard and section.
        source_of_rule: &'static str,
    },
    /// A signature algorithm no profile names.
    #[error(
        "it is signed with {found}, which is not accepted (SP 800-131Ar2 §9, SP 800-52r2 \
         §3.2.1): have its issuer sign again with SHA-256, SHA-384 or SHA-512"
    )]
    SignatureAlgorithm {
        /// The algorithm.
        found: SignatureName,
    },
}

/// The algorithm of a certificate's signature, by name where one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureName(String);

impl fmt::Display for SignatureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Judges each certificate of a presented chain, the leaf first.
pub(crate) fn judge_chain<'a>(
    profile: &Profile,
    chain: impl IntoIterator<Item = &'a CertificateDer<'a>>,
) -> Result<(), CertificateRefused> {
    chain
        .into_iter()
        .enumerate()
        // A self-issued certificate above the leaf is there as an anchor: nothing rests on the
        // signature it made over itself, and one used as an issuer would have to verify.
        .try_for_each(|(position, der)| judge(opening(), profile, position, der, position > 0))
}

/// Judges trust anchors: of a self-issued one the key alone.
pub(crate) fn judge_anchors(
    profile: &Profile,
    anchors: &[CertificateDer<'_>],
) -> Result<(), CertificateRefused> {
    anchors
        .iter()
        .enumerate()
        .try_for_each(|(position, der)| judge(opening(), profile, position, der, true))
}

fn judge(
    opening: Option<Opening>,
    profile: &Profile,
    position: usize,
    der: &CertificateDer<'_>,
    may_be_anchor: bool,
) -> Result<(), CertificateRefused> {
    let refused = |subject: String, reason| CertificateRefused {
        position,
        subject,
        reason,
    };
    let certificate =
        parse(der).map_err(|()| refused("unreadable".into(), CertificateReason::Malformed))?;
    let subject = || name::in_error(&name::distinguished(certificate.subject()));

    let names = [certificate.subject(), certificate.issuer()];
    if is_for_evaluation_only(opening, names) {
        return Err(refused(subject(), CertificateReason::EvaluationOnly));
    }

    let key = PublicKey::of(certificate.public_key());
    if !profile.accepts_key(&key) {
        return Err(refused(
            subject(),
            CertificateReason::Key {
                found: key,
                profile: profile.name(),
                source_of_rule: "SP 800-52r2 §3.2.1, SP 800-131Ar2 §3",
            },
        ));
    }

    let is_anchor = may_be_anchor && certificate.subject() == certificate.issuer();
    if !is_anchor {
        check_signature_algorithm(&certificate.signature_algorithm)
            .map_err(|found| refused(subject(), CertificateReason::SignatureAlgorithm { found }))?;
    }
    Ok(())
}

/// Whether certificates of these names are closed to a process whose gate was opened so: an
/// authority made under evaluation has the mark in its subject, and what it issues in the
/// issuer. Before the gate is open nothing is known; a configuration is built after.
fn is_for_evaluation_only(opening: Option<Opening>, names: [&X509Name<'_>; 2]) -> bool {
    opening == Some(Opening::Strict)
        && names
            .into_iter()
            .flat_map(X509Name::iter_organizational_unit)
            .any(|unit| unit.as_str().is_ok_and(|unit| unit == EVALUATION_MARK))
}

pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, ()> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate))
            if name::is_whole(certificate.subject()) && name::is_whole(certificate.issuer()) =>
        {
            Ok(certificate)
        }
        Ok(_) | Err(_) => Err(()),
    }
}

/// Takes the signature algorithms of the policy; the error names any other.
fn check_signature_algorithm(algorithm: &AlgorithmIdentifier<'_>) -> Result<(), SignatureName> {
    let oid = &algorithm.algorithm;
    let accepted = [
        OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384,
        OID_SIG_ECDSA_WITH_SHA512,
        OID_PKCS1_SHA256WITHRSA,
        OID_PKCS1_SHA384WITHRSA,
        OID_PKCS1_SHA512WITHRSA,
        // Its hash is in the parameters, which the verifier compares byte for byte.
        OID_PKCS1_RSASSAPSS,
    ];
    if accepted.contains(oid) {
        return Ok(());
    }
    let oid_text = oid.to_id_string();
    Err(SignatureName(match oid_text.as_str() {
        _ if *oid == OID_PKCS1_SHA1WITHRSA => "RSA with SHA-1".into(),
        "1.2.840.10045.4.1" => "ECDSA with SHA-1".into(),
        "1.2.840.10045.4.3.1" => "ECDSA with SHA-224".into(),
        "1.2.840.113549.1.1.4" => "RSA with MD5".into(),
        "1.2.840.113549.1.1.14" => "RSA with SHA-224".into(),
        "1.3.101.112" => "Ed25519".into(),
        _ => format!("algorithm {}", name::one_line(&oid_text, 64)),
    }))
}

/// All certificates of a PEM text; other blocks are passed over.
pub(crate) fn from_pem(
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Error> {
    use rustls::pki_types::pem::PemObject;

    let fault = |fault| Error::Pem { what, fault };
    fips_core::pem::check_frames(pem).map_err(|why| fault(PemFault::Malformed(why)))?;
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fault(PemFault::Malformed(error.to_string())))?;
    if certificates.is_empty() {
        return Err(fault(PemFault::NoCertificate));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use fips_core::signing::KeyAlgorithm;
    use rcgen::{
        CertificateParams, DistinguishedName, DnType, Issuer, KeyIdMethod, PublicKeyData,
        SerialNumber, SignatureAlgorithm, SigningKey,
    };

    use super::*;
    use crate::name::tests::{COMMON_NAME, ORGANIZATIONAL_UNIT, UTF8, name};

    #[test]
    fn the_mark_counts_in_its_place_under_a_strict_boundary_alone() {
        let mark = EVALUATION_MARK.as_bytes();
        let marked = name(&[
            (COMMON_NAME, UTF8, b"CA"),
            (ORGANIZATIONAL_UNIT, UTF8, b"other"),
            (ORGANIZATIONAL_UNIT, UTF8, mark),
        ]);
        // A common name says nothing about how an authority was made.
        let plain = name(&[
            (COMMON_NAME, UTF8, mark),
            (ORGANIZATIONAL_UNIT, UTF8, b"unit"),
        ]);
        let marked = X509Name::from_der(&marked).unwrap().1;
        let plain = X509Name::from_der(&plain).unwrap().1;
        for (opening, names, expected) in [
            (Some(Opening::Strict), [&plain, &plain], false),
            (Some(Opening::Strict), [&marked, &plain], true),
            (Some(Opening::Strict), [&plain, &marked], true),
            (Some(Opening::Evaluation), [&marked, &marked], false),
            (None, [&marked, &marked], false),
        ] {
            assert_eq!(
                is_for_evaluation_only(opening, names),
                expected,
                "{opening:?}"
            );
        }
    }

    /// Certificates are judged before signatures are verified, so that none is needed.
    struct NoKey;

    impl PublicKeyData for NoKey {
        fn der_bytes(&self) -> &[u8] {
            &[4; 65]
        }

        fn algorithm(&self) -> &'static SignatureAlgorithm {
            &rcgen::PKCS_ECDSA_P256_SHA256
        }
    }

    impl SigningKey for NoKey {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
            Ok(vec![0; 64])
        }
    }

    fn params(common_name: &str, unit: Option<&str>) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, common_name);
        if let Some(unit) = unit {
            name.push(DnType::OrganizationalUnitName, unit);
        }
        params.serial_number = Some(SerialNumber::from_slice(&[1]));
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
        params
    }

    #[test]
    fn a_strict_boundary_takes_no_certificate_made_under_evaluation() {
        let ca = params("CA", Some(EVALUATION_MARK));
        let root = ca.self_signed(&NoKey).unwrap();
        let issuer = Issuer::from_params(&ca, NoKey);
        let leaf = params("leaf", None).signed_by(&NoKey, &issuer).unwrap();
        let other = params("other", None).self_signed(&NoKey).unwrap();
        let profile = Profile::sp800_52r2();
        assert!(profile.accepts_key(&PublicKey::from(KeyAlgorithm::EcdsaP256)));

        let judge = |opening, der, anchor| judge(opening, &profile, 2, der, anchor);
        for (der, anchor, subject) in [
            (leaf.der(), false, "CN=leaf"),
            (
                root.der(),
                true,
                "OU=EVALUATION ONLY - NOT FOR PRODUCTION,CN=CA",
            ),
        ] {
            judge(Some(Opening::Evaluation), der, anchor).unwrap();
            let refused = judge(Some(Opening::Strict), der, anchor).unwrap_err();
            assert_eq!(
                refused,
                CertificateRefused {
                    position: 2,
                    subject: subject.into(),
                    reason: CertificateReason::EvaluationOnly,
                }
            );
            let text = refused.to_string();
            assert!(
                text.contains("make a PKI under a strict boundary"),
                "{text}"
            );
        }
        judge(Some(Opening::Strict), other.der(), true).unwrap();
    }
}
