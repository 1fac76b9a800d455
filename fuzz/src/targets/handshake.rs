//! Somebody on the path who holds no keys: changes, drops, repeats, reorders, splits, invents
//! records of both directions, in whole handshakes of TLS 1.2 and 1.3.
//!
//! Both sides never both finish when what one of them read differs from what the other wrote;
//! when both finish they agree on everything, and on the newest version both speak; data arrives
//! unchanged, from its beginning and in its order, or not at all.

use std::io::Write;

use fips_tls::{Session, Version};
use rustls::Connection;

use crate::fixtures::{NOW, at};
use crate::input::Input;
use crate::wire::{
    ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, FROM_CLIENT, FROM_SERVER, HANDSHAKE, Record,
    Setup, accept, connect, deliver, genuine, records, written,
};

/// Rounds of flights; a genuine connection takes six.
const ROUNDS: usize = 16;

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let setup = Setup::read(&mut input);
    let edits: Vec<Edit> = (0..input.u8() % 5)
        .map(|_| Edit::read(&mut input))
        .collect();

    let (client, server) = (setup.client(), setup.server());
    if setup.resume {
        genuine(&client, &server);
    }
    let mut sides = [
        Side::new(connect(client.rustls()), FROM_CLIENT),
        Side::new(accept(server.rustls()), FROM_SERVER),
    ];
    let mut paths = [Path::default(), Path::default()];
    for _ in 0..ROUNDS {
        let mut silent = true;
        for from in [0, 1] {
            silent &= !carry(&mut sides, &mut paths, from, &edits, input);
        }
        if silent {
            break;
        }
    }
    if sides.iter().all(Side::finished) {
        check(setup, &sides, &paths);
    }
    let untouched = paths.iter().all(|path| path.sent == path.delivered);
    if untouched {
        for side in &sides {
            assert!(
                side.finished() && !side.failed && side.sent_data,
                "{setup:?}"
            );
        }
        assert_eq!(sides[0].received, FROM_SERVER);
        assert_eq!(sides[1].received, FROM_CLIENT);
    }
}

struct Side {
    connection: Connection,
    data: &'static [u8],
    sent_data: bool,
    received: Vec<u8>,
    failed: bool,
    /// How many records it had read when it finished its handshake.
    finished_at: Option<usize>,
}

impl Side {
    fn new(connection: Connection, data: &'static [u8]) -> Self {
        Self {
            connection,
            data,
            sent_data: false,
            received: Vec::new(),
            failed: false,
            finished_at: None,
        }
    }

    fn finished(&self) -> bool {
        !self.connection.is_handshaking()
    }

    fn read(&mut self, record: &Record, count: usize) {
        if !self.failed {
            let answer = deliver(&mut self.connection, &record.encode(), &mut self.received);
            self.failed = answer.is_err();
        }
        if self.finished() {
            self.finished_at.get_or_insert(count);
        }
    }
}

/// One direction: what was written, what came out, and what is held back.
#[derive(Default)]
struct Path {
    sent: Vec<Record>,
    delivered: Vec<Record>,
    held: Option<Record>,
}

/// Carries one side's flight to the other; whether there was one.
fn carry(
    sides: &mut [Side; 2],
    paths: &mut [Path; 2],
    from: usize,
    edits: &[Edit],
    input: Input<'_>,
) -> bool {
    let to = 1 - from;
    if sides[from].finished() && !sides[from].failed && !sides[from].sent_data {
        sides[from].sent_data = true;
        let data = sides[from].data;
        let _ = sides[from].connection.writer().write_all(data);
    }
    let flight = records(&written(&mut sides[from].connection));
    let silent = flight.is_empty();
    for record in flight {
        let index = paths[from].sent.len();
        paths[from].sent.push(record.clone());
        let mut out = vec![record];
        for edit in edits.iter().filter(|edit| edit.hits(from, index)) {
            edit.apply(&mut out, paths, from, input);
        }
        if out.is_empty() {
            continue;
        }
        out.extend(paths[from].held.take());
        for record in out {
            paths[from].delivered.push(record.clone());
            sides[to].read(&record, paths[from].delivered.len());
            assert!(sides[from].data.starts_with(&sides[to].received));
        }
    }
    !silent
}

