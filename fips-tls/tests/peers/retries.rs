//! HelloRetryRequest (RFC 8446 §4.1.4): each group after one that the server does not take, in
//! either role.

use fips_tls::{Group, Profile, Session, Suite};
use rustls::HandshakeKind;

use crate::conversation::{with_s_client, with_s_server};
use crate::go::Go;
use crate::matrix::{Case, Peer, Role, policy};
use crate::ours::{self, Acceptor};
use crate::run::Material;
use crate::support::pki::Ca;
use crate::support::{CURVES, client, server};

const SUITE: Suite = Suite::Aes128GcmSha256;

fn only(groups: &[Group]) -> Profile {
    policy().narrow_groups(groups).unwrap()
}

#[test]
fn our_server_asks_openssl_for_each_curve() {
    for group in CURVES {
        for first in CURVES.into_iter().filter(|first| *first != group) {
            let groups = format!("{}:{}", first.openssl_name(), group.openssl_name());
            let mut with = with_s_client(only(&[group]), SUITE, &["-groups", &groups]);
            with.exchange("hello");
            let conn = &with.stream.conn;
            assert_eq!(Session::of(conn).unwrap().group, Some(group));
            let kind = Some(HandshakeKind::FullWithHelloRetryRequest);
            assert_eq!(conn.handshake_kind(), kind, "{groups}");
        }
    }
}

#[test]
fn openssl_asks_our_client_for_each_curve() {
    for group in CURVES {
        let others: Vec<_> = Group::ALL.into_iter().filter(|it| *it != group).collect();
        let firsts = Group::ALL.len() - CURVES.len();
        let mut retries = 0;
        for first in others {
            let mut with = with_s_server(
                only(&[first, group]),
                SUITE,
                &["-groups", group.openssl_name()],
            );
            with.exchange("hello");
            let conn = &with.stream.conn;
            assert_eq!(Session::of(conn).unwrap().group, Some(group));
            match conn.handshake_kind() {
                Some(HandshakeKind::FullWithHelloRetryRequest) => retries += 1,
                // The client's own order has this curve before the other, or a hybrid brings
                // its share along.
                kind => assert_eq!(kind, Some(HandshakeKind::Full), "{first} {group}"),
            }
        }
        let (earlier, alongside) = match group {
            Group::P256 => (0, 1),
            Group::P384 => (1, 1),
            _ => (2, 0),
        };
        assert_eq!(retries, firsts + earlier - alongside, "{group}");
    }
}

/// Go knows the groups with ML-KEM; its client always sends the shares it likes best.
#[test]
fn go_and_ours_ask_each_other_for_groups_with_ml_kem() {
    let go = Go::current();
    let material = Material::new();
    for group in [
        Group::MlKem1024,
        Group::SecP256r1MlKem768,
        Group::SecP384r1MlKem1024,
    ] {
        let case = |role| Case {
            role,
            suite: SUITE,
            group,
            mutual: false,
        };
        let (files, [identity, _]) = &material.keys[&case(Role::Client).key()];
        // MLKEM768 first, which Go does not know.
        let profile = only(&[Group::MlKem768, group]);
        let config = client(profile, Ca::test().trust(), None);
        let mut service = go.serve(&case(Role::Server), files).unwrap();
        let (session, kind) = ours::connect(config.rustls(), service.as_mut()).unwrap();
        assert_eq!(session.group, Some(group));
        assert_eq!(kind, HandshakeKind::FullWithHelloRetryRequest, "{group}");

        let acceptor = Acceptor::start(server(only(&[group]), identity.clone(), None).rustls());
        let address = acceptor.address();
        go.connect(&case(Role::Client), files, address).unwrap();
        let served = acceptor.finish().unwrap();
        let (session, kind) = &served[0];
        assert_eq!(session.group, Some(group));
        // Its first shares are those of SecP256r1MLKEM768 and P-256.
        let expected = match group {
            Group::SecP256r1MlKem768 => HandshakeKind::Full,
            _ => HandshakeKind::FullWithHelloRetryRequest,
        };
        assert_eq!(*kind, expected, "{group}");
    }
}
