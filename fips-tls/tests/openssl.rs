//! Both of our sides against OpenSSL: every suite, group and key of both versions, with client
//! certificates and without. `peers` has the other modes and the other implementations.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{Explanation, Group, Profile, ServerConfig, Session, Suite, Version};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, HandshakeKind, ServerConnection, StreamOwned};

use support::pki::{Ca, Files, Leaf};
use support::program::{self, PATIENCE, Program};
use support::{CURVES, NAME, client, server};

fn suites(key: KeyAlgorithm) -> impl Iterator<Item = Suite> {
    Suite::ALL.into_iter().filter(move |suite| {
        if key.is_rsa() {
            suite.takes_rsa_key()
        } else {
            suite.takes_ecdsa_key()
        }
    })
}

/// All groups, `group` before the others.
fn first(group: Group) -> String {
    let mut groups = CURVES;
    groups.sort_by_key(|other| *other != group);
    groups.map(Group::openssl_name).join(":")
}

/// The profile's schemes in its order.
fn schemes() -> String {
    let profile = Profile::sp800_52r2();
    let names: Vec<_> = profile
        .schemes()
        .iter()
        .map(|row| row.value.openssl_name())
        .collect();
    names.join(":")
}

fn modes() -> impl Iterator<Item = (bool, Group)> {
    [false, true]
        .into_iter()
        .flat_map(|mutual| CURVES.map(|group| (mutual, group)))
}

/// Our client to `openssl s_server`, which sends each line back reversed.
///
/// The client offers all groups and the server chooses: under TLS 1.2 both sides' groups also
/// say which curves they take in certificates (RFC 8422 §5.1), so that the server has all of
/// them, the wanted one first; under TLS 1.3 it has the one alone, which leads through
/// HelloRetryRequest where it is not the client's first.
fn clients_with(key: KeyAlgorithm) {
    let ca = Ca::test();
    let files = Files::new();
    let (chain, key_pem) = ca.issue(&Leaf::server(), key);
    let (chain, issuers) = files.write_chain("server", &chain);
    let key_file = files.write("server.key", &key_pem);
    let anchors = files.write("ca.crt", &ca.pem);
    let identity = ca.identity(&Leaf::client(), key);

    for (mutual, group, version) in
        modes().flat_map(|(mutual, group)| Version::ALL.map(|version| (mutual, group, version)))
    {
        let groups = match version {
            Version::Tls12 => first(group),
            Version::Tls13 => group.openssl_name().to_owned(),
        };
        let (_server, address) = program::s_server(|command| {
            command
                .args(["-rev", "-serverpref", "-groups", &groups])
                // With its own preference, OpenSSL would sign with SHA-256 under any curve.
                .args(["-sigalgs", &schemes(), "-cert"])
                .arg(&chain)
                .arg("-cert_chain")
                .arg(&issuers)
                .arg("-key")
                .arg(&key_file);
            if mutual {
                command
                    .args(["-Verify", "1", "-verify_return_error", "-CAfile"])
                    .arg(&anchors);
            }
        });
        for suite in suites(key).filter(|suite| suite.version() == version) {
            let case = format!("{suite} {group} {key} mutual={mutual}");
            let profile = Profile::sp800_52r2().narrow_suites(&[suite]).unwrap();
            let client = client(profile, ca.trust(), mutual.then(|| identity.clone()));
            let name = ServerName::try_from(NAME).unwrap();
            let connection = ClientConnection::new(client.rustls(), name).unwrap();
            let mut stream = StreamOwned::new(connection, connect(address));
            stream
                .write_all(b"hello\n")
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            let mut answer = [0; 6];
            stream
                .read_exact(&mut answer)
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(&answer, b"olleh\n", "{case}");
            check(&Session::of(&stream.conn).unwrap(), suite, group, &case);
        }
    }
}

/// `openssl s_client`, which offers all groups, to our server with one.
fn servers_with(key: KeyAlgorithm) {
    let ca = Ca::test();
    let files = Files::new();
    let anchors = files.write("ca.crt", &ca.pem);
    let (chain, key_pem) = ca.issue(&Leaf::client(), key);
    let (client_chain, client_issuers) = files.write_chain("client", &chain);
    let client_key = files.write("client.key", &key_pem);
    let identity = ca.identity(&Leaf::server(), key);

    for (mutual, group) in modes() {
        let profile = Profile::sp800_52r2().narrow_groups(&[group]).unwrap();
        let trust = mutual.then(|| ca.trust());
        let config = server(profile, identity.clone(), trust);
        for suite in suites(key) {
            let case = format!("{suite} {group} {key} mutual={mutual}");
            let (address, served) = serve_one(&config);
            let mut command = program::openssl();
            command
                .args(["s_client", "-quiet", "-verify_return_error"])
                .args(["-servername", NAME, "-verify_hostname", NAME])
                .args(["-connect", &address.to_string()])
                .args(["-groups", "P-256:P-384:P-521"])
                .arg("-CAfile")
                .arg(&anchors);
            match suite.version() {
                Version::Tls12 => command.args(["-tls1_2", "-cipher", suite.openssl_name()]),
                Version::Tls13 => command.args(["-tls1_3", "-ciphersuites", suite.openssl_name()]),
            };
            if mutual {
                command
                    .arg("-cert")
                    .arg(&client_chain)
                    .arg("-cert_chain")
                    .arg(&client_issuers)
                    .arg("-key")
                    .arg(&client_key);
            }
            let mut openssl = Program::start(command);
            openssl.say("hello\n");
            openssl.wait_for("HELLO");
            let session = served.join().unwrap();
            check(&session, suite, group, &case);
            assert_eq!(
                session.peer.as_ref().and_then(|peer| peer.common_name()),
                mutual.then_some("test client"),
                "{case}"
            );
            assert!(openssl.ended().success(), "{case}");
        }
    }
}

