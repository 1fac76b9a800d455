//! The profile of RFC 9151: what it names, what it carries, and what it refuses that the
//! default takes.

mod support;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{
    ConfigFault, Error, Group, Identity, Profile, Scheme, ServerConfig, Session, Suite,
};
use rustls::AlertDescription;

use support::memory::Pair;
use support::pki::{self, Ca};
use support::refusal::{refusing, s_client, says};
use support::{NAME, boundary, client, server};

const P384: KeyAlgorithm = KeyAlgorithm::EcdsaP384;
const RSA_3072: KeyAlgorithm = KeyAlgorithm::Rsa3072;

fn ca() -> Ca {
    Ca::new("cnsa CA", P384)
}

/// A leaf whose certificate is signed with P-384 and `hash`.
fn issue(ca: &Ca, usage: &str, key: KeyAlgorithm, hash: &str) -> (String, String) {
    let key = pki::key_pem(&pki::key(key));
    let extensions = format!("subjectAltName=DNS:{NAME}\nextendedKeyUsage={usage}\n");
    let chain = ca.issue_with_openssl(&key, "leaf", &extensions, hash);
    (chain, key)
}

fn identity(ca: &Ca, usage: &str, key: KeyAlgorithm) -> Identity {
    let (chain, key) = issue(ca, usage, key, "-sha384");
    Identity::from_pem(&boundary(), chain, key).unwrap()
}

#[test]
fn names_what_the_rfc_lists_and_the_module_offers() {
    let profile: Profile = "cnsa1".parse().unwrap();
    let suites: Vec<_> = profile.suites().iter().map(|row| row.value).collect();
    assert_eq!(
        suites,
        [
            Suite::Aes256GcmSha384,
            Suite::EcdheEcdsaAes256GcmSha384,
            Suite::EcdheRsaAes256GcmSha384
        ]
    );
    let groups: Vec<_> = profile.groups().iter().map(|row| row.value).collect();
    assert_eq!(groups, [Group::P384]);
    for scheme in Scheme::ALL {
        let named = scheme.iana_name().ends_with("sha384");
        assert_eq!(profile.accepts_scheme(scheme), named, "{scheme}");
    }
    for (algorithm, taken) in [
        (KeyAlgorithm::EcdsaP256, false),
        (KeyAlgorithm::EcdsaP384, true),
        (KeyAlgorithm::EcdsaP521, false),
        (KeyAlgorithm::Rsa2048, false),
        (KeyAlgorithm::Rsa3072, true),
        (KeyAlgorithm::Rsa4096, true),
    ] {
        assert_eq!(profile.accepts_key(&algorithm.into()), taken, "{algorithm}");
    }
}

#[test]
fn every_suite_full_and_resumed_with_either_key() {
    let ca = ca();
    let mut handshakes = 0;
    for key in [P384, RSA_3072] {
        let server_identity = identity(&ca, "serverAuth", key);
        let client_identity = identity(&ca, "clientAuth", key);
        for row in Profile::cnsa1().suites() {
            let suite = row.value;
            let fits = if key.is_rsa() {
                suite.takes_rsa_key()
            } else {
                suite.takes_ecdsa_key()
            };
            if !fits {
                continue;
            }
            let narrow = Profile::cnsa1().narrow_suites(&[suite]).unwrap();
            let server = server(Profile::cnsa1(), server_identity.clone(), Some(ca.trust()));
            let client = client(narrow, ca.trust(), Some(client_identity.clone()));
            for resumed in [false, true] {
                let mut pair = Pair::new(&client, &server);
                pair.finish();
                let session = Session::of(&pair.server).unwrap();
                assert_eq!((session.suite, session.resumed), (suite, resumed));
                if !resumed {
                    assert_eq!(session.group, Some(Group::P384));
                }
                handshakes += 1;
            }
        }
    }
    assert_eq!(handshakes, 8);
}

