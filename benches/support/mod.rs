//! Two ends of a connection in one thread, joined by memory.

#![allow(dead_code, reason = "each bench takes what it needs")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::certs::{
    Authority, AuthorityParams, LeafParams, Subject, SubjectAltName, SystemClock, Usages,
};
use fips_boundary::core::{Boundary, Requirements};
use fips_boundary::tls::{self, ClientConfig, Identity, Profile, ServerConfig, Trust};
use rustls::client::Resumption;
use rustls::{ClientConnection, HandshakeKind, ServerConnection};
use rustls_pki_types::ServerName;

/// Opens the gate for this process.
pub(crate) fn enter() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).expect("the gate opens")
}

/// Whether the client shows a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Anonymous,
    Mutual,
}

impl Client {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "server-auth",
            Self::Mutual => "mutual",
        }
    }
}

/// A client and a server that know each other.
pub(crate) struct Pair {
    client: Arc<rustls::ClientConfig>,
    /// The same, remembering no session.
    forgetful: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
    name: ServerName<'static>,
}

impl Pair {
    pub(crate) fn new(
        boundary: &Boundary,
        version: tls::Version,
        key_type: KeyType,
        client: Client,
    ) -> Self {
        let ca = authority(boundary, key_type);
        let trust =
            Trust::from_pem(ca.certificate().to_pem()).expect("an authority that may be trusted");
        Self::of(boundary, version, key_type, client, &ca, &trust)
    }

    /// Both with leaves of `ca`, and this trust.
    pub(crate) fn of(
        boundary: &Boundary,
        version: tls::Version,
        key_type: KeyType,
        client: Client,
        ca: &Authority,
        trust: &Trust,
    ) -> Self {
        let trust = || trust.clone();
        let identity = |usages| identity(boundary, ca, key_type, usages);
        let profile = || {
            Profile::sp800_52r2()
                .narrowed_to(version)
                .expect("the profile names it")
        };

        let server =
            ServerConfig::builder(boundary, profile()).with_identity(identity(Usages::Server));
        let server = match client {
            Client::Anonymous => server.without_client_authentication(),
            Client::Mutual => server.with_client_trust(trust()),
        };
        let config = ClientConfig::builder(boundary, profile()).with_trust(trust());
        let config = match client {
            Client::Anonymous => config,
            Client::Mutual => config.with_identity(identity(Usages::Client)),
        };
        let client = config.build().expect("a client").rustls();
        let mut forgetful = (*client).clone();
        forgetful.resumption = Resumption::disabled();
        Self {
            client,
            forgetful: Arc::new(forgetful),
            server: server.build().expect("a server").rustls(),
            name: ServerName::try_from("localhost").expect("a name"),
        }
    }

    /// Checks once that the handshake is the kind that is to be measured.
    pub(crate) fn warm(&self, resumed: bool) {
        self.handshake(resumed);
        let kind = self.handshake(resumed);
        assert_eq!(kind == Some(HandshakeKind::Resumed), resumed, "{kind:?}");
    }

    /// One handshake and one byte each way, so that tickets arrive.
    pub(crate) fn handshake(&self, resumed: bool) -> Option<HandshakeKind> {
        let config = if resumed {
            &self.client
        } else {
            &self.forgetful
        };
        let mut client =
            ClientConnection::new(config.clone(), self.name.clone()).expect("a connection");
        let mut server = ServerConnection::new(self.server.clone()).expect("a connection");
        while client.is_handshaking() || server.is_handshaking() {
            exchange(&mut client, &mut server);
        }
        server.writer().write_all(b"x").expect("memory takes it");
        exchange(&mut client, &mut server);
        client
            .reader()
            .read_exact(&mut [0])
            .expect("the byte arrived");
        client.handshake_kind()
    }
}

fn exchange(client: &mut ClientConnection, server: &mut ServerConnection) {
    let mut wire = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut wire).expect("memory takes it");
    }
    let mut bytes = &wire[..];
    while !bytes.is_empty() {
        server.read_tls(&mut bytes).expect("memory gives it");
        server.process_new_packets().expect("the server goes on");
    }
    let mut wire = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut wire).expect("memory takes it");
    }
    let mut bytes = &wire[..];
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).expect("memory gives it");
        client.process_new_packets().expect("the client goes on");
    }
}

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn authority(boundary: &Boundary, key_type: KeyType) -> Authority {
    let subject = Subject::new("bench authority").expect("a subject");
    let key = key::generate(boundary, key_type).expect("a key");
    AuthorityParams::new(subject, 30 * DAY)
        .self_signed(key, &SystemClock)
        .expect("an authority")
}

fn identity(boundary: &Boundary, ca: &Authority, key_type: KeyType, usages: Usages) -> Identity {
    let key = key::generate(boundary, key_type).expect("a key");
    let certificate = LeafParams::new(Subject::new("peer").expect("a subject"), usages, DAY)
        .with_names([SubjectAltName::dns("localhost").expect("a name")])
        .signed_by(&key, ca, &SystemClock)
        .expect("a certificate");
    let key = key::to_pem(&key).expect("PEM");
    Identity::from_pem(boundary, certificate.to_pem(), key.as_bytes()).expect("an identity")
}
