//! Identities by name: of a server by the name that is asked for, of a client by the server.

mod support;

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{
    ClientConfig, ConfigFault, Error, Group, Identities, Identity, IdentityFault, Profile,
    ServerConfig, Session, Suite, Trust, Version,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, HandshakeKind, ServerConnection, StreamOwned};

use support::memory::Pair;
use support::pki::{Ca, Files, Leaf};
use support::program::{self, Program};
use support::tree::Authority;
use support::{boundary, client};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;
const P384: KeyAlgorithm = KeyAlgorithm::EcdsaP384;
const RSA: KeyAlgorithm = KeyAlgorithm::Rsa2048;

/// Two keys of one kind are one in `support`: the common name tells identities apart.
fn leaf(common_name: &'static str, names: &[&'static str]) -> Leaf {
    Leaf {
        names: names.to_vec(),
        common_name,
        ..Leaf::server()
    }
}

fn identity(common_name: &'static str, names: &[&'static str], key: KeyAlgorithm) -> Identity {
    Ca::test().identity(&leaf(common_name, names), key)
}

fn server(identities: Identities) -> ServerConfig {
    ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identities(identities)
        .without_client_authentication()
        .build()
        .unwrap()
}

/// Asks for `name` without verifying that the certificate is for it, and says whose comes.
fn shown(server: &ServerConfig, name: &str, profile: Profile) -> Result<String, String> {
    let config = client(profile, Ca::test().trust(), None);
    let mut pair = Pair::of(config.rustls(), server.rustls(), name);
    let outcome = pair.run();
    // What the client says of a certificate that is not for the name holds those it is for.
    if let Some(error @ rustls::Error::InvalidCertificate(_)) = outcome.client {
        return Ok(error.to_string());
    }
    if let Some(error) = outcome.server {
        return Err(error.to_string());
    }
    let peer = Session::of(&pair.client).unwrap().peer.unwrap();
    Ok(peer.common_name().unwrap().to_owned())
}

fn each(version: Version) -> Profile {
    Profile::sp800_52r2().narrowed_to(version).unwrap()
}

#[test]
fn exact_then_a_wildcard_then_the_default_or_none() {
    let identities = Identities::new()
        .with(identity("api", &["api.test", "api.example.test"], P256))
        .unwrap()
        .with(identity("any", &["*.example.test"], P256))
        .unwrap();
    let without = server(identities.clone());
    let with = server(
        identities
            .with_default(identity("default", &["other.test", "10.0.0.1"], P256))
            .unwrap(),
    );
    for version in Version::ALL {
        for server in [&with, &without] {
            let shown = |name| shown(server, name, each(version)).unwrap();
            assert_eq!(shown("api.test"), "api");
            assert_eq!(shown("API.Test"), "api");
            assert_eq!(shown("api.example.test"), "api");
            assert_eq!(shown("x.example.test"), "any");
            assert_eq!(shown("X.EXAMPLE.test"), "any");
        }
        // Of other certificates the client says what is wrong with them.
        for unknown in ["other.test", "10.0.0.1"] {
            assert_eq!(shown(&with, unknown, each(version)).unwrap(), "default");
        }
        for unknown in ["example.test", "x.y.example.test", "unknown.test"] {
            let error = shown(&with, unknown, each(version)).unwrap();
            assert!(error.contains("other.test"), "{error}");
        }
        for unknown in [
            "example.test",
            "x.y.example.test",
            "unknown.test",
            "10.0.0.1",
        ] {
            let error = shown(&without, unknown, each(version)).unwrap_err();
            assert!(error.contains("no server certificate"), "{error}");
        }
        // Clients send the name without the root's dot (RFC 6066 §3).
        assert_eq!(shown(&with, "api.test.", each(version)).unwrap(), "api");
    }
}

