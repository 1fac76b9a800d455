//! Which of the peers that are believed may come in, in handshakes, and the ways round a rule.

mod support;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{
    Authorization, ClientConfig, ConfigFault, Error, Identity, PeerRule, Profile, RefusalReason,
    ServerConfig, Session, SpiffeId, Trust, Version, last_refusal,
};
use rcgen::{BasicConstraints, DnType, IsCa, KeyUsagePurpose, SanType};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use support::memory::Pair;
use support::pki::{Ca, Leaf, key, key_pem};
use support::tree::{Authority, Issued};
use support::{NAME, boundary};

const VERSIONS: [Version; 2] = [Version::Tls13, Version::Tls12];
const DENIED: TlsError =
    TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

fn profile(version: Version) -> Profile {
    Profile::sp800_52r2().narrowed_to(version).unwrap()
}

fn any_of(rules: &[PeerRule]) -> Authorization {
    Authorization::any_of(rules.iter().cloned()).unwrap()
}

fn named(name: &str) -> Authorization {
    any_of(&[PeerRule::new().with_common_name(name)])
}

fn server(
    version: Version,
    identity: Identity,
    trust: Trust,
    rules: Option<Authorization>,
) -> ServerConfig {
    let builder = ServerConfig::builder(&boundary(), profile(version))
        .with_identity(identity)
        .with_client_trust(trust);
    match rules {
        Some(rules) => builder.with_authorization(rules),
        None => builder,
    }
    .build()
    .unwrap()
}

fn client(
    version: Version,
    identity: Identity,
    trust: Trust,
    rules: Option<Authorization>,
) -> ClientConfig {
    let builder = ClientConfig::builder(&boundary(), profile(version))
        .with_trust(trust)
        .with_identity(identity);
    match rules {
        Some(rules) => builder.with_authorization(rules),
        None => builder,
    }
    .build()
    .unwrap()
}

/// What a side with these rules says to a peer with this chain, which both trust: as server and
/// as client, under both versions. `None` when it is taken each time.
fn judge(root: &Authority, peer: &Identity, rules: &Authorization) -> Option<TlsError> {
    let own = || root.leaf_with("own", |_| {}).identity();
    let mut answers = Vec::new();
    for version in VERSIONS {
        last_refusal();
        let rules = || Some(rules.clone());
        let strict = server(version, own(), root.trust(), rules());
        let other = client(version, peer.clone(), root.trust(), None);
        let outcome = Pair::new(&other, &strict).run();
        if outcome.server == Some(DENIED) {
            let told = TlsError::AlertReceived(AlertDescription::AccessDenied);
            assert_eq!(outcome.client, Some(told));
        }
        answers.push(outcome.server);

        let strict = client(version, own(), root.trust(), rules());
        let other = server(version, peer.clone(), root.trust(), None);
        answers.push(Pair::new(&strict, &other).run().client);
    }
    // Some errors of rustls are equal to none.
    let words: Vec<_> = answers.iter().map(|error| format!("{error:?}")).collect();
    assert!(words.windows(2).all(|two| two[0] == two[1]), "{words:?}");
    answers.pop().unwrap()
}

#[track_caller]
fn assert_denied(root: &Authority, peer: &Identity, rules: &Authorization) {
    assert_eq!(judge(root, peer, rules), Some(DENIED));
    let refusal = last_refusal().unwrap();
    assert_eq!(refusal.reason, RefusalReason::Authorization, "{refusal}");
}

fn called(root: &Authority, name: &str) -> Identity {
    root.leaf_with(name, |_| {}).identity()
}

#[test]
fn a_peer_comes_in_by_a_rule_that_holds() {
    let root = Authority::root("root");
    let rules = any_of(&[
        PeerRule::new().with_common_name("admin"),
        PeerRule::new().with_organization("system:masters"),
        PeerRule::new().with_spiffe_id(SpiffeId::new("spiffe://a/b").unwrap()),
    ]);
    assert_eq!(judge(&root, &called(&root, "admin"), &rules), None);
    let master = root.leaf_with("other", |params| {
        params
            .distinguished_name
            .push(DnType::OrganizationName, "system:masters");
    });
    assert_eq!(judge(&root, &master.identity(), &rules), None);
    let workload = root.leaf_with("other", |params| {
        params
            .subject_alt_names
            .push(SanType::URI("spiffe://a/b".try_into().unwrap()));
    });
    assert_eq!(judge(&root, &workload.identity(), &rules), None);

    assert_denied(&root, &called(&root, "stranger"), &rules);
    let stranger = server(VERSIONS[0], called(&root, "own"), root.trust(), Some(rules));
    let other = client(VERSIONS[0], called(&root, "stranger"), root.trust(), None);
    Pair::new(&other, &stranger).run();
    let refusal = last_refusal().unwrap();
    assert_eq!(refusal.subject, "CN=stranger");
    let text = refusal.to_string();
    for words in [
        NAME,
        "common name admin",
        "organization system:masters",
        "add a rule",
    ] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
}

