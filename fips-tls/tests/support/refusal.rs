//! Handshakes that are refused, from either side, and what they leave to read.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use fips_core::signing::KeyAlgorithm;
use fips_tls::{ClientConfig, Explanation, Profile, ServerConfig};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Error, RootCertStore, ServerConnection, StreamOwned};

use super::pki::{Ca, Files, Leaf};
use super::program::{self, PATIENCE, Program};
use super::{NAME, client, server};

pub const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

pub fn plain_server() -> ServerConfig {
    let identity = Ca::test().identity(&Leaf::server(), P256);
    server(Profile::sp800_52r2(), identity, None)
}

pub fn plain_client() -> ClientConfig {
    client(Profile::sp800_52r2(), Ca::test().trust(), None)
}

/// The anchors of [`Ca::test`], for a rustls of no policy.
pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for der in Ca::test().trust().certificates() {
        roots.add(der.clone()).unwrap();
    }
    roots
}

/// Takes one connection and returns the error its handshake ends in.
pub fn refusing(config: &ServerConfig) -> (String, JoinHandle<Error>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let config = config.rustls();
    let refused = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
        let error = stream.read(&mut [0; 1]).unwrap_err();
        // The alert, before the socket closes.
        let _ = stream.conn.write_tls(&mut stream.sock);
        rustls_error(&error)
    });
    (address, refused)
}

/// Connects to `address` and returns the error the handshake ends in.
pub fn refused_by(config: &ClientConfig, address: std::net::SocketAddr) -> Error {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(config.rustls(), name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let error = stream
        .write_all(b"x")
        .and_then(|()| stream.read_exact(&mut [0; 1]))
        .unwrap_err();
    let _ = stream.conn.write_tls(&mut stream.sock);
    rustls_error(&error)
}

pub fn rustls_error(error: &std::io::Error) -> Error {
    assert!(Explanation::of_io(error).is_some(), "{error:?}");
    error
        .get_ref()
        .and_then(|error| error.downcast_ref::<Error>())
        .cloned()
        .unwrap()
}

#[track_caller]
pub fn says(error: &Error, words: &[&str]) {
    let text = Explanation::of(error).to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

pub fn s_client(address: &str, arguments: &[&str]) -> Program {
    let mut command = program::openssl();
    command
        .args(["s_client", "-connect", address, "-servername", NAME])
        .args(arguments);
    Program::start(command)
}

/// Why `server` refuses OpenSSL with this chain; OpenSSL gets alert certificate_unknown.
pub fn refuse_s_client(server: &ServerConfig, chain: &str, key: &str) -> Error {
    let files = Files::new();
    let (chain, issuers) = files.write_chain("client", chain);
    let key = files.write("client.key", key);
    let (address, refused) = refusing(server);
    let mut command = program::openssl();
    command
        .args(["s_client", "-connect", &address, "-servername", NAME])
        .args(["-cipher", "DEFAULT@SECLEVEL=0", "-cert"])
        .arg(&chain)
        .arg("-cert_chain")
        .arg(&issuers)
        .arg("-key")
        .arg(&key);
    let mut peer = Program::start(command);
    let error = refused.join().unwrap();
    peer.wait_for("SSL alert number 46");
    error
}
