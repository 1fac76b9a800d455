//! Clients that misbehave during a handshake, as our server sees them.

use rustls::Side;

use crate::case::{
    Case, at, bend, cases, ccs, edit, flip_last, hello_if, instead, on, point, run_all, swap_ccs,
    wired,
};
use crate::support::bent::Bends;
use crate::support::wire::{
    CHANGE_CIPHER_SPEC, HANDSHAKE, Hello, Message, Record, edit_messages, ext, typ, with_len,
};

#[test]
fn client_hellos() {
    run_all(HELLOS, Side::Server);
}

// Suites, groups, versions and schemes with nothing in common are in `refusals`, and so is the
// missing extended master secret.
const HELLOS: &[Case] = cases! {
    edit Tls13 "an extension twice": |m| hello(m, |h| h.add(ext::SERVER_NAME, &sni(&[b"server.test"]))) => ILLEGAL_PARAMETER, "DuplicateExtension";
    edit Tls13 "an unknown extension twice": |m| hello(m, |h| { h.add(0xfafa, &[]); h.add(0xfafa, &[]); }) => ILLEGAL_PARAMETER, "DuplicateExtension";
    edit Tls13 "supported_versions twice": |m| hello(m, |h| h.add(ext::SUPPORTED_VERSIONS, &[2, 3, 4])) => ILLEGAL_PARAMETER, "DuplicateExtension";
    edit Tls12 "extended master secret twice": |m| hello(m, |h| h.add(ext::EXTENDED_MASTER_SECRET, &[])) => ILLEGAL_PARAMETER, "DuplicateExtension";
    edit Tls13 "an extension with a tail": |m| hello(m, |h| h.extension(ext::SUPPORTED_GROUPS).push(0)) => DECODE_ERROR, "TrailingData";
    edit Tls13 "an extension cut short": |m| hello(m, |h| { h.extension(ext::SUPPORTED_GROUPS).pop(); }) => DECODE_ERROR, "MessageTooShort";
    edit Tls13 "an extension longer than the list": |m| on(typ::CLIENT_HELLO, m, |body| { body.pop(); }) => DECODE_ERROR, "MessageTooShort";
    edit Tls13 "a byte after the extensions": |m| on(typ::CLIENT_HELLO, m, |body| body.push(0)) => DECODE_ERROR, "TrailingData";
    edit Tls13 "a hello of 10 bytes": |m| on(typ::CLIENT_HELLO, m, |body| body.truncate(10)) => DECODE_ERROR, "MissingData";
    edit Tls13 "an empty hello": |m| on(typ::CLIENT_HELLO, m, |body| body.clear()) => DECODE_ERROR, "MissingData";
    edit Tls13 "a session id of 33 bytes": |m| hello(m, |h| h.session_id = vec![7; 33]) => DECODE_ERROR, "SessionID";
    edit Tls13 "no suites": |m| hello(m, |h| h.suites.clear()) => DECODE_ERROR, "IllegalEmptyList";
    edit Tls13 "half a suite": |m| on(typ::CLIENT_HELLO, m, |body| { let at = 35 + usize::from(body[34]); body[at + 1] -= 1; }) => DECODE_ERROR, "Missing";
    edit Tls13 "compression alone": |m| hello(m, |h| h.compressions = vec![1]) => ILLEGAL_PARAMETER, "NullCompressionRequired";
    edit Tls13 "compression beside none": |m| hello(m, |h| h.compressions = vec![0, 1]) => ILLEGAL_PARAMETER, "OfferedIncorrectCompressions";
    edit Tls12 "TLS 1.2 with compression alone": |m| hello(m, |h| h.compressions = vec![1]) => ILLEGAL_PARAMETER, "NullCompressionRequired";
    edit Tls13 "no compression method": |m| hello(m, |h| h.compressions.clear()) => DECODE_ERROR, "IllegalEmptyList";
    edit Tls13 "supported_versions with TLS 1.1 alone": |m| hello(m, |h| *h.extension(ext::SUPPORTED_VERSIONS) = vec![2, 3, 2]) => PROTOCOL_VERSION, "no version";
    edit Tls13 "supported_versions with a draft alone": |m| hello(m, |h| *h.extension(ext::SUPPORTED_VERSIONS) = vec![2, 0x7f, 28]) => PROTOCOL_VERSION, "no version";
    edit Tls13 "empty supported_versions": |m| hello(m, |h| *h.extension(ext::SUPPORTED_VERSIONS) = vec![0]) => DECODE_ERROR, "IllegalEmptyList";
    edit Tls12 "TLS 1.1 with signature algorithms": |m| hello(m, |h| { h.version = 0x0302; h.extensions.retain(|(code, _)| *code != ext::SUPPORTED_VERSIONS); }) => PROTOCOL_VERSION, "no version";
    edit Tls12 "SSL 3.0": |m| hello(m, |h| { h.version = 0x0300; h.extensions.retain(|(code, _)| *code != ext::SUPPORTED_VERSIONS); }) => PROTOCOL_VERSION, "no version";
    // RFC 8446 §9.2 asks for missing_extension in the next three.
    edit Tls13 "no key_share": |m| hello(m, |h| h.remove(ext::KEY_SHARE)) => HANDSHAKE_FAILURE, "no group";
    edit Tls13 "no supported_groups": |m| hello(m, |h| h.remove(ext::SUPPORTED_GROUPS)) => HANDSHAKE_FAILURE, "no group";
    edit Tls13 "no signature_algorithms": |m| hello(m, |h| h.remove(ext::SIGNATURE_ALGORITHMS)) => HANDSHAKE_FAILURE, "names no signature algorithms";
    edit Tls13 "empty signature_algorithms": |m| hello(m, |h| *h.extension(ext::SIGNATURE_ALGORITHMS) = vec![0, 0]) => DECODE_ERROR, "NoSignatureSchemes";
    edit Tls13 "two shares of a group": |m| hello(m, |h| { let one = h.extension(ext::KEY_SHARE)[2..].to_vec(); let all = h.extension(ext::KEY_SHARE); all.clear(); with_len(all, 2, &[&one[..], &one[..]].concat()); }) => ILLEGAL_PARAMETER, "OfferedDuplicateKeyShares";
    bend Tls13 "a point off the curve": point(|p| { let mut p = p.to_vec(); p[20] ^= 1; p }) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "a compressed point": point(|p| [&[2 | (p[64] & 1)], &p[1..33]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "the point at infinity": point(|_| vec![0]) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "coordinates of zero": point(|_| [vec![4], vec![0; 64]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "a point with a tail": point(|p| [p, &[0]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    edit Tls13 "an empty share": |m| hello(m, |h| *h.extension(ext::KEY_SHARE) = vec![0, 4, 0, 23, 0, 0]) => DECODE_ERROR, "IllegalEmptyValue";
    edit Tls13 "an empty list of names": |m| hello(m, |h| *h.extension(ext::SERVER_NAME) = vec![0, 0]) => DECODE_ERROR, "IllegalEmptyList";
    edit Tls13 "a name with a blank": |m| hello(m, |h| *h.extension(ext::SERVER_NAME) = sni(&[b"a b"])) => ILLEGAL_PARAMETER, "ServerNameMustContainOneHostName";
    edit Tls13 "a name with a NUL": |m| hello(m, |h| *h.extension(ext::SERVER_NAME) = sni(&[b"server.test\0.evil"])) => ILLEGAL_PARAMETER, "ServerNameMustContainOneHostName";
    edit Tls13 "a name that is no text": |m| hello(m, |h| *h.extension(ext::SERVER_NAME) = sni(&[b"\xff\xfe"])) => ILLEGAL_PARAMETER, "ServerNameMustContainOneHostName";
    edit Tls13 "an empty name": |m| hello(m, |h| *h.extension(ext::SERVER_NAME) = sni(&[b""])) => DECODE_ERROR, "IllegalEmptyValue";
    edit Tls13 "a name of 300 bytes": |m| hello(m, |h| *h.extension(ext::SERVER_NAME) = sni(&[&[b'a'; 300]])) => ILLEGAL_PARAMETER, "ServerNameMustContainOneHostName";
    edit Tls13 "two names": |m| hello(m, |h| *h.extension(ext::SERVER_NAME) = sni(&[b"server.test", b"other.test"])) => DECODE_ERROR, "InvalidServerName";
    edit Tls13 "no protocols in ALPN": |m| hello(m, |h| *h.extension(ext::ALPN) = vec![0, 0]) => DECODE_ERROR, "IllegalEmptyList";
    edit Tls13 "an empty protocol": |m| hello(m, |h| *h.extension(ext::ALPN) = vec![0, 1, 0]) => DECODE_ERROR, "IllegalEmptyValue";
    edit Tls13 "a protocol cut short": |m| hello(m, |h| *h.extension(ext::ALPN) = vec![0, 2, 2, b'h']) => DECODE_ERROR, "MessageTooShort";
    edit Tls13 "another protocol": |m| hello(m, |h| *h.extension(ext::ALPN) = vec![0, 3, 2, b'h', b'3']) => NO_APPLICATION_PROTOCOL, "no application protocol";
    edit Tls13 "raw public keys alone": |m| hello(m, |h| h.add(20, &[1, 2])) => HANDSHAKE_FAILURE, "IncorrectCertificateType";
    edit Tls13 "a Finished first": |m| instead(typ::CLIENT_HELLO, m, |_| vec![Message::new(typ::FINISHED, [0; 32])]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls13 "a HelloRequest first": |m| instead(typ::CLIENT_HELLO, m, |m| vec![Message::new(0, []), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls13 "a hello and half another": |flight, bytes| at(0, flight, bytes, |all| all[0].payload.extend([1, 0, 0, 43, 3])) => UNEXPECTED_MESSAGE, "KeyEpochWithPendingFragment";
    wired Tls12 "two hellos": |flight, bytes| at(0, flight, bytes, |all| all.push(all[0].clone())) => UNEXPECTED_MESSAGE, "out of its turn";
    // The second is not sealed.
    wired Tls13 "two hellos": |flight, bytes| at(0, flight, bytes, |all| all.push(all[0].clone())) => BAD_RECORD_MAC, "does not fit its keys";
};

#[test]
fn second_client_hellos() {
    run_all(SECOND, Side::Server);
}

/// What RFC 8446 §4.1.2 does not let a client change after a HelloRetryRequest; §4.1.4 has
/// illegal_parameter for it.
const SECOND: &[Case] = cases! {
    edit Tls13Retried "the share of before": |m| second(m, |h| h.extension(ext::KEY_SHARE)[2..4].copy_from_slice(&[0, 23])) => ILLEGAL_PARAMETER, "RefusedToFollowHelloRetryRequest";
    edit Tls13Retried "no share": |m| second(m, |h| *h.extension(ext::KEY_SHARE) = vec![0, 0]) => ILLEGAL_PARAMETER, "RefusedToFollowHelloRetryRequest";
    edit Tls13Retried "a suite of another hash": |m| second(m, |h| h.suites = vec![0x1302]) => ILLEGAL_PARAMETER, "CipherSuiteDifferedOnRetry";
    edit Tls13Retried "no suite in common": |m| second(m, |h| h.suites = vec![0x1303]) => HANDSHAKE_FAILURE, "no suite";
    edit Tls13Retried "early data": |m| second(m, |h| h.add(ext::EARLY_DATA, &[])) => ILLEGAL_PARAMETER, "EarlyDataAttemptedInSecondClientHello";
    edit Tls13Retried "another name": |m| second(m, |h| *h.extension(ext::SERVER_NAME) = sni(&[b"other.test"])) => NONE, "ServerNameDifferedOnRetry";
    edit Tls13Retried "no name": |m| second(m, |h| h.remove(ext::SERVER_NAME)) => NONE, "ServerNameDifferedOnRetry";
    edit Tls13Retried "TLS 1.2": |m| second(m, |h| h.remove(ext::SUPPORTED_VERSIONS)) => PROTOCOL_VERSION, "no version";
    edit Tls13Retried "no groups": |m| second(m, |h| h.remove(ext::SUPPORTED_GROUPS)) => HANDSHAKE_FAILURE, "no group";
    edit Tls13Retried "two second hellos": |m| if is_second(&m) { vec![m.clone(), m] } else { vec![m] } => UNREADABLE, "does not fit its keys";
    edit Tls13Retried "a Finished for a second hello": |m| if is_second(&m) { vec![Message::new(typ::FINISHED, [0; 32])] } else { vec![m] } => UNEXPECTED_MESSAGE, "out of its turn";
};

#[test]
fn offers_of_a_ticket() {
    run_all(TICKETS, Side::Server);
}

const TICKETS: &[Case] = cases! {
    edit Tls13Resumed "a binder that is wrong": |m| on(typ::CLIENT_HELLO, m, |body| flip_last(body)) => DECRYPT_ERROR, "IncorrectBinder";
    edit Tls13Resumed "an offer that is not the last extension": |m| hello(m, |h| h.extensions.rotate_right(1)) => ILLEGAL_PARAMETER, "PreSharedKeyIsNotFinalExtension";
    edit Tls13Resumed "no modes": |m| hello(m, |h| h.remove(ext::PSK_KEY_EXCHANGE_MODES)) => MISSING_EXTENSION, "MissingPskModesExtension";
    edit Tls13Resumed "no binders": |m| hello(m, |h| { let offer = h.extension(ext::PRE_SHARED_KEY); offer.truncate(offer.len() - 35); offer.extend([0, 0]); }) => DECODE_ERROR, "IllegalEmptyList";
    edit Tls13Resumed "two binders": |m| hello(m, |h| { let offer = h.extension(ext::PRE_SHARED_KEY); let binder = offer[offer.len() - 33..].to_vec(); offer.truncate(offer.len() - 35); with_len(offer, 2, &[&binder[..], &binder[..]].concat()); }) => ILLEGAL_PARAMETER, "MismatchedIdsAndBinders";
    // RFC 8446 §4.2.11 gives a binder 32 bytes at least: decode_error.
    edit Tls13Resumed "a binder of 31 bytes": |m| hello(m, |h| { let offer = h.extension(ext::PRE_SHARED_KEY); let len = offer.len(); offer.pop(); offer[len - 35..len - 32].copy_from_slice(&[0, 32, 31]); }) => DECRYPT_ERROR, "IncorrectBinder";
    edit Tls13Resumed "an offer with a tail": |m| hello(m, |h| h.extension(ext::PRE_SHARED_KEY).push(0)) => DECODE_ERROR, "TrailingData";
    edit Tls13Resumed "an empty offer": |m| hello(m, |h| h.extension(ext::PRE_SHARED_KEY).clear()) => DECODE_ERROR, "Missing";
};

#[test]
fn what_follows_the_server_hello() {
    run_all(FLIGHT13, Side::Server);
    run_all(FLIGHT12, Side::Server);
}

// The missing certificate is in `refusals`.
const FLIGHT13: &[Case] = cases! {
    edit Tls13 "no Certificate message": |m| instead(typ::CERTIFICATE, m, |_| vec![]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls13 "a Finished alone": |m| if matches!(m.typ, typ::CERTIFICATE | typ::CERTIFICATE_VERIFY) { vec![] } else { vec![m] } => UNEXPECTED_MESSAGE, "out of its turn";
    // RFC 8446 §4.4.2: the context of the request, which is empty.
    edit Tls13 "another context": |m| on(typ::CERTIFICATE, m, |body| { body[0] = 1; body.insert(1, 7); }) => DECODE_ERROR, "InvalidCertRequest";
    edit Tls13 "a certificate that does not parse": |m| on(typ::CERTIFICATE, m, |body| body[9] ^= 1) => CERTIFICATE_UNKNOWN, "does not parse";
    edit Tls13 "an entry with an unknown extension": |m| on(typ::CERTIFICATE, m, |body| *body = vec![0, 0, 0, 10, 0, 0, 1, 0, 0, 4, 0xfa, 0xfa, 0, 0]) => DECODE_ERROR, "UnknownCertificateExtension";
    edit Tls13 "two Certificates": |m| instead(typ::CERTIFICATE, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls13 "no CertificateVerify": |m| instead(typ::CERTIFICATE_VERIFY, m, |_| vec![]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls13 "another signature": |m| on(typ::CERTIFICATE_VERIFY, m, |body| flip_last(body)) => DECRYPT_ERROR, "signature";
    edit Tls13 "Ed25519": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[8, 7])) => ILLEGAL_PARAMETER, "SignedHandshakeWithUnadvertisedSigScheme";
    edit Tls13 "SHA-1": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[2, 3])) => ILLEGAL_PARAMETER, "SignedHandshakeWithUnadvertisedSigScheme";
    edit Tls13 "the scheme of another curve": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[5, 3])) => DECRYPT_ERROR, "algorithm that is not accepted";
    edit Tls13 "a Finished that is wrong": |m| on(typ::FINISHED, m, |body| flip_last(body)) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls13 "a Finished that is wrong, of a resumed session": |m| on(typ::FINISHED, m, |body| flip_last(body)) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls13 "a Finished cut short": |m| on(typ::FINISHED, m, |body| body.truncate(31)) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls13 "two Finisheds": |m| instead(typ::FINISHED, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "KeyEpochWithPendingFragment";
    edit Tls13 "an EndOfEarlyData though there was none": |m| instead(typ::CERTIFICATE, m, |m| vec![Message::new(5, []), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls13 "a KeyUpdate in the handshake": |m| instead(typ::CERTIFICATE, m, |m| vec![Message::new(24, [0]), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    bend Tls13 "application data before the Finished": Bends { sealed_as: Some(23), ..Bends::NONE } => UNEXPECTED_MESSAGE, "out of its turn";
    bend Tls13 "ChangeCipherSpec under seal": Bends { sealed_as: Some(20), ..Bends::NONE } => UNEXPECTED_MESSAGE, "IllegalMiddleboxChangeCipherSpec";
    wired Tls13 "three ChangeCipherSpecs": |flight, bytes| at(1, flight, bytes, |all| { all.insert(0, ccs(&[1])); all.insert(0, ccs(&[1])); }) => NONE, "IllegalMiddleboxChangeCipherSpec";
    wired Tls13 "ChangeCipherSpec of another value": |flight, bytes| at(1, flight, bytes, |all| swap_ccs(all, &[2])) => UNEXPECTED_MESSAGE, "IllegalMiddleboxChangeCipherSpec";
    wired Tls13 "application data in the clear": |flight, bytes| at(1, flight, bytes, |all| all.insert(1, Record::new(23, *b"trust me"))) => BAD_RECORD_MAC, "does not fit its keys";
};

const FLIGHT12: &[Case] = cases! {
    edit Tls12 "no Certificate message": |m| instead(typ::CERTIFICATE, m, |_| vec![]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "a certificate that does not parse": |m| on(typ::CERTIFICATE, m, |body| body[6] ^= 1) => CERTIFICATE_UNKNOWN, "does not parse";
    edit Tls12 "no ClientKeyExchange": |m| instead(typ::CLIENT_KEY_EXCHANGE, m, |_| vec![]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "two ClientKeyExchanges": |m| instead(typ::CLIENT_KEY_EXCHANGE, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "out of its turn";
    bend Tls12 "a point off the curve": point(|p| { let mut p = p.to_vec(); p[20] ^= 1; p }) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls12 "a compressed point": point(|p| [&[2 | (p[64] & 1)], &p[1..33]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls12 "the point at infinity": point(|_| vec![0]) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    // RFC 5246 §7.2.2 has decode_error.
    edit Tls12 "an empty ClientKeyExchange": |m| on(typ::CLIENT_KEY_EXCHANGE, m, |body| body.clear()) => NONE, "Missing";
    edit Tls12 "a ClientKeyExchange with a tail": |m| on(typ::CLIENT_KEY_EXCHANGE, m, |body| body.push(0)) => DECODE_ERROR, "InvalidDhParams";
    edit Tls12 "no CertificateVerify": |m| instead(typ::CERTIFICATE_VERIFY, m, |_| vec![]) => UNEXPECTED_MESSAGE, "out of its turn";
    edit Tls12 "another signature": |m| on(typ::CERTIFICATE_VERIFY, m, |body| flip_last(body)) => DECRYPT_ERROR, "signature";
    edit Tls12 "SHA-1": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[2, 3])) => ILLEGAL_PARAMETER, "SignedHandshakeWithUnadvertisedSigScheme";
    edit Tls12 "a Finished that is wrong": |m| on(typ::FINISHED, m, |body| flip_last(body)) => DECRYPT_ERROR, "does not fit its keys";
    bend Tls12 "application data before the Finished": Bends { sealed_as: Some(23), ..Bends::NONE } => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "ChangeCipherSpec first": |flight, bytes| at(1, flight, bytes, |all| all.insert(0, ccs(&[1]))) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "ChangeCipherSpec before the CertificateVerify": |flight, bytes| at(1, flight, edit_messages(&bytes, |_| ()), |all| all.insert(2, ccs(&[1]))) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "two ChangeCipherSpecs": |flight, bytes| at(1, flight, bytes, |all| { let at = all.iter().position(|record| record.typ == CHANGE_CIPHER_SPEC).unwrap(); all.insert(at, ccs(&[1])); }) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "no ChangeCipherSpec": |flight, bytes| at(1, flight, bytes, |all| { all.retain(|record| record.typ != CHANGE_CIPHER_SPEC); *all.last_mut().unwrap() = Record::new(HANDSHAKE, Message::new(typ::FINISHED, [0; 12]).bytes()); }) => UNEXPECTED_MESSAGE, "out of its turn";
    wired Tls12 "a ChangeCipherSpec of another value": |flight, bytes| at(1, flight, bytes, |all| swap_ccs(all, &[2])) => DECODE_ERROR, "InvalidCcs";
};

/// The edit of a ClientHello.
fn hello(message: Message, edit: impl FnOnce(&mut Hello)) -> Vec<Message> {
    hello_if(message, typ::CLIENT_HELLO, |_| true, edit)
}

/// The edit of the hello that follows a HelloRetryRequest for P-384.
fn second(message: Message, edit: impl FnOnce(&mut Hello)) -> Vec<Message> {
    if is_second(&message) {
        hello(message, edit)
    } else {
        vec![message]
    }
}

fn is_second(message: &Message) -> bool {
    message.typ == typ::CLIENT_HELLO
        && Hello::of(message).extension(ext::KEY_SHARE)[2..4] == [0, 24]
}

fn sni(names: &[&[u8]]) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        list.push(0);
        with_len(&mut list, 2, name);
    }
    let mut content = Vec::new();
    with_len(&mut content, 2, &list);
    content
}
