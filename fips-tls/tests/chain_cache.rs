//! Chains that were believed are not verified again, and nothing else is taken for one of them.

mod support;

use std::sync::Arc;

use fips_core::indicator::{Ledger, Service};
use fips_core::signing::KeyAlgorithm;
use fips_tls::{
    ClientConfig, Error, Profile, RefusalReason, ServerConfig, Trust, Version, last_refusal,
};
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{CertificateError, Error as TlsError, SignatureAlgorithm, SignatureScheme};
use time::Duration;

use support::memory::{Outcome, Pair};
use support::pki::{Ca, Leaf};
use support::tree::{Authority, Clock, Issued, with_lists};
use support::{NAME, boundary};

const VERSIONS: [Version; 2] = [Version::Tls13, Version::Tls12];

fn profile(version: Version) -> Profile {
    Profile::sp800_52r2().narrowed_to(version).unwrap()
}

fn server(issued: &Issued, trust: &Trust, clock: &Arc<Clock>, version: Version) -> ServerConfig {
    ServerConfig::builder(&boundary(), profile(version))
        .with_identity(issued.identity())
        .with_client_trust(trust.clone())
        .with_time_provider(clock.provider())
        .build()
        .unwrap()
}

fn client(issued: &Issued, trust: &Trust, clock: &Arc<Clock>, version: Version) -> ClientConfig {
    ClientConfig::builder(&boundary(), profile(version))
        .with_trust(trust.clone())
        .with_identity(issued.identity())
        .with_time_provider(clock.provider())
        .build()
        .unwrap()
}

