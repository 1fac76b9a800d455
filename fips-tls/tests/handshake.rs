//! Our two sides with each other, in memory: every suite, group, key and mode.

mod support;

use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{Error, Group, Profile, Session, Suite, Version};
use rustls::pki_types::UnixTime;

use support::memory::Pair;
use support::pki::{Ca, Leaf};
use support::{CURVES, client, server};

fn fits(suite: Suite, key: KeyAlgorithm) -> bool {
    if key.is_rsa() {
        suite.takes_rsa_key()
    } else {
        suite.takes_ecdsa_key()
    }
}

fn one(suite: Suite, group: Group) -> Profile {
    Profile::sp800_52r2()
        .narrow_suites(&[suite])
        .unwrap()
        .narrow_groups(&[group])
        .unwrap()
}

#[test]
fn every_suite_group_key_and_mode() {
    let ca = Ca::test();
    let mut handshakes = 0;
    for key in KeyAlgorithm::ALL {
        let identity = ca.identity(&Leaf::server(), key);
        let client_identity = ca.identity(&Leaf::client(), key);
        for mutual in [false, true] {
            let trust = mutual.then(|| ca.trust());
            let server = server(Profile::sp800_52r2(), identity.clone(), trust);
            for suite in Suite::ALL.into_iter().filter(|suite| fits(*suite, key)) {
                for group in CURVES {
                    let shown = mutual.then(|| client_identity.clone());
                    let client = client(one(suite, group), ca.trust(), shown);
                    let case = format!("{suite} {group} {key} mutual={mutual}");

                    let mut full = Pair::new(&client, &server);
                    full.finish();
                    for session in [Session::of(&full.client), Session::of(&full.server)] {
                        let session = session.unwrap();
                        assert_eq!(session.suite, suite, "{case}");
                        assert_eq!(session.version, suite.version(), "{case}");
                        assert_eq!(session.group, Some(group), "{case}");
                        assert!(!session.resumed, "{case}");
                    }

                    let mut again = Pair::new(&client, &server);
                    again.finish();
                    let seen = Session::of(&again.server).unwrap();
                    assert!(seen.resumed, "{case}");
                    assert_eq!(seen.suite, suite, "{case}");
                    let group = (suite.version() == Version::Tls13).then_some(group);
                    assert_eq!(seen.group, group, "{case}");
                    // The peer of a resumed session is the one that was verified.
                    assert_eq!(
                        seen.peer.as_ref().and_then(|peer| peer.common_name()),
                        mutual.then_some("test client"),
                        "{case}"
                    );
                    handshakes += 2;
                }
            }
        }
    }
    assert_eq!(handshakes, 2 * 2 * (36 + 18 + 18));
}

#[test]
fn the_cheaper_suite_and_group_come_first() {
    let ca = Ca::test();
    let identity = || ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    for (profile, expected) in [
        (Profile::sp800_52r2(), Suite::Aes128GcmSha256),
        (Profile::tls13(), Suite::Aes128GcmSha256),
        (Profile::sp800_52r2().prefer_256(), Suite::Aes256GcmSha384),
    ] {
        let server = server(profile.clone(), identity(), None);
        let client = client(profile, ca.trust(), None);
        let mut pair = Pair::new(&client, &server);
        pair.finish();
        let session = Session::of(&pair.client).unwrap();
        assert_eq!(session.suite, expected);
        assert_eq!(session.group, Some(Group::P256));
        assert_eq!(session.peer.unwrap().dns_names(), [support::NAME]);
    }
}

