//! The DER that key files and signatures need, from the integers that vectors give (X.690 §8).

use crate::agreement::Curve;

const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// id-ecPublicKey, rsaEncryption with its NULL, and the three curves (RFC 5480, RFC 3279).
const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x22";
const P521: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x23";

fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let len = contents.len().to_be_bytes();
    let len = &len[contents.len().leading_zeros() as usize / 8..];
    let mut out = vec![tag];
    if contents.len() >= 0x80 {
        out.push(0x80 | len.len() as u8);
        out.extend(len);
    } else {
        out.push(contents.len() as u8);
    }
    out.extend(contents);
    out
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let sign: &[u8] = match bytes.first() {
        Some(first) if *first < 0x80 => &[],
        _ => &[0],
    };
    element(INTEGER, &[sign, bytes])
}

fn curve_oid(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::P256 => P256,
        Curve::P384 => P384,
        Curve::P521 => P521,
    }
}

fn key_info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[algorithm, &element(BIT_STRING, &[&[0], key])])
}

/// `SubjectPublicKeyInfo` of a point (RFC 5480 §2).
pub(super) fn ec_key_info(curve: Curve, point: &[u8]) -> Vec<u8> {
    key_info(
        &element(SEQUENCE, &[EC_PUBLIC_KEY, curve_oid(curve)]),
        point,
    )
}

/// `SubjectPublicKeyInfo` of an RSA key (RFC 3279 §2.3.1).
pub(super) fn rsa_key_info(public_key: &[u8]) -> Vec<u8> {
    key_info(&element(SEQUENCE, &[RSA_ENCRYPTION]), public_key)
}

/// `RSAPublicKey` (RFC 8017 §A.1.1).
pub(super) fn rsa_public_key(n: &[u8], e: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&integer(n), &integer(e)])
}

/// `ECPrivateKey` without the public point (RFC 5915 §3).
pub(super) fn ec_private_key(curve: Curve, d: &[u8]) -> Vec<u8> {
    element(
        SEQUENCE,
        &[
            &integer(&[1]),
            &element(OCTET_STRING, &[d]),
            &element(0xa0, &[curve_oid(curve)]),
        ],
    )
}

/// `ECDSA-Sig-Value` (RFC 3279 §2.2.3).
pub(super) fn ecdsa_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&integer(r), &integer(s)])
}

#[test]
fn lengths_and_signs_are_minimal() {
    assert_eq!(integer(&[0, 0]), [2, 1, 0]);
    assert_eq!(integer(&[0, 0x7f]), [2, 1, 0x7f]);
    assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
    assert_eq!(element(4, &[&[1; 0x7f]])[..2], [4, 0x7f]);
    assert_eq!(element(4, &[&[1; 0x80]])[..3], [4, 0x81, 0x80]);
    assert_eq!(element(4, &[&[1; 0x100]])[..4], [4, 0x82, 1, 0]);
}
