//! Serial numbers as text: read and written alike in registers, lists and certificates.

use std::sync::LazyLock;

use fips_certs::crl::{Register, RevocationListParams};
use fips_certs::{Authority, AuthorityParams, Certificate, LeafParams, Subject, Usages};
use proptest::prelude::*;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use crate::common::{DAY, clock};
use crate::{config, signer};

static ROOT: LazyLock<Authority> = LazyLock::new(|| {
    AuthorityParams::new(Subject::new("root").unwrap(), DAY * 30)
        .self_signed(signer(), &clock())
        .unwrap()
});

fn key_id() -> String {
    data_encoding::HEXUPPER.encode(ROOT.certificate().subject_key_id().unwrap())
}

/// A register that says that `serial` was revoked.
fn register(serial: &str) -> Result<Register, String> {
    let json = serde_json::json!({
        "schema": 1,
        "authority": "root",
        "number": 0,
        "revocations": [{
            "serial": serial,
            "issuer_key_id": key_id(),
            "subject": null,
            "not_after": "2027-11-22T12:00:00Z",
            "revoked_at": "2026-11-22T12:00:00Z",
            "reason": "superseded",
            "last_list": null,
        }],
    });
    Register::from_json("root", &serde_json::to_vec(&json).unwrap())
}

/// The content of the DER INTEGER of a number (X.690 §8.3.2): no byte more than it needs, and a
/// first bit that is its sign.
fn content(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros.min(number.len() - 1)..];
    let sign: &[u8] = if number[0] & 0x80 == 0 { &[] } else { &[0] };
    [sign, number].concat()
}

/// A register's number stands in a list as that number, and comes back as the same text.
fn is_listed(serial: &str) -> Result<(), TestCaseError> {
    let list = RevocationListParams::default()
        .signed_by(&mut register(serial).unwrap(), &ROOT, &clock())
        .unwrap();
    let number = data_encoding::HEXUPPER.decode(serial.as_bytes()).unwrap();
    let (_, read) = CertificateRevocationList::from_der(list.der()).unwrap();
    let written: Vec<_> = read
        .iter_revoked_certificates()
        .map(|entry| entry.raw_serial().to_vec())
        .collect();
    prop_assert_eq!(written, [content(&number)]);
    prop_assert!(list.entry(serial).is_some());
    // A register that lost it has it again.
    let mut lost = Register::new("root");
    prop_assert_eq!(lost.absorb(&list, ROOT.certificate()), 1);
    let kept = Register::from_json("root", &lost.to_json().unwrap()).unwrap();
    prop_assert!(kept.find(&key_id(), serial).is_some());
    Ok(())
}

/// A leaf whose serial number has that content; its signature is of another.
fn with_serial(serial: &[u8]) -> Certificate {
    let leaf = LeafParams::new(Subject::new("leaf").unwrap(), Usages::Client, DAY)
        .signed_by(&*signer(), &ROOT, &clock())
        .unwrap();
    let (_, x509) = x509_parser::parse_x509_certificate(leaf.der()).unwrap();
    let old = x509.raw_serial();
    let at = leaf
        .der()
        .windows(20)
        .position(|bytes| bytes == old)
        .unwrap();
    let mut der = leaf.der().to_vec();
    assert_eq!((old.len(), serial.len()), (20, 20));
    der[at..at + 20].copy_from_slice(serial);
    Certificate::from_der(&der).unwrap()
}

proptest! {
    #![proptest_config(config(200))]

    /// RFC 5280 §4.1.2.2: every number of at most 20 octets can be revoked.
    #[test]
    fn a_number_as_text_is_the_number(number in prop::collection::vec(any::<u8>(), 1..=20)) {
        let number = content(&number);
        prop_assume!(number.len() <= 20);
        let digits = if number.len() > 1 && number[0] == 0 { &number[1..] } else { &number };
        is_listed(&data_encoding::HEXUPPER.encode(digits))?;
    }

    #[test]
    fn a_certificate_shows_its_number_as_registers_take_it(
        number in prop::collection::vec(any::<u8>(), 20),
    ) {
        prop_assume!(number[0] & 0x80 == 0 && content(&number) == number);
        let serial = with_serial(&number).serial();
        let digits = if number[0] == 0 { &number[1..] } else { &number };
        prop_assert_eq!(&serial, &data_encoding::HEXUPPER.encode(digits));
        prop_assert!(register(&serial).is_ok());
    }
}

proptest! {
    #![proptest_config(config(2000))]

    /// Two digits a byte, upper case, no byte that is not needed; one octet more than RFC 5280
    /// lets an authority give is taken.
    #[test]
    fn what_is_no_number_is_refused(
        text in prop_oneof![
            "[0-9A-F]{1,44}",
            "(00){0,2}[0-9A-F]{0,4}",
            "[+-]?(0x)?[0-9A-Fa-f :]{1,6}",
            "[0-9A-F]{0,4}(\0|\n|é|０|g)[0-9A-F]{0,4}",
            any::<String>(),
        ],
    ) {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
        let bytes = text.len() / 2;
        let good = digits
            && text.len() % 2 == 0
            && (1..=21).contains(&bytes)
            && (bytes == 1 || !text.starts_with("00"));
        prop_assert_eq!(register(&text).is_ok(), good, "{:?}", text);
    }
}

#[test]
fn the_longest_number_that_is_taken_is_listed() {
    is_listed(&"FF".repeat(21)).unwrap();
    is_listed("00").unwrap();
}
