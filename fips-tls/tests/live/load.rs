//! Thousands of changes under load, and nobody notices.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Scope};
use std::time::Duration;

use fips_tls::live::{Current, Live, TrustFiles};
use fips_tls::{ClientConfig, Profile, ServerConfig, Session};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection, StreamOwned};

use crate::files::{Node, identity, replace, serial, until};
use crate::support::NAME;
use crate::support::boundary;
use crate::support::program::PATIENCE;

const RELOADS: usize = 3000;
/// Threads that make one connection after another.
const CLIENTS: usize = 3;
/// Connections that stay.
const STAYING: usize = 4;

type Stream<C> = StreamOwned<C, TcpStream>;

/// Ends the threads, also when the test fails.
struct End<'a> {
    listener: &'a TcpListener,
    flags: [&'a AtomicBool; 2],
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        for flag in self.flags {
            flag.store(true, Ordering::SeqCst);
        }
        let _ = TcpStream::connect(self.listener.local_addr().unwrap());
    }
}

/// Serves each connection with the configuration of its beginning, in a thread of its own.
fn serve<'s>(
    scope: &'s Scope<'s, '_>,
    listener: &'s TcpListener,
    live: &'s Live<ServerConfig>,
    done: &'s AtomicBool,
) {
    scope.spawn(move || {
        loop {
            let (socket, _) = listener.accept().unwrap();
            if done.load(Ordering::SeqCst) {
                return;
            }
            let config = live.current();
            scope.spawn(move || {
                socket.set_nodelay(true).unwrap();
                let connection = ServerConnection::new(config.rustls()).unwrap();
                let mut stream = StreamOwned::new(connection, socket);
                let mut byte = [0];
                while stream.read(&mut byte).unwrap() == 1 {
                    if byte == *b"\n" {
                        // The client has shown who it is by now, and is believed still.
                        live.current().session(&stream.conn).unwrap();
                    }
                    stream.write_all(&byte).unwrap();
                }
            });
        }
    });
}

fn connect(config: &ClientConfig, listener: &TcpListener) -> Stream<ClientConnection> {
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(config.rustls(), name).unwrap();
    StreamOwned::new(connection, socket)
}

fn ping(stream: &mut Stream<ClientConnection>) -> String {
    stream.write_all(b"ping\n").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping\n");
    let session = Session::of(&stream.conn).unwrap();
    session.peer.unwrap().serial().to_owned()
}

fn close(mut stream: Stream<ClientConnection>) {
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    let mut rest = Vec::new();
    // The server leaves without a word of its own.
    let _ = stream.read_to_end(&mut rest);
}

#[test]
fn no_handshake_fails_through_thousands_of_changes() {
    let node = Node::new();
    let trust = TrustFiles::new(node.path("ca.crt")).with_revocation_lists([node.path("ca.crl")]);
    let live = node
        .mutual(
            node.watched().with_settling(Duration::from_micros(200)),
            trust,
        )
        .unwrap();
    let client = || {
        ClientConfig::builder(&boundary(), Profile::sp800_52r2())
            .with_trust(node.ca.trust())
            .with_identity(node.ca.leaf().identity())
            .build()
            .unwrap()
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (done, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
    let handshakes = AtomicUsize::new(0);
    let serials = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    thread::scope(|scope| {
        let _end = End {
            listener: &listener,
            flags: [&done, &stopped],
        };
        serve(scope, &listener, &live, &stopped);
        let config = client();
        let mut staying: Vec<_> = (0..STAYING).map(|_| connect(&config, &listener)).collect();
        let first: Vec<_> = staying.iter_mut().map(ping).collect();
        assert!(first.iter().all(|seen| *seen == serial(&node.first)));

        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let config = client();
                let (listener, done, handshakes, serials) =
                    (&listener, &done, &handshakes, &serials);
                scope.spawn(move || {
                    while !done.load(Ordering::SeqCst) {
                        let mut stream = connect(&config, listener);
                        let serial = ping(&mut stream);
                        serials.lock().unwrap().insert(serial);
                        close(stream);
                        handshakes.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();

        let mut last = String::new();
        let mut issued = std::collections::HashSet::from([serial(&node.first)]);
        for number in 0..RELOADS {
            let next = node.ca.leaf();
            last = serial(&next);
            issued.insert(last.clone());
            node.replace(&next);
            if number % 10 == 9 {
                let list = node
                    .ca
                    .list_with(&[], |list| list.crl_number = (number as u64).into());
                replace(&node.path("ca.crl"), &list);
            }
            // The thread looks as well, at each event: whichever comes first.
            live.reload();
            if number % 100 == 0 {
                staying.iter_mut().for_each(|stream| {
                    assert_eq!(ping(stream), serial(&node.first));
                });
            }
        }
        let status = until(&live, |status| identity(status).served.serial == last);
        assert!(status.generation >= RELOADS as u64, "{status}");
        assert!(!identity(&status).differs, "{status}");
        done.store(true, Ordering::SeqCst);
        for client in clients {
            client.join().unwrap();
        }
        let mut stream = connect(&config, &listener);
        assert_eq!(ping(&mut stream), last, "what is on the disk");
        staying.iter_mut().for_each(|stream| {
            assert_eq!(ping(stream), serial(&node.first));
        });
        staying.into_iter().chain([stream]).for_each(close);
        assert!(handshakes.load(Ordering::SeqCst) > CLIENTS);
        let seen = serials.lock().unwrap();
        assert!(seen.is_subset(&issued));
        assert!(seen.len() > 10, "clients saw {} identities", seen.len());
        print(
            status.generation,
            handshakes.load(Ordering::SeqCst),
            seen.len(),
        );
    });
}

#[expect(clippy::print_stdout, reason = "how much was tried, for --nocapture")]
fn print(generation: u64, handshakes: usize, seen: usize) {
    println!("{generation} generations, {handshakes} handshakes, {seen} identities seen");
}
