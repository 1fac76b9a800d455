//! Connections in memory, and the records between them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use fips_tls::{ClientConfig, Explanation, Group, Identity, Profile, ServerConfig, Trust, Version};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, Error, ServerConnection};

use crate::fixtures::{Clock, NAME, boundary, pem};
use crate::input::Input;
use crate::text::assert_one_line;

/// A record as it lies on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: u8,
    pub version: [u8; 2],
    pub payload: Vec<u8>,
}

pub const CHANGE_CIPHER_SPEC: u8 = 20;
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const APPLICATION_DATA: u8 = 23;

impl Record {
    pub fn new(kind: u8, payload: &[u8]) -> Self {
        Self {
            kind,
            version: [3, 3],
            payload: payload.to_vec(),
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let len = u16::try_from(self.payload.len()).unwrap_or(u16::MAX);
        let payload = &self.payload[..usize::from(len)];
        [&[self.kind][..], &self.version, &len.to_be_bytes(), payload].concat()
    }
}

/// The records of what a genuine side wrote.
pub fn records(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let [kind, major, minor, high, low, rest @ ..] = bytes {
        let (payload, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        records.push(Record {
            kind: *kind,
            version: [*major, *minor],
            payload: payload.to_vec(),
        });
        bytes = rest;
    }
    assert!(bytes.is_empty(), "a genuine side writes whole records");
    records
}

/// How a handshake is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setup {
    /// One version, or both.
    pub version: Option<Version>,
    pub mutual: bool,
    pub rsa: bool,
    /// The server takes none of the client's key shares: HelloRetryRequest in TLS 1.3.
    pub retry: bool,
    pub resume: bool,
    pub groups: Groups,
}

/// Groups with ML-KEM, in TLS 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Groups {
    Curves,
    Hybrids,
    MlKem,
}

impl Setup {
    /// From two bytes.
    pub fn read(input: &mut Input<'_>) -> Self {
        let version = *input.choose(&[Some(Version::Tls13), Some(Version::Tls12), None]);
        let bits = input.u8();
        Self {
            version,
            mutual: bits & 1 != 0,
            rsa: bits & 2 != 0,
            retry: bits & 4 != 0,
            resume: bits & 8 != 0,
            groups: match bits & 48 {
                16 => Groups::Hybrids,
                32 => Groups::MlKem,
                _ => Groups::Curves,
            },
        }
    }

    fn profile(&self) -> Profile {
        let profile = Profile::sp800_52r2();
        let profile = match self.groups {
            Groups::Curves => profile,
            Groups::Hybrids => profile.with_hybrids().expect("it may have them"),
            Groups::MlKem => profile.with_ml_kem().expect("it may have them"),
        };
        match self.version {
            Some(version) => profile.narrowed_to(version).expect("it has both"),
            None => profile,
        }
    }

    pub fn server_profile(&self) -> Profile {
        match self.retry {
            true => self
                .profile()
                .narrow_groups(&[Group::P384])
                .expect("it has it"),
            false => self.profile(),
        }
    }

    /// A new one each time: a client keeps sessions, and one input must not change the next.
    pub fn client(&self) -> ClientConfig {
        let builder = ClientConfig::builder(boundary(), self.profile())
            .with_trust(ca())
            .with_alpn(&[b"h2", b"http/1.1"])
            .with_time_provider(Clock::now());
        match self.mutual {
            true => builder.with_identity(client_identity()),
            false => builder,
        }
        .build()
        .expect("fixtures are of the policy")
    }

    /// One for all inputs: a server keeps its ticket keys alone.
    pub fn server(&self) -> ServerConfig {
        thread_local! {
            static SERVERS: RefCell<HashMap<Setup, ServerConfig>> = RefCell::default();
        }
        SERVERS.with_borrow_mut(|servers| {
            let server = servers.entry(*self).or_insert_with(|| self.new_server());
            server.clone()
        })
    }

