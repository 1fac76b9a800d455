//! Two ends of a connection in one thread, joined by memory: rustls alone, so that
//! `benches/peers/rustls-fips` does the very same.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection};

/// A client and a server that know each other.
pub(crate) struct Pair {
    client: Arc<ClientConfig>,
    /// The same, remembering no session.
    forgetful: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    name: ServerName<'static>,
}

impl Pair {
    /// Of two configurations; the server answers to `localhost`.
    pub(crate) fn of(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> Self {
        let mut forgetful = (*client).clone();
        forgetful.resumption = Resumption::disabled();
        Self {
            client,
            forgetful: Arc::new(forgetful),
            server,
            name: ServerName::try_from("localhost").expect("a name"),
        }
    }

    /// The same, with another number of tickets after each handshake of TLS 1.3.
    pub(crate) fn with_tickets(mut self, tickets: usize) -> Self {
        Arc::make_mut(&mut self.server).send_tls13_tickets = tickets;
        self
    }

    /// Checks once that the handshake is the kind that is to be measured.
    pub(crate) fn warm(&self, resumed: bool) {
        self.handshake(resumed);
        let kind = self.handshake(resumed);
        assert_eq!(kind == Some(HandshakeKind::Resumed), resumed, "{kind:?}");
    }

    /// One handshake, and one byte from the server, so that its tickets arrive.
    pub(crate) fn handshake(&self, resumed: bool) -> Option<HandshakeKind> {
        let config = if resumed {
            &self.client
        } else {
            &self.forgetful
        };
        let mut client =
            ClientConnection::new(config.clone(), self.name.clone()).expect("a connection");
        let mut server = ServerConnection::new(self.server.clone()).expect("a connection");
        let mut wire = Vec::with_capacity(8192);
        while client.is_handshaking() || server.is_handshaking() {
            exchange(&mut client, &mut server, &mut wire);
        }
        server.writer().write_all(b"x").expect("memory takes it");
        exchange(&mut client, &mut server, &mut wire);
        client
            .reader()
            .read_exact(&mut [0])
            .expect("the byte arrived");
        client.handshake_kind()
    }
}

fn exchange(client: &mut ClientConnection, server: &mut ServerConnection, wire: &mut Vec<u8>) {
    wire.clear();
    while client.wants_write() {
        client.write_tls(wire).expect("memory takes it");
    }
    let mut bytes = &wire[..];
    while !bytes.is_empty() {
        server.read_tls(&mut bytes).expect("memory gives it");
        server.process_new_packets().expect("the server goes on");
    }
    wire.clear();
    while server.wants_write() {
        server.write_tls(wire).expect("memory takes it");
    }
    let mut bytes = &wire[..];
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).expect("memory gives it");
        client.process_new_packets().expect("the client goes on");
    }
}
