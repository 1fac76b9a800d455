//! Revocation lists of anybody: visible text, the same when written and read again, no entry that
//! webpki does not find, and none that verifies which its issuer did not sign.

use std::sync::LazyLock;
use std::time::Duration;

use fips_certs::crl::RevocationReason;
use fips_certs::crl::{Register, Revocation, RevocationList, RevocationListParams, Scope};
use fips_certs::key::{self, KeyType};
use fips_certs::time::OffsetDateTime;
use fips_certs::{Authority, AuthorityParams, FixedClock, Subject};
use fips_core::Diagnostic;
use webpki::{CertRevocationList, OwnedCertRevocationList};

use crate::fixtures::{NOW, boundary};
use crate::text::assert_one_line;

const DAY: Duration = Duration::from_secs(86_400);

/// One whose key signs nothing but its own certificate: libFuzzer learns what is compared.
static JUDGE: LazyLock<Authority> = LazyLock::new(authority);

fn clock() -> FixedClock {
    FixedClock::new(OffsetDateTime::from_unix_timestamp(NOW as i64).expect("in range"))
}

fn authority() -> Authority {
    let key = key::generate(boundary(), KeyType::P256).expect("the gate is open");
    AuthorityParams::new(Subject::new("ca").expect("a name"), DAY * 3650)
        .self_signed(key, &clock())
        .expect("made")
}

pub(super) fn run(data: &[u8]) {
    let list = match RevocationList::from_file(data) {
        Ok(list) => list,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    assert_one_line(list.issuer());
    let again = RevocationList::from_file(list.to_pem().as_bytes()).expect("written here");
    assert_eq!(again.der(), list.der());
    for entry in list.entries() {
        assert_eq!(list.entry(&entry.serial), Some(entry));
        let digits = entry.serial.bytes();
        assert!(
            digits
                .into_iter()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
        );
    }
    let diagnostic = Diagnostic::new().expect("the module is one that may look");
    for now in [Some(list.this_update()), list.next_update()]
        .into_iter()
        .flatten()
    {
        let refused = list.verify(&diagnostic, JUDGE.certificate(), now);
        let why = refused.expect_err("its issuer did not sign it");
        assert_one_line(&why.to_string());
    }
    compare(&list);
}

/// What webpki takes and reads out of the same bytes must hold each entry, too.
fn compare(list: &RevocationList) {
    let Ok(other) = OwnedCertRevocationList::from_der(list.der()) else {
        return;
    };
    let other = CertRevocationList::from(other);
    for entry in list.entries() {
        let number = data_encoding::HEXUPPER.decode(entry.serial.as_bytes());
        let number = number.expect("hexadecimal");
        // As DER has it: a zero byte before a number whose first bit is set.
        let positive = [&[0], &number[..]].concat();
        let found = [&number, &positive]
            .into_iter()
            .any(|serial| matches!(other.find_serial(serial), Ok(Some(_))));
        assert!(found, "{}", entry.serial);
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let authority = authority();
    let mut register = Register::new("ca");
    let plain = RevocationListParams::default();
    let point = plain
        .clone()
        .with_distribution_point(["http://a.test/ca.crl"], Scope::Leaves)
        .expect("a URI");
    let mut seeds = Vec::new();
    for (params, serial) in [(&plain, "0A0B"), (&point, "80000000000000000001")] {
        let list = params.signed_by(&mut register, &authority, &clock());
        seeds.push(list.expect("issued").der().to_vec());
        register.add(Revocation::of_serial(
            serial.to_owned(),
            authority.certificate(),
            RevocationReason::KeyCompromise,
            OffsetDateTime::from_unix_timestamp(NOW as i64).expect("in range"),
        ));
        let list = params.signed_by(&mut register, &authority, &clock());
        let list = list.expect("issued");
        seeds.push(list.der().to_vec());
        seeds.push(list.to_pem().into_bytes());
    }
    seeds
}
