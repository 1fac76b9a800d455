//! What is refused: each time the alert that went out and the words for who runs it.

mod support;

use std::process::Command;

use fips_tls::{CertificateReason, CertificateRefused, Profile, Trust};
use rcgen::ExtendedKeyUsagePurpose;
use rustls::{AlertDescription, CertificateError, Error};
use time::Duration;

use support::memory::Pair;
use support::pki::{self, Ca, Files, Leaf};
use support::program::{self, Program};
use support::refusal::{
    P256, plain_client, plain_server, refuse_s_client, refused_by, refusing, s_client, says,
};
use support::wire::{self, ext};
use support::{NAME, client, server};

#[test]
fn clients_that_offer_nothing_of_the_profile() {
    const HANDSHAKE_FAILURE: &str = "SSL alert number 40";
    let server = plain_server();
    let suite = &["AES-GCM", "no suite"];
    let group = &["no group", "X25519"];
    let cases: [(&[&str], &str, &[&str]); 7] = [
        (
            &["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
            HANDSHAKE_FAILURE,
            suite,
        ),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
            HANDSHAKE_FAILURE,
            suite,
        ),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
            HANDSHAKE_FAILURE,
            suite,
        ),
        (
            &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
            HANDSHAKE_FAILURE,
            suite,
        ),
        (&["-tls1_3", "-groups", "X25519"], HANDSHAKE_FAILURE, group),
        (&["-tls1_2", "-groups", "X25519"], HANDSHAKE_FAILURE, group),
        (
            // Such a client names no signature algorithms: rustls stops there, before versions.
            &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
            HANDSHAKE_FAILURE,
            &["TLS 1.1", "SHA-1", "TLS 1.3"],
        ),
    ];
    for (arguments, alert, words) in cases {
        let (address, refused) = refusing(&server);
        let mut peer = s_client(&address, arguments);
        let error = refused.join().unwrap();
        peer.wait_for(alert);
        says(&error, words);
    }
}

#[test]
fn tls12_clients_under_the_tls13_profile() {
    let identity = Ca::test().identity(&Leaf::server(), P256);
    let server = server(Profile::tls13(), identity, None);
    let (address, refused) = refusing(&server);
    let mut peer = s_client(&address, &["-tls1_2"]);
    says(&refused.join().unwrap(), &["no version", "TLS 1.3"]);
    peer.wait_for("SSL alert number 70");
}

#[test]
fn a_client_without_extended_master_secret() {
    let (address, refused) = refusing(&plain_server());
    let port = address.rsplit(':').next().unwrap();
    let mut command = Command::new("gnutls-cli");
    command.args([
        "--no-ca-verification",
        "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH",
        "--port",
        port,
        "127.0.0.1",
    ]);
    let mut peer = Program::start(command);
    let error = refused.join().unwrap();
    peer.wait_for("Received alert [40]");
    says(&error, &["extended master secret", "RFC 7627"]);
}

#[test]
fn a_server_without_extended_master_secret() {
    let tls12 = Profile::sp800_52r2()
        .narrow_suites(&[fips_tls::Suite::EcdheEcdsaAes128GcmSha256])
        .unwrap();
    let client = client(tls12, Ca::test().trust(), None);
    let mut pair = Pair::new(&client, &plain_server());
    let mut bytes = Vec::new();
    pair.client.write_tls(&mut bytes).unwrap();
    pair.server.read_tls(&mut &bytes[..]).unwrap();
    pair.server.process_new_packets().unwrap();
    let mut flight = Vec::new();
    pair.server.write_tls(&mut flight).unwrap();

    let flight = wire::edit_hello(&flight, |hello| hello.remove(ext::EXTENDED_MASTER_SECRET));
    pair.client.read_tls(&mut &flight[..]).unwrap();
    let error = pair.client.process_new_packets().unwrap_err();
    says(&error, &["extended master secret", "RFC 7627"]);
    let mut alert = Vec::new();
    pair.client.write_tls(&mut alert).unwrap();
    // An alert record (21) of two bytes: fatal (2), handshake_failure (40).
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 40]);
}

#[test]
fn servers_that_take_nothing_of_the_profile() {
    let ca = Ca::test();
    let files = Files::new();
    let (chain, key) = ca.issue(&Leaf::server(), P256);
    let chain = files.write("server.crt", &chain);
    let key = files.write("server.key", &key);
    let cases: [(&[&str], AlertDescription); 6] = [
        (
            &["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
            AlertDescription::HandshakeFailure,
        ),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
            AlertDescription::HandshakeFailure,
        ),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
            AlertDescription::HandshakeFailure,
        ),
        (
            &["-tls1_3", "-groups", "X25519"],
            AlertDescription::HandshakeFailure,
        ),
        (
            &["-tls1_2", "-groups", "X25519"],
            AlertDescription::HandshakeFailure,
        ),
        (
            &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
            AlertDescription::ProtocolVersion,
        ),
    ];
    for (arguments, alert) in cases {
        let (_server, address) = program::s_server(|command| {
            command
                .args(arguments)
                .arg("-cert")
                .arg(&chain)
                .arg("-key")
                .arg(&key);
        });
        let error = refused_by(&plain_client(), address);
        assert_eq!(error, Error::AlertReceived(alert), "{arguments:?}");
        says(&error, &["enable"]);
    }
}

