//! Bundles of anchors and of revocation lists, as trust is loaded from them: every certificate
//! and every list of a text is kept, or the text is refused in one line; two that are alike have
//! one fingerprint, and a bundle more has another.

use fips_tls::{ClientConfig, Profile, Revocation, Trust};

use crate::fixtures::{boundary, pem};
use crate::input::{Input, piece};
use crate::pki::{CHAINS, LISTS};
use crate::text::assert_error;

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let (anchors, lists) = (input.piece(), input.rest());
    let trust = match Trust::from_pem(anchors) {
        Ok(trust) => trust,
        Err(error) => return assert_error(&error),
    };
    assert_eq!(trust.certificates().len(), blocks(anchors, "CERTIFICATE"));
    let fingerprint = |trust: &Trust| trust.fingerprint().expect("the module digests");
    let again = Trust::from_der(trust.certificates().to_vec()).expect("it was taken before");
    assert_eq!(fingerprint(&again), fingerprint(&trust));
    let twice = [trust.certificates(), trust.certificates()].concat();
    if let Ok(twice) = Trust::from_der(twice) {
        assert_ne!(fingerprint(&twice), fingerprint(&trust));
    }
    let revocation = match Revocation::from_pem(lists) {
        Ok(revocation) => revocation,
        Err(error) => return assert_error(&error),
    };
    assert_eq!(revocation.lists().count(), blocks(lists, "X509 CRL"));
    let plain = fingerprint(&trust);
    match trust.with_revocation(revocation) {
        Ok(trust) => {
            assert_ne!(fingerprint(&trust), plain);
            let client = ClientConfig::builder(boundary(), Profile::sp800_52r2()).with_trust(trust);
            if let Err(error) = client.build() {
                // An anchor of a key or a list of a hash that the profile does not name.
                let text = error.to_string();
                crate::text::assert_one_line(&text.replace('\n', " "));
            }
        }
        Err(error) => assert_error(&error),
    }
}

/// How many a text means to hold: the lines that begin one, however indented.
fn blocks(text: &[u8], label: &str) -> usize {
    let begin = format!("-----BEGIN {label}-----");
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
        .filter(|line| line.trim_ascii() == begin.as_bytes())
        .count()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let lists = LISTS.map(pem);
    for name in CHAINS {
        seeds.push([piece(pem(name).as_bytes()), lists[0].clone().into()].concat());
    }
    for list in &lists {
        seeds.push([piece(pem("ca.pem").as_bytes()), list.clone().into()].concat());
    }
    let both = pem("ca.pem") + &pem("other-ca.pem");
    seeds.push([piece(both.as_bytes()), lists.concat().into()].concat());
    for (from, to) in [
        ("\n", "\r\n"),
        ("\n", "\n "),
        ("CERTIFICATE", "X509 CRL"),
        ("BEGIN", "END"),
    ] {
        let text = both.replace(from, to);
        seeds.push([piece(text.as_bytes()), lists[1].clone().into()].concat());
    }
    seeds
}
