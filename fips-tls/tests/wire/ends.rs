//! Connections that end early: an error wherever it is, and a clean end by close_notify alone.

use std::io::{self, ErrorKind, Read, Write};

use fips_tls::{Error, Session, Suite};
use rustls::{ClientConnection, ConnectionCommon, ServerConnection, SideData, StreamOwned};

use crate::support::NAME;
use crate::support::memory::Pair;
use crate::{SUITES, only, our_client, our_server};

/// A peer that says these bytes, then closes the connection.
struct Closing<'a>(&'a [u8]);

impl Read for Closing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Closing<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn pair(suite: Suite) -> Pair {
    Pair::of(our_client(only(suite)), our_server(only(suite)), NAME)
}

/// What a side wrote so far.
fn written<Data: SideData>(side: &mut ConnectionCommon<Data>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while side.wants_write() {
        side.write_tls(&mut bytes).unwrap();
    }
    bytes
}

fn hear<Data: SideData>(side: &mut ConnectionCommon<Data>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        side.read_tls(&mut bytes).unwrap();
        side.process_new_packets().unwrap();
    }
}

#[track_caller]
fn is_torn(result: &io::Result<usize>, case: &str) {
    match result {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
        other => panic!("{case}: {other:?}"),
    }
}

fn torn_server(connection: ServerConnection, said: &[u8], case: &str) {
    let mut stream = StreamOwned::new(connection, Closing(said));
    is_torn(&stream.read(&mut [0; 1]), case);
    assert!(
        matches!(Session::of(&stream.conn), Err(Error::HandshakeNotFinished)),
        "{case}"
    );
}

/// Every so many bytes a flight is cut: no divisor of a record's length.
const STEP: usize = 23;

#[test]
fn in_any_flight_of_the_client() {
    for suite in SUITES {
        let mut whole = pair(suite);
        let hello = written(&mut whole.client);
        for cut in (0..hello.len()).step_by(STEP) {
            let server = pair(suite).server;
            torn_server(server, &hello[..cut], &format!("{suite} hello {cut}"));
        }
        // The second flight follows from the first, so that each cut needs a pair of its own.
        let second = |cut: Option<usize>| {
            let mut pair = pair(suite);
            let hello = written(&mut pair.client);
            hear(&mut pair.server, &hello);
            let flight = written(&mut pair.server);
            hear(&mut pair.client, &flight);
            let flight = written(&mut pair.client);
            if let Some(cut) = cut {
                let case = format!("{suite} second flight {cut}");
                torn_server(pair.server, &flight[..cut], &case);
            }
            flight.len()
        };
        // A signature is now longer, now shorter: whole flights are cut 16 bytes before the end.
        for cut in (0..second(None) - 16).step_by(STEP) {
            second(Some(cut));
        }
    }
}

#[test]
fn in_any_flight_of_the_server() {
    for suite in SUITES {
        let first = |cut: Option<usize>| {
            let mut pair = pair(suite);
            let hello = written(&mut pair.client);
            hear(&mut pair.server, &hello);
            let flight = written(&mut pair.server);
            if let Some(cut) = cut {
                let case = format!("{suite} first flight {cut}");
                let mut stream = StreamOwned::new(pair.client, Closing(&flight[..cut]));
                is_torn(&stream.read(&mut [0; 1]), &case);
                assert!(Session::of(&stream.conn).is_err(), "{case}");
            }
            flight.len()
        };
        for cut in (0..first(None) - 16).step_by(STEP) {
            first(Some(cut));
        }
    }
}

#[test]
fn without_a_word_right_after_the_hello() {
    for suite in SUITES {
        let Pair { client, server, .. } = pair(suite);
        let mut stream = StreamOwned::new(client, Closing(b""));
        is_torn(&stream.read(&mut [0; 1]), "client");
        torn_server(server, b"", "server");
    }
}

/// Both sides of a finished connection, and what the client said last.
fn finished(suite: Suite, last: impl FnOnce(&mut ClientConnection)) -> (Pair, Vec<u8>) {
    let mut pair = pair(suite);
    pair.finish();
    last(&mut pair.client);
    let bytes = written(&mut pair.client);
    (pair, bytes)
}

#[test]
fn after_the_handshake_it_is_an_error_without_close_notify() {
    for suite in SUITES {
        let (pair, bytes) = finished(suite, |client| {
            client.writer().write_all(b"half of it").unwrap();
        });
        let mut stream = StreamOwned::new(pair.server, Closing(&bytes));
        // What arrived whole is handed on, but never taken for all of it.
        let mut received = Vec::new();
        let end = stream.read_to_end(&mut received).map(|_| 0);
        is_torn(&end, &format!("{suite}"));
        assert_eq!(received, b"half of it", "{suite}");

        let mut stream = StreamOwned::new(pair.client, Closing(b""));
        is_torn(&stream.read(&mut [0; 1]), &format!("{suite} client"));
    }
}

#[test]
fn in_a_record_nothing_of_it_is_handed_on() {
    for suite in SUITES {
        let whole = finished(suite, |client| {
            client.writer().write_all(b"secret").unwrap();
        })
        .1;
        for cut in 1..whole.len() {
            let (pair, bytes) = finished(suite, |client| {
                client.writer().write_all(b"secret").unwrap();
            });
            let mut stream = StreamOwned::new(pair.server, Closing(&bytes[..cut]));
            let mut received = Vec::new();
            let end = stream.read_to_end(&mut received).map(|_| 0);
            is_torn(&end, &format!("{suite} {cut}"));
            assert_eq!(received, b"", "{suite} {cut}");
        }
    }
}

#[test]
fn by_close_notify_it_is_clean_and_what_follows_is_not_read() {
    for suite in SUITES {
        let (pair, bytes) = finished(suite, |client| {
            client.writer().write_all(b"all of it").unwrap();
            client.send_close_notify();
        });
        let bytes = [&bytes[..], b"what somebody adds"].concat();
        let mut stream = StreamOwned::new(pair.server, Closing(&bytes));
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        assert_eq!(received, b"all of it", "{suite}");
    }
}