/// A server's certificate a client refuses, and the alert the server then sees.
#[track_caller]
fn server_refused(ca: &Ca, leaf: &Leaf, name: &str, alert: AlertDescription, words: &[&str]) {
    for profile in [Profile::tls13(), tls12()] {
        let server = server(Profile::sp800_52r2(), ca.identity(leaf, P256), None);
        let client = client(profile, Ca::test().trust(), None);
        let outcome = Pair::of(client.rustls(), server.rustls(), name).run();
        says(&outcome.client.unwrap(), words);
        assert_eq!(outcome.server, Some(Error::AlertReceived(alert)));
    }
}

/// As [`server_refused`], the other way round.
#[track_caller]
fn client_refused(ca: &Ca, leaf: &Leaf, alert: AlertDescription, words: &[&str]) {
    for profile in [Profile::tls13(), tls12()] {
        let trusted = Ca::test();
        let server = server(
            Profile::sp800_52r2(),
            trusted.identity(&Leaf::server(), P256),
            Some(trusted.trust()),
        );
        let client = client(profile, trusted.trust(), Some(ca.identity(leaf, P256)));
        let outcome = Pair::new(&client, &server).run();
        says(&outcome.server.unwrap(), words);
        assert_eq!(outcome.client, Some(Error::AlertReceived(alert)));
    }
}

fn tls12() -> Profile {
    Profile::sp800_52r2()
        .narrow_suites(&[fips_tls::Suite::EcdheEcdsaAes256GcmSha384])
        .unwrap()
}

#[test]
fn expired_certificates() {
    let ends = -Duration::minutes(1);
    let words = ["has expired", "renew"];
    let alert = AlertDescription::CertificateExpired;
    let leaf = Leaf {
        ends,
        ..Leaf::server()
    };
    server_refused(Ca::test(), &leaf, NAME, alert, &words);
    let leaf = Leaf {
        ends,
        ..Leaf::client()
    };
    client_refused(Ca::test(), &leaf, alert, &words);
}

#[test]
fn certificates_from_the_future() {
    let starts = Duration::hours(1);
    let words = ["not valid yet", "clocks"];
    // RFC 8446 §6.2: "has expired or is not currently valid".
    let alert = AlertDescription::CertificateExpired;
    let leaf = Leaf {
        starts,
        ..Leaf::server()
    };
    server_refused(Ca::test(), &leaf, NAME, alert, &words);
    let leaf = Leaf {
        starts,
        ..Leaf::client()
    };
    client_refused(Ca::test(), &leaf, alert, &words);
}

#[test]
fn a_server_of_another_name() {
    server_refused(
        Ca::test(),
        &Leaf::server(),
        "other.test",
        AlertDescription::BadCertificate,
        &["other.test", NAME, "subjectAltName"],
    );
}

#[test]
fn a_server_that_is_named_by_its_subject_alone() {
    let leaf = Leaf {
        names: vec![],
        common_name: NAME,
        ..Leaf::server()
    };
    server_refused(
        Ca::test(),
        &leaf,
        NAME,
        AlertDescription::BadCertificate,
        &["subjectAltName"],
    );
}

#[test]
fn certificates_for_the_other_use() {
    let words = ["not for this use", "serverAuth", "clientAuth"];
    let alert = AlertDescription::UnsupportedCertificate;
    let leaf = Leaf {
        usage: ExtendedKeyUsagePurpose::ClientAuth,
        ..Leaf::server()
    };
    server_refused(Ca::test(), &leaf, NAME, alert, &words);
    let leaf = Leaf {
        usage: ExtendedKeyUsagePurpose::ServerAuth,
        ..Leaf::client()
    };
    client_refused(Ca::test(), &leaf, alert, &words);
}

#[test]
fn certificates_of_an_unknown_ca() {
    let other = Ca::new("other CA", P256);
    let words = ["not issued by a CA that is trusted here"];
    let alert = AlertDescription::UnknownCA;
    server_refused(&other, &Leaf::server(), NAME, alert, &words);
    client_refused(&other, &Leaf::client(), alert, &words);
    // The same name is not enough: another key signed.
    let impostor = Ca::new(Ca::test().name(), P256);
    let outcome = Pair::new(
        &plain_client(),
        &server(
            Profile::sp800_52r2(),
            impostor.identity(&Leaf::server(), P256),
            None,
        ),
    )
    .run();
    assert!(matches!(
        outcome.client,
        Some(Error::InvalidCertificate(
            CertificateError::BadSignature | CertificateError::UnknownIssuer
        ))
    ));
}

