//! Servers that misbehave during a TLS 1.2 handshake, as our client sees them.

use rustls::Side;

use crate::case::{
    Case, Over, alert, assert_ends, at, bend, cases, ccs, duel, edit, flip_last, hello, instead,
    on, our_client, our_server, point, run_all, swap_ccs, wired,
};
use crate::support::bent::{Bends, Bent};
use crate::support::duel::{self, Duel};
use crate::support::wire::{
    self, CHANGE_CIPHER_SPEC, HANDSHAKE, Hello, Message, Record, ext, messages, records, typ,
};

#[test]
fn server_hellos() {
    run_all(HELLOS, Side::Client);
}

// The missing extended master secret is in `refusals`.
const HELLOS: &[Case] = cases! {
    // RFC 5246 §7.4.1.3 names no alert; RFC 8446 §4.1.3 has illegal_parameter.
    edit Tls12 "a suite that was not offered": |m| hello(m, |h| h.suites = vec![0xcca9]) => HANDSHAKE_FAILURE, "SelectedUnofferedCipherSuite";
    edit Tls12 "a static RSA suite": |m| hello(m, |h| h.suites = vec![0x009c]) => HANDSHAKE_FAILURE, "SelectedUnofferedCipherSuite";
    edit Tls12 "the empty suite": |m| hello(m, |h| h.suites = vec![0]) => HANDSHAKE_FAILURE, "SelectedUnofferedCipherSuite";
    edit Tls12 "the renegotiation signal as a suite": |m| hello(m, |h| h.suites = vec![0x00ff]) => HANDSHAKE_FAILURE, "SelectedUnofferedCipherSuite";
    edit Tls12 "a suite of TLS 1.3": |m| hello(m, |h| h.suites = vec![0x1301]) => ILLEGAL_PARAMETER, "SelectedUnusableCipherSuiteForVersion";
    edit Tls12 "TLS 1.1": |m| hello(m, |h| h.version = 0x0302) => PROTOCOL_VERSION, "no version";
    edit Tls12 "TLS 1.0": |m| hello(m, |h| h.version = 0x0301) => PROTOCOL_VERSION, "no version";
    edit Tls12 "SSL 3.0": |m| hello(m, |h| h.version = 0x0300) => PROTOCOL_VERSION, "no version";
    edit Tls12 "SSL 2.0": |m| hello(m, |h| h.version = 0x0200) => PROTOCOL_VERSION, "no version";
    edit Tls12 "a version from the future": |m| hello(m, |h| h.version = 0x0305) => PROTOCOL_VERSION, "no version";
    edit Tls12 "compression": |m| hello(m, |h| h.compressions = vec![1]) => ILLEGAL_PARAMETER, "SelectedUnofferedCompression";
    edit Tls12 "an extension twice": |m| hello(m, |h| h.add(ext::EXTENDED_MASTER_SECRET, &[])) => ILLEGAL_PARAMETER, "DuplicateExtension";
    edit Tls12 "an unknown extension": |m| hello(m, |h| h.add(0xfafa, &[])) => UNSUPPORTED_EXTENSION, "Unsolicited";
    edit Tls12 "a protocol that was not offered": |m| hello(m, |h| h.add(ext::ALPN, &[0, 3, 2, b'h', b'3'])) => ILLEGAL_PARAMETER, "SelectedUnofferedApplicationProtocol";
    // RFC 8422 §5.2 asks for illegal_parameter.
    edit Tls12 "compressed points alone": |m| hello(m, |h| { h.extensions.retain(|(code, _)| *code != ext::EC_POINT_FORMATS); h.add(ext::EC_POINT_FORMATS, &[1, 1]); }) => HANDSHAKE_FAILURE, "UncompressedEcPoints";
    edit Tls12 "supported_versions with TLS 1.2": |m| hello(m, |h| h.add(ext::SUPPORTED_VERSIONS, &[3, 3])) => ILLEGAL_PARAMETER, "SelectedTls12UsingTls13VersionExtension";
    bend Tls12 "the mark of a downgrade from TLS 1.3": Bends { random: Some(*b"DOWNGRD\x01"), ..Bends::NONE } => ILLEGAL_PARAMETER, "it was not offered TLS 1.3";
};

#[test]
fn the_session_id_of_the_compatibility_mode() {
    // RFC 8446 App. D.4: it was made up, so no server of TLS 1.2 can know it (§4.1.2).
    let mut duel = duel(Side::Client, Over::Tls12, Bends::NONE);
    let hello = duel::taken(&mut duel.ours);
    let echoed = Hello::of(&messages(&records(&hello)[0].payload)[0]).session_id;
    assert_eq!(echoed.len(), 32);
    assert_eq!(duel::feed(&mut duel.theirs, &hello), None);
    let flight = duel::taken(&mut duel.theirs);
    let flight = wire::edit_hello(&flight, |hello| hello.session_id = echoed);
    let error = duel.throw(&flight);
    let words = "ServerEchoedCompatibilitySessionId";
    assert_ends(duel, error, alert::ILLEGAL_PARAMETER, words, "echo");
}

