//! Large transfers and records of many lengths, each byte compared.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use fips_tls::{Group, Suite, Version};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConnection, StreamOwned};

use crate::conversation::only;
use crate::gnutls::GnuTls;
use crate::go::Go;
use crate::loopback::Loopback;
use crate::matrix::{Case, Peer, Role};
use crate::ours::MESSAGE;
use crate::run::Material;
use crate::support::pki::{Ca, Files, Leaf};
use crate::support::program::{self, PATIENCE, Program};
use crate::support::refusal::P256;
use crate::support::{NAME, client, server};

const MIB: usize = 1 << 20;
const SUITES: [Suite; 2] = [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes256GcmSha384];

/// Lines, none like another.
fn lines(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 64);
    let mut number = 0;
    while bytes.len() < len {
        bytes.extend_from_slice(format!("line {number} of many\n").as_bytes());
        number += 1;
    }
    bytes.truncate(len - 1);
    bytes.push(b'\n');
    bytes
}

fn patient(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn connect(
    config: Arc<ClientConfig>,
    address: SocketAddr,
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    StreamOwned::new(connection, patient(TcpStream::connect(address).unwrap()))
}

/// Our server, for one connection.
fn serve_one(
    suite: Suite,
    serve: impl FnOnce(&mut StreamOwned<ServerConnection, TcpStream>) + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<()>) {
    let identity = Ca::test().identity(&Leaf::server(), P256);
    let config = server(only(suite), identity, None);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = thread::spawn(move || {
        let socket = patient(listener.accept().unwrap().0);
        let connection = ServerConnection::new(config.rustls()).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        serve(&mut stream);
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        // Not closed before the peer has read all.
        let _ = stream.read(&mut [0; 1]);
    });
    (address, served)
}

/// Sends back so many bytes.
fn echo(suite: Suite, len: usize) -> (SocketAddr, thread::JoinHandle<()>) {
    serve_one(suite, move |stream| {
        let mut buffer = vec![0; 1 << 16];
        let mut left = len;
        while left > 0 {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the end came {left} bytes early");
            stream.write_all(&buffer[..read]).unwrap();
            left -= read;
        }
    })
}

/// Runs a client that reads one file and writes another, and returns what it wrote.
fn between_files(mut command: Command, files: &Files, input: &Path) -> Vec<u8> {
    let output = files.path("output");
    command
        .stdin(Stdio::from(File::open(input).unwrap()))
        .stdout(Stdio::from(File::create(&output).unwrap()))
        .stderr(Stdio::null());
    let status = program::run_to_end(command);
    assert!(status.success(), "{status}");
    fs::read(output).unwrap()
}

fn s_client(suite: Suite, address: SocketAddr, options: &[&str]) -> Command {
    let mut command = program::openssl();
    command
        .args(["s_client", "-quiet", "-connect", &address.to_string()])
        .args(["-servername", NAME])
        .args(options);
    match suite.version() {
        Version::Tls12 => command.arg("-tls1_2"),
        Version::Tls13 => command.arg("-tls1_3"),
    };
    command
}

#[test]
fn our_server_echoes_what_openssl_sends_in_records_of_any_length() {
    for suite in SUITES {
        for (len, options) in [
            (10 * MIB, &[][..]),
            // OpenSSL's least and some others; records of its default are of 8 KiB.
            (MIB, &["-max_send_frag", "512"]),
            (MIB, &["-max_send_frag", "1000"]),
            (MIB, &["-split_send_frag", "4000", "-max_pipelines", "1"]),
            // An extension rustls does not know (RFC 6066 §4): its records stay long.
            (MIB, &["-maxfraglen", "512"]),
        ] {
            let files = Files::new();
            let sent = lines(len);
            let input = files.path("input");
            fs::write(&input, &sent).unwrap();
            let (address, echoed) = echo(suite, len);
            let received = between_files(s_client(suite, address, options), &files, &input);
            echoed.join().unwrap();
            assert!(received == sent, "{suite} {options:?}: {}", received.len());
        }
    }
}

/// A certificate and its key for a peer's server.
fn identity(files: &Files) -> [PathBuf; 2] {
    let (chain, key) = Ca::test().issue(&Leaf::server(), P256);
    [
        files.write("server.crt", &chain),
        files.write("server.key", &key),
    ]
}

#[test]
fn our_client_receives_what_openssl_sends_in_records_of_any_length() {
    for suite in SUITES {
        for (len, options) in [
            (10 * MIB, &[][..]),
            (MIB, &["-max_send_frag", "512"]),
            (MIB, &["-split_send_frag", "4000"]),
        ] {
            let files = Files::new();
            let sent = lines(len);
            fs::write(files.path("sent"), &sent).unwrap();
            let [chain, key] = identity(&files);
            let (_server, address) = program::s_server(|command| {
                command
                    .current_dir(files.path(""))
                    .args(["-WWW", "-cert"])
                    .arg(&chain)
                    .arg("-key")
                    .arg(&key)
                    .args(options);
            });
            let config = client(only(suite), Ca::test().trust(), None);
            let mut stream = connect(config.rustls(), address);
            stream.write_all(b"GET /sent HTTP/1.0\r\n\r\n").unwrap();
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            let body = received.len() - len;
            assert!(
                received[..body].ends_with(b"\r\n\r\n"),
                "{suite} {options:?}"
            );
            assert!(received[body..] == sent, "{suite} {options:?}");
        }
    }
}

#[test]
fn go_echoes_ten_mebibytes_in_full_records() {
    let go = Go::current();
    let material = Material::new();
    for suite in SUITES {
        let case = Case {
            role: Role::Server,
            suite,
            group: Group::P256,
            mutual: false,
        };
        let (files, _) = &material.keys[&case.key()];
        let service = go.serve(&case, files).unwrap();
        let config = client(only(suite), Ca::test().trust(), None);
        let mut stream = connect(config.rustls(), service.address());
        let sent = lines(10 * MIB);
        let mut received = Vec::new();
        // Four records of 16 KiB, then their echo: neither side's buffers fill up.
        for chunk in sent.chunks(1 << 16) {
            stream.write_all(chunk).unwrap();
            let start = received.len();
            received.resize(start + chunk.len(), 0);
            stream.read_exact(&mut received[start..]).unwrap();
        }
        assert!(received == sent, "{suite}");
        stream.write_all(MESSAGE.as_bytes()).unwrap();
        stream.read_exact(&mut vec![0; MESSAGE.len()]).unwrap();
    }
}

#[test]
fn gnutls_that_asks_for_short_records_takes_our_long_ones() {
    for suite in SUITES {
        for size in ["512", "4096"] {
            let files = Files::new();
            let anchors = files.write("ca.crt", &Ca::test().pem);
            let sent = lines(MIB);
            let expected = String::from_utf8(sent.clone()).unwrap();
            let (address, served) = serve_one(suite, move |stream| {
                stream.read_exact(&mut [0; 3]).unwrap();
                // RFC 8449, which rustls does not know: its records stay long.
                stream.write_all(&sent).unwrap();
            });
            let mut command = Command::new("gnutls-cli");
            command
                .args(["--recordsize", size, "--sni-hostname", NAME])
                .args(["--verify-hostname", NAME, "--x509cafile"])
                .arg(&anchors)
                .args(["--port", &address.port().to_string(), "127.0.0.1"]);
            let mut gnutls = Program::start(command);
            gnutls.say("go\n");
            let (status, printed) = gnutls.finish();
            assert!(status.success(), "{suite} {size}: {status}");
            served.join().unwrap();
            let printed: Vec<_> = printed
                .iter()
                .filter(|line| line.starts_with("line "))
                .collect();
            assert!(expected.lines().eq(printed), "{suite} {size}");
        }
    }
}

#[test]
fn our_client_talks_to_gnutls_with_short_records() {
    let gnutls = GnuTls(Loopback::new());
    for suite in SUITES {
        for size in ["512", "16384"] {
            let files = Files::new();
            let [chain, key] = identity(&files);
            let mut command = Command::new("gnutls-serv");
            command
                .args(["--echo", "--disable-client-cert", "--port", "1"])
                .args(["--recordsize", size, "--x509certfile"])
                .arg(&chain)
                .arg("--x509keyfile")
                .arg(&key);
            let (_gnutls, address) = gnutls.0.start(command).unwrap();
            let config = client(only(suite), Ca::test().trust(), None);
            let mut stream = connect(config.rustls(), address);
            let sent = lines(MIB);
            let mut received = vec![0; MIB];
            for (sent, received) in sent.chunks(4096).zip(received.chunks_mut(4096)) {
                stream.write_all(sent).unwrap();
                stream.read_exact(received).unwrap();
            }
            assert!(received == sent, "{suite} {size}");
        }
    }
}