#[test]
fn of_one_name_the_kind_that_the_client_can_verify() {
    let identities = Identities::new()
        .with(identity("ec", &["a.test"], P256))
        .unwrap()
        .with(identity("p384", &["a.test"], P384))
        .unwrap()
        .with(identity("rsa", &["a.test"], RSA))
        .unwrap();
    let server = server(identities);
    let all = Profile::sp800_52r2();
    for (suite, expected) in [
        (Suite::EcdheEcdsaAes128GcmSha256, "ec"),
        (Suite::EcdheRsaAes128GcmSha256, "rsa"),
        (Suite::Aes128GcmSha256, "ec"),
    ] {
        let profile = all.clone().narrow_suites(&[suite]).unwrap();
        assert_eq!(shown(&server, "a.test", profile).unwrap(), expected);
    }
    // OpenSSL with the schemes of one kind alone.
    for (schemes, expected) in [
        ("ecdsa_secp256r1_sha256", "ec"),
        ("ecdsa_secp384r1_sha384:ecdsa_secp256r1_sha256", "ec"),
        ("rsa_pss_rsae_sha256:ecdsa_secp384r1_sha384", "p384"),
        ("rsa_pss_rsae_sha256", "rsa"),
    ] {
        let text = s_client(&server, |command| {
            command.args(["-tls1_3", "-servername", "a.test", "-sigalgs", schemes]);
        });
        assert!(
            text.contains(&format!("CN = {expected},")),
            "{schemes}: {text}"
        );
    }
}

/// Serves one connection after another until it is dropped with the test.
fn listen(config: &ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = config.rustls();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket.unwrap());
            thread::spawn(move || {
                use std::io::{Read, Write};
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let answer = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes";
                let _ = stream.write_all(answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            });
        }
    });
    address
}

fn s_client(config: &ServerConfig, arguments: impl FnOnce(&mut Command)) -> String {
    let address = listen(config);
    let mut command = program::openssl();
    command.args(["s_client", "-connect", &address.to_string()]);
    arguments(&mut command);
    let mut program = Program::start(command);
    program.say("Q\n");
    let (_, lines) = program.finish();
    lines.join("\n")
}

#[test]
fn openssl_and_curl_ask_for_names() {
    let ca = Ca::test();
    let identities = Identities::new()
        .with(identity("one", &["one.test"], P256))
        .unwrap()
        .with(identity("wild", &["*.wild.test"], P256))
        .unwrap()
        .with_default(identity("default", &["127.0.0.1"], P256))
        .unwrap();
    let server = server(identities);
    for version in ["-tls1_2", "-tls1_3"] {
        for (name, expected) in [
            (Some("one.test"), "one"),
            (Some("ONE.test"), "one"),
            (Some("a.wild.test"), "wild"),
            (Some("b.a.wild.test"), "default"),
            (None, "default"),
        ] {
            let text = s_client(&server, |command| {
                command.arg(version);
                match name {
                    Some(name) => command.args(["-servername", name]),
                    None => command.arg("-noservername"),
                };
            });
            assert!(
                text.contains(&format!("CN = {expected},")),
                "{name:?}: {text}"
            );
        }
    }

    let files = Files::new();
    let anchors = files.write("ca.crt", &ca.pem);
    let address = listen(&server);
    let curl = |host: &str| {
        let mut command = Command::new("curl");
        command
            .args([
                "--disable",
                "--noproxy",
                "*",
                "--max-time",
                "20",
                "--silent",
            ])
            .args(["--resolve", &format!("{host}:{}:127.0.0.1", address.port())])
            .arg("--cacert")
            .arg(&anchors)
            .arg(format!("https://{host}:{}/", address.port()));
        command
    };
    for host in ["one.test", "ONE.test", "x.wild.test", "127.0.0.1"] {
        assert_eq!(program::run(&mut curl(host)), "yes", "{host}");
    }
    let status = curl("y.x.wild.test").status().unwrap();
    assert_eq!(status.code(), Some(60), "the certificate is for another");
}