#[test]
fn someone_between_takes_tls13_out_of_the_hello() {
    // Our own server then marks its random (RFC 8446 §4.1.3); without the mark its signature,
    // which covers the random, is wrong.
    for (erased, alert, words) in [
        (
            false,
            alert::ILLEGAL_PARAMETER,
            "it was not offered TLS 1.3",
        ),
        (true, alert::DECRYPT_ERROR, "signature"),
    ] {
        let (client, server) = (our_client().rustls(), our_server().rustls());
        let mut duel = Duel::new(Side::Client, client, server, Bent::new(Bends::NONE));
        let hello = duel::taken(&mut duel.ours);
        let hello = wire::edit_hello(&hello, |hello| hello.remove(ext::SUPPORTED_VERSIONS));
        assert_eq!(duel::feed(&mut duel.theirs, &hello), None);
        let mut flight = duel::taken(&mut duel.theirs);
        if erased {
            flight = wire::edit_hello(&flight, |hello| hello.random[24..].fill(7));
        }
        let error = duel.throw(&flight);
        assert!(!duel.told());
        assert_ends(duel, error, alert, words, "downgrade");
    }
}

#[test]
fn what_follows_the_server_hello() {
    run_all(FLIGHT, Side::Client);
}

const FLIGHT: &[Case] = cases! {
    edit Tls12 "no Certificate message": |m| instead(typ::CERTIFICATE, m, |_| vec![]) => UNEXPECTED_MESSAGE, "out of its turn";
    // RFC 5246 §7.4.2 has bad_certificate (§7.2.2).
    edit Tls12 "no certificate": |m| on(typ::CERTIFICATE, m, |body| *body = vec![0, 0, 0]) => NONE, "no certificate";
    edit Tls12 "a certificate that does not parse": |m| on(typ::CERTIFICATE, m, |body| body[6] ^= 1) => CERTIFICATE_UNKNOWN, "does not parse";
    edit Tls12 "two Certificates": |m| instead(typ::CERTIFICATE, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "a CertificateStatus that nobody announced": |m| instead(typ::CERTIFICATE, m, |m| vec![m, Message::new(22, [1, 0, 0, 1, 5])]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "no ServerKeyExchange": |m| instead(typ::SERVER_KEY_EXCHANGE, m, |_| vec![]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "an explicit prime curve": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| body[0] = 1) => DECODE_ERROR, "MissingKeyExchange";
    edit Tls12 "an explicit binary curve": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| body[0] = 2) => DECODE_ERROR, "MissingKeyExchange";
    edit Tls12 "a ServerKeyExchange cut short": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| body.truncate(30)) => DECODE_ERROR, "MissingKeyExchange";
    bend Tls12 "X25519": Bends { group: Some(29), point: Some(|_| vec![9; 32]), ..Bends::NONE } => ILLEGAL_PARAMETER, "SelectedUnofferedKxGroup";
    bend Tls12 "a curve that was not offered": Bends { group: Some(21), ..Bends::NONE } => ILLEGAL_PARAMETER, "SelectedUnofferedKxGroup";
    bend Tls12 "the point of another curve": Bends { group: Some(24), ..Bends::NONE } => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls12 "a point off the curve": point(|p| { let mut p = p.to_vec(); p[20] ^= 1; p }) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls12 "a compressed point": point(|p| [&[2 | (p[64] & 1)], &p[1..33]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls12 "the point at infinity": point(|_| vec![0]) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls12 "a point with a tail": point(|p| [p, &[0]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    edit Tls12 "another point than the signed one": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| body[9] ^= 1) => DECRYPT_ERROR, "signature";
    edit Tls12 "another signature": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| flip_last(body)) => DECRYPT_ERROR, "signature";
    edit Tls12 "another random than the signed one": |m| hello(m, |h| h.random[3] ^= 1) => DECRYPT_ERROR, "signature";
    edit Tls12 "SHA-1": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| body[69..71].copy_from_slice(&[2, 3])) => ILLEGAL_PARAMETER, "SignedHandshakeWithUnadvertisedSigScheme";
    edit Tls12 "MD5": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| body[69..71].copy_from_slice(&[1, 3])) => ILLEGAL_PARAMETER, "SignedKxWithWrongAlgorithm";
    edit Tls12 "Ed25519": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| body[69..71].copy_from_slice(&[8, 7])) => ILLEGAL_PARAMETER, "SignedKxWithWrongAlgorithm";
    edit Tls12 "an RSA scheme in a suite of ECDSA": |m| on(typ::SERVER_KEY_EXCHANGE, m, |body| body[69..71].copy_from_slice(&[8, 4])) => ILLEGAL_PARAMETER, "SignedKxWithWrongAlgorithm";
    edit Tls12 "two CertificateRequests": |m| instead(typ::CERTIFICATE_REQUEST, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "a request without signature algorithms": |m| on(typ::CERTIFICATE_REQUEST, m, |body| *body = vec![1, 64, 0, 0, 0, 0]) => DECODE_ERROR, "NoSignatureSchemes";
    edit Tls12 "a request cut short": |m| on(typ::CERTIFICATE_REQUEST, m, |body| body.truncate(3)) => DECODE_ERROR, "MissingData";
    edit Tls12 "a request after the ServerHelloDone": |m| instead(typ::SERVER_HELLO_DONE, m, |m| vec![m, Message::new(typ::CERTIFICATE_REQUEST, [1, 64, 0, 2, 4, 3, 0, 0])]) => UNREADABLE, "out of its turn";
    edit Tls12 "a ServerHelloDone with a body": |m| on(typ::SERVER_HELLO_DONE, m, |body| body.push(0)) => DECODE_ERROR, "TrailingData";
    edit Tls12 "a Finished in the place of the ServerHelloDone": |m| instead(typ::SERVER_HELLO_DONE, m, |_| vec![Message::new(typ::FINISHED, [0; 12])]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "two ServerHellos": |m| instead(typ::SERVER_HELLO, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    // RFC 5246 §7.4.1.1 has it ignored during a handshake: refused is safe.
    edit Tls12 "a HelloRequest in the handshake": |m| instead(typ::CERTIFICATE, m, |m| vec![Message::new(0, []), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "an unknown message": |m| instead(typ::CERTIFICATE, m, |m| vec![Message::new(99, [1, 2, 3]), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "no NewSessionTicket though promised": |m| instead(typ::NEW_SESSION_TICKET, m, |_| vec![]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "two NewSessionTickets": |m| instead(typ::NEW_SESSION_TICKET, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "a NewSessionTicket cut short": |m| on(typ::NEW_SESSION_TICKET, m, |body| body.truncate(5)) => DECODE_ERROR, "Missing";
    edit Tls12 "a NewSessionTicket with a tail": |m| on(typ::NEW_SESSION_TICKET, m, |body| body.push(0)) => DECODE_ERROR, "TrailingData";
    edit Tls12 "a Finished that is wrong": |m| on(typ::FINISHED, m, |body| flip_last(body)) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls12 "a Finished cut short": |m| on(typ::FINISHED, m, |body| body.truncate(11)) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls12 "a Finished of 32 bytes": |m| on(typ::FINISHED, m, |body| body.resize(32, 0)) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls12 "another message for the Finished": |m| instead(typ::FINISHED, m, |_| vec![Message::new(typ::SERVER_HELLO_DONE, [])]) => UNEXPECTED_MESSAGE, "out of its turn";
    bend Tls12 "application data for the Finished": Bends { sealed_as: Some(23), ..Bends::NONE } => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "ChangeCipherSpec before the ServerHello": |flight, bytes| at(0, flight, bytes, |all| all.insert(0, ccs(&[1]))) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "ChangeCipherSpec after the ServerHello": |flight, bytes| at(0, flight, wire::edit_messages(&bytes, |_| ()), |all| all.insert(1, ccs(&[1]))) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "ChangeCipherSpec before the ServerHelloDone": |flight, bytes| at(0, flight, wire::edit_messages(&bytes, |_| ()), |all| all.insert(all.len() - 1, ccs(&[1]))) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "ChangeCipherSpec amid a message": |flight, bytes| at(0, flight, bytes, |all| { let tail = all[0].payload.split_off(50); all.insert(1, ccs(&[1])); all.insert(2, Record::new(HANDSHAKE, tail)); }) => NONE, "MessageInterleavedWithHandshakeMessage";
    wired Tls12 "no ChangeCipherSpec": |flight, bytes| at(1, flight, bytes, |all| { all.truncate(1); all.push(Record::new(HANDSHAKE, Message::new(typ::FINISHED, [0; 12]).bytes())); }) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "two ChangeCipherSpecs": |flight, bytes| at(1, flight, bytes, |all| { let at = all.iter().position(|record| record.typ == CHANGE_CIPHER_SPEC).unwrap(); all.insert(at, ccs(&[1])); }) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "a ChangeCipherSpec of another value": |flight, bytes| at(1, flight, bytes, |all| swap_ccs(all, &[2])) => DECODE_ERROR, "InvalidCcs";
    wired Tls12 "a ChangeCipherSpec of two bytes": |flight, bytes| at(1, flight, bytes, |all| swap_ccs(all, &[1, 1])) => DECODE_ERROR, "Trailing";
    wired Tls12 "an empty ChangeCipherSpec": |flight, bytes| at(1, flight, bytes, |all| swap_ccs(all, &[])) => DECODE_ERROR, "InvalidEmptyPayload";
    wired Tls12 "application data in the clear": |flight, bytes| at(1, flight, bytes, |all| all.insert(0, Record::new(23, *b"trust me"))) => UNEXPECTED_MESSAGE, "out of its turn";
};