/// What holds when both have finished.
fn check(setup: Setup, sides: &[Side; 2], paths: &[Path; 2]) {
    let [client, server] = [0, 1]
        .map(|side: usize| Session::at(&sides[side].connection, at(NOW)).expect("it has finished"));
    let agreement = |session: &Session| {
        (
            session.version,
            session.suite,
            session.group,
            session.resumed,
            session.alpn.clone(),
        )
    };
    assert_eq!(agreement(&client), agreement(&server), "{setup:?}");
    assert_eq!(client.version, setup.version.unwrap_or(Version::Tls13));
    assert_eq!(client.alpn.as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(server.peer.is_some(), setup.mutual);
    if client.version == Version::Tls13 && !sides.iter().any(|side| side.failed) {
        let secrets = [0, 1].map(|side: usize| {
            let (secret, label) = ([0; 32], b"EXPORTER-fuzz");
            sides[side]
                .connection
                .export_keying_material(secret, label, None)
        });
        assert_eq!(secrets[0], secrets[1]);
        assert!(secrets[0].is_ok());
    }
    for (from, path) in paths.iter().enumerate() {
        let read = sides[1 - from].finished_at.expect("it has finished");
        let (sent, delivered) = (
            protected(&path.sent, client.version),
            protected(&path.delivered[..read], client.version),
        );
        assert!(
            is_beginning(&delivered, &sent),
            "both finished, and what was read is not what was written: {setup:?}\n\
             {sent:02x?}\n{delivered:02x?}"
        );
    }
}

/// What a finished handshake vouches for: not the version in a record's header, not where a
/// plain message was split (RFC 8446 §5.1), not a warning that was not encrypted, nor TLS 1.3's
/// change_cipher_spec, which is no message (§5).
fn protected(records: &[Record], version: Version) -> Vec<(u8, Vec<u8>)> {
    let mut out: Vec<(u8, Vec<u8>)> = Vec::new();
    for record in records {
        let Record { kind, payload, .. } = record;
        match (*kind, &payload[..]) {
            (CHANGE_CIPHER_SPEC, [1]) if version == Version::Tls13 => continue,
            (ALERT, [1, _]) => continue,
            _ => {}
        }
        match out.last_mut() {
            Some((HANDSHAKE, last)) if *kind == HANDSHAKE => last.extend_from_slice(payload),
            _ => out.push((*kind, payload.clone())),
        }
    }
    out
}

fn is_beginning(part: &[(u8, Vec<u8>)], whole: &[(u8, Vec<u8>)]) -> bool {
    let Some(((kind, payload), before)) = part.split_last() else {
        return true;
    };
    whole.starts_with(before)
        && whole.get(before.len()).is_some_and(|(other, longer)| {
            kind == other
                && (payload == longer || *kind == HANDSHAKE && longer.starts_with(payload))
        })
}

/// What somebody on the path does to one record.
struct Edit {
    from: usize,
    index: usize,
    kind: u8,
    position: usize,
    value: u8,
}

impl Edit {
    fn read(input: &mut Input<'_>) -> Self {
        Self {
            from: usize::from(input.u8() & 1),
            index: usize::from(input.u8() % 16),
            kind: input.u8(),
            position: usize::from(input.u16()),
            value: input.u8(),
        }
    }

    fn hits(&self, from: usize, index: usize) -> bool {
        (self.from, self.index) == (from, index)
    }

    fn apply(&self, out: &mut Vec<Record>, paths: &mut [Path; 2], from: usize, input: Input<'_>) {
        let Some(last) = out.last().cloned() else {
            return;
        };
        let at = self.position % last.payload.len().max(1);
        let record = out.last_mut().expect("there is one");
        match self.kind % 14 {
            0 => {
                if let Some(byte) = record.payload.get_mut(at) {
                    *byte ^= self.value;
                }
            }
            1 => _ = out.pop(),
            2 => out.push(last),
            // Held back until the next has passed.
            3 if paths[from].held.is_none() => paths[from].held = out.pop(),
            4 => {
                let mut piece = input;
                let invented = Record::new(self.value, piece.take(self.position % 512));
                out.insert(out.len() - 1, invented);
            }
            5 => record.payload.truncate(at),
            6 => {
                let rest = Record {
                    payload: record.payload.split_off(at.min(last.payload.len())),
                    ..last
                };
                out.push(rest);
            }
            7 => record.kind = self.value,
            8 => {
                record.version = self.position.to_be_bytes()[6..]
                    .try_into()
                    .unwrap_or([3, 3])
            }
            9 => record.payload.push(self.value),
            // An earlier record of this direction, or of the other.
            10 | 11 => {
                let path = &paths[(from + usize::from(self.kind % 14 == 11)) % 2];
                let known = path.sent.len().max(1);
                out.extend(path.sent.get(self.position % known).cloned());
            }
            12 => {
                let mut piece = input;
                record.payload = piece.take(self.position % 512).to_vec();
            }
            13 => {
                let kind = [CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA]
                    [usize::from(self.value % 4)];
                let [high, low] = self.position.to_be_bytes()[6..] else {
                    return;
                };
                out.insert(out.len() - 1, Record::new(kind, &[high, low]));
            }
            _ => {}
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for version in [0u8, 1, 2] {
        for bits in [0u8, 1, 2, 4, 5, 8, 9, 16, 32] {
            seeds.push(vec![version, bits, 0]);
            // One change of each kind, on each record in turn.
            for (index, kind) in (0..14u8).enumerate() {
                let (from, index) = (index as u8 % 2, index as u8 % 7);
                let edit = [from, index, kind, 0, 40, 22, 1, 0, 0, 4, 0, 0, 0, 0];
                seeds.push([&[version, bits, 1][..], &edit].concat());
            }
        }
    }
    seeds
}
