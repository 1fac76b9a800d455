//! Every byte of genuine flights: what comes cut short waits or ends in an error, and a bit that
//! is flipped on the way never leads to a finished handshake.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use fips_tls::{ClientConfig, Profile, ServerConfig, Version};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection, Side};

use crate::support::duel::{self, SECRET};
use crate::support::pki::{Ca, Leaf};
use crate::support::refusal::P256;
use crate::support::wire::{self, APPLICATION_DATA, HANDSHAKE};
use crate::support::{NAME, client, server};

/// Our client and our server, both with identities.
struct Both {
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
}

impl Both {
    fn of(version: Version) -> Self {
        let ca = Ca::test();
        let profile = Profile::sp800_52r2().narrowed_to(version).unwrap();
        let client: ClientConfig = client(
            profile,
            ca.trust(),
            Some(ca.identity(&Leaf::client(), P256)),
        );
        let server: ServerConfig = server(
            Profile::sp800_52r2(),
            ca.identity(&Leaf::server(), P256),
            Some(ca.trust()),
        );
        // Each handshake is a full one.
        let mut client = (*client.rustls()).clone();
        client.resumption = Resumption::disabled();
        Self {
            client: Arc::new(client),
            server: server.rustls(),
        }
    }

    fn start(&self) -> Ends {
        let name = ServerName::try_from(NAME).unwrap();
        let mut client =
            Connection::from(ClientConnection::new(Arc::clone(&self.client), name).unwrap());
        let mut server = Connection::from(ServerConnection::new(Arc::clone(&self.server)).unwrap());
        client.writer().write_all(SECRET).unwrap();
        server.writer().write_all(SECRET).unwrap();
        Ends { client, server }
    }
}

struct Ends {
    client: Connection,
    server: Connection,
}

