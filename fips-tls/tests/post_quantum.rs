//! Handshakes with ML-KEM, alone and with a curve: agreed on in TLS 1.3 alone, with a way back
//! for peers without it, and never with a bad share.

mod support;

use std::sync::Arc;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{ClientConfig, Explanation, Group, Profile, ServerConfig, Session, Suite, Version};
use rustls::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    AlertDescription, Error, HandshakeKind, NamedGroup, PeerIncompatible, PeerMisbehaved,
    ProtocolVersion, RootCertStore,
};

use support::memory::Pair;
use support::pki::{Ca, Leaf};
use support::{NAME, boundary, client, server};

const GROUPS: [Group; 4] = [
    Group::MlKem768,
    Group::MlKem1024,
    Group::SecP256r1MlKem768,
    Group::SecP384r1MlKem1024,
];

fn is_hybrid(group: Group) -> bool {
    matches!(group, Group::SecP256r1MlKem768 | Group::SecP384r1MlKem1024)
}

fn widest() -> Profile {
    Profile::sp800_52r2()
        .with_hybrids()
        .and_then(Profile::with_ml_kem)
        .unwrap()
}

fn hybrids() -> Profile {
    Profile::sp800_52r2().with_hybrids().unwrap()
}

fn only(groups: &[Group]) -> Profile {
    widest().narrow_groups(groups).unwrap()
}

fn a_server(profile: Profile) -> ServerConfig {
    let identity = Ca::test().identity(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    server(profile, identity, None)
}

fn a_client(profile: Profile) -> ClientConfig {
    client(profile, Ca::test().trust(), None)
}

/// What a finished handshake agreed on, the same for both sides, and how.
fn agreed(client: &ClientConfig, server: &ServerConfig) -> (Version, Group, HandshakeKind) {
    let mut pair = Pair::new(client, server);
    pair.finish();
    let of_client = Session::of(&pair.client).unwrap();
    let of_server = Session::of(&pair.server).unwrap();
    assert_eq!(of_client.group, of_server.group);
    let kind = pair.client.handshake_kind().unwrap();
    assert_eq!(pair.server.handshake_kind(), Some(kind));
    (of_client.version, of_client.group.unwrap(), kind)
}

#[test]
fn every_group_suite_and_mode() {
    let ca = Ca::test();
    let key = KeyAlgorithm::EcdsaP256;
    let identity = ca.identity(&Leaf::server(), key);
    for mutual in [false, true] {
        let trust = mutual.then(|| ca.trust());
        let server = server(widest(), identity.clone(), trust);
        for group in GROUPS {
            for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384] {
                let case = format!("{suite} {group} mutual={mutual}");
                let profile = only(&[group]).narrow_suites(&[suite]).unwrap();
                let shown = mutual.then(|| ca.identity(&Leaf::client(), key));
                let client = client(profile, ca.trust(), shown);
                for resumed in [false, true] {
                    let mut pair = Pair::new(&client, &server);
                    pair.finish();
                    for session in [Session::of(&pair.client), Session::of(&pair.server)] {
                        let session = session.unwrap();
                        assert_eq!(session.version, Version::Tls13, "{case}");
                        assert_eq!(session.suite, suite, "{case}");
                        assert_eq!(session.group, Some(group), "{case}");
                        assert_eq!(session.resumed, resumed, "{case}");
                    }
                    let peer = Session::of(&pair.server).unwrap().peer;
                    assert_eq!(peer.is_some(), mutual, "{case}");
                }
            }
        }
    }
}

#[test]
fn what_is_turned_on_comes_first_and_needs_one_hello() {
    for (profile, group) in [
        (hybrids(), Group::SecP256r1MlKem768),
        (Profile::tls13().with_ml_kem().unwrap(), Group::MlKem768),
        (widest(), Group::MlKem768),
    ] {
        let found = agreed(&a_client(profile.clone()), &a_server(profile));
        assert_eq!(found, (Version::Tls13, group, HandshakeKind::Full));
    }
}

#[test]
fn a_server_without_the_hybrids_takes_the_curves_share() {
    for server in [
        a_server(Profile::sp800_52r2()),
        a_server(only(&[Group::P256])),
    ] {
        let client = a_client(hybrids());
        let found = agreed(&client, &server);
        assert_eq!(found, (Version::Tls13, Group::P256, HandshakeKind::Full));
        // What the client remembers of this server costs no second hello either.
        let (_, group, kind) = agreed(&client, &server);
        assert_eq!((group, kind), (Group::P256, HandshakeKind::Resumed));
    }
    // The stronger hybrid carries the share of its own curve.
    let strong = only(&[Group::SecP384r1MlKem1024, Group::P384]);
    let found = agreed(&a_client(strong), &a_server(only(&[Group::P384])));
    assert_eq!(found, (Version::Tls13, Group::P384, HandshakeKind::Full));
}

