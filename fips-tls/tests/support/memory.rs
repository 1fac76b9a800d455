//! Handshakes in memory.

use std::io::{Read, Write};
use std::sync::Arc;

use fips_tls::{ClientConfig, ServerConfig};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Error, ServerConnection};

use super::NAME;

/// How a handshake ended, for each side.
#[derive(Debug, Default)]
pub struct Outcome {
    pub client: Option<Error>,
    pub server: Option<Error>,
}

pub struct Pair {
    pub client: ClientConnection,
    pub server: ServerConnection,
    /// Everything the client wrote.
    pub from_client: Vec<u8>,
}

impl Pair {
    pub fn new(client: &ClientConfig, server: &ServerConfig) -> Self {
        Self::of(client.rustls(), server.rustls(), NAME)
    }

    pub fn of(
        client: Arc<rustls::ClientConfig>,
        server: Arc<rustls::ServerConfig>,
        name: &str,
    ) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Self {
            client: ClientConnection::new(client, name).unwrap(),
            server: ServerConnection::new(server).unwrap(),
            from_client: Vec::new(),
        }
    }

    /// Carries bytes until both fall silent; an error's alert still reaches the other side.
    pub fn run(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
            }
            self.from_client.extend_from_slice(&bytes);
            let forth = bytes.len();
            let mut rest = &bytes[..];
            while !rest.is_empty() && outcome.server.is_none() {
                self.server.read_tls(&mut rest).unwrap();
                outcome.server = self.server.process_new_packets().err();
            }

            let mut bytes = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut bytes).unwrap();
            }
            let back = bytes.len();
            let mut rest = &bytes[..];
            while !rest.is_empty() && outcome.client.is_none() {
                self.client.read_tls(&mut rest).unwrap();
                outcome.client = self.client.process_new_packets().err();
            }
            if forth + back == 0 {
                return outcome;
            }
        }
    }

    /// Runs the handshake and sends data both ways.
    pub fn finish(&mut self) {
        let outcome = self.run();
        assert!(
            outcome.client.is_none() && outcome.server.is_none(),
            "{outcome:?}"
        );
        self.exchange(b"from the client");
    }

    /// `message` forth, and back in upper case.
    pub fn exchange(&mut self, message: &[u8]) {
        self.client.writer().write_all(message).unwrap();
        self.run();
        let mut received = vec![0; message.len()];
        self.server.reader().read_exact(&mut received).unwrap();
        assert_eq!(received, message);
        received.make_ascii_uppercase();
        self.server.writer().write_all(&received).unwrap();
        self.run();
        let mut answer = vec![0; message.len()];
        self.client.reader().read_exact(&mut answer).unwrap();
        assert_eq!(answer, message.to_ascii_uppercase());
    }
}
