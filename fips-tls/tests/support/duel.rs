//! One of our sides against a peer that misbehaves, in memory, and how it ends.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use fips_tls::Explanation;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConnection, Connection, Error, ServerConnection, Side};

use super::NAME;
use super::bent::{self, Bent};
use super::wire::{self, ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};

/// What our side's application writes before the handshake: it must reach a proven peer alone.
pub const SECRET: &[u8] = b"for a peer that has proved itself";

/// Stands for an alert that the peer has no key for.
pub const UNREADABLE: u8 = u8::MAX;

/// Flights at most; a duel that goes on hangs.
const FLIGHTS: usize = 200;

/// A change of what the peer sends, by flight: 0, 1, …
pub type OnWire<'a> = dyn FnMut(usize, Vec<u8>) -> Vec<u8> + 'a;

pub struct Duel {
    pub ours: Connection,
    pub theirs: Connection,
    pub bent: Bent,
    /// What our side wrote.
    pub written: Vec<u8>,
    /// What it wrote last, after an error if there was one.
    last: Vec<u8>,
    flight: usize,
}

/// How a duel ended for our side.
#[derive(Debug)]
pub struct End {
    /// Why our side gave up; `None` when it did not.
    pub error: Option<Error>,
    /// The alert our side sent: level and description.
    pub alert: Option<(u8, u8)>,
}

impl Duel {
    pub fn new(
        ours: Side,
        client: Arc<rustls::ClientConfig>,
        server: Arc<rustls::ServerConfig>,
        bent: Bent,
    ) -> Self {
        let name = ServerName::try_from(NAME).unwrap();
        let client = Connection::from(ClientConnection::new(client, name).unwrap());
        let server = Connection::from(ServerConnection::new(server).unwrap());
        let (mut ours, theirs) = match ours {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        ours.writer().write_all(SECRET).unwrap();
        Self {
            ours,
            theirs,
            bent,
            written: Vec::new(),
            last: Vec::new(),
            flight: 0,
        }
    }

    /// Carries bytes until both are silent or our side has given up.
    pub fn run(&mut self, on_wire: &mut OnWire<'_>) -> Option<Error> {
        loop {
            assert!(self.flight < FLIGHTS, "the duel does not end");
            let forth = taken(&mut self.theirs);
            let mut error = None;
            if !forth.is_empty() {
                let flight = on_wire(self.flight, bent::edit_flight(&self.bent, &forth));
                self.flight += 1;
                error = feed(&mut self.ours, &flight);
            }
            let back = self.answer(error.is_some());
            if error.is_some() {
                return error;
            }
            if forth.is_empty() && back == 0 {
                return None;
            }
        }
    }

    /// Bytes of the peer's that no rustls made; what our side makes of them.
    pub fn throw(&mut self, bytes: &[u8]) -> Option<Error> {
        let error = feed(&mut self.ours, bytes);
        self.answer(error.is_some());
        error
    }

    /// Carries what our side has to say, and tells how much that was.
    fn answer(&mut self, failed: bool) -> usize {
        let back = taken(&mut self.ours);
        self.written.extend_from_slice(&back);
        for record in wire::records(&back) {
            if matches!(record.typ, ALERT | HANDSHAKE) {
                self.bent.note(record.typ, &record.payload);
            }
        }
        // A peer that is itself upset listens no more, and does not matter.
        let _ = feed(&mut self.theirs, &back);
        let len = back.len();
        if failed || len > 0 {
            self.last = back;
        }
        len
    }

    /// The alert that is our side's last word, in the clear or as the peer opened it.
    pub fn alert(&self) -> Option<(u8, u8)> {
        let last = wire::records(&self.last).pop()?;
        let opened = self.bent.opened.lock().unwrap();
        match opened.last() {
            Some((ALERT, payload)) if payload.len() == 2 => Some((payload[0], payload[1])),
            // Two bytes with their type and tag, or explicit nonce and tag.
            _ if (last.typ, last.payload.len()) == (APPLICATION_DATA, 19) => Some((2, UNREADABLE)),
            _ if (last.typ, last.payload.len()) == (ALERT, 26) => Some((2, UNREADABLE)),
            _ if matches!(last.typ, CHANGE_CIPHER_SPEC | HANDSHAKE) => None,
            _ => Some((0, 0)),
        }
    }

    /// Whether the peer has read application data of ours.
    pub fn told(&self) -> bool {
        let opened = self.bent.opened.lock().unwrap();
        opened.iter().any(|(typ, _)| *typ == APPLICATION_DATA)
    }

    /// After an error: nothing is readable, nothing more is taken and nothing more goes out.
    pub fn assert_dead(&mut self, error: &Error, case: &str) {
        let mut buffer = [0; 64];
        match self.ours.reader().read(&mut buffer) {
            Ok(len) => assert_eq!(len, 0, "{case}: data is readable after {error:?}"),
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::UnexpectedEof
                ),
                "{case}: {error:?}"
            ),
        }
        let again = self.ours.process_new_packets().unwrap_err();
        assert_eq!(
            format!("{again:?}"),
            format!("{error:?}"),
            "{case}: another error the second time"
        );
        let mut silence = Silence(Vec::new());
        let failed = self.ours.complete_io(&mut silence).unwrap_err();
        assert_ne!(failed.kind(), ErrorKind::WouldBlock, "{case}: {failed}");
        // Whether or not it is taken, it stays here.
        let _ = self.ours.writer().write(b"late");
        assert!(taken(&mut self.ours).is_empty(), "{case}: data goes out");
    }
}

/// A socket that takes all and gives one record of application data, for ever.
struct Silence(Vec<u8>);

impl Read for Silence {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let record = wire::Record::new(APPLICATION_DATA, [0; 32]).bytes();
        let len = record.len().min(buffer.len());
        buffer[..len].copy_from_slice(&record[..len]);
        Ok(len)
    }
}

impl Write for Silence {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn taken(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes).unwrap();
    }
    bytes
}

pub fn feed(connection: &mut Connection, mut bytes: &[u8]) -> Option<Error> {
    while !bytes.is_empty() {
        let before = bytes.len();
        match connection.read_tls(&mut bytes) {
            Ok(_) => {}
            // The buffer is full of what no message can be made of.
            Err(error) => {
                return Some(Error::General(error.to_string()));
            }
        }
        match connection.process_new_packets() {
            Ok(state) if state.peer_has_closed() => return None,
            Ok(_) => assert!(bytes.len() < before, "nothing is read any more"),
            Err(error) => return Some(error),
        }
    }
    None
}

/// The faults of an end that should be `expected` (an alert's description, all alerts being
/// fatal) and explained with `words`.
pub fn judge(end: &End, expected: Option<u8>, words: &str, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let Some(error) = &end.error else {
        return vec![format!("{name}: not refused")];
    };
    if end.alert != expected.map(|description| (2, description)) {
        faults.push(format!(
            "{name}: alert {:?}, not {expected:?}; {error:?}",
            end.alert
        ));
    }
    let explanation = Explanation::of(error);
    if !explanation.to_string().contains(words) {
        faults.push(format!("{name}: {words:?} is not in: {explanation}"));
    }
    // The policy's own reasons about certificates say it in the same breath.
    let in_reason = matches!(error, Error::InvalidCertificate(CertificateError::Other(_)));
    if explanation.mend.is_empty() && !in_reason {
        faults.push(format!("{name}: nothing to mend it: {explanation}"));
    }
    faults
}
