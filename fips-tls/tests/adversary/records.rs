//! What is no TLS at all, and protected records that are not as they left.

use std::io::{Read, Write};

use rustls::{CertificateError, Connection, Error, Side};

use crate::case::{Over, Sides, alert, assert_ends, duel, finish};
use crate::support::bent::Bends;
use crate::support::duel::{self, SECRET};
use crate::support::wire::{self, APPLICATION_DATA, HANDSHAKE, Record};

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// Whatever the peer's first bytes are: our side's alert, and words of the explanation.
type First = (&'static str, fn() -> Vec<u8>, Option<u8>, &'static str);

#[rustfmt::skip]
const FIRST: &[First] = &[
    ("HTTP", || b"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n".to_vec(), alert::DECODE_ERROR, "InvalidContentType"),
    ("an HTTP answer", || b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), alert::DECODE_ERROR, "InvalidContentType"),
    ("SSH", || b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), alert::DECODE_ERROR, "InvalidContentType"),
    ("SMTP", || b"220 mail.test ESMTP\r\n".to_vec(), alert::DECODE_ERROR, "InvalidContentType"),
    ("a hello of SSL 2.0", || [&[0x80, 0x2e, 1, 3, 3, 0, 21, 0, 0, 0, 16][..], &[7; 37]].concat(), alert::DECODE_ERROR, "InvalidContentType"),
    ("zeros", || vec![0; 64], alert::DECODE_ERROR, "InvalidContentType"),
    ("ones", || vec![0xff; 64], alert::DECODE_ERROR, "InvalidContentType"),
    // RFC 8446 §5 asks for unexpected_message in the next two.
    ("a heartbeat", || Record::new(24, [1, 0, 1, 0]).bytes(), alert::DECODE_ERROR, "InvalidContentType"),
    ("a record of an unknown type", || Record::new(99, [1]).bytes(), alert::DECODE_ERROR, "InvalidContentType"),
    ("a record of version 2.0", || vec![22, 2, 0, 0, 1, 1], alert::DECODE_ERROR, "UnknownProtocolVersion"),
    ("a record of version 4.0", || vec![22, 4, 0, 0, 1, 1], alert::DECODE_ERROR, "UnknownProtocolVersion"),
    // RFC 8446 §5.1 and §5.2 ask for record_overflow beyond 2^14, protected 2^14 + 256.
    ("a record of 2^14 + 2048 bytes", || record_of(16_384 + 2048), alert::DECODE_ERROR, "MessageTooLarge"),
    ("a record of 2^16 - 1 bytes", || record_of(65_535), alert::DECODE_ERROR, "MessageTooLarge"),
    ("an empty handshake record", || record_of(0), alert::DECODE_ERROR, "InvalidEmptyPayload"),
    ("an empty alert", || Record::new(21, []).bytes(), alert::DECODE_ERROR, "InvalidEmptyPayload"),
    ("an empty ChangeCipherSpec", || Record::new(20, []).bytes(), alert::DECODE_ERROR, "InvalidEmptyPayload"),
    ("application data", || Record::new(23, *b"trust me").bytes(), alert::UNEXPECTED_MESSAGE, "out of its turn"),
    ("ChangeCipherSpec", || Record::new(20, [1]).bytes(), alert::UNEXPECTED_MESSAGE, "out of its turn"),
    ("a fatal alert", || Record::new(21, [2, 40]).bytes(), alert::NONE, "HandshakeFailure"),
    ("an alert of an unknown level", || Record::new(21, [9, 40]).bytes(), alert::ILLEGAL_PARAMETER, "HandshakeFailure"),
    ("an alert of one byte", || Record::new(21, [2]).bytes(), alert::DECODE_ERROR, "MissingData"),
    ("warnings without end", || Record::new(21, [1, 112]).bytes().repeat(5), alert::NONE, "TooManyWarningAlertsReceived"),
    ("farewells without end", || Record::new(21, [1, 0]).bytes().repeat(5), alert::NONE, "TooManyWarningAlertsReceived"),
    ("empty data without end", || Record::new(23, []).bytes().repeat(40), alert::UNEXPECTED_MESSAGE, "out of its turn"),
    // RFC 8446 §6.2 has decode_error.
    ("a message of 16 MiB", || Record::new(22, [1, 0xff, 0xff, 0xff, 3, 3]).bytes(), alert::NONE, "HandshakePayloadTooLarge"),
    ("a message of 2^16 bytes", || Record::new(22, [2, 1, 0, 0, 3, 3]).bytes(), alert::NONE, "HandshakePayloadTooLarge"),
    ("a message cut by data", || [Record::new(22, [1, 0]).bytes(), Record::new(23, [1]).bytes()].concat(), alert::NONE, "MessageInterleavedWithHandshakeMessage"),
];