impl Ends {
    fn from(&mut self, sender: Side) -> (&mut Connection, &mut Connection) {
        match sender {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }

    /// Carries flight after flight, changed on its way, until both are silent or one fails.
    fn run(&mut self, on_wire: &mut dyn FnMut(usize, &mut Vec<u8>)) -> Result<(), rustls::Error> {
        let mut sender = Side::Client;
        for flight in 0.. {
            assert!(flight < 12, "the handshake does not end");
            let (from, to) = self.from(sender);
            let mut bytes = duel::taken(from);
            if bytes.is_empty() {
                break;
            }
            on_wire(flight, &mut bytes);
            if let Some(error) = duel::feed(to, &bytes) {
                return Err(error);
            }
            sender = other(sender);
        }
        Ok(())
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// The flights of a genuine handshake: the client's at even places.
fn flights(both: &Both) -> Vec<Vec<u8>> {
    let mut ends = both.start();
    let mut flights = Vec::new();
    ends.run(&mut |_, bytes| flights.push(bytes.clone()))
        .unwrap();
    assert!(!ends.client.is_handshaking() && !ends.server.is_handshaking());
    assert!(reads(&mut ends.client) && reads(&mut ends.server));
    flights
}

fn reads(connection: &mut Connection) -> bool {
    matches!(connection.reader().read(&mut [0; 64]), Ok(1..))
}

#[test]
fn flights_byte_by_byte() {
    for version in Version::ALL {
        let both = Both::of(version);
        let mut ends = both.start();
        let mut sender = Side::Client;
        loop {
            let (from, to) = ends.from(sender);
            let bytes = duel::taken(from);
            let Some((last, before)) = bytes.split_last() else {
                break;
            };
            for (at, byte) in before.iter().enumerate() {
                assert_eq!(duel::feed(to, &[*byte]), None, "{version} {sender:?} {at}");
                if to.is_handshaking() {
                    assert!(!reads(to), "{version} {sender:?} {at}");
                }
            }
            assert_eq!(duel::feed(to, &[*last]), None);
            sender = other(sender);
        }
        assert!(!ends.client.is_handshaking() && !ends.server.is_handshaking());
        assert!(reads(&mut ends.client) && reads(&mut ends.server));
    }
}

/// A stream that ends.
struct End;

impl Read for End {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Ok(0)
    }
}

impl Write for End {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn flights_cut_short() {
    for version in Version::ALL {
        let both = Both::of(version);
        let flights = flights(&both);
        for flight in 0..handshake_flights(version) {
            let len = of_handshake(&flights[flight]);
            for cut in (0..len).step_by(STEP) {
                let mut ends = both.start();
                let mut waiting = None;
                ends.run(&mut |at, bytes| {
                    if at == flight {
                        // A signature may be some bytes shorter this time.
                        bytes.truncate(cut.min(of_handshake(bytes) - 1));
                        waiting = Some(at);
                    } else if waiting.is_some() {
                        bytes.clear();
                    }
                })
                .unwrap();
                let sender = [Side::Client, Side::Server][flight % 2];
                let (_, to) = ends.from(sender);
                let case = format!("{version}, flight {flight}, cut at {cut}");
                assert!(to.is_handshaking() && !reads(to), "{case}");
                let error = to.complete_io(&mut End).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{case}");
                assert!(to.is_handshaking() && !reads(to), "{case}");
            }
        }
    }
}

/// Until the last side has finished.
fn handshake_flights(version: Version) -> usize {
    match version {
        Version::Tls12 => 4,
        Version::Tls13 => 3,
    }
}

/// The bytes of a flight that belong to the handshake: the client's secret follows its Finished,
/// and so do the server's, with tickets before it, in TLS 1.3.
fn of_handshake(flight: &[u8]) -> usize {
    let mut records = wire::records(flight);
    let secret = |record: &wire::Record| {
        record.typ == APPLICATION_DATA
            && (SECRET.len() + 16..SECRET.len() + 25).contains(&record.payload.len())
    };
    if records.last().is_some_and(secret) {
        records.pop();
    }
    wire::join(&records).len()
}

/// Lengths between the cuts of a flight: a prime, so that they fall everywhere.
const STEP: usize = 13;

/// Which bits are flipped: one in each byte of readable handshake messages.
fn readable(flight: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    for record in wire::records(flight) {
        if record.typ == wire::CHANGE_CIPHER_SPEC {
            // What follows is sealed in either version.
            break;
        }
        if record.typ == HANDSHAKE {
            places.extend(at + 5..at + 5 + record.payload.len());
        }
        at += 5 + record.payload.len();
    }
    places
}

fn never_both_with(both: &Both, flight: usize, at: usize, case: &str) {
    let mut ends = both.start();
    let mut flipped = false;
    let _ = ends.run(&mut |number, bytes| {
        // A signature may be a byte shorter this time.
        if let Some(byte) = bytes.get_mut(at).filter(|_| number == flight) {
            *byte ^= 1 << (at % 8);
            flipped = true;
        }
    });
    assert!(flipped, "{case}");
    assert!(
        ends.client.is_handshaking() || ends.server.is_handshaking(),
        "{case}: both have finished"
    );
    assert!(!reads(&mut ends.client), "{case}: the client reads");
    assert!(!reads(&mut ends.server), "{case}: the server reads");
}

#[test]
fn a_flipped_bit_in_each_readable_byte() {
    let mut flips = 0;
    for version in Version::ALL {
        let both = Both::of(version);
        for (number, flight) in flights(&both).iter().enumerate() {
            let places = readable(flight);
            // Signatures vary in length: the last bytes are not always there.
            let places = &places[..places.len().saturating_sub(8)];
            for at in places {
                never_both_with(
                    &both,
                    number,
                    *at,
                    &format!("{version}, flight {number}, byte {at}"),
                );
                flips += 1;
            }
        }
    }
    assert!(flips > 2000, "{flips}");
}

#[test]
fn a_flipped_bit_in_what_is_sealed() {
    for version in Version::ALL {
        let both = Both::of(version);
        let flights = flights(&both);
        for (number, flight) in flights.iter().enumerate().take(handshake_flights(version)) {
            let readable = readable(flight);
            let first = readable.last().map_or(0, |last| last + 1);
            // ChangeCipherSpec, six bytes, and the head of the next record come first.
            for at in (first + 11..of_handshake(flight) - 4).step_by(STEP) {
                never_both_with(
                    &both,
                    number,
                    at,
                    &format!("{version}, flight {number}, byte {at}"),
                );
            }
        }
    }
}
