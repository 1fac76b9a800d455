//! The public half that a private key's file states, read without using the secret.

use rustls_pki_types::PrivateKeyDer;
use x509_parser::asn1_rs::{Any, BitString, Class, FromDer, Integer, OctetString, Tag, ToDer};

use super::{every_key, one_key};

/// The public key as stated in a key's file: enough to see whether a pair is torn, without an
/// open gate. Whether the secret fits is the module's question, asked when the key is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicHalf {
    /// As in a certificate's BIT STRING.
    Stated(Vec<u8>),
    /// The file is a key, but leaves its public half out (RFC 5915 §3 lets it).
    Unstated,
}

impl PublicHalf {
    /// Reads the file of one key.
    pub(crate) fn of_file(file: &[u8]) -> Result<Self, String> {
        Self::of_key(&*one_key(file)?)
    }

    /// Reads the file of several keys, in its order.
    pub(crate) fn each_of_file(file: &[u8]) -> Result<Vec<Self>, String> {
        let keys = every_key(file)?;
        keys.iter().map(|key| Self::of_key(key)).collect()
    }

    fn of_key(key: &PrivateKeyDer<'_>) -> Result<Self, String> {
        let half = match key {
            PrivateKeyDer::Pkcs1(der) => rsa(der.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(der) => pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(der) => sec1(der.secret_sec1_der()),
            _ => None,
        };
        half.ok_or_else(|| "its DER cannot be read as a private key".into())
    }
}

/// The elements of a SEQUENCE that fills `der`.
fn sequence(der: &[u8]) -> Option<Vec<Any<'_>>> {
    let (rest, outer) = Any::from_der(der).ok()?;
    if !rest.is_empty() || outer.tag() != Tag::Sequence || outer.class() != Class::Universal {
        return None;
    }
    let mut elements = Vec::new();
    let mut rest = outer.data;
    while !rest.is_empty() {
        let (after, element) = Any::from_der(rest).ok()?;
        elements.push(element);
        rest = after;
    }
    Some(elements)
}

/// RFC 5958 §2: version, algorithm, key; attributes and a public key may follow.
fn pkcs8(der: &[u8]) -> Option<PublicHalf> {
    let elements = sequence(der)?;
    let [_version, algorithm, key, ..] = &elements[..] else {
        return None;
    };
    let key = OctetString::try_from(key.clone()).ok()?;
    let (_, oid) = Any::from_der(algorithm.data).ok()?;
    match oid.oid().ok()?.to_id_string().as_str() {
        "1.2.840.10045.2.1" => sec1(key.as_ref()),
        "1.2.840.113549.1.1.1" => rsa(key.as_ref()),
        _ => None,
    }
}

/// RFC 5915 §3: version, scalar, `[0]` curve, `[1]` public key.
fn sec1(der: &[u8]) -> Option<PublicHalf> {
    let elements = sequence(der)?;
    let [_version, scalar, optional @ ..] = &elements[..] else {
        return None;
    };
    OctetString::try_from(scalar.clone()).ok()?;
    let Some(public) = optional
        .iter()
        .find(|any| any.class() == Class::ContextSpecific && any.tag() == Tag(1))
    else {
        return Some(PublicHalf::Unstated);
    };
    let (_, bits) = BitString::from_der(public.data).ok()?;
    Some(PublicHalf::Stated(bits.data.to_vec()))
}

/// RFC 8017 §A.1.2: version, modulus, exponent, and the secrets. The public key is a SEQUENCE
/// of the two.
fn rsa(der: &[u8]) -> Option<PublicHalf> {
    let elements = sequence(der)?;
    let [_version, modulus, exponent, secrets @ ..] = &elements[..] else {
        return None;
    };
    if secrets.len() < 6 {
        return None;
    }
    let mut content = Vec::new();
    for number in [modulus, exponent] {
        let number = Integer::try_from(number.clone()).ok()?;
        content.extend(number.to_der_vec().ok()?);
    }
    let public = x509_parser::asn1_rs::Sequence::new(content.into());
    Some(PublicHalf::Stated(public.to_der_vec().ok()?))
}