fn record_of(len: usize) -> Vec<u8> {
    Record::new(HANDSHAKE, vec![1; len]).bytes()
}

#[test]
fn first_bytes_that_are_no_handshake() {
    for (name, bytes, alert, words) in FIRST {
        for ours in SIDES {
            // The peer has the hello, if ours sends one, and then says this.
            let mut duel = duel(ours, Over::Tls13, Bends::NONE);
            let hello = duel::taken(&mut duel.ours);
            assert_eq!(hello.is_empty(), ours == Side::Server);
            let error = duel.throw(&bytes());
            assert!(!duel.told(), "{name}");
            assert_ends(duel, error, *alert, words, &format!("{name} to {ours:?}"));
        }
    }
}

#[test]
fn a_message_without_end_is_not_kept() {
    // 64 KiB are announced and none of what follows is a message: at most that is held.
    for ours in SIDES {
        let mut duel = duel(ours, Over::Tls13, Bends::NONE);
        duel::taken(&mut duel.ours);
        assert_eq!(
            duel.throw(&Record::new(22, [1, 0, 0xff, 0xff]).bytes()),
            None
        );
        let mut taken = 0;
        let error = loop {
            if let Some(error) = duel.throw(&Record::new(22, [1; 1000]).bytes()) {
                break error;
            }
            taken += 1000;
        };
        assert!((60_000..70_000).contains(&taken), "{taken}");
        // It is the reading that fails, so the stream does.
        assert!(error.to_string().contains("message buffer full"), "{error}");
    }
}

#[test]
fn a_hello_in_records_of_one_byte_is_a_hello() {
    for over in [Over::Tls12, Over::Tls13] {
        let mut duel = duel(Side::Server, over, Bends::NONE);
        let error = duel.run(&mut |flight, bytes| match flight {
            0 => wire::records(&bytes)
                .iter()
                .flat_map(|record| &record.payload)
                .flat_map(|byte| Record::new(HANDSHAKE, [*byte]).bytes())
                .collect(),
            _ => bytes,
        });
        assert_eq!(error, None);
        assert!(duel.told());
    }
}

type Change = fn(&mut Vec<Record>);

/// What someone between does with two protected records of application data.
#[rustfmt::skip]
const CHANGES: &[(&str, Change)] = &[
    ("in the other order", |all| all.swap(0, 1)),
    ("the first alone is lost", |all| { all.remove(0); }),
    ("the first twice", |all| all.insert(1, all[0].clone())),
    ("the second before itself", |all| all.insert(0, all[1].clone())),
    ("a bit of the first byte", |all| all[0].payload[0] ^= 0x80),
    ("a bit of the last byte", |all| *all[0].payload.last_mut().unwrap() ^= 1),
    ("a bit in the middle", |all| { let at = all[0].payload.len() / 2; all[0].payload[at] ^= 4; }),
    ("one byte less", |all| { all[0].payload.pop(); }),
    ("one byte more", |all| all[0].payload.push(0)),
    ("without the tag", |all| { let len = all[0].payload.len() - 16; all[0].payload.truncate(len); }),
    ("the tag alone", |all| { let at = all[0].payload.len() - 16; all[0].payload.drain(..at); }),
    ("one byte alone", |all| all[0].payload.truncate(1)),
    ("both in one record", |all| { let second = all.remove(1).payload; all[0].payload.extend(second); }),
    ("one in two records", |all| { let tail = all[0].payload.split_off(20); all.insert(1, Record::new(APPLICATION_DATA, tail)); }),
    ("as a handshake record", |all| all[0].typ = HANDSHAKE),
    ("of another version", |all| all[0].version = 0x0301),
    ("as an alert", |all| all[0].typ = 21),
    ("longer than a protected record may be", |all| all[0].payload.resize(16_384 + 2047, 0)),
];

