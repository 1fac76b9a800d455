//! Names of any attributes, in a certificate around them: shown in one line, and the fields that
//! authorisation compares are the certificate's own.

use fips_tls::PeerIdentity;
use rustls_pki_types::CertificateDer;

use crate::fixtures::{chain, inside, tlv};
use crate::input::{Input, piece};
use crate::targets::certificate::check;
use crate::text::assert_error;

const INTEGER: u8 = 0x02;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// Common name, organization, unit, a domain's part, an electronic mail address.
const TYPES: [&[u8]; 5] = [
    &[0x55, 0x04, 0x03],
    &[0x55, 0x04, 0x0a],
    &[0x55, 0x04, 0x0b],
    &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01],
];

const UTF8: u8 = 0x0c;

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut subject = Vec::new();
    let mut common_names = Vec::new();
    for _ in 0..input.u8() % 5 {
        let mut relative = Vec::new();
        for _ in 0..1 + input.u8() % 2 {
            let which = usize::from(input.u8()) % (TYPES.len() + 1);
            let oid = TYPES.get(which).copied().unwrap_or_else(|| input.piece());
            let tag = input.u8();
            let value = input.piece();
            if oid == TYPES[0] {
                common_names.push((tag, value));
            }
            relative.extend(tlv(SEQUENCE, &[tlv(OBJECT, oid), tlv(tag, value)].concat()));
        }
        subject.extend(tlv(SET, &relative));
    }
    let der = certificate(&tlv(SEQUENCE, &subject));
    match PeerIdentity::from_certificate(&CertificateDer::from(der)) {
        Ok(identity) => {
            check(&identity);
            if let Some(shown) = identity.common_name() {
                let [(_, value)] = common_names[..] else {
                    panic!("{shown:?} is one of several: {common_names:?}");
                };
                assert_eq!(shown.as_bytes(), value);
            }
            if let [(UTF8, value)] = common_names[..] {
                let text = std::str::from_utf8(value).ok();
                assert_eq!(identity.common_name(), text);
            }
        }
        Err(error) => assert_error(&error),
    }
}

/// A genuine certificate with another subject.
fn certificate(subject: &[u8]) -> Vec<u8> {
    let der = &chain("client.pem")[0];
    let (mut rest, mut fields) = (inside(der, &[(SEQUENCE, 0), (SEQUENCE, 0)]), Vec::new());
    while !rest.is_empty() {
        let (tag, content, after) = crate::fixtures::element(rest);
        fields.push(tlv(tag, content));
        rest = after;
    }
    // Version, serial, algorithm, issuer, validity, subject.
    assert_eq!(fields[1][0], INTEGER);
    fields[5] = subject.to_vec();
    let tbs = tlv(SEQUENCE, &fields.concat());
    let (_, _, after) = crate::fixtures::element(inside(der, &[(SEQUENCE, 0)]));
    tlv(SEQUENCE, &[&tbs, after].concat())
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let attribute = |which: u8, tag: u8, value: &[u8]| [&[which, tag][..], &piece(value)].concat();
    let one = |attribute: &[u8]| [&[1, 0], attribute].concat();
    let mut seeds = vec![vec![0]];
    for tag in [UTF8, 0x13, 0x14, 0x16, 0x1c, 0x1e, 0x04, 0x00, 0x80, 0x30] {
        seeds.push(one(&attribute(0, tag, b"a name")));
    }
    for value in [
        &b"a\x1b[2J\n, O=b"[..],
        b"",
        "\u{202e}\u{2028}".as_bytes(),
        b"\xff\0",
    ] {
        seeds.push(one(&attribute(0, UTF8, value)));
    }
    let pair = [
        &[1][..],
        &attribute(0, UTF8, b"a"),
        &attribute(0, UTF8, b"b"),
    ]
    .concat();
    seeds.push([&[1][..], &pair].concat());
    seeds.push([&[2][..], &pair, &pair].concat());
    let unknown = [&[5][..], &piece(&[0x55, 0x04, 0x61]), &[UTF8], &piece(b"x")].concat();
    seeds.push(one(&unknown));
    seeds
}
