//! Bytes nobody should have written: an answer in words, never a panic.

mod common;

use common::{START, boundary, check, made, row};
use fips_certs::pki::Status;
use fips_certs::{Certificate, key};
use proptest::prelude::*;
use std::sync::LazyLock;

const LEAF: &str = "tls/serving-kube-apiserver.crt";
const KEY: &str = "tls/serving-kube-apiserver.key";

static GOOD: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let store = made();
    (store.content(LEAF), store.content(KEY))
});

#[test]
fn files_of_all_kinds_of_nonsense_are_torn_rows() {
    let store = made();
    let mut bundle_with_key = GOOD.0.clone();
    bundle_with_key.extend(&GOOD.1);
    let crlf = String::from_utf8(GOOD.0.clone())
        .unwrap()
        .replace('\n', "\r\n");
    for (name, content) in [
        ("empty", Vec::new()),
        ("newlines", vec![b'\n'; 4096]),
        ("zeros", vec![0; 4096]),
        ("huge", vec![b'A'; 9 << 20]),
        (
            "huge PEM",
            [
                b"-----BEGIN CERTIFICATE-----\n".to_vec(),
                vec![b'A'; 9 << 20],
            ]
            .concat(),
        ),
        (
            "empty section",
            b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_vec(),
        ),
        (
            "not base64",
            b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n".to_vec(),
        ),
        (
            "DER",
            Certificate::from_pem(&GOOD.0).unwrap()[0].der().to_vec(),
        ),
        ("with a key", bundle_with_key),
        ("key", GOOD.1.clone()),
    ] {
        store.set(LEAF, content.clone());
        assert_eq!(
            row(&check(&store, START), LEAF).status,
            Status::Torn,
            "{name}"
        );
        store.set(LEAF, GOOD.0.clone());
        if name != "key" {
            store.set(KEY, content.clone());
            assert_eq!(
                row(&check(&store, START), LEAF).status,
                Status::Torn,
                "{name}"
            );
            assert!(key::from_pem(&boundary(), &content).is_err(), "{name}");
        }
        store.set("tls/server-ca.crt", content);
        let rows = check(&store, START);
        assert_eq!(
            row(&rows, "tls/server-ca.crt").status,
            Status::Torn,
            "{name}"
        );
        let fresh = made();
        for file in ["tls/server-ca.crt", LEAF, KEY] {
            store.set(file, fresh.content(file));
        }
    }
    // Line endings of another system are no damage.
    assert_eq!(Certificate::from_pem(crlf.as_bytes()).unwrap().len(), 2);
}

#[test]
fn every_truncation_of_a_certificate_and_a_key_is_refused() {
    let certificate = &Certificate::from_pem(&GOOD.0).unwrap()[0];
    let der = certificate.der();
    for length in 0..der.len() {
        assert!(Certificate::from_der(&der[..length]).is_err(), "{length}");
    }
    assert!(Certificate::from_der(&[&der[..], &[0]].concat()).is_err());
    for length in 0..GOOD.1.len() - 2 {
        assert!(
            key::from_pem(&boundary(), &GOOD.1[..length]).is_err(),
            "{length}"
        );
    }
}

#[test]
fn no_other_byte_around_the_signed_ones_verifies() {
    let found = Certificate::from_pem(&GOOD.0).unwrap();
    let good = found[0].der();
    // A sequence of four bytes of header, then the signed one with as many.
    let signed = 4..8 + usize::from(u16::from_be_bytes([good[6], good[7]]));
    assert_eq!(
        [good[0], good[1], good[4], good[5]],
        [0x30, 0x82, 0x30, 0x82]
    );
    let (mut tried, mut der) = (0, good.to_vec());
    for at in (0..good.len()).filter(|at| !signed.contains(at)) {
        for value in (0..=u8::MAX).filter(|value| *value != good[at]) {
            der[at] = value;
            if let Ok(changed) = Certificate::from_der(&der) {
                let verified = changed.verify_issued_by(&common::diagnostic(), &found[1]);
                assert!(verified.is_err(), "byte {at} as {value:#04x}");
            }
            tried += 1;
        }
        der[at] = good[at];
    }
    assert!(tried > 80 * 255, "{tried}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_never_a_certificate_or_a_key(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        prop_assert!(Certificate::from_der(&bytes).is_err());
        prop_assert!(Certificate::from_pem(&bytes).is_err());
        prop_assert!(key::from_pem(&boundary(), &bytes).is_err());
    }

    #[test]
    fn a_changed_certificate_is_read_or_refused_and_never_verifies(
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let found = Certificate::from_pem(&GOOD.0).unwrap();
        let mut der = found[0].der().to_vec();
        let at = at.index(der.len());
        prop_assume!(der[at] != value);
        der[at] = value;
        if let Ok(changed) = Certificate::from_der(&der) {
            // An ECDSA signature's own bytes aside, nothing is outside of the signature.
            let verified = changed.verify_issued_by(&common::diagnostic(), &found[1]).is_ok();
            prop_assert!(!verified);
        }
    }

    #[test]
    fn a_changed_key_file_is_a_row_and_never_a_panic(
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut pem = GOOD.1.clone();
        let at = at.index(pem.len());
        pem[at] = value;
        let _ = key::from_pem(&boundary(), &pem);
        let store = common::MemoryStore::default();
        store.set("tls/a.crt", GOOD.0.clone());
        store.set("tls/a.key", pem);
        let pki = fips_certs::Pki::adopt(&store, common::catalogue()).unwrap();
        let rows = pki
            .check(&common::diagnostic(), START, fips_certs::pki::Thresholds::default())
            .unwrap();
        prop_assert!(rows.iter().any(|row| row.file == "tls/a.crt"));
    }

    #[test]
    fn sections_of_random_der_are_refused_in_words(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let text = data_encoding::BASE64.encode(&bytes);
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "CERTIFICATE"] {
            let pem = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
            prop_assert!(key::from_pem(&boundary(), pem.as_bytes()).is_err());
            prop_assert!(Certificate::from_pem(pem.as_bytes()).is_err());
        }
    }
}
