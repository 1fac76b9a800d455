//! What the policy says about one certificate, before any signature is verified.

use std::fmt;
use std::time::Duration;

use fips_core::{EVALUATION_MARK, Opening, opening};
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{
    OID_NIST_HASH_SHA256, OID_NIST_HASH_SHA384, OID_NIST_HASH_SHA512, OID_PKCS1_RSASSAPSS,
    OID_PKCS1_SHA1WITHRSA, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA,
    OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
    OID_SIG_ECDSA_WITH_SHA512,
};
use x509_parser::prelude::FromDer;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, X509Name};

use crate::error::{Error, PemFault};
use crate::name;
use crate::policy::{Profile, PublicKey, Scheme};

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
    /// A signature algorithm the profile does not name.
    #[error(
        "it is signed with {found}, which profile {profile} does not take ({source_of_rule}): \
         have its issuer sign again with one of: {accepted}"
    )]
    SignatureAlgorithm {
        /// The algorithm.
        found: SignatureName,
        /// The profile's name.
        profile: &'static str,
        /// Standard and section.
        source_of_rule: &'static str,
        /// What the profile takes, in words.
        accepted: Box<str>,
    },
}

/// The algorithm of a certificate's signature, by name where one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureName(Box<str>);

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
                source_of_rule: profile.key_source(),
            },
        ));
    }

    let is_anchor = may_be_anchor && certificate.subject() == certificate.issuer();
    if !is_anchor {
        check_signature_algorithm(profile, &certificate.signature_algorithm)
            .map_err(|reason| refused(subject(), reason))?;
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

/// From when to when a certificate counts (RFC 5280 §4.1.2.5).
pub(crate) fn validity(certificate: &X509Certificate<'_>) -> (UnixTime, UnixTime) {
    let validity = certificate.validity();
    (unix(validity.not_before), unix(validity.not_after))
}

/// What lies before 1970 counts as its beginning.
pub(crate) fn unix(time: ASN1Time) -> UnixTime {
    let seconds = time.timestamp().try_into().unwrap_or(0);
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// Takes the signature algorithms of the profile.
fn check_signature_algorithm(
    profile: &Profile,
    algorithm: &AlgorithmIdentifier<'_>,
) -> Result<(), CertificateReason> {
    let scheme = scheme_of(algorithm);
    if scheme.is_some_and(|scheme| profile.accepts_scheme(scheme)) {
        return Ok(());
    }
    let found = match scheme {
        Some(scheme) => scheme.in_certificates().to_owned(),
        None => unknown_signature(algorithm),
    };
    let accepted: Vec<_> = profile
        .schemes()
        .iter()
        .map(|row| row.value.in_certificates())
        .collect();
    Err(CertificateReason::SignatureAlgorithm {
        found: SignatureName(found.into()),
        profile: profile.name(),
        source_of_rule: profile.signature_source(),
        accepted: accepted.join(", ").into(),
    })
}

/// The scheme a certificate is signed with. Of ECDSA it tells the hash alone: the curve is the
/// issuer's key's, which has its own rule.
pub(crate) fn scheme_of(algorithm: &AlgorithmIdentifier<'_>) -> Option<Scheme> {
    let oid = &algorithm.algorithm;
    let named = [
        (OID_SIG_ECDSA_WITH_SHA256, Scheme::EcdsaP256Sha256),
        (OID_SIG_ECDSA_WITH_SHA384, Scheme::EcdsaP384Sha384),
        (OID_SIG_ECDSA_WITH_SHA512, Scheme::EcdsaP521Sha512),
        (OID_PKCS1_SHA256WITHRSA, Scheme::RsaPkcs1Sha256),
        (OID_PKCS1_SHA384WITHRSA, Scheme::RsaPkcs1Sha384),
        (OID_PKCS1_SHA512WITHRSA, Scheme::RsaPkcs1Sha512),
    ];
    if let Some((_, scheme)) = named.into_iter().find(|(name, _)| name == oid) {
        return Some(scheme);
    }
    // Its hash is in the parameters, which the verifier also compares byte for byte.
    let hash = pss_hash(algorithm)?;
    [
        (OID_NIST_HASH_SHA256, Scheme::RsaPssSha256),
        (OID_NIST_HASH_SHA384, Scheme::RsaPssSha384),
        (OID_NIST_HASH_SHA512, Scheme::RsaPssSha512),
    ]
    .into_iter()
    .find_map(|(name, scheme)| (name.to_id_string() == hash).then_some(scheme))
}

/// The scheme of a signature by such a key: a curve comes with the hash of its strength.
pub(crate) fn scheme_with_key(scheme: Scheme, key: &PublicKey) -> Option<Scheme> {
    let fits = match scheme {
        Scheme::EcdsaP256Sha256 => *key == PublicKey::EcdsaP256,
        Scheme::EcdsaP384Sha384 => *key == PublicKey::EcdsaP384,
        Scheme::EcdsaP521Sha512 => *key == PublicKey::EcdsaP521,
        Scheme::RsaPkcs1Sha256
        | Scheme::RsaPkcs1Sha384
        | Scheme::RsaPkcs1Sha512
        | Scheme::RsaPssSha256
        | Scheme::RsaPssSha384
        | Scheme::RsaPssSha512 => matches!(key, PublicKey::Rsa { .. }),
    };
    fits.then_some(scheme)
}

/// The hash of RSASSA-PSS, as an object identifier (RFC 4055 §3.1: SHA-1 where none is named).
fn pss_hash(algorithm: &AlgorithmIdentifier<'_>) -> Option<String> {
    if algorithm.algorithm != OID_PKCS1_RSASSAPSS {
        return None;
    }
    let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
    Some(parameters.hash_algorithm_oid().to_id_string())
}

/// The name of an algorithm that no profile names.
pub(crate) fn unknown_signature(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let oid = &algorithm.algorithm;
    let oid_text = oid.to_id_string();
    match oid_text.as_str() {
        _ if *oid == OID_PKCS1_SHA1WITHRSA => "RSA with SHA-1".into(),
        _ if *oid == OID_PKCS1_RSASSAPSS => match pss_hash(algorithm).as_deref() {
            Some("1.3.14.3.2.26") => "RSA-PSS with SHA-1".into(),
            Some(hash) => format!("RSA-PSS with hash {}", name::one_line(hash, 64)),
            None => "RSA-PSS with unreadable parameters".into(),
        },
        "1.2.840.10045.4.1" => "ECDSA with SHA-1".into(),
        "1.2.840.10045.4.3.1" => "ECDSA with SHA-224".into(),
        "1.2.840.113549.1.1.4" => "RSA with MD5".into(),
        "1.2.840.113549.1.1.14" => "RSA with SHA-224".into(),
        "1.3.101.112" => "Ed25519".into(),
        _ => format!("algorithm {}", name::one_line(&oid_text, 64)),
    }
}

/// All certificates of a PEM text; other blocks are passed over.
pub(crate) fn from_pem(
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let fault = |fault| Error::Pem { what, fault };
    let certificates = fips_core::pem::sections(pem)
        .and_then(|sections| {
            sections
                .iter()
                .filter(|section| section.label() == b"CERTIFICATE")
                .map(|section| Ok(CertificateDer::from(section.decode()?.to_vec())))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(|why| fault(PemFault::Malformed(why)))?;
    if certificates.is_empty() {
        return Err(fault(PemFault::NoCertificate));
    }
    Ok(certificates)
}

#[cfg(test)]
pub(crate) mod tests {
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
    pub(crate) struct NoKey;

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

    pub(crate) fn params(common_name: &str, unit: Option<&str>) -> CertificateParams {
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