/// The client's, without sessions: each handshake is a full one.
fn forgetful(client: &ClientConfig) -> Arc<rustls::ClientConfig> {
    let mut config = (*client.rustls()).clone();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// A full handshake, and how many signatures both sides verified in it.
fn verifications(client: &ClientConfig, server: &ServerConfig, name: &str) -> u64 {
    let ledger = Ledger::new();
    ledger.record(|| Pair::of(forgetful(client), server.rustls(), name).finish());
    let summary = ledger.summary();
    summary
        .services()
        .iter()
        .filter(|row| row.service == Service::EcdsaVerify)
        .map(|row| row.count.approved)
        .sum()
}

fn handshake(client: &ClientConfig, server: &ServerConfig, name: &str) -> Outcome {
    last_refusal();
    Pair::of(forgetful(client), server.rustls(), name).run()
}

/// One authority, one chain that both sides show.
struct Known {
    root: Authority,
    issued: Issued,
    clock: Arc<Clock>,
}

impl Known {
    fn new() -> Self {
        let root = Authority::root("root");
        Self {
            issued: root.leaf(),
            root,
            clock: Clock::new(),
        }
    }

    fn pair(&self, trust: &Trust, version: Version) -> (ClientConfig, ServerConfig) {
        let client = client(&self.issued, trust, &self.clock, version);
        let server = server(&self.issued, trust, &self.clock, version);
        // Each side's chain, and each side's signature.
        assert_eq!(verifications(&client, &server, NAME), 4);
        assert_eq!(verifications(&client, &server, NAME), 2);
        (client, server)
    }
}

#[test]
fn a_chain_is_verified_once_and_the_peers_signature_each_time() {
    let known = Known::new();
    for version in VERSIONS {
        let (client, server) = known.pair(&known.root.trust(), version);
        for _ in 0..5 {
            assert_eq!(verifications(&client, &server, NAME), 2);
        }
    }
}

#[test]
fn a_list_of_a_hundred_thousand_is_verified_once() {
    let known = Known::new();
    let serials: Vec<[u8; 8]> = (0..100_000_u64)
        .map(|number| (number | 1 << 62).to_be_bytes())
        .collect();
    let serials: Vec<&[u8]> = serials.iter().map(|serial| &serial[..]).collect();
    let trust = known.root.trust_without(&serials);
    assert_eq!(
        trust.revocation().unwrap().lists().next().unwrap().len(),
        100_000
    );
    for version in VERSIONS {
        // A new configuration verifies chains again, and not the list.
        known.pair(&trust, version);
    }
    // The last of them is found.
    let revoked = known.root.leaf_with("peer", |params| {
        params.serial_number = Some(serials[99_999].to_vec().into());
    });
    for version in VERSIONS {
        let server = server(&known.issued, &trust, &known.clock, version);
        let client = client(&revoked, &known.root.trust(), &known.clock, version);
        let outcome = handshake(&client, &server, NAME);
        assert_eq!(
            outcome.server,
            Some(TlsError::InvalidCertificate(CertificateError::Revoked))
        );
    }
}

#[test]
fn a_chain_that_ends_between_two_handshakes_is_refused() {
    let root = Authority::root("root");
    let middle = root.below("middle", |params| {
        params.not_after = params.not_before + Duration::days(11);
    });
    let short = |authority: &Authority| {
        authority.leaf_with("peer", |params| {
            params.not_after = params.not_before + Duration::days(11);
        })
    };
    let long_lived = [short(&root), middle.leaf()];
    for issued in long_lived {
        for version in VERSIONS {
            let known = Known {
                root: root.clone(),
                issued: Issued {
                    chain: issued.chain.clone(),
                    key: issued.key.clone(),
                    serial: issued.serial.clone(),
                },
                clock: Clock::new(),
            };
            let client = client(&known.issued, &root.trust(), &known.clock, version);
            let server = server(&known.issued, &root.trust(), &known.clock, version);
            verifications(&client, &server, NAME);
            assert_eq!(verifications(&client, &server, NAME), 2);
            known
                .clock
                .advance(Duration::days(10) + Duration::minutes(1));
            let outcome = handshake(&client, &server, NAME);
            assert_eq!(last_refusal().unwrap().reason, RefusalReason::Expired);
            assert!(outcome.client.is_some() || outcome.server.is_some());
            // And taken again when the clock was wrong.
            known
                .clock
                .advance(-Duration::days(10) - Duration::minutes(1));
            verifications(&client, &server, NAME);
            known.clock.advance(-Duration::days(2));
            handshake(&client, &server, NAME);
            assert_eq!(last_refusal().unwrap().reason, RefusalReason::NotYetValid);
        }
    }
}

#[test]
fn an_anchor_that_ends_between_two_handshakes_is_refused() {
    let root = Authority::root("root");
    let root = Authority::root_with("root", root.key(), |params| {
        params.not_after = params.not_before + Duration::days(11);
    });
    let known = Known {
        issued: root.leaf(),
        root,
        clock: Clock::new(),
    };
    for version in VERSIONS {
        let (client, server) = known.pair(&known.root.trust(), version);
        known.clock.advance(Duration::days(11));
        handshake(&client, &server, NAME);
        assert_eq!(last_refusal().unwrap().reason, RefusalReason::Expired);
        known.clock.advance(-Duration::days(11));
    }
}

#[test]
fn a_list_that_ends_between_two_handshakes_refuses() {
    let known = Known::new();
    for version in VERSIONS {
        let (client, server) = known.pair(&known.root.trust_without(&[]), version);
        known.clock.advance(Duration::days(7));
        handshake(&client, &server, NAME);
        assert_eq!(
            last_refusal().unwrap().reason,
            RefusalReason::RevocationListExpired
        );
        known.clock.advance(-Duration::days(7));
    }
}

#[test]
fn a_new_trust_knows_nothing_of_what_the_old_one_believed() {
    let known = Known::new();
    for version in VERSIONS {
        let (client, server) = known.pair(&known.root.trust_without(&[]), version);
        // Revoked since.
        let revoked = known.root.trust_without(&[&known.issued.serial]);
        let new_server = self::server(&known.issued, &revoked, &known.clock, version);
        handshake(&client, &new_server, NAME);
        assert_eq!(last_refusal().unwrap().reason, RefusalReason::Revoked);
        // Another authority of the same name.
        let other = Authority::root("root").trust();
        let new_client = self::client(&known.issued, &other, &known.clock, version);
        handshake(&new_client, &server, NAME);
        assert_eq!(last_refusal().unwrap().reason, RefusalReason::UnknownIssuer);
        // The old ones go on for as long as somebody uses them.
        assert_eq!(verifications(&client, &server, NAME), 2);
    }
}

#[test]
fn another_name_is_judged_by_itself() {
    let known = Known::new();
    for version in VERSIONS {
        let (client, server) = known.pair(&known.root.trust(), version);
        for name in ["other.test", "server.test.other", "127.0.0.1"] {
            handshake(&client, &server, name);
            assert_eq!(
                last_refusal().unwrap().reason,
                RefusalReason::Name,
                "{name}"
            );
        }
    }
    // An address and a host of the same letters are two names.
    let issued = known.root.leaf_with("peer", |params| {
        params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    });
    let client = client(&issued, &known.root.trust(), &known.clock, Version::Tls13);
    let server = server(&issued, &known.root.trust(), &known.clock, Version::Tls13);
    assert_eq!(verifications(&client, &server, "127.0.0.1"), 4);
    handshake(&client, &server, NAME);
    assert_eq!(last_refusal().unwrap().reason, RefusalReason::Name);
}

#[test]
fn another_purpose_is_judged_by_itself() {
    let known = Known::new();
    let of_client = known.root.leaf_with("peer", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let trust = known.root.trust();
    for version in VERSIONS {
        let client = client(&of_client, &trust, &known.clock, version);
        let good = server(&known.issued, &trust, &known.clock, version);
        // Believed as a client.
        assert_eq!(verifications(&client, &good, NAME), 4);
        assert_eq!(verifications(&client, &good, NAME), 2);
        // The same chain as a server, to the client that knows it as its own.
        let bad = server(&of_client, &trust, &known.clock, version);
        handshake(&client, &bad, NAME);
        assert_eq!(last_refusal().unwrap().reason, RefusalReason::Purpose);
    }
}

#[test]
fn a_known_leaf_with_another_chain_is_judged_by_itself() {
    let root = Authority::root("root");
    let middle = root.below("middle", |_| {});
    let stranger = Authority::root("middle");
    let issued = middle.leaf();
    let clock = Clock::new();
    let with = |above: &str| {
        let leaf = issued.chain.find("-----END CERTIFICATE-----\n").unwrap();
        let leaf = &issued.chain[..leaf + "-----END CERTIFICATE-----\n".len()];
        Issued {
            chain: leaf.to_owned() + above,
            key: issued.key.clone(),
            serial: issued.serial.clone(),
        }
    };
    for version in VERSIONS {
        let client = client(&issued, &root.trust(), &clock, version);
        let server = |issued: &Issued| server(issued, &root.trust(), &clock, version);
        let good = server(&issued);
        verifications(&client, &good, NAME);
        assert_eq!(verifications(&client, &good, NAME), 2);
        // Without its authority, and with another of that name.
        for (chain, reason) in [
            (with(""), RefusalReason::UnknownIssuer),
            (with(&stranger.pem), RefusalReason::UnknownIssuer),
        ] {
            handshake(&client, &server(&chain), NAME);
            assert_eq!(last_refusal().unwrap().reason, reason);
        }
        // The same certificates in another order and with one more are taken, once verified.
        let more = server(&with(&(root.pem.clone() + &middle.pem)));
        assert_eq!(verifications(&client, &more, NAME), 6);
        assert_eq!(verifications(&client, &more, NAME), 2);
    }
}

#[test]
fn a_known_chain_without_its_key_is_refused() {
    let known = Known::new();
    let thief = known.root.leaf();
    for version in VERSIONS {
        let (client, server) = known.pair(&known.root.trust(), version);
        // The chain is no secret: who shows it signs with a key of his own.
        let stolen = CertifiedKey::new(
            known.issued.identity().chain().to_vec(),
            signing_key(&thief, &server),
        );
        let resolver: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(stolen));
        let mut config = (*server.rustls()).clone();
        config.cert_resolver = resolver;
        last_refusal();
        let outcome = Pair::of(forgetful(&client), Arc::new(config), NAME).run();
        assert_eq!(
            outcome.client,
            Some(TlsError::InvalidCertificate(CertificateError::BadSignature))
        );
        let refusal = last_refusal().unwrap();
        assert_eq!(refusal.reason, RefusalReason::Signature);
        assert_eq!(refusal.subject, "CN=peer");
        // As is one on the client's side.
        let stolen = CertifiedKey::new(
            known.issued.identity().chain().to_vec(),
            signing_key(&thief, &server),
        );
        let mut config = (*forgetful(&client)).clone();
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(stolen));
        let outcome = Pair::of(Arc::new(config), server.rustls(), NAME).run();
        assert_eq!(
            outcome.server,
            Some(TlsError::InvalidCertificate(CertificateError::BadSignature))
        );
    }
}