#[test]
fn alpn_is_agreed_and_reported() {
    let ca = Ca::test();
    let boundary = support::boundary();
    let server = fips_tls::ServerConfig::builder(&boundary, Profile::sp800_52r2())
        .with_identity(ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256))
        .without_client_authentication()
        .with_alpn(&[b"h2", b"http/1.1"])
        .build()
        .unwrap();
    let client = fips_tls::ClientConfig::builder(&boundary, Profile::sp800_52r2())
        .with_trust(ca.trust())
        .with_alpn(&[b"http/1.1"])
        .build()
        .unwrap();
    let mut pair = Pair::new(&client, &server);
    pair.finish();
    let session = Session::of(&pair.server).unwrap();
    assert_eq!(session.alpn.as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn tls12_records_carry_the_sequence_number_as_their_nonce() {
    let ca = Ca::test();
    let server = server(
        Profile::sp800_52r2(),
        ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256),
        None,
    );
    let client = client(
        one(Suite::EcdheEcdsaAes128GcmSha256, Group::P256),
        ca.trust(),
        None,
    );
    let mut pair = Pair::new(&client, &server);
    pair.finish();
    pair.exchange(b"two");

    // Records: type, version, length; protected ones follow ChangeCipherSpec (20).
    let mut nonces = Vec::new();
    let (mut rest, mut protected) = (&pair.from_client[..], false);
    while let [typ, _, _, high, low, after @ ..] = rest {
        let (record, next) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        if protected {
            nonces.push(u64::from_be_bytes(record[..8].try_into().unwrap()));
        }
        protected |= *typ == 20;
        rest = next;
    }
    assert_eq!(nonces, [0, 1, 2]);
}

#[test]
fn records_of_every_size_arrive() {
    let ca = Ca::test();
    let identity = ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    let server = server(Profile::sp800_52r2(), identity, None);
    for suite in [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes256GcmSha384] {
        let client = client(one(suite, Group::P256), ca.trust(), None);
        let mut pair = Pair::new(&client, &server);
        pair.finish();
        for len in [1, 10_000, 16_384, 16_384] {
            pair.exchange(&vec![b'x'; len]);
        }
    }
}

#[test]
fn a_resumed_session_ends_with_the_peers_certificate() {
    let ca = Ca::test();
    let identity = ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    let server = server(Profile::sp800_52r2(), identity, Some(ca.trust()));
    let shown = ca.identity(&Leaf::client(), KeyAlgorithm::EcdsaP256);
    let client = client(Profile::sp800_52r2(), ca.trust(), Some(shown));
    Pair::new(&client, &server).finish();
    let mut again = Pair::new(&client, &server);
    again.finish();
    assert!(Session::of(&again.server).unwrap().resumed);
    let later = UnixTime::since_unix_epoch(
        Duration::from_secs(UnixTime::now().as_secs()) + Duration::from_secs(31 * 86_400),
    );
    let error = Session::at(&again.server, later).unwrap_err();
    assert!(
        matches!(&error, Error::PeerOutsideValidity { subject } if subject.contains("test client")),
        "{error}"
    );
}

#[test]
fn an_unfinished_handshake_has_no_session() {
    let ca = Ca::test();
    let identity = ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    let server = server(Profile::sp800_52r2(), identity, None);
    let client = client(Profile::sp800_52r2(), ca.trust(), None);
    let pair = Pair::new(&client, &server);
    assert!(matches!(
        Session::of(&pair.server),
        Err(Error::HandshakeNotFinished)
    ));
}

#[test]
fn exporters_work_in_tls13_and_fail_closed_in_tls12() {
    let ca = Ca::test();
    let identity = ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    let server = server(Profile::sp800_52r2(), identity, None);
    let pair = |suite| {
        let client = client(one(suite, Group::P256), ca.trust(), None);
        let mut pair = Pair::new(&client, &server);
        pair.finish();
        pair
    };
    let export = |pair: &Pair| {
        pair.client
            .export_keying_material([0; 32], b"EXPORTER-test", None)
            .unwrap()
    };
    let tls13 = pair(Suite::Aes128GcmSha256);
    assert_ne!(export(&tls13), [0; 32]);
    let tls12 = pair(Suite::EcdheEcdsaAes128GcmSha256);
    let refused = panic::catch_unwind(AssertUnwindSafe(|| export(&tls12))).unwrap_err();
    let message = refused.downcast_ref::<String>().unwrap();
    assert!(message.contains("EXPORTER-test"), "{message}");
}