#[track_caller]
fn refused_at_build(ca: &Ca, key: KeyAlgorithm, hash: &str, words: &[&str]) {
    let (chain, key) = issue(ca, "serverAuth", key, hash);
    let identity = Identity::from_pem(&boundary(), chain, key).unwrap();
    // The default takes it.
    server(Profile::sp800_52r2(), identity.clone(), None);
    let error = ServerConfig::builder(&boundary(), Profile::cnsa1())
        .with_identity(identity)
        .without_client_authentication()
        .build()
        .unwrap_err();
    let Error::Config { faults, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(matches!(faults[..], [ConfigFault::Identity(_)]), "{error}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn identities_below_its_floors() {
    let ca = ca();
    refused_at_build(
        &ca,
        KeyAlgorithm::EcdsaP256,
        "-sha384",
        &["ECDSA P-256", "cnsa1", "RFC 9151 §4.2"],
    );
    refused_at_build(
        &ca,
        KeyAlgorithm::Rsa2048,
        "-sha384",
        &["RSA of 2048 bits", "cnsa1", "RFC 9151 §4.2"],
    );
    refused_at_build(
        &ca,
        RSA_3072,
        "-sha256",
        &[
            "ECDSA with SHA-256",
            "cnsa1",
            "RFC 9151 §6.3",
            "ECDSA with SHA-384",
        ],
    );
}

#[test]
fn a_peer_whose_chain_is_below_its_floors() {
    let strong = Ca::new("cnsa RSA CA", RSA_3072);
    let taken = server(
        Profile::sp800_52r2(),
        identity(&strong, "serverAuth", P384),
        Some(strong.trust()),
    );
    // An issuer at the floor, a leaf signed with a hash below it.
    let (chain, key) = issue(&strong, "clientAuth", P384, "-sha256");
    let shown = Identity::from_pem(&boundary(), chain, key).unwrap();
    let client_of = |identity| client(Profile::sp800_52r2(), strong.trust(), Some(identity));
    Pair::new(&client_of(shown.clone()), &taken).finish();

    let server = server(
        Profile::cnsa1(),
        identity(&strong, "serverAuth", P384),
        Some(strong.trust()),
    );
    let outcome = Pair::new(&client_of(shown), &server).run();
    says(
        &outcome.server.unwrap(),
        &["RSA with SHA-256", "RFC 9151 §6.3"],
    );

    // A trust anchor below the floor is no trust at all.
    let error = fips_tls::ClientConfig::builder(&boundary(), Profile::cnsa1())
        .with_trust(Ca::test().trust())
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("ECDSA P-256"), "{error}");
}

#[test]
fn peers_that_offer_less() {
    let ca = ca();
    let server = server(
        Profile::cnsa1(),
        identity(&ca, "serverAuth", RSA_3072),
        None,
    );
    for arguments in [
        &["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"][..],
        &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
        &["-tls1_3", "-groups", "P-256:P-521"],
        &["-tls1_2", "-groups", "P-256:P-521"],
        &[
            "-tls1_3",
            "-sigalgs",
            "rsa_pss_rsae_sha256:rsa_pss_rsae_sha512",
        ],
    ] {
        let (address, refused) = refusing(&server);
        let mut peer = s_client(&address, arguments);
        refused.join().unwrap();
        peer.wait_for("SSL alert number 40");
    }
    // rustls ends a TLS 1.2 handshake without a fitting scheme with no alert.
    let (address, refused) = refusing(&server);
    let _peer = s_client(
        &address,
        &["-tls1_2", "-sigalgs", "rsa_pss_rsae_sha256:RSA+SHA512"],
    );
    assert_eq!(
        refused.join().unwrap(),
        rustls::Error::General("incompatible signing key".into())
    );
    // And one of our own default, which has no group but P-256.
    let narrow = Profile::sp800_52r2().narrow_groups(&[Group::P256]).unwrap();
    let outcome = Pair::new(&client(narrow, ca.trust(), None), &server).run();
    assert_eq!(
        outcome.client,
        Some(rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
        ))
    );
}

#[test]
fn an_rsa_key_signs_with_sha384_whatever_the_peer_prefers() {
    let ca = ca();
    let server = server(
        Profile::cnsa1(),
        identity(&ca, "serverAuth", RSA_3072),
        None,
    );
    for version in ["-tls1_2", "-tls1_3"] {
        let (address, handshake) = refusing(&server);
        let mut peer = s_client(
            &address,
            &[
                version,
                "-sigalgs",
                "rsa_pss_rsae_sha256:rsa_pss_rsae_sha512:rsa_pss_rsae_sha384",
            ],
        );
        peer.wait_for("Peer signing digest: SHA384");
        peer.wait_for("Peer signature type: RSA-PSS");
        drop(peer);
        // The peer left after the handshake.
        drop(handshake);
    }
}

#[test]
fn a_configuration_of_the_default_is_none_of_cnsa1() {
    let ca = ca();
    let wide = server(
        Profile::sp800_52r2(),
        identity(&ca, "serverAuth", P384),
        None,
    );
    let narrow = server(Profile::cnsa1(), identity(&ca, "serverAuth", P384), None);
    let Error::Config { faults, .. } = narrow.check(&wide.rustls()).unwrap_err() else {
        panic!("another error");
    };
    for fault in [
        ConfigFault::Suite("TLS13_AES_128_GCM_SHA256".into()),
        ConfigFault::Group("secp256r1".into()),
        ConfigFault::Scheme("ECDSA_NISTP256_SHA256".into()),
        // A P-256 key may sign so under TLS 1.2 by the default alone.
        ConfigFault::Scheme("ECDSA_NISTP384_SHA384".into()),
        ConfigFault::Scheme("of a certificate".into()),
    ] {
        assert!(faults.contains(&fault), "{fault:?} is not in {faults:?}");
    }
}