/// A leaf's key, as a configuration has it.
fn signing_key(issued: &Issued, server: &ServerConfig) -> Arc<dyn SigningKey> {
    let der = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let keys = server.rustls().crypto_provider().key_provider;
    keys.load_private_key(der).unwrap()
}

#[test]
fn a_resumed_session_is_judged_by_what_is_known_now() {
    let known = Known::new();
    for version in VERSIONS {
        let trust = known.root.trust_without(&[]);
        let client = client(&known.issued, &trust, &known.clock, version);
        let server = server(&known.issued, &trust, &known.clock, version);
        let name = ServerName::try_from(NAME).unwrap();
        let resumed = || {
            let mut pair = Pair::new(&client, &server);
            pair.finish();
            pair
        };
        let pair = resumed();
        assert!(!server.session(&pair.server).unwrap().resumed);
        let pair = resumed();
        assert!(server.session(&pair.server).unwrap().resumed);
        assert!(client.session(&name, &pair.client).unwrap().resumed);

        // By configurations that know of a revocation.
        let revoked = known.root.trust_without(&[&known.issued.serial]);
        let now = self::server(&known.issued, &revoked, &known.clock, version);
        let refused = |answer: Result<fips_tls::Session, Error>, reason| match answer {
            Err(Error::Peer(refusal)) => assert_eq!(refusal.reason, reason, "{refusal}"),
            other => panic!("{other:?}"),
        };
        refused(now.session(&pair.server), RefusalReason::Revoked);
        let now = self::client(&known.issued, &revoked, &known.clock, version);
        refused(now.session(&name, &pair.client), RefusalReason::Revoked);
        // For another name than the session was made for.
        let other = ServerName::try_from("other.test").unwrap();
        refused(client.session(&other, &pair.client), RefusalReason::Name);

        // When the list has ended.
        known.clock.advance(Duration::days(7));
        let ended = RefusalReason::RevocationListExpired;
        refused(server.session(&pair.server), ended);
        refused(client.session(&name, &pair.client), ended);
        known.clock.advance(-Duration::days(7));
    }
}