#[test]
fn a_second_common_name_or_uri_admits_nobody() {
    let root = Authority::root("root");
    let uris = |uris: &[&'static str]| -> Issued {
        root.leaf_with("x", |params| {
            for uri in uris {
                params
                    .subject_alt_names
                    .push(SanType::URI((*uri).try_into().unwrap()));
            }
        })
    };
    let rules = any_of(&[PeerRule::new().with_spiffe_id(SpiffeId::new("spiffe://a/b").unwrap())]);
    assert_eq!(
        judge(&root, &uris(&["spiffe://a/b"]).identity(), &rules),
        None
    );
    assert_denied(
        &root,
        &uris(&["spiffe://a/b", "spiffe://a/c"]).identity(),
        &rules,
    );
    assert_denied(&root, &uris(&["spiffe://a/%62"]).identity(), &rules);

    // rcgen writes one name of a kind; OpenSSL writes what it is asked for.
    let (ca, key) = (Ca::test(), key_pem(&key(KeyAlgorithm::EcdsaP256)));
    let extensions = format!("extendedKeyUsage=clientAuth\nsubjectAltName=DNS:{NAME}\n");
    let config = server(
        Version::Tls13,
        ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256),
        ca.trust(),
        Some(named("admin")),
    );
    for (subject, expected) in [
        ("admin", None),
        ("admin/CN=other", Some(DENIED)),
        ("other/CN=admin", Some(DENIED)),
        ("other+CN=admin", Some(DENIED)),
        ("admin/OU=admin", None),
    ] {
        let chain = ca.issue_with_openssl(&key, subject, &extensions, "-sha256");
        let identity = Identity::from_pem(&boundary(), chain, &key).unwrap();
        let client = client(Version::Tls13, identity, ca.trust(), None);
        assert_eq!(
            Pair::new(&client, &config).run().server,
            expected,
            "{subject}"
        );
    }
}

#[test]
fn the_leaf_alone_is_asked() {
    let root = Authority::root("root");
    let below = root.below("admin", |_| {});
    let rules = named("admin");
    // Its issuer has the name, and is sent.
    assert_denied(&root, &called(&below, "stranger"), &rules);
    // So does another's certificate beside it.
    let (admin, stranger) = (
        root.leaf_with("admin", |_| {}),
        root.leaf_with("stranger", |_| {}),
    );
    let beside = |first: &Issued, second: &Issued| {
        let chain = first.chain.clone() + &second.chain;
        Identity::from_pem(&boundary(), chain, &first.key).unwrap()
    };
    assert_denied(&root, &beside(&stranger, &admin), &rules);
    assert_eq!(judge(&root, &beside(&admin, &stranger), &rules), None);
    // The leaf of another, without its key, is no identity at all.
    assert!(Identity::from_pem(&boundary(), &admin.chain, &stranger.key).is_err());
}

#[test]
fn the_name_of_an_authority_does_not_make_one() {
    let (root, false_root) = (Authority::root("root"), Authority::root("root"));
    let peer = called(&false_root, "admin");
    let refused = judge(&root, &peer, &named("admin"));
    assert!(refused.is_some_and(|error| error != DENIED));
    let refusal = last_refusal().unwrap();
    assert!(
        matches!(
            refusal.reason,
            RefusalReason::UnknownIssuer | RefusalReason::Signature
        ),
        "{refusal}"
    );
}

