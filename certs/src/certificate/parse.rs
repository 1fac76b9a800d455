//! DER to facts, by x509-parser.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fips_core::EVALUATION_MARK;
use fips_core::verification::is_allowed_exponent;
use x509_parser::asn1_rs::{Any, FromDer, Oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_NAME_CONSTRAINTS,
    OID_X509_EXT_SUBJECT_KEY_IDENTIFIER,
};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name, X509Version};

use super::name::{distinguished_name, text};
use super::{Facts, FoundName, KeyUsages};
use crate::der;
use crate::names::SubjectAltName;

pub(super) fn facts(der: &[u8]) -> Result<Facts, String> {
    der::bounded(der).map_err(|why| why.to_string())?;
    let (_, x509) =
        X509Certificate::from_der(der).map_err(|error| format!("DER does not parse: {error}"))?;
    if x509.version() != X509Version::V3 {
        return Err("not of version 3, so it has no extensions (RFC 5280 §4.1.2.1)".into());
    }
    let extensions = x509
        .extensions_map()
        .map_err(|_| "an extension is there twice (RFC 5280 §4.2)")?;
    if let Some((oid, _)) = extensions
        .iter()
        .find(|(_, extension)| extension.parsed_extension().error().is_some())
    {
        return Err(format!("extension {oid} does not parse"));
    }
    let bad = |_| "an extension does not parse".to_owned();
    let basic = x509.basic_constraints().map_err(bad)?;
    let key_usage = x509.key_usage().map_err(bad)?;
    let extended = x509.extended_key_usage().map_err(bad)?;
    let names = x509.subject_alternative_name().map_err(bad)?;
    let parsed = |oid: &Oid<'_>| extensions.get(oid).map(|found| found.parsed_extension());
    let subject_key_id = match parsed(&OID_X509_EXT_SUBJECT_KEY_IDENTIFIER) {
        Some(ParsedExtension::SubjectKeyIdentifier(id)) => Some(id.0.to_vec()),
        _ => None,
    };
    let authority_key_id = match parsed(&OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER) {
        Some(ParsedExtension::AuthorityKeyIdentifier(id)) => {
            id.key_identifier.as_ref().map(|id| id.0.to_vec())
        }
        _ => None,
    };
    let (key_name, key_allowed) = judge_key(x509.public_key());
    if !outer_is_strict(der) || x509.signature_value.unused_bits != 0 {
        return Err("what stands around the signed bytes is not DER (RFC 5280 §4.1.1)".into());
    }
    let (tbs, signature_algorithm) = outer(der).ok_or("DER does not parse")?;
    let inner = content_of_algorithm(&x509, der).ok_or("DER does not parse")?;
    if inner != signature_algorithm {
        return Err("names two signature algorithms (RFC 5280 §4.1.1.2)".into());
    }
    let subject = x509.subject();

    Ok(Facts {
        subject: distinguished_name(subject)?,
        subject_der: subject.as_raw().to_vec(),
        issuer: distinguished_name(x509.issuer())?,
        issuer_der: x509.issuer().as_raw().to_vec(),
        common_names: subject.iter_common_name().map(text).collect(),
        organizations: subject.iter_organization().map(text).collect(),
        marked: [subject, x509.issuer()]
            .into_iter()
            .flat_map(X509Name::iter_organizational_unit)
            .any(|unit| text(unit) == EVALUATION_MARK),
        serial: x509.raw_serial().to_vec(),
        not_before: x509.validity().not_before.to_datetime(),
        not_after: x509.validity().not_after.to_datetime(),
        is_authority: basic.as_ref().is_some_and(|basic| basic.value.ca),
        path_length: basic.and_then(|basic| basic.value.path_len_constraint),
        key_usages: key_usage.map(|usage| KeyUsages {
            digital_signature: usage.value.digital_signature(),
            key_cert_sign: usage.value.key_cert_sign(),
            crl_sign: usage.value.crl_sign(),
        }),
        extended_usages: extended.map_or_else(Vec::new, |usage| purposes(usage.value)),
        constrains_names: extensions.contains_key(&OID_X509_EXT_NAME_CONSTRAINTS),
        unknown_critical: unknown_critical(x509.extensions()),
        names: names.map_or_else(Vec::new, |names| {
            names.value.general_names.iter().map(name).collect()
        }),
        subject_key_id,
        authority_key_id,
        key_name,
        key_allowed,
        key_algorithm: algorithm_of_key(x509.public_key()).ok_or("public key does not parse")?,
        public_key: x509.public_key().subject_public_key.data.to_vec(),
        tbs: tbs.to_vec(),
        signature_algorithm: signature_algorithm.to_vec(),
        signature: x509.signature_value.data.to_vec(),
    })
}

/// Whether the certificate, its algorithm and its signature begin with the very tags they must:
/// the parser takes a sequence of any class, and no signature covers these bytes.
fn outer_is_strict(der: &[u8]) -> bool {
    const BIT_STRING: u8 = 0x03;
    const SEQUENCE: u8 = 0x30;
    let tags = || {
        let (_, certificate) = Any::from_der(der).ok()?;
        let (algorithm, _) = Any::from_der(certificate.data).ok()?;
        let (signature, _) = Any::from_der(algorithm).ok()?;
        Some([*der.first()?, *algorithm.first()?, *signature.first()?])
    };
    tags() == Some([SEQUENCE, SEQUENCE, BIT_STRING])
}

