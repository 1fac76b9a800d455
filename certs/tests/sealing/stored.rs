//! Envelopes, and what k3s stored.

use fips_certs::Error;
use fips_certs::sealing::{Binding, SealingFault, envelope, open_k3s_bootstrap};
use fips_core::indicator::{Ledger, Service};

use super::{boundary, file_key, passphrase, vectors};

const CONTENT: &[u8] = br#"{"ServerCA":{"Content":"..."}}"#;

fn bootstrap() -> Binding {
    Binding::bootstrap("cluster-7").unwrap()
}

#[test]
fn an_envelope_is_text_and_survives_being_copied() {
    for secret in [passphrase("a long passphrase"), file_key()] {
        let open = |text: &str| envelope::open(&boundary(), &bootstrap(), &secret, text.as_bytes());
        let text = envelope::seal(&boundary(), &bootstrap(), &secret, CONTENT).unwrap();
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 64));
        let header = envelope::inspect(text.as_bytes()).unwrap();
        assert!(header.is_envelope() && header.binding() == &bootstrap());
        for copied in [
            text.clone(),
            text.replace('\n', "\r\n"),
            format!("words\n{text}words\n"),
            text.trim_end().to_owned(),
        ] {
            assert_eq!(&open(&copied).unwrap()[..], CONTENT);
        }
        for cut in (0..text.len() - 1).step_by(7) {
            assert!(open(&text[..cut]).is_err(), "{cut}");
        }
        assert!(open(&text.repeat(2)).is_err());
    }
}

#[test]
fn every_changed_character_of_an_envelope_is_an_error() {
    let secret = file_key();
    let text = envelope::seal(&boundary(), &bootstrap(), &secret, CONTENT).unwrap();
    for at in 0..text.len() {
        for with in ["A", "B", "=", "-"] {
            let mut bent = text.clone();
            bent.replace_range(at..=at, with);
            let open = envelope::open(&boundary(), &bootstrap(), &secret, bent.as_bytes());
            // A line's end replaced by a character of base64 makes the content longer; the last
            // one is not needed.
            let needless = bent == text || at == text.len() - 1 && open.is_ok();
            assert_eq!(open.is_ok(), needless, "{at} {with}");
        }
    }
}

#[test]
fn an_envelope_opens_for_its_cluster_and_purpose_alone() {
    let secret = passphrase("a long passphrase");
    let text = envelope::seal(&boundary(), &bootstrap(), &secret, CONTENT).unwrap();
    let fault = |binding: &Binding, secret| match envelope::open(
        &boundary(),
        binding,
        secret,
        text.as_bytes(),
    ) {
        Err(Error::Sealing(fault)) => fault,
        other => panic!("{other:?}"),
    };
    let other = Binding::bootstrap("cluster-8").unwrap();
    assert!(matches!(
        fault(&other, &secret),
        SealingFault::Cluster { .. }
    ));
    let other = Binding::new("token")
        .unwrap()
        .with_cluster("cluster-7")
        .unwrap();
    assert!(matches!(
        fault(&other, &secret),
        SealingFault::Purpose { .. }
    ));
    assert_eq!(
        fault(&bootstrap(), &passphrase("another passphrase")),
        SealingFault::WrongPassphrase
    );
}

#[test]
fn the_largest_envelope_fits_into_a_request_to_etcd() {
    let secret = file_key();
    let most = vec![7; envelope::MOST_BYTES];
    let text = envelope::seal(&boundary(), &bootstrap(), &secret, &most).unwrap();
    assert!(text.len() < 1_500_000, "{}", text.len());
    let opened = envelope::open(&boundary(), &bootstrap(), &secret, text.as_bytes()).unwrap();
    assert!(opened[..] == most);
    let more = vec![7; envelope::MOST_BYTES + 1];
    assert!(envelope::seal(&boundary(), &bootstrap(), &secret, &more).is_err());
}

#[test]
fn what_k3s_stored_opens_with_its_token_and_counts_as_the_exception() {
    for (name, token, content) in [
        (
            "k3s-token",
            &b"b3cf5f5e1f0d5d0a9c6e4f2b1a7d8e90"[..],
            &br#"{"ServerCA":"..."}"#[..],
        ),
        ("k3s-short", b"secret", br#"{"ClientCA":"..."}"#),
        ("k3s-empty", b"", b"{}"),
    ] {
        let stored = vectors::get(name);
        let ledger = Ledger::new();
        let data = ledger
            .record(|| open_k3s_bootstrap(&boundary(), token, &stored))
            .unwrap();
        assert_eq!(&data[..], content, "{name}");
        let summary = ledger.summary();
        assert!(!summary.approved_only());
        let made: Vec<_> = summary
            .exceptions()
            .iter()
            .map(|made| (made.service, made.call, made.count))
            .collect();
        assert_eq!(made, [(Service::Pbkdf2, "k3s bootstrap import", 1)]);
        assert_eq!(summary.total().approved, 1, "the opening itself: {summary}");

        let wrong = open_k3s_bootstrap(&boundary(), b"K10abc::server:token", &stored);
        assert!(matches!(wrong, Err(Error::Sealing(SealingFault::K3sToken))));
        let mut bent = stored.clone();
        for at in 0..bent.len() {
            bent[at] ^= 1;
            assert!(
                open_k3s_bootstrap(&boundary(), token, &bent).is_err(),
                "{at}"
            );
            bent[at] ^= 1;
        }
    }
}