#[test]
fn an_authority_does_not_come_in_as_a_leaf() {
    let root = Authority::root("root");
    let ca = root.leaf_with("admin", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    assert!(judge(&root, &ca.identity(), &named("admin")).is_some());
    // Path validation lets this one pass: it is no CA, and may sign lists all the same.
    let signs = root.leaf_with("admin", |params| {
        params.key_usages.push(KeyUsagePurpose::CrlSign);
    });
    assert_denied(&root, &signs.identity(), &named("admin"));
    assert!(last_refusal().is_none());
}

#[test]
fn who_shows_nothing_does_not_come_in() {
    let root = Authority::root("root");
    let rules = named("admin");
    for version in VERSIONS {
        let server = server(
            version,
            called(&root, "own"),
            root.trust(),
            Some(rules.clone()),
        );
        let nobody = ClientConfig::builder(&boundary(), profile(version))
            .with_trust(root.trust())
            .build()
            .unwrap();
        let outcome = Pair::new(&nobody, &server).run();
        assert_eq!(outcome.server, Some(TlsError::NoCertificatesPresented));
    }
    // Rules about clients that are never asked are an error, not a server for everybody.
    let error = ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identity(called(&root, "own"))
        .without_client_authentication()
        .with_authorization(rules)
        .build()
        .unwrap_err();
    let Error::Config { faults, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(faults, [ConfigFault::Authorization]);
}

#[test]
fn narrower_rules_hold_for_sessions_from_before() {
    let root = Authority::root("root");
    let (own, peer) = (called(&root, "own"), called(&root, "admin"));
    for version in VERSIONS {
        let wide = server(version, own.clone(), root.trust(), Some(named("admin")));
        let narrow = server(version, own.clone(), root.trust(), Some(named("other")));
        let client = client(version, peer.clone(), root.trust(), None);
        let resumes = |server: &ServerConfig| {
            let mut pair = Pair::new(&client, server);
            pair.finish();
            Session::of(&pair.server).unwrap().resumed
        };
        assert!(!resumes(&wide));
        assert!(resumes(&wide), "{version}");
        // A connection that the wide rules resumed, read under the narrow ones.
        let mut pair = Pair::new(&client, &wide);
        pair.finish();
        assert!(wide.session(&pair.server).unwrap().resumed);
        let error = narrow.session(&pair.server).unwrap_err();
        let Error::Peer(refusal) = &error else {
            panic!("{error}");
        };
        assert_eq!(refusal.reason, RefusalReason::Authorization);
        let text = error.to_string();
        assert!(
            text.contains("common name other") && text.contains("close"),
            "{text}"
        );
        // The session is offered to the narrow server, which does not take it.
        let outcome = Pair::new(&client, &narrow).run();
        assert_eq!(outcome.server, Some(DENIED), "{version}");
    }
}

#[test]
fn narrower_rules_of_a_client_hold_for_its_connections_from_before() {
    let root = Authority::root("root");
    let (own, peer) = (called(&root, "own"), called(&root, "admin"));
    let name = ServerName::try_from(NAME).unwrap();
    for version in VERSIONS {
        let server = server(version, peer.clone(), root.trust(), None);
        let wide = client(version, own.clone(), root.trust(), Some(named("admin")));
        let narrow = client(version, own.clone(), root.trust(), Some(named("other")));
        for resumed in [false, true] {
            let mut pair = Pair::new(&wide, &server);
            pair.finish();
            assert_eq!(wide.session(&name, &pair.client).unwrap().resumed, resumed);
            let error = narrow.session(&name, &pair.client).unwrap_err();
            assert!(matches!(error, Error::Peer(_)), "{error}");
        }
        // Its own sessions are its own: nothing is resumed, and nobody comes in.
        assert_eq!(Pair::new(&narrow, &server).run().client, Some(DENIED));
    }
}

#[test]
fn a_believed_chain_is_no_leave_for_another_name_of_the_same_key() {
    let root = Authority::root("root");
    let (key, rules) = (root.leaf_with("x", |_| {}).key, named("admin"));
    // Two leaves of one key, by OpenSSL: the second is who the first was, and has another name.
    let ca = Ca::test();
    let extensions = format!("extendedKeyUsage=clientAuth\nsubjectAltName=DNS:{NAME}\n");
    let identity = |name: &str| {
        let chain = ca.issue_with_openssl(&key, name, &extensions, "-sha256");
        Identity::from_pem(&boundary(), chain, &key).unwrap()
    };
    let own = ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    for version in VERSIONS {
        let server = server(version, own.clone(), ca.trust(), Some(rules.clone()));
        for (name, expected) in [
            ("admin", None),
            ("other", Some(DENIED)),
            ("admin", None),
            ("other", Some(DENIED)),
        ] {
            let client = client(version, identity(name), ca.trust(), None);
            let outcome = Pair::new(&client, &server).run();
            assert_eq!(outcome.server, expected, "{name}");
        }
    }
}