/// The bytes that are signed, and the content of the algorithm beside them.
pub(crate) fn outer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, certificate) = Any::from_der(der).ok()?;
    let content = certificate.data;
    let (after, _) = Any::from_der(content).ok()?;
    let (_, algorithm) = Any::from_der(after).ok()?;
    Some((&content[..content.len() - after.len()], algorithm.data))
}

/// The content of the algorithm within the signed bytes: the third element, after version and
/// serial number.
pub(crate) fn content_of_algorithm<'a>(
    x509: &X509Certificate<'_>,
    der: &'a [u8],
) -> Option<&'a [u8]> {
    let (tbs, _) = outer(der)?;
    let (_, tbs) = Any::from_der(tbs).ok()?;
    let mut rest = tbs.data;
    if x509.version() != X509Version::V1 {
        rest = Any::from_der(rest).ok()?.0;
    }
    rest = Any::from_der(rest).ok()?.0;
    Some(Any::from_der(rest).ok()?.1.data)
}

/// The critical extensions that nobody here acts upon (RFC 5280 §4.2: then the certificate is to
/// be refused). Name constraints stand apart.
fn unknown_critical(extensions: &[X509Extension<'_>]) -> Vec<String> {
    extensions
        .iter()
        .filter(|extension| extension.critical)
        .filter(|extension| {
            !matches!(
                extension.parsed_extension(),
                ParsedExtension::AuthorityKeyIdentifier(_)
                    | ParsedExtension::BasicConstraints(_)
                    | ParsedExtension::ExtendedKeyUsage(_)
                    | ParsedExtension::KeyUsage(_)
                    | ParsedExtension::NameConstraints(_)
                    | ParsedExtension::SubjectAlternativeName(_)
                    | ParsedExtension::SubjectKeyIdentifier(_)
            )
        })
        .map(|extension| extension.oid.to_id_string())
        .collect()
}

pub(crate) fn algorithm_of_key(info: &SubjectPublicKeyInfo<'_>) -> Option<Vec<u8>> {
    let (_, info) = Any::from_der(info.raw).ok()?;
    Some(Any::from_der(info.data).ok()?.1.data.to_vec())
}

/// The kind and size of a key, and whether policy takes it (SP 800-131Ar2 §3: RSA from 2048
/// bits; FIPS 186-5 §5.1: its public exponent).
pub(crate) fn judge_key(info: &SubjectPublicKeyInfo<'_>) -> (String, bool) {
    match info.parsed() {
        Ok(PublicKey::EC(_)) => {
            let curve = info
                .algorithm
                .parameters
                .as_ref()
                .and_then(|any| any.clone().oid().ok())
                .map(|oid| oid.to_id_string());
            match curve.as_deref() {
                Some("1.2.840.10045.3.1.7") => ("ECDSA P-256".into(), true),
                Some("1.3.132.0.34") => ("ECDSA P-384".into(), true),
                Some("1.3.132.0.35") => ("ECDSA P-521".into(), true),
                Some("1.2.840.10045.3.1.1") => ("ECDSA P-192".into(), false),
                Some("1.3.132.0.10") => ("ECDSA on secp256k1".into(), false),
                Some("1.3.132.0.33") => ("ECDSA P-224".into(), false),
                Some(other) => (format!("ECDSA on curve {other}"), false),
                None => ("ECDSA on an unnamed curve".into(), false),
            }
        }
        Ok(PublicKey::RSA(key)) => {
            let bits = key.key_size();
            if !is_allowed_exponent(key.exponent) {
                return (format!("RSA {bits} with a small or even exponent"), false);
            }
            (format!("RSA {bits}"), (2048..=8192).contains(&bits))
        }
        _ => (algorithm_of(&info.algorithm.algorithm), false),
    }
}

fn algorithm_of(oid: &Oid<'_>) -> String {
    match oid.to_id_string().as_str() {
        "1.2.840.10040.4.1" => "DSA".into(),
        "1.3.101.112" => "Ed25519".into(),
        "1.3.101.113" => "Ed448".into(),
        other => format!("algorithm {other}"),
    }
}

pub(crate) fn purposes(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    [
        (usage.server_auth, "ServerAuth"),
        (usage.client_auth, "ClientAuth"),
        (usage.any, "Any"),
        (usage.code_signing, "CodeSigning"),
        (usage.email_protection, "EmailProtection"),
        (usage.time_stamping, "TimeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .map(|(_, name)| name.to_owned())
    .chain(usage.other.iter().map(|oid| oid.to_id_string()))
    .collect()
}

pub(crate) fn name(name: &GeneralName<'_>) -> FoundName {
    let known = match name {
        GeneralName::DNSName(name) => SubjectAltName::dns(*name).ok(),
        GeneralName::IPAddress(bytes) => address(bytes).map(SubjectAltName::Ip),
        GeneralName::URI(name) => SubjectAltName::uri(*name).ok(),
        _ => None,
    };
    known.map_or_else(
        || FoundName::Other(escape(&name.to_string())),
        FoundName::Known,
    )
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|bytes| Ipv6Addr::from(bytes).into())
}

/// Keeps text from a certificate from steering a terminal.
fn escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}