/// Takes one connection, and sends six bytes back in upper case.
fn serve_one(config: &ServerConfig) -> (SocketAddr, thread::JoinHandle<Session>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = config.rustls();
    let served = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        let mut message = [0; 6];
        stream.read_exact(&mut message).unwrap();
        message.make_ascii_uppercase();
        stream.write_all(&message).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        Session::of(&stream.conn).unwrap()
    });
    (address, served)
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn check(session: &Session, suite: Suite, group: Group, case: &str) {
    assert_eq!(session.suite, suite, "{case}");
    assert_eq!(session.version, suite.version(), "{case}");
    assert_eq!(session.group, Some(group), "{case}");
    assert!(!session.resumed, "{case}");
}

/// One test per key, so that they run side by side.
macro_rules! with_keys {
    ($($name:ident: $key:ident,)*) => {
        mod our_client {
            $(#[test] fn $name() { super::clients_with(super::KeyAlgorithm::$key) })*
        }
        mod our_server {
            $(#[test] fn $name() { super::servers_with(super::KeyAlgorithm::$key) })*
        }
    };
}

with_keys! {
    ecdsa_p256: EcdsaP256,
    ecdsa_p384: EcdsaP384,
    ecdsa_p521: EcdsaP521,
    rsa_2048: Rsa2048,
    rsa_3072: Rsa3072,
    rsa_4096: Rsa4096,
}

#[test]
fn a_hash_weaker_than_the_curve_is_refused_in_tls12() {
    let ca = Ca::test();
    let files = Files::new();
    let (chain, key) = ca.issue(&Leaf::server(), KeyAlgorithm::EcdsaP384);
    let (chain, _) = files.write_chain("server", &chain);
    let key = files.write("server.key", &key);
    let (mut peer, address) = program::s_server(|command| {
        command
            .args(["-tls1_2", "-sigalgs", "ECDSA+SHA256", "-cert"])
            .arg(&chain)
            .arg("-key")
            .arg(&key);
    });
    let client = client(Profile::sp800_52r2(), ca.trust(), None);
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(client.rustls(), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(address));
    let error = stream.write_all(b"x").unwrap_err();
    let _ = stream.conn.write_tls(&mut stream.sock);
    let words = Explanation::of_io(&error).unwrap().to_string();
    assert!(words.contains("the hash of its curve"), "{words}");
    // decrypt_error: a signature that does not verify (RFC 5246 §7.2.2).
    peer.wait_for("SSL alert number 51");
}

#[test]
fn a_server_without_the_hybrids_takes_the_curves_share_at_once() {
    let ca = Ca::test();
    let files = Files::new();
    let (chain, key) = ca.issue(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    let (chain, _) = files.write_chain("server", &chain);
    let key = files.write("server.key", &key);
    for (version, group, kind) in [
        (Version::Tls12, Group::P256, HandshakeKind::Full),
        (Version::Tls13, Group::P256, HandshakeKind::Full),
        (
            Version::Tls13,
            Group::P384,
            HandshakeKind::FullWithHelloRetryRequest,
        ),
    ] {
        let (_server, address) = program::s_server(|command| {
            let only = match version {
                Version::Tls12 => "-tls1_2",
                Version::Tls13 => "-tls1_3",
            };
            command
                .args(["-rev", only, "-groups", group.openssl_name(), "-cert"])
                .arg(&chain)
                .arg("-key")
                .arg(&key);
        });
        let profile = Profile::sp800_52r2().with_hybrids().unwrap();
        let client = client(profile, ca.trust(), None);
        let name = ServerName::try_from(NAME).unwrap();
        let connection = ClientConnection::new(client.rustls(), name).unwrap();
        let mut stream = StreamOwned::new(connection, connect(address));
        stream.write_all(b"hello\n").unwrap();
        stream.read_exact(&mut [0; 6]).unwrap();
        let session = Session::of(&stream.conn).unwrap();
        assert_eq!((session.version, session.group), (version, Some(group)));
        assert_eq!(
            stream.conn.handshake_kind(),
            Some(kind),
            "{version} {group}"
        );
    }
}

#[test]
fn openssl_resumes_our_tickets_in_both_versions_and_offers_them_again() {
    // RFC 8446 §8 and App. C.4 leave that to the client where there is no early data: each
    // handshake has an exchange of its own.
    let ca = Ca::test();
    let files = Files::new();
    let anchors = files.write("ca.crt", &ca.pem);
    let config = server(
        Profile::sp800_52r2(),
        ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256),
        None,
    );
    for version in ["-tls1_2", "-tls1_3"] {
        let saved = files.path(version);
        for (option, resumed) in [("-sess_out", false), ("-sess_in", true), ("-sess_in", true)] {
            let (address, served) = serve_one(&config);
            let mut command = program::openssl();
            command
                .args(["s_client", "-quiet", version, option])
                .arg(&saved)
                .args(["-connect", &address.to_string(), "-servername", NAME])
                .arg("-CAfile")
                .arg(&anchors);
            let mut openssl = Program::start(command);
            openssl.say("hello\n");
            openssl.wait_for("HELLO");
            let session = served.join().unwrap();
            assert_eq!(session.resumed, resumed, "{version}");
            assert_eq!(
                session.group.is_some(),
                !resumed || session.version == Version::Tls13
            );
            openssl.ended();
        }
    }
}