#[test]
fn a_client_without_certificate() {
    let ca = Ca::test();
    let server = server(
        Profile::sp800_52r2(),
        ca.identity(&Leaf::server(), P256),
        Some(ca.trust()),
    );
    for profile in [Profile::tls13(), tls12()] {
        let client = client(profile, ca.trust(), None);
        let outcome = Pair::new(&client, &server).run();
        says(
            &outcome.server.unwrap(),
            &["showed no certificate", "give the peer a certificate"],
        );
        assert_eq!(
            outcome.client,
            Some(Error::AlertReceived(AlertDescription::CertificateRequired))
        );
    }
}

/// Chains that break the policy without breaking path validation; made by OpenSSL, since
/// nothing here makes them.
struct WeakChain {
    chain: String,
    key: String,
    anchor: String,
    position: usize,
    words: &'static str,
}

fn weak_chains(usage: &str) -> Vec<WeakChain> {
    let extensions = format!("extendedKeyUsage={usage}\nsubjectAltName=DNS:{NAME}\n");
    let issuing = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n";
    let rsa = |bits: &str| {
        program::run(program::openssl().args([
            "genpkey",
            "-quiet",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            &format!("rsa_keygen_bits:{bits}"),
        ]))
    };
    let ca = Ca::test();
    let weak_key = rsa("1024");
    let strong_key = rsa("2048");
    let good_leaf_key = pki::key_pem(&pki::key(P256));
    let weak_ca = ca.issue_with_openssl(&weak_key, "weak CA", issuing, "-sha256");
    let rsa_ca = ca.issue_with_openssl(&strong_key, "RSA CA", issuing, "-sha256");
    let under = |ca: (&str, &str), hash| {
        pki::openssl_issue(ca, &good_leaf_key, "leaf", &extensions, hash) + ca.0
    };
    let chain = |chain, key: &str, position, words| WeakChain {
        chain,
        key: key.to_owned(),
        anchor: ca.pem.clone(),
        position,
        words,
    };
    vec![
        chain(
            ca.issue_with_openssl(&weak_key, "weak leaf", &extensions, "-sha256"),
            &weak_key,
            0,
            "RSA of 1024 bits",
        ),
        chain(
            under((&weak_ca, &weak_key), "-sha256"),
            &good_leaf_key,
            1,
            "RSA of 1024 bits",
        ),
        chain(
            under((&rsa_ca, &strong_key), "-sha1"),
            &good_leaf_key,
            0,
            "RSA with SHA-1",
        ),
        chain(
            ca.issue_with_openssl(&good_leaf_key, "leaf", &extensions, "-sha1"),
            &good_leaf_key,
            0,
            "ECDSA with SHA-1",
        ),
    ]
}

fn assert_refused_certificate(error: &Error, case: &WeakChain) {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else {
        panic!("{error:?}");
    };
    let refused = other.0.downcast_ref::<CertificateRefused>().unwrap();
    assert_eq!(refused.position, case.position, "{refused}");
    assert!(matches!(
        refused.reason,
        CertificateReason::Key { .. } | CertificateReason::SignatureAlgorithm { .. }
    ));
    says(error, &[case.words, "SP 800-131Ar2"]);
}

#[test]
fn servers_with_weak_chains() {
    for case in weak_chains("serverAuth") {
        let files = Files::new();
        let (chain, issuers) = files.write_chain("server", &case.chain);
        let key = files.write("server.key", &case.key);
        let (mut peer, address) = program::s_server(|command| {
            command
                .args(["-cipher", "DEFAULT@SECLEVEL=0", "-cert"])
                .arg(&chain)
                .arg("-cert_chain")
                .arg(&issuers)
                .arg("-key")
                .arg(&key);
        });
        let trust = Trust::from_pem(&case.anchor).unwrap();
        let error = refused_by(&client(Profile::sp800_52r2(), trust, None), address);
        assert_refused_certificate(&error, &case);
        // certificate_unknown: see `verifier`.
        peer.wait_for("SSL alert number 46");
    }
}

#[test]
fn clients_with_weak_chains() {
    let ca = Ca::test();
    let server = server(
        Profile::sp800_52r2(),
        ca.identity(&Leaf::server(), P256),
        Some(ca.trust()),
    );
    for case in weak_chains("clientAuth") {
        let error = refuse_s_client(&server, &case.chain, &case.key);
        assert_refused_certificate(&error, &case);
    }
}
