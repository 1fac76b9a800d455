//! The public half of a token's key, as in a certificate's BIT STRING.

use cryptoki::object::{Attribute, AttributeType, KeyType as TokenKeyType, ObjectHandle};
use cryptoki::session::Session;
use fips_core::verification::is_allowed_exponent;
use x509_parser::asn1_rs::{Any, FromDer, OctetString};

use super::fault;
use crate::key::KeyType;

/// `namedCurve` of `ECParameters` (RFC 5480 §2.1.1): secp256r1 and secp384r1.
pub(super) const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub(super) const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 0x22];

/// What the object of a public key says.
#[derive(Default)]
struct Said {
    kind: Option<TokenKeyType>,
    curve: Option<Vec<u8>>,
    point: Option<Vec<u8>>,
    modulus: Option<Vec<u8>>,
    exponent: Option<Vec<u8>>,
}

/// Reads the object of a public key.
pub(super) fn read(session: &Session, object: ObjectHandle) -> Result<(KeyType, Vec<u8>), String> {
    let asked = [
        AttributeType::EcParams,
        AttributeType::EcPoint,
        AttributeType::KeyType,
        AttributeType::Modulus,
        AttributeType::PublicExponent,
    ];
    let mut said = Said::default();
    for attribute in session
        .get_attributes(object, &asked)
        .map_err(|answer| fault::words(&answer))?
    {
        match attribute {
            Attribute::EcParams(curve) => said.curve = Some(curve),
            Attribute::EcPoint(point) => said.point = Some(point),
            Attribute::KeyType(kind) => said.kind = Some(kind),
            Attribute::Modulus(modulus) => said.modulus = Some(modulus),
            Attribute::PublicExponent(exponent) => said.exponent = Some(exponent),
            _ => {}
        }
    }
    judge(said)
}

fn judge(said: Said) -> Result<(KeyType, Vec<u8>), String> {
    match said.kind {
        Some(TokenKeyType::EC) => ec(
            &said.curve.unwrap_or_default(),
            said.point.unwrap_or_default(),
        ),
        Some(TokenKeyType::RSA) => rsa(
            &said.modulus.unwrap_or_default(),
            &said.exponent.unwrap_or_default(),
        ),
        _ => Err(refused("it is neither an elliptic nor an RSA key")),
    }
}

fn ec(curve: &[u8], point: Vec<u8>) -> Result<(KeyType, Vec<u8>), String> {
    let (key_type, length) = match curve {
        P256 => (KeyType::P256, 65),
        P384 => (KeyType::P384, 97),
        other => {
            let name = Any::from_der(other).ok().and_then(|(_, any)| {
                let oid = any.oid().ok()?;
                Some(oid.to_id_string())
            });
            let name = name.unwrap_or_else(|| "no named curve".into());
            return Err(refused(&format!("its curve is {name}")));
        }
    };
    // PKCS#11 2.40 §2.3.3: the DER of an OCTET STRING. Some tokens leave the frame out.
    let point = match OctetString::from_der(&point) {
        Ok(([], framed)) if point.len() != length => framed.as_ref().to_vec(),
        _ => point,
    };
    if point.len() != length || point.first() != Some(&4) {
        return Err("its public point is not an uncompressed one of its curve".into());
    }
    Ok((key_type, point))
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<(KeyType, Vec<u8>), String> {
    let start = modulus.iter().position(|byte| *byte != 0);
    let modulus = &modulus[start.unwrap_or(modulus.len())..];
    let bits = modulus.first().map_or(0, |first| {
        8 * modulus.len() - first.leading_zeros() as usize
    });
    let key_type = match bits {
        2048 => KeyType::Rsa2048,
        3072 => KeyType::Rsa3072,
        4096 => KeyType::Rsa4096,
        bits => return Err(refused(&format!("it is an RSA key of {bits} bits"))),
    };
    if !is_allowed_exponent(exponent) {
        return Err(
            "its public exponent is even or outside of 2^16 to 2^256 (FIPS 186-5 §5.1)".into(),
        );
    }
    // RFC 8017 §A.1.1.
    let public = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_bigint_bytes(modulus, true);
            writer.next().write_bigint_bytes(exponent, true);
        });
    });
    Ok((key_type, public))
}

fn refused(why: &str) -> String {
    format!("{why}; certificates are issued with P-256, P-384 and RSA of 2048, 3072 or 4096 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(point: &[u8]) -> Vec<u8> {
        let length = u8::try_from(point.len()).unwrap();
        [&[4, length], point].concat()
    }

    #[test]
    fn points_with_and_without_their_frame() {
        let mut point = vec![4; 65];
        // Bytes that also read as the header of an OCTET STRING of what follows.
        point[1] = 63;
        for form in [framed(&point), point.clone()] {
            assert_eq!(ec(P256, form).unwrap(), (KeyType::P256, point.clone()));
        }
        let long = vec![4; 97];
        assert_eq!(ec(P384, framed(&long)).unwrap(), (KeyType::P384, long));
        for wrong in [vec![], vec![4; 64], framed(&[2; 33]), framed(&[6; 65])] {
            assert!(ec(P256, wrong).is_err());
        }
    }

    #[test]
    fn what_is_not_issued_for_is_named() {
        let k256 = [0x06, 5, 0x2b, 0x81, 4, 0, 0x0a];
        let why = ec(&k256, framed(&[4; 65])).unwrap_err();
        assert!(why.contains("1.3.132.0.10"), "{why}");
        assert!(ec(&[], vec![]).unwrap_err().contains("no named curve"));
        for (length, first) in [
            (0, 0),
            (128, 0xff),
            (256, 0x7f),
            (257, 1),
            (384, 1),
            (1024, 0xff),
        ] {
            let mut modulus = vec![0xff; length];
            if let Some(byte) = modulus.first_mut() {
                *byte = first;
            }
            assert!(rsa(&modulus, &[1, 0, 1]).is_err(), "{length} bytes");
        }
        assert!(rsa(&[0xff; 256], &[3]).unwrap_err().contains("exponent"));
        assert!(judge(Said::default()).is_err());
    }

    #[test]
    fn the_rsa_key_is_the_der_of_its_numbers() {
        let (key_type, der) = rsa(&[&[0], &[0xff; 256][..]].concat(), &[0, 1, 0, 1]).unwrap();
        assert_eq!(key_type, KeyType::Rsa2048);
        assert_eq!(der[..9], [0x30, 0x82, 1, 10, 2, 0x82, 1, 1, 0]);
        assert_eq!(der[der.len() - 5..], [2, 3, 1, 0, 1]);
    }
}