#[test]
fn another_group_is_reached_by_a_second_hello() {
    for (profile, group) in [
        (hybrids(), Group::P384),
        (hybrids(), Group::P521),
        (hybrids(), Group::SecP384r1MlKem1024),
        (Profile::tls13().with_ml_kem().unwrap(), Group::P256),
        (widest(), Group::MlKem1024),
        (widest(), Group::SecP256r1MlKem768),
    ] {
        let found = agreed(&a_client(profile), &a_server(only(&[group])));
        let retried = HandshakeKind::FullWithHelloRetryRequest;
        assert_eq!(found, (Version::Tls13, group, retried));
    }
}

#[test]
fn a_client_without_them_reaches_a_server_that_has_them() {
    let found = agreed(&a_client(Profile::sp800_52r2()), &a_server(widest()));
    assert_eq!(found, (Version::Tls13, Group::P256, HandshakeKind::Full));
}

#[test]
fn sides_without_a_group_in_common_say_so() {
    let mut pair = Pair::new(
        &a_client(only(&[Group::MlKem768])),
        &a_server(only(&[Group::SecP256r1MlKem768])),
    );
    let outcome = pair.run();
    let error = outcome.server.unwrap();
    assert_eq!(
        error,
        Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon)
    );
    let words = Explanation::of(&error).to_string();
    assert!(words.contains("ML-KEM"), "{words}");
    assert_eq!(
        outcome.client,
        Some(Error::AlertReceived(AlertDescription::HandshakeFailure))
    );
}

#[test]
fn tls12_works_beside_them_and_never_with_them() {
    let tls12 = || Profile::sp800_52r2().narrowed_to(Version::Tls12).unwrap();
    for (client, server) in [
        (a_client(widest()), a_server(tls12())),
        (a_client(tls12()), a_server(widest())),
    ] {
        let found = agreed(&client, &server);
        assert_eq!(found, (Version::Tls12, Group::P256, HandshakeKind::Full));
    }
}

#[test]
fn a_server_takes_no_hybrid_from_a_tls12_hello() {
    let tls12 = only(&[Group::P256]).narrowed_to(Version::Tls12).unwrap();
    let mut pair = Pair::new(&a_client(tls12), &a_server(widest()));
    let mut hello = Vec::new();
    pair.client.write_tls(&mut hello).unwrap();
    // supported_groups (10): one group, P-256.
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let place = hello
        .windows(groups.len())
        .position(|window| window == groups)
        .unwrap();
    hello[place + 6..place + 8].copy_from_slice(&[0x11, 0xeb]);
    pair.server.read_tls(&mut &hello[..]).unwrap();
    assert_eq!(
        pair.server.process_new_packets(),
        Err(PeerIncompatible::NoKxGroupsInCommon.into())
    );
}

#[test]
fn a_client_takes_no_hybrid_from_a_tls12_server() {
    let odd = Odd {
        inner: exchange(Group::P256),
        name: exchange(Group::SecP256r1MlKem768).name(),
        bend: |_| (),
    };
    let server = odd_server(odd, &rustls::version::TLS12);
    let mut pair = Pair::of(a_client(hybrids()).rustls(), server, NAME);
    let outcome = pair.run();
    assert_eq!(
        outcome.client,
        Some(PeerMisbehaved::SelectedUnofferedKxGroup.into())
    );
    assert_eq!(
        outcome.server,
        Some(Error::AlertReceived(AlertDescription::IllegalParameter))
    );
}

