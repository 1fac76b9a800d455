//! OpenSSL and one of our sides, line by line, and what both do besides.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::DerefMut;

use fips_tls::{Profile, Suite, Version};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ConnectionCommon, Error, ServerConnection, SideData, StreamOwned};

use crate::support::pki::{Ca, Files, Leaf};
use crate::support::program::{self, PATIENCE, Program};
use crate::support::refusal::P256;
use crate::support::{NAME, client, server};

/// A connection of ours with OpenSSL at the other end.
pub struct Conversation<Connection, Data>
where
    Connection: DerefMut<Target = ConnectionCommon<Data>>,
    Data: SideData,
{
    pub stream: StreamOwned<Connection, TcpStream>,
    pub openssl: Program,
}

pub fn only(suite: Suite) -> Profile {
    Profile::sp800_52r2().narrow_suites(&[suite]).unwrap()
}

fn version_option(suite: Suite) -> &'static str {
    match suite.version() {
        Version::Tls12 => "-tls1_2",
        Version::Tls13 => "-tls1_3",
    }
}

fn patient(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// `openssl s_client`, with these options, and our server.
pub fn with_s_client(
    profile: Profile,
    suite: Suite,
    options: &[&str],
) -> Conversation<ServerConnection, rustls::server::ServerConnectionData> {
    let config = server(profile, Ca::test().identity(&Leaf::server(), P256), None);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = program::openssl();
    command
        .args(["s_client", "-connect", &address, "-servername", NAME])
        .arg(version_option(suite))
        .args(options);
    let openssl = Program::start(command);
    let socket = patient(listener.accept().unwrap().0);
    let connection = ServerConnection::new(config.rustls()).unwrap();
    Conversation {
        stream: StreamOwned::new(connection, socket),
        openssl,
    }
}

/// Our client and `openssl s_server`, with these options.
pub fn with_s_server(
    profile: Profile,
    suite: Suite,
    options: &[&str],
) -> Conversation<ClientConnection, rustls::client::ClientConnectionData> {
    let ca = Ca::test();
    let files = Files::new();
    let (chain, key) = ca.issue(&Leaf::server(), P256);
    let chain = files.write("server.crt", &chain);
    let key = files.write("server.key", &key);
    let (openssl, address) = program::s_server(|command| {
        command
            .arg(version_option(suite))
            .args(options)
            .arg("-cert")
            .arg(&chain)
            .arg("-key")
            .arg(&key);
    });
    let config = client(profile, ca.trust(), None);
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(config.rustls(), name).unwrap();
    Conversation {
        stream: StreamOwned::new(connection, patient(TcpStream::connect(address).unwrap())),
        openssl,
    }
}

impl<Connection, Data> Conversation<Connection, Data>
where
    Connection: DerefMut<Target = ConnectionCommon<Data>>,
    Data: SideData,
{
    /// A line each way, ours first: a server's OpenSSL waits for it. Returns what OpenSSL
    /// printed up to ours.
    pub fn exchange(&mut self, word: &str) -> Vec<String> {
        let ours = format!("ours {word}");
        let theirs = format!("theirs {word}\n");
        self.stream
            .write_all(format!("{ours}\n").as_bytes())
            .and_then(|()| self.stream.flush())
            .unwrap();
        let lines = self.openssl.take_until(&ours).unwrap();
        self.openssl.say(&theirs);
        let mut received = vec![0; theirs.len()];
        self.stream.read_exact(&mut received).unwrap();
        assert_eq!(received, theirs.as_bytes());
        lines
    }

    /// Reads until the other side ends.
    pub fn rest(&mut self) -> std::io::Result<usize> {
        self.stream.read_to_end(&mut Vec::new())
    }

    pub fn refresh(&mut self) -> Result<(), Error> {
        self.stream.conn.refresh_traffic_keys()
    }
}