    /// With ticket keys of its own.
    pub fn new_server(&self) -> ServerConfig {
        let identity = match self.rsa {
            true => identity("server-rsa.pem", "rsa2048.key"),
            false => identity("server.pem", "p256.key"),
        };
        let builder =
            ServerConfig::builder(boundary(), self.server_profile()).with_identity(identity);
        match self.mutual {
            true => builder.with_client_trust(ca()),
            false => builder.without_client_authentication(),
        }
        .with_alpn(&[b"http/1.1"])
        .with_time_provider(Clock::now())
        .build()
        .expect("fixtures are of the policy")
    }
}

/// The fixtures' CA.
pub fn ca() -> Trust {
    static CA: LazyLock<Trust> =
        LazyLock::new(|| Trust::from_pem(pem("ca.pem")).expect("fixtures are of the policy"));
    CA.clone()
}

pub fn identity(chain: &str, key: &str) -> Identity {
    Identity::from_pem(boundary(), pem(chain), pem(key)).expect("fixtures are of the policy")
}

fn client_identity() -> Identity {
    static CLIENT: LazyLock<Identity> = LazyLock::new(|| identity("client.pem", "p256.key"));
    CLIENT.clone()
}

pub fn connect(config: Arc<rustls::ClientConfig>) -> Connection {
    let name = ServerName::try_from(NAME).expect("it is one");
    ClientConnection::new(config, name)
        .expect("a client starts")
        .into()
}

pub fn accept(config: Arc<rustls::ServerConfig>) -> Connection {
    ServerConnection::new(config)
        .expect("a server starts")
        .into()
}

/// Gives bytes to a side; its error's explanation is one line.
///
/// # Errors
///
/// The side's.
pub fn deliver(
    side: &mut Connection,
    mut bytes: &[u8],
    received: &mut Vec<u8>,
) -> Result<(), Error> {
    while !bytes.is_empty() {
        // It takes nothing when it has been closed, or has too much it was not asked for.
        if side.read_tls(&mut bytes).unwrap_or(0) == 0 {
            return Ok(());
        }
        if let Err(error) = side.process_new_packets() {
            assert_one_line(&Explanation::of(&error).to_string());
            return Err(error);
        }
        let mut buffer = [0; 4096];
        while let Ok(len @ 1..) = side.reader().read(&mut buffer) {
            received.extend_from_slice(&buffer[..len]);
        }
    }
    Ok(())
}

/// Everything a side has to say.
pub fn written(side: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while side.wants_write() {
        side.write_tls(&mut bytes).expect("memory takes it");
    }
    bytes
}

/// Carries bytes both ways, untouched, until both fall silent. Returns each direction's.
pub fn run(client: &mut Connection, server: &mut Connection) -> Result<[Vec<u8>; 2], Error> {
    let mut all = [Vec::new(), Vec::new()];
    loop {
        let forth = written(client);
        deliver(server, &forth, &mut Vec::new())?;
        let back = written(server);
        deliver(client, &back, &mut Vec::new())?;
        if forth.is_empty() && back.is_empty() {
            return Ok(all);
        }
        all[0].extend(forth);
        all[1].extend(back);
    }
}

/// A whole genuine handshake with data both ways. Returns each direction's bytes.
pub fn genuine(client: &ClientConfig, server: &ServerConfig) -> [Vec<u8>; 2] {
    let (mut client, mut server) = (connect(client.rustls()), accept(server.rustls()));
    let [mut forth, mut back] = run(&mut client, &mut server).expect("a genuine one finishes");
    for (side, text) in [(&mut client, FROM_CLIENT), (&mut server, FROM_SERVER)] {
        side.writer().write_all(text).expect("memory takes it");
    }
    let [more_forth, more_back] = run(&mut client, &mut server).expect("and carries data");
    forth.extend(more_forth);
    back.extend(more_back);
    [forth, back]
}

pub const FROM_CLIENT: &[u8] = b"some data from the client";
pub const FROM_SERVER: &[u8] = b"some other data from the server";
