//! What parsed as a key is one: it reads back the same from its own encoding, shows the same
//! public half in all forms, and signs what that half verifies.

use fips_core::signing::PrivateKey;
use fips_core::verification::verify;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::fixtures::{boundary, inside, key_der};
use crate::input::Input;
use crate::text::assert_error;

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let form = input.u8() % 3;
    let scheme = usize::from(input.u8());
    let der = input.rest();
    let der = match form {
        0 => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
        1 => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
        _ => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
    };
    let key = match PrivateKey::from_der(boundary(), &der) {
        Ok(key) => key,
        Err(error) => return assert_error(&error),
    };

    let encoded = key.to_pkcs8().unwrap();
    let again = PrivatePkcs8KeyDer::from(&encoded[..]).into();
    let again = PrivateKey::from_der(boundary(), &again).unwrap();
    assert_eq!(again.algorithm(), key.algorithm());
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(again.to_pkcs8().unwrap(), encoded);

    let info = key.public_key_info().unwrap();
    let (rest, info) = SubjectPublicKeyInfo::from_der(&info).unwrap();
    assert!(rest.is_empty());
    assert_eq!(info.subject_public_key.data.as_ref(), key.public_key());

    let schemes = key.algorithm().schemes();
    let scheme = schemes[scheme % schemes.len()];
    let signature = key.sign(scheme, data).unwrap();
    verify(scheme, key.public_key(), data, &signature).unwrap();
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    const OCTETS: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;
    let mut seeds = Vec::new();
    for name in ["p256.key", "p384.key", "p521.key", "rsa2048.key"] {
        let pkcs8 = key_der(name);
        let pkcs8 = pkcs8.secret_der();
        seeds.push([&[0, 0], pkcs8].concat());
        // Version, algorithm, and the older encoding inside of an octet string.
        let older = inside(pkcs8, &[(SEQUENCE, 0), (OCTETS, 2)]);
        let form = if name.starts_with('p') { 1 } else { 2 };
        seeds.push([&[form, 1], older].concat());
    }
    seeds
}
