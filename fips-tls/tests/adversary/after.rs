//! Peers that misbehave after an honest handshake: what they seal is genuine, what it says is not.

use std::io::{Read, Write};
use std::panic::{self, AssertUnwindSafe};

use rustls::{Error, Side};

use crate::case::{Case, Over, alert, assert_ends, cases, duel, finish, run_all, say};
use crate::support::bent::{self, Bends, LONG};
use crate::support::duel::Duel;
use crate::support::wire::{ALERT, Record};

#[test]
fn peers_in_tls13() {
    run_all(BOTH13, Side::Client);
    run_all(BOTH13, Side::Server);
}

/// Whichever side the peer is.
const BOTH13: &[Case] = cases! {
    say Tls13 "a KeyUpdate of another value": &[(22, &[24, 0, 0, 1, 2])] => ILLEGAL_PARAMETER, "InvalidKeyUpdate";
    say Tls13 "an empty KeyUpdate": &[(22, &[24, 0, 0, 0])] => DECODE_ERROR, "MissingData";
    say Tls13 "a KeyUpdate of two bytes": &[(22, &[24, 0, 0, 2, 0, 0])] => DECODE_ERROR, "TrailingData";
    say Tls13 "a KeyUpdate that ends no record": &[(22, &[24, 0, 0, 1, 0, 24, 0, 0, 1, 0])] => UNEXPECTED_MESSAGE, "KeyEpochWithPendingFragment";
    say Tls13 "a KeyUpdate before part of a message": &[(22, &[24, 0, 0, 1, 0, 24, 0])] => UNEXPECTED_MESSAGE, "KeyEpochWithPendingFragment";
    say Tls13 "a HelloRequest": &[(22, &[0, 0, 0, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "an EndOfEarlyData": &[(22, &[5, 0, 0, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "another Finished": &[(22, &[20, 0, 0, 2, 1, 2])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "another EncryptedExtensions": &[(22, &[8, 0, 0, 2, 0, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "another Certificate": &[(22, &[11, 0, 0, 4, 0, 0, 0, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "another CertificateRequest": &[(22, &[13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "another CertificateVerify": &[(22, &[15, 0, 0, 6, 4, 3, 0, 2, 1, 2])] => UNEXPECTED_MESSAGE, "out of its turn";
    // RFC 8446 §4 and §6.2 have unexpected_message for the type that stands for a hash.
    say Tls13 "a message_hash": &[(22, &[254, 0, 0, 1, 0])] => DECODE_ERROR, "UnexpectedMessage";
    say Tls13 "an unknown message": &[(22, &[99, 0, 0, 1, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "a message cut by data": &[(22, &[24, 0, 0]), (23, b"data")] => NONE, "MessageInterleavedWithHandshakeMessage";
    say Tls13 "a message cut by an alert": &[(22, &[24, 0, 0]), (21, &[2, 40])] => NONE, "MessageInterleavedWithHandshakeMessage";
    // The limit is rustls's: 2^16.
    say Tls13 "a message longer than all limits": &[(22, &[24, 1, 0, 0])] => NONE, "HandshakePayloadTooLarge";
    say Tls13 "ChangeCipherSpec under seal": &[(20, &[1])] => UNEXPECTED_MESSAGE, "IllegalMiddleboxChangeCipherSpec";
    // RFC 8446 §5 asks for unexpected_message in the next three.
    say Tls13 "a heartbeat": &[(24, &[1, 0, 1, 0])] => DECODE_ERROR, "InvalidContentType";
    say Tls13 "a record of an unknown type": &[(99, &[1, 0, 1, 0])] => DECODE_ERROR, "InvalidContentType";
    say Tls13 "a record of padding alone": &[(0, &[0; 16])] => NONE, "IllegalTlsInnerPlaintext";
    say Tls13 "a record of nothing": &[(0, &[])] => NONE, "IllegalTlsInnerPlaintext";
    say Tls13 "one byte more than a record holds": &[(LONG, &16_385_u16.to_be_bytes())] => RECORD_OVERFLOW, "too long";
    say Tls13 "256 bytes more than a record holds": &[(LONG, &16_623_u16.to_be_bytes())] => RECORD_OVERFLOW, "too long";
    // RFC 8446 §6: an alert that is not known is an error, whatever its level.
    say Tls13 "a warning of handshake_failure": &[(21, &[1, 40])] => DECODE_ERROR, "HandshakeFailure";
    say Tls13 "a warning of something unknown": &[(21, &[1, 250])] => DECODE_ERROR, "alert";
    say Tls13 "an alert of an unknown level": &[(21, &[3, 40])] => ILLEGAL_PARAMETER, "HandshakeFailure";
    say Tls13 "an alert of one byte": &[(21, &[2])] => DECODE_ERROR, "MissingData";
    say Tls13 "an alert of three bytes": &[(21, &[2, 40, 0])] => DECODE_ERROR, "TrailingData";
    // RFC 8446 §5.1: a zero-length fragment of an alert is not allowed; §6.2 has decode_error.
    say Tls13 "an empty alert": &[(21, &[])] => DECODE_ERROR, "MissingData";
    say Tls13 "a fatal alert": &[(21, &[2, 80])] => NONE, "InternalError";
    say Tls13 "user_canceled without end": &[(21, &[1, 90]), (21, &[1, 90]), (21, &[1, 90]), (21, &[1, 90]), (21, &[1, 90])] => NONE, "TooManyWarningAlertsReceived";
};

#[test]
fn servers_in_tls13() {
    run_all(SERVERS13, Side::Client);
}

const SERVERS13: &[Case] = cases! {
    say Tls13 "another ServerHello": &[(22, &[2, 0, 0, 40, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 0x13, 1, 0, 0, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "a ticket cut short": &[(22, &[4, 0, 0, 4, 0, 0, 14, 16])] => DECODE_ERROR, "MissingData";
    say Tls13 "an empty ticket": &[(22, &[4, 0, 0, 14, 0, 0, 14, 16, 1, 2, 3, 4, 1, 7, 0, 0, 0, 0])] => DECODE_ERROR, "EmptyTicketValue";
    say Tls13 "a ticket with a tail": &[(22, &[4, 0, 0, 16, 0, 0, 14, 16, 1, 2, 3, 4, 1, 7, 0, 1, 9, 0, 0, 0])] => DECODE_ERROR, "TrailingData";
    say Tls13 "a ticket with an extension twice": &[(22, &[4, 0, 0, 31, 0, 0, 14, 16, 1, 2, 3, 4, 1, 7, 0, 1, 9, 0, 16, 0, 42, 0, 4, 0, 0, 0, 0, 0, 42, 0, 4, 0, 0, 0, 0])] => ILLEGAL_PARAMETER, "DuplicateExtension";
    say Tls13 "a ticket whose early data has no size": &[(22, &[4, 0, 0, 19, 0, 0, 14, 16, 1, 2, 3, 4, 1, 7, 0, 1, 9, 0, 4, 0, 42, 0, 0])] => DECODE_ERROR, "MissingData";
};

#[test]
fn clients_in_tls13() {
    run_all(CLIENTS13, Side::Server);
}

const CLIENTS13: &[Case] = cases! {
    say Tls13 "a NewSessionTicket of the client's": &[(22, &[4, 0, 0, 15, 0, 0, 14, 16, 1, 2, 3, 4, 1, 7, 0, 1, 9, 0, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls13 "another ClientHello": &[(22, CLIENT_HELLO)] => UNEXPECTED_MESSAGE, "out of its turn";
};

/// The least that parses.
const CLIENT_HELLO: &[u8] = &[
    1, 0, 0, 43, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 0,
];

#[test]
fn peers_in_tls12() {
    run_all(BOTH12, Side::Client);
    run_all(BOTH12, Side::Server);
}

const BOTH12: &[Case] = cases! {
    say Tls12 "another Finished": &[(22, &[20, 0, 0, 2, 1, 2])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls12 "another Certificate": &[(22, &[11, 0, 0, 3, 0, 0, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls12 "a ServerHelloDone": &[(22, &[14, 0, 0, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls12 "a KeyUpdate": &[(22, &[24, 0, 0, 1, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    say Tls12 "an unknown message": &[(22, &[99, 0, 0, 1, 0])] => UNEXPECTED_MESSAGE, "out of its turn";
    // RFC 5246 §6.2.1 asks for unexpected_message.
    say Tls12 "a heartbeat": &[(24, &[1, 0, 1, 0])] => DECODE_ERROR, "InvalidContentType";
    say Tls12 "a message cut by data": &[(22, &[24, 0, 0]), (23, b"data")] => NONE, "MessageInterleavedWithHandshakeMessage";
    say Tls12 "one byte more than a record holds": &[(LONG, &16_385_u16.to_be_bytes())] => RECORD_OVERFLOW, "too long";
    say Tls12 "an alert of an unknown level": &[(21, &[3, 40])] => ILLEGAL_PARAMETER, "HandshakeFailure";
    say Tls12 "an alert of one byte": &[(21, &[2])] => DECODE_ERROR, "MissingData";
    say Tls12 "a fatal alert": &[(21, &[2, 80])] => NONE, "InternalError";
    say Tls12 "warnings without end": &[(21, &[1, 110]), (21, &[1, 110]), (21, &[1, 110]), (21, &[1, 110]), (21, &[1, 110])] => NONE, "TooManyWarningAlertsReceived";
};

#[test]
fn a_second_handshake_in_tls12() {
    run_all(
        cases! {
            say Tls12 "a HelloRequest after another": &[(22, &[0, 0, 0, 0]), (22, &[0, 0, 0, 0])] => NONE, "TooManyRenegotiationRequests";
        },
        Side::Client,
    );
    run_all(
        cases! {
            say Tls12 "a ClientHello after another": &[(22, CLIENT_HELLO), (22, CLIENT_HELLO)] => NONE, "TooManyRenegotiationRequests";
        },
        Side::Server,
    );
    // The first is rebuffed with a warning (1) of no_renegotiation (100), RFC 5246 §7.2.2.
    for (ours, message) in [
        (Side::Client, &[0, 0, 0, 0][..]),
        (Side::Server, CLIENT_HELLO),
    ] {
        let mut duel = finish(duel(ours, Over::Tls12, Bends::NONE));
        assert_eq!(speak(&mut duel, 22, message), None);
        assert_eq!(duel.alert(), Some((1, 100)));
        assert_eq!(said_to_us(&mut duel, b"still here"), b"still here");
    }
}

/// The peer seals one record; what our side makes of it.
fn speak(duel: &mut Duel, typ: u8, payload: &[u8]) -> Option<Error> {
    let said = bent::said(typ, payload);
    duel.theirs.writer().write_all(&said).unwrap();
    duel.run(&mut |_, flight| flight)
}

fn said_to_us(duel: &mut Duel, data: &[u8]) -> Vec<u8> {
    assert_eq!(speak(duel, 23, data), None);
    let mut read = vec![0; data.len()];
    duel.ours.reader().read_exact(&mut read).unwrap();
    read
}

#[test]
fn key_updates_without_end() {
    for ours in [Side::Client, Side::Server] {
        let mut duel = finish(duel(ours, Over::Tls13, Bends::NONE));
        let mut updates = 0;
        let error = loop {
            duel.theirs.refresh_traffic_keys().unwrap();
            let error = duel.run(&mut |_, flight| flight);
            if error.is_some() {
                break error;
            }
            updates += 1;
            assert!(updates < 100, "no end");
        };
        // The bound is rustls's; data between them would begin the count again.
        assert_eq!(updates, 32);
        assert_ends(
            duel,
            error,
            alert::NONE,
            "TooManyKeyUpdateRequests",
            "key updates",
        );
    }
}

#[test]
fn empty_records_without_end() {
    for (ours, over) in [
        (Side::Client, Over::Tls12),
        (Side::Client, Over::Tls13),
        (Side::Server, Over::Tls12),
        (Side::Server, Over::Tls13),
    ] {
        let mut duel = finish(duel(ours, over, Bends::NONE));
        let mut records = 0;
        let error = loop {
            let error = speak(&mut duel, 23, &[]);
            if error.is_some() {
                break error;
            }
            records += 1;
            assert!(records < 100, "no end");
        };
        assert_eq!(records, 32);
        assert_ends(
            duel,
            error,
            alert::NONE,
            "TooManyEmptyFragments",
            "empty records",
        );
    }
}

#[test]
fn change_cipher_spec_in_the_clear() {
    // RFC 8446 §5 allows one until the peer's Finished; afterwards, and in TLS 1.2, never.
    for (over, value) in [(Over::Tls13, 1), (Over::Tls13, 2), (Over::Tls12, 1)] {
        for ours in [Side::Client, Side::Server] {
            let mut duel = finish(duel(ours, over, Bends::NONE));
            let error = duel.throw(&Record::new(20, [value]).bytes());
            let (alert, words) = match value {
                1 => (alert::UNEXPECTED_MESSAGE, "out of its turn"),
                _ => (alert::DECODE_ERROR, "InvalidCcs"),
            };
            assert_ends(duel, error, alert, words, "ChangeCipherSpec");
        }
    }
}

#[test]
fn records_in_the_clear_after_the_handshake() {
    for (over, typ, payload) in [
        (Over::Tls13, 23, &b"trust me"[..]),
        (Over::Tls13, 22, &[24, 0, 0, 1, 0]),
        (Over::Tls13, ALERT, &[2, 40]),
        (Over::Tls13, ALERT, &[1, 0]),
        (Over::Tls12, 23, b"trust me"),
        (Over::Tls12, 22, &[0, 0, 0, 0]),
        (Over::Tls12, ALERT, &[2, 40]),
        (Over::Tls12, ALERT, &[1, 0]),
    ] {
        for ours in [Side::Client, Side::Server] {
            let mut duel = finish(duel(ours, over, Bends::NONE));
            let error = duel.throw(&Record::new(typ, payload).bytes());
            let name = format!("{over:?} {ours:?} {typ} {payload:?}");
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

#[test]
fn what_follows_a_farewell() {
    for over in [Over::Tls12, Over::Tls13] {
        for ours in [Side::Client, Side::Server] {
            // The peer's: what follows is ignored (RFC 8446 §6.1).
            let mut duel = finish(duel(ours, over, Bends::NONE));
            duel.theirs.send_close_notify();
            assert_eq!(duel.run(&mut |_, flight| flight), None);
            assert_eq!(duel.throw(&Record::new(23, [0; 40]).bytes()), None);
            assert_eq!(duel.ours.reader().read(&mut [0; 8]).unwrap(), 0);
        }
    }
}

#[test]
fn after_our_farewell_a_release_build_goes_on_to_an_error() {
    // A debug build stops at an assertion of rustls's (`send_fatal_alert`), not of ours.
    for ours in [Side::Client, Side::Server] {
        let mut duel = finish(duel(ours, Over::Tls13, Bends::NONE));
        duel.ours.send_close_notify();
        assert_eq!(duel.run(&mut |_, flight| flight), None);
        let record = Record::new(23, [0; 40]).bytes();
        let ended = panic::catch_unwind(AssertUnwindSafe(|| duel.throw(&record)));
        match ended {
            Ok(error) if cfg!(debug_assertions) => panic!("{error:?}: the assertion is gone"),
            Ok(error) => assert_eq!(error, Some(Error::DecryptError)),
            Err(stopped) => {
                let message = stopped.downcast_ref::<&str>().unwrap();
                assert!(message.contains("sent_fatal_alert"), "{message}");
            }
        }
        assert_eq!(duel.ours.reader().read(&mut [0; 8]).ok(), None);
    }
}