#[test]
fn a_bad_share_ends_the_handshake_with_illegal_parameter() {
    type Bend = fn(&mut Vec<u8>);
    let any: [(&str, Bend); 3] = [
        ("short", |share| {
            share.pop();
        }),
        ("long", |share| share.push(0)),
        ("one byte", |share| share.truncate(1)),
    ];
    let of_the_point: [(&str, Bend); 2] = [
        ("compressed", |share| share[0] = 0x02),
        ("off the curve", |share| share[10] ^= 1),
    ];
    // The last coefficient of the encapsulation key, before its seed of 32 bytes.
    let of_the_key: [(&str, Bend); 1] = [("not reduced", |share| {
        let seed = share.len() - 32;
        share[seed - 3..seed].fill(0xff);
    })];
    for group in GROUPS {
        let (inner, profile) = (exchange(group), only(&[group]));
        let bends = |of_the_key: &[(&'static str, Bend)]| {
            let of_the_point = &of_the_point[..if is_hybrid(group) { 2 } else { 0 }];
            [&any[..], of_the_point, of_the_key].concat()
        };
        for (what, bend) in bends(&of_the_key) {
            let client = odd_client(Odd::bent(inner, bend));
            let server = a_server(profile.clone()).rustls();
            let outcome = Pair::of(client, server, NAME).run();
            refused(outcome.server, outcome.client, &format!("{group} {what}"));
        }
        for (what, bend) in bends(&[]) {
            let server = odd_server(Odd::bent(inner, bend), &rustls::version::TLS13);
            let client = a_client(profile.clone()).rustls();
            let outcome = Pair::of(client, server, NAME).run();
            refused(outcome.client, outcome.server, &format!("{group} {what}"));
        }
    }
}

#[track_caller]
fn refused(by: Option<Error>, told: Option<Error>, case: &str) {
    let error = by.unwrap();
    assert_eq!(error, PeerMisbehaved::InvalidKeyShare.into(), "{case}");
    let words = Explanation::of(&error).to_string();
    assert!(words.contains("FIPS 203 §7.2"), "{words}");
    let alert = Error::AlertReceived(AlertDescription::IllegalParameter);
    assert_eq!(told, Some(alert), "{case}");
}

#[test]
fn a_changed_ciphertext_ends_at_the_first_record() {
    // ML-KEM rejects it without a word (FIPS 203 §6.3): the sides hold different secrets, and
    // even the alert cannot be read.
    for group in GROUPS {
        let odd = Odd::bent(exchange(group), |share| *share.last_mut().unwrap() ^= 1);
        let server = odd_server(odd, &rustls::version::TLS13);
        let outcome = Pair::of(a_client(only(&[group])).rustls(), server, NAME).run();
        assert_eq!(outcome.client, Some(Error::DecryptError), "{group}");
        assert_eq!(outcome.server, Some(Error::DecryptError), "{group}");
    }
}

/// The provider's part for `group`.
fn exchange(group: Group) -> &'static dyn SupportedKxGroup {
    fips_tls::provider(&boundary(), &only(&[group])).kx_groups[0]
}

/// A peer's group that bends its share, or goes by a name of another.
#[derive(Debug)]
struct Odd {
    inner: &'static dyn SupportedKxGroup,
    name: NamedGroup,
    bend: fn(&mut Vec<u8>),
}

impl Odd {
    fn bent(inner: &'static dyn SupportedKxGroup, bend: fn(&mut Vec<u8>)) -> Self {
        Self {
            name: inner.name(),
            inner,
            bend,
        }
    }

    /// Our provider with this group alone.
    fn provider(self) -> Arc<CryptoProvider> {
        let mut provider = (*fips_tls::provider(&boundary(), &Profile::sp800_52r2())).clone();
        provider.kx_groups = vec![Box::leak(Box::new(self))];
        Arc::new(provider)
    }
}

impl SupportedKxGroup for Odd {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let inner = self.inner.start()?;
        let mut share = inner.pub_key().to_vec();
        (self.bend)(&mut share);
        Ok(Box::new(OddStarted {
            inner,
            name: self.name,
            share,
        }))
    }

    fn start_and_complete(&self, peer: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let mut completed = self.inner.start_and_complete(peer)?;
        (self.bend)(&mut completed.pub_key);
        completed.group = self.name;
        Ok(completed)
    }

    fn name(&self) -> NamedGroup {
        self.name
    }

    fn usable_for_version(&self, _: ProtocolVersion) -> bool {
        true
    }
}

struct OddStarted {
    inner: Box<dyn ActiveKeyExchange>,
    name: NamedGroup,
    share: Vec<u8>,
}

impl ActiveKeyExchange for OddStarted {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        self.inner.complete(peer)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn group(&self) -> NamedGroup {
        self.name
    }
}

fn odd_client(odd: Odd) -> Arc<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    for anchor in Ca::test().trust().certificates() {
        roots.add(anchor.clone()).unwrap();
    }
    let config = rustls::ClientConfig::builder_with_provider(odd.provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn odd_server(
    odd: Odd,
    version: &'static rustls::SupportedProtocolVersion,
) -> Arc<rustls::ServerConfig> {
    let config = rustls::ServerConfig::builder_with_provider(odd.provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(WebPkiClientVerifier::no_client_auth())
        .with_cert_resolver(Arc::clone(
            &a_server(Profile::sp800_52r2()).rustls().cert_resolver,
        ));
    Arc::new(config)
}
