//! Nothing of one configuration passes into the next.

use fips_tls::live::{Current, Live, TrustFiles};
use fips_tls::{ClientConfig, Profile, Trust, Version};
use rustls::HandshakeKind;

use crate::files::{NEVER, Node, replace, serial, write};
use crate::support::boundary;
use crate::support::memory::Pair;
use crate::support::tree::Authority;

const VERSIONS: [Version; 2] = [Version::Tls13, Version::Tls12];

fn client(node: &Node, version: Version) -> ClientConfig {
    ClientConfig::builder(
        &boundary(),
        Profile::sp800_52r2().narrowed_to(version).unwrap(),
    )
    .with_trust(node.ca.trust())
    .with_identity(node.ca.leaf().identity())
    .build()
    .unwrap()
}

fn kind(pair: &Pair) -> HandshakeKind {
    pair.client.handshake_kind().unwrap()
}

#[test]
fn tickets_end_with_the_servers_trust_lists_and_identity() {
    for version in VERSIONS {
        let node = Node::new();
        let files = node.watched().with_interval(NEVER).without_events();
        let trust =
            TrustFiles::new(node.path("ca.crt")).with_revocation_lists([node.path("ca.crl")]);
        let live = node.mutual(files, trust).unwrap();
        let client = client(&node, version);
        let handshake = || {
            let mut pair = Pair::new(&client, &live.current());
            pair.finish();
            kind(&pair)
        };
        let other = Authority::root("other CA");
        let changes: [&dyn Fn(); 3] = [
            &|| replace(&node.path("ca.crt"), &(node.ca.pem.clone() + &other.pem)),
            &|| {
                let lists = node
                    .ca
                    .list_with(&[], |list| list.crl_number = 2_u64.into());
                replace(&node.path("ca.crl"), &(lists + &other.list(&[])));
            },
            &|| node.replace(&node.ca.leaf()),
        ];
        assert_eq!(handshake(), HandshakeKind::Full);
        for (number, change) in changes.iter().enumerate() {
            assert_eq!(handshake(), HandshakeKind::Resumed);
            change();
            // A look that finds the same ends nothing.
            assert_eq!(
                live.reload().generation,
                number as u64 + 2,
                "{}",
                live.status()
            );
            assert_eq!(handshake(), HandshakeKind::Full);
            assert_eq!(live.reload().generation, number as u64 + 2);
        }
        assert_eq!(handshake(), HandshakeKind::Resumed);
    }
}

#[test]
fn sessions_end_with_the_clients_trust() {
    for version in VERSIONS {
        let node = Node::new();
        let mut files = node.watched().with_interval(NEVER).without_events();
        let trust = files.trust(TrustFiles::new(node.path("ca.crt"))).unwrap();
        let live: Live<ClientConfig> = files
            .start(move || {
                ClientConfig::builder(
                    &boundary(),
                    Profile::sp800_52r2().narrowed_to(version).unwrap(),
                )
                .with_trust(trust.current())
                .build()
            })
            .unwrap();
        let server =
            crate::support::server(Profile::sp800_52r2(), node.first.identity(), None::<Trust>);
        let handshake = || {
            let mut pair = Pair::new(&live.current(), &server);
            pair.finish();
            kind(&pair)
        };
        assert_eq!(handshake(), HandshakeKind::Full);
        assert_eq!(handshake(), HandshakeKind::Resumed);
        let other = Authority::root("other CA");
        write(&node.path("ca.crt"), &(node.ca.pem.clone() + &other.pem));
        assert_eq!(live.reload().generation, 2);
        assert_eq!(handshake(), HandshakeKind::Full);
        assert_eq!(handshake(), HandshakeKind::Resumed);
        // And who is trusted no more is refused, session or not.
        write(&node.path("ca.crt"), &other.pem);
        live.reload();
        let outcome = Pair::new(&live.current(), &server).run();
        assert!(outcome.client.is_some());
    }
}

#[test]
fn a_connection_goes_on_through_it_all() {
    let node = Node::new();
    let live = node.still();
    let client = client(&node, Version::Tls13);
    let mut pair = Pair::new(&client, &live.current());
    pair.finish();
    for _ in 0..3 {
        let next = node.ca.leaf();
        node.write(&next);
        live.reload();
        assert_eq!(node.seen(&live), serial(&next));
        pair.exchange(b"still here");
    }
}