#[test]
fn protected_records_that_are_not_as_they_left() {
    for over in [Over::Tls12, Over::Tls13] {
        for ours in SIDES {
            for (name, change) in CHANGES {
                let mut duel = finish(duel(ours, over, Bends::NONE));
                let mut records = sealed(&mut duel.theirs, &[b"first", b"second"]);
                assert_eq!(records.len(), 2);
                change(&mut records);
                let error = duel.throw(&wire::join(&records));
                let name = format!("{name}, {over:?}, to {ours:?}");
                // RFC 8446 §5.2: the type and length of a record are authenticated with it.
                let read = read_all(&mut duel.ours);
                let expected: &[u8] = if name.starts_with("the first twice") {
                    b"first"
                } else {
                    b""
                };
                assert_eq!(read, expected, "{name}");
                assert_ends(
                    duel,
                    error,
                    alert::BAD_RECORD_MAC,
                    "does not fit its keys",
                    &name,
                );
            }
        }
    }
}

#[test]
fn a_bit_anywhere_in_a_protected_record() {
    for over in [Over::Tls12, Over::Tls13] {
        for ours in SIDES {
            // The head of a record is among the `CHANGES`.
            let mut at = 5;
            loop {
                let mut duel = finish(duel(ours, over, Bends::NONE));
                let mut record = sealed(&mut duel.theirs, &[b"data"])[0].bytes();
                let Some(byte) = record.get_mut(at) else {
                    break;
                };
                *byte ^= 1 << (at % 8);
                let error = duel.throw(&record);
                assert_eq!(error, Some(Error::DecryptError), "{over:?} {ours:?} {at}");
                assert_eq!(read_all(&mut duel.ours), b"");
                at += 5;
            }
        }
    }
}

#[test]
fn records_of_another_connection_and_of_the_other_direction() {
    for over in [Over::Tls12, Over::Tls13] {
        for ours in SIDES {
            let mut one = finish(duel(ours, over, Bends::NONE));
            let mut other = finish(duel(ours, over, Bends::NONE));
            let foreign = sealed(&mut other.theirs, &[b"data"]);
            let error = one.throw(&wire::join(&foreign));
            assert_ends(
                one,
                error,
                alert::BAD_RECORD_MAC,
                "does not fit its keys",
                "foreign",
            );

            let mut one = finish(duel(ours, over, Bends::NONE));
            let back = sealed(&mut one.ours, &[b"data"]);
            let error = one.throw(&wire::join(&back));
            // What was taken away from the peer makes it deaf to the alert too.
            assert_ends(
                one,
                error,
                alert::UNREADABLE,
                "does not fit its keys",
                "mirrored",
            );
        }
    }
}

#[test]
fn a_connection_that_is_sent_again() {
    for over in [
        Over::Tls12,
        Over::Tls13,
        Over::Tls13Retried,
        Over::Tls13Resumed,
    ] {
        // A genuine client, to its last byte of application data.
        let sides = Sides::of(Side::Server, over, Bends::NONE);
        let mut genuine = sides.duel(Side::Server);
        genuine.theirs.writer().write_all(b"pay once").unwrap();
        let mut sent = Vec::new();
        let error = genuine.run(&mut |_, bytes| {
            sent.push(bytes.clone());
            bytes
        });
        assert_eq!(error, None);
        assert_eq!(read_all(&mut genuine.ours), b"pay once");

        // Sent to the same server once more: its random and its share are others.
        let mut again = sides.duel(Side::Server);
        let error = sent.iter().find_map(|flight| again.throw(flight));
        // In TLS 1.2 the client's own signature over both randoms comes first.
        let bad_signature = Error::InvalidCertificate(CertificateError::BadSignature);
        match over {
            Over::Tls12 => assert_eq!(error, Some(bad_signature)),
            _ => assert_eq!(error, Some(Error::DecryptError), "{over:?}"),
        }
        assert_eq!(read_all(&mut again.ours), b"");
        assert!(again.ours.is_handshaking() && !contains(&again.written, SECRET));
    }
}

fn sealed(connection: &mut Connection, data: &[&[u8]]) -> Vec<Record> {
    let mut bytes = Vec::new();
    for data in data {
        connection.writer().write_all(data).unwrap();
        bytes.extend(duel::taken(connection));
    }
    wire::records(&bytes)
}

fn read_all(connection: &mut Connection) -> Vec<u8> {
    let mut read = Vec::new();
    let mut buffer = [0; 256];
    while let Ok(len @ 1..) = connection.reader().read(&mut buffer) {
        read.extend_from_slice(&buffer[..len]);
    }
    read
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