#[test]
fn a_session_of_one_name_is_not_resumed_under_another() {
    let identities = Identities::new()
        .with(identity("one", &["one.test"], P256))
        .unwrap()
        .with(identity("both", &["*.test"], P384))
        .unwrap_err();
    // A wildcard of one label for all of a domain is none.
    assert!(matches!(
        identities,
        Error::Identity(IdentityFault::NoDnsName { .. })
    ));

    let server = server(
        Identities::new()
            .with(identity("one", &["one.test"], P256))
            .unwrap()
            .with(identity("two", &["two.test"], P256))
            .unwrap(),
    );
    for version in Version::ALL {
        let client = client(each(version), Ca::test().trust(), None);
        let kind = |name| {
            let mut pair = Pair::of(client.rustls(), server.rustls(), name);
            pair.finish();
            pair.client.handshake_kind().unwrap()
        };
        assert_eq!(kind("one.test"), HandshakeKind::Full);
        assert_eq!(kind("one.test"), HandshakeKind::Resumed);
        assert_eq!(kind("two.test"), HandshakeKind::Full);
    }
}

#[test]
fn what_cannot_be_told_apart_or_does_not_fit() {
    let fault = |result: Result<Identities, Error>| match result.unwrap_err() {
        Error::Identity(fault) => fault,
        error => panic!("{error}"),
    };
    let one = || identity("one", &["one.test", "ONE.test"], P256);
    let with_one = || Identities::new().with(one()).unwrap();
    // Of the same kind, with both named.
    let twice = fault(with_one().with(identity("other", &["x.test", "One.Test"], P256)));
    let text = twice.to_string();
    assert!(matches!(twice, IdentityFault::NameTwice { .. }));
    assert!(
        text.contains("CN=one") && text.contains("CN=other"),
        "{text}"
    );
    with_one()
        .with(identity("other", &["one.test"], P384))
        .unwrap();
    let twice = fault(
        with_one()
            .with_default(one())
            .and_then(|all| all.with_default(one())),
    );
    assert!(twice.to_string().contains("the default"), "{twice}");

    let addresses = fault(Identities::new().with(identity("ip", &["10.0.0.1"], P256)));
    assert!(matches!(addresses, IdentityFault::NoDnsName { .. }));
    for (name, covered) in [
        ("one.test", Ok(())),
        ("ONE.TEST", Ok(())),
        ("two.test", Err(true)),
        ("*.one.test", Err(true)),
        ("one.test.", Err(false)),
        ("*", Err(false)),
        ("*.test", Err(false)),
        ("a.*.test", Err(false)),
        ("", Err(false)),
        ("a b.test", Err(false)),
        ("10.0.0.1", Err(false)),
    ] {
        match (Identities::new().with_names([name], one()), covered) {
            (Ok(_), Ok(())) => {}
            (Err(Error::Identity(IdentityFault::NameNotCovered { .. })), Err(true)) => {}
            (Err(Error::Identity(IdentityFault::NotADnsName { .. })), Err(false)) => {}
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
    // A name below a wildcard, and the wildcard.
    let wild = || identity("wild", &["*.wild.test"], P256);
    for name in ["a.wild.test", "*.WILD.test"] {
        Identities::new().with_names([name], wild()).unwrap();
    }

    let built = ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identities(Identities::new())
        .without_client_authentication()
        .build();
    let Err(Error::Config { faults, .. }) = built else {
        panic!("{built:?}")
    };
    assert_eq!(faults, [ConfigFault::NoIdentity]);
    // Each is judged under the profile.
    let built = ServerConfig::builder(&boundary(), Profile::cnsa1())
        .with_identities(with_one().with_default(wild()).unwrap())
        .without_client_authentication()
        .build();
    let Err(Error::Config { faults, .. }) = built else {
        panic!("{built:?}")
    };
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn a_replaced_resolver_is_found() {
    let ours = server(
        Identities::new()
            .with(identity("one", &["one.test"], P256))
            .unwrap(),
    );
    let other = server(
        Identities::new()
            .with(identity("one", &["one.test"], P256))
            .unwrap(),
    );
    let mut config = (*ours.rustls()).clone();
    ours.check(&config).unwrap();
    config.cert_resolver = Arc::clone(&other.rustls().cert_resolver);
    let Err(Error::Config { faults, .. }) = ours.check(&config) else {
        panic!("it is found");
    };
    assert_eq!(faults, [ConfigFault::Resolver]);
}

#[test]
fn ten_thousand() {
    // One certificate for all: what is looked for is the name.
    let ca = Authority::root("many CA");
    let mut identities = Identities::new();
    let (one, last) = (ca.leaf_with("one", names(&["n7.many.test"])), 9_999);
    let wild = ca.leaf_with("wild", names(&["*.many.test"])).identity();
    for number in 0..=last {
        let identity = if number == 7 {
            one.identity()
        } else {
            wild.clone()
        };
        let name = format!("n{number}.many.test");
        identities = identities.with_names([name], identity).unwrap();
    }
    assert_eq!(identities.len(), last + 1);
    let server = server(identities);
    let client = client(Profile::sp800_52r2(), ca.trust(), None);
    for (name, expected) in [
        ("n0.many.test", Some("wild")),
        ("n7.many.test", Some("one")),
        ("n9999.many.test", Some("wild")),
        ("n10000.many.test", None),
    ] {
        let mut pair = Pair::of(client.rustls(), server.rustls(), name);
        let outcome = pair.run();
        let found = outcome.server.is_none().then(|| {
            let peer = Session::of(&pair.client).unwrap().peer.unwrap();
            peer.common_name().unwrap().to_owned()
        });
        assert_eq!(found.as_deref(), expected, "{name}");
    }
    // Its debug form, which is looked through at each check, does not grow with them.
    assert!(format!("{:?}", server.rustls()).len() < 100_000);
}

fn names(names: &[&str]) -> impl FnOnce(&mut rcgen::CertificateParams) {
    let names: Vec<_> = names
        .iter()
        .map(|name| rcgen::SanType::DnsName((*name).try_into().unwrap()))
        .collect();
    |params| params.subject_alt_names = names
}

/// A server that takes clients of `trust`, for any of some names.
fn mutual(version: Version, trust: Trust) -> ServerConfig {
    ServerConfig::builder(&boundary(), each(version))
        .with_identity(identity(
            "server",
            &["a.test", "b.test", "x.c.test", "10.0.0.1"],
            P256,
        ))
        .with_client_trust(trust)
        .build()
        .unwrap()
}

fn as_client(common_name: &'static str, ca: &Ca) -> Identity {
    let leaf = Leaf {
        common_name,
        ..Leaf::client()
    };
    ca.identity(&leaf, P256)
}

#[test]
fn each_server_is_shown_its_own() {
    let ca = Ca::test();
    for version in Version::ALL {
        let server = mutual(version, ca.trust());
        let client = ClientConfig::builder(&boundary(), each(version))
            .with_trust(ca.trust())
            .with_identity(as_client("usual", ca))
            .with_identity_for(["A.test", "10.0.0.1"], as_client("for a", ca))
            .with_identity_for(["*.c.test"], as_client("for c", ca))
            .build()
            .unwrap();
        let met = |name: &str| {
            let parsed = ServerName::try_from(name.to_owned()).unwrap();
            let config = client.rustls_for(&parsed);
            client.check(&config).unwrap();
            let mut pair = Pair::of(config, server.rustls(), name);
            pair.finish();
            client.session(&parsed, &pair.client).unwrap();
            let session = Session::of(&pair.server).unwrap();
            let peer = session.peer.unwrap();
            (peer.common_name().unwrap().to_owned(), session.resumed)
        };
        for (name, expected) in [
            ("a.test", "for a"),
            ("10.0.0.1", "for a"),
            ("x.c.test", "for c"),
            ("b.test", "usual"),
        ] {
            for resumed in [false, true] {
                assert_eq!(met(name), (expected.to_owned(), resumed), "{name}");
            }
        }
        assert_eq!(met("a.test.").0, "for a");

        // The usual configuration has sessions of its own: it offers none of theirs.
        let mut pair = Pair::of(client.rustls(), server.rustls(), "a.test");
        pair.finish();
        let session = Session::of(&pair.server).unwrap();
        assert!(!session.resumed);
        assert_eq!(session.peer.unwrap().common_name(), Some("usual"));

        // One's parts do not pass for another's.
        let name = ServerName::try_from("a.test").unwrap();
        let mut mixed = (*client.rustls_for(&name)).clone();
        mixed.resumption = client.rustls().resumption.clone();
        let Err(Error::Config { faults, .. }) = client.check(&mixed) else {
            panic!("it is found");
        };
        assert_eq!(faults, [ConfigFault::Resumption]);
    }
}

#[test]
fn names_of_servers_are_names_and_have_one_identity() {
    let ca = Ca::test();
    let build = |one: &str, other: &str| {
        ClientConfig::builder(&boundary(), Profile::sp800_52r2())
            .with_trust(ca.trust())
            .with_identity_for([one], as_client("one", ca))
            .with_identity_for([other], as_client("other", ca))
            .build()
    };
    build("a.test", "b.test").unwrap();
    build("a.test", "*.a.test").unwrap();
    for (one, other, expected) in [
        (
            "a.test",
            "A.test",
            ConfigFault::PeerNameTwice("A.test".into()),
        ),
        ("::1", "0::1", ConfigFault::PeerNameTwice("0::1".into())),
        ("a.test", "*", ConfigFault::PeerName("*".into())),
        (
            "a.test",
            "https://a.test",
            ConfigFault::PeerName("https://a.test".into()),
        ),
    ] {
        let Err(Error::Config { faults, .. }) = build(one, other) else {
            panic!("{one} {other}");
        };
        assert_eq!(faults, [expected]);
    }
    // Under the profile, each of them.
    let built = ClientConfig::builder(&boundary(), Profile::cnsa1())
        .with_trust(Ca::new("P-384 CA", P384).trust())
        .with_identity_for(["a.test"], as_client("one", ca))
        .build();
    assert!(matches!(built, Err(Error::Config { .. })));
}

#[test]
fn the_server_names_the_authority() {
    let (one, other) = (Ca::new("one CA", P256), Ca::new("other CA", P256));
    let third = Ca::new("third CA", P256);
    for version in Version::ALL {
        let client = ClientConfig::builder(&boundary(), each(version))
            .with_trust(Ca::test().trust())
            .with_identities([as_client("of one", &one), as_client("of other", &other)])
            .build()
            .unwrap();
        let met = |trust: Trust| {
            let server = mutual(version, trust);
            let mut pair = Pair::of(client.rustls(), server.rustls(), "a.test");
            let outcome = pair.run();
            outcome.server.map_or_else(
                || {
                    let peer = Session::of(&pair.server).unwrap().peer.unwrap();
                    peer.common_name().unwrap().to_owned()
                },
                |error| error.to_string(),
            )
        };
        assert_eq!(met(one.trust()), "of one");
        assert_eq!(met(other.trust()), "of other");
        let both = Trust::from_pem(other.pem.clone() + &one.pem).unwrap();
        assert_eq!(met(both), "of one", "the first of the client's");
        assert!(
            met(third.trust()).contains("no certificates"),
            "none is shown"
        );
    }
}

#[test]
fn openssl_names_the_authority() {
    let (one, other) = (Ca::new("one CA", P256), Ca::new("other CA", P256));
    let files = Files::new();
    let (chain, key) = Ca::test().issue(&leaf("openssl", &["a.test"]), P256);
    let chain = files.write("server.crt", &chain);
    let key = files.write("server.key", &key);
    for (ca, expected) in [(&one, "of one"), (&other, "of other")] {
        let anchors = files.write("clients.crt", &ca.pem);
        for version in Version::ALL {
            let (mut program, address) = program::s_server(|command| {
                command
                    .args(["-Verify", "1", "-verify_return_error", "-CAfile"])
                    .arg(&anchors)
                    .arg("-cert")
                    .arg(&chain)
                    .arg("-key")
                    .arg(&key);
            });
            let client = ClientConfig::builder(&boundary(), each(version))
                .with_trust(Ca::test().trust())
                .with_identities([as_client("of one", &one), as_client("of other", &other)])
                .build()
                .unwrap();
            let name = ServerName::try_from("a.test").unwrap();
            let connection = ClientConnection::new(client.rustls_for(&name), name).unwrap();
            let socket = std::net::TcpStream::connect(address).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            std::io::Write::write_all(&mut stream, b"hello\n").unwrap();
            program.wait_for(&format!("CN = {expected}"));
            assert!(
                Session::of(&stream.conn)
                    .unwrap()
                    .group
                    .is_some_and(|group| { Group::ALL.contains(&group) })
            );
        }
    }
}