#[test]
fn new_lists_drop_tickets_and_sessions() {
    let known = Known::new();
    for version in VERSIONS {
        let trust = known.root.trust_without(&[]);
        let old = server(&known.issued, &trust, &known.clock, version);
        let client = client(&known.issued, &trust, &known.clock, version);
        Pair::new(&client, &old).finish();
        let new = server(
            &known.issued,
            &with_lists(known.root.trust(), &[known.root.list(&[])]),
            &known.clock,
            version,
        );
        let mut pair = Pair::new(&client, &new);
        pair.finish();
        assert!(!new.session(&pair.server).unwrap().resumed);
    }
}

/// Signs with one scheme, whatever the peer offers.
#[derive(Debug)]
struct Stubborn(Arc<dyn SigningKey>, SignatureScheme);

impl SigningKey for Stubborn {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(&[self.1])
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

#[test]
fn a_known_chain_may_sign_with_what_its_version_takes_alone() {
    let ca = Ca::test();
    let (chain, key) = ca.issue(&Leaf::server(), KeyAlgorithm::Rsa2048);
    let issued = Issued {
        chain,
        key,
        serial: Vec::new(),
    };
    for (version, scheme, taken) in [
        (Version::Tls13, SignatureScheme::RSA_PSS_SHA256, true),
        // Of certificates and TLS 1.2 alone (RFC 8446 §4.2.3).
        (Version::Tls13, SignatureScheme::RSA_PKCS1_SHA256, false),
        (Version::Tls12, SignatureScheme::RSA_PKCS1_SHA256, true),
        (Version::Tls12, SignatureScheme::RSA_PSS_SHA512, true),
    ] {
        let server = ServerConfig::builder(&boundary(), profile(version))
            .with_identity(issued.identity())
            .without_client_authentication()
            .build()
            .unwrap();
        let client = ClientConfig::builder(&boundary(), profile(version))
            .with_trust(ca.trust())
            .build()
            .unwrap();
        let stubborn = Stubborn(signing_key(&issued, &server), scheme);
        let shown = CertifiedKey::new(issued.identity().chain().to_vec(), Arc::new(stubborn));
        let mut config = (*server.rustls()).clone();
        config.cert_resolver = Arc::new(SingleCertAndKey::from(shown));
        let config = Arc::new(config);
        // Seen for the first time, and known.
        for known in [false, true] {
            if known {
                Pair::of(forgetful(&client), server.rustls(), NAME).finish();
            }
            let outcome = Pair::of(forgetful(&client), Arc::clone(&config), NAME).run();
            assert_eq!(
                outcome.client.is_none(),
                taken,
                "{scheme:?} {version} {outcome:?}"
            );
        }
    }
}
