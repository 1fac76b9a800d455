//! Servers that misbehave during a TLS 1.3 handshake, as our client sees them.

use rustls::Side;

use crate::case::{
    Case, RETRY, bend, cases, edit, flip_last, hello, instead, on, point, retry, run_all,
};
use crate::support::bent::Bends;
use crate::support::wire::{Message, ext, join_extensions, typ, with_len};

#[test]
fn server_hellos() {
    run_all(HELLOS, Side::Client);
}

const HELLOS: &[Case] = cases! {
    // RFC 8446 §4.1.3 asks for illegal_parameter.
    edit Tls13 "a suite that was not offered": |m| hello(m, |h| h.suites = vec![0x1303]) => HANDSHAKE_FAILURE, "SelectedUnofferedCipherSuite";
    edit Tls13 "a suite of TLS 1.2": |m| hello(m, |h| h.suites = vec![0xc02b]) => ILLEGAL_PARAMETER, "SelectedUnusableCipherSuiteForVersion";
    edit Tls13Retried "a suite other than its HelloRetryRequest's": |m| hello(m, |h| h.suites = vec![0x1302]) => ILLEGAL_PARAMETER, "SelectedDifferentCipherSuiteAfterRetry";
    edit Tls13 "TLS 1.1 beside supported_versions": |m| hello(m, |h| h.version = 0x0302) => PROTOCOL_VERSION, "no version";
    edit Tls13 "TLS 1.1": |m| hello(m, |h| old(h, 0x0302)) => PROTOCOL_VERSION, "no version";
    edit Tls13 "TLS 1.0": |m| hello(m, |h| old(h, 0x0301)) => PROTOCOL_VERSION, "no version";
    edit Tls13 "SSL 3.0": |m| hello(m, |h| old(h, 0x0300)) => PROTOCOL_VERSION, "no version";
    // RFC 8446 §4.2.1 asks for illegal_parameter here and in the next.
    edit Tls13 "supported_versions with TLS 1.1": |m| hello(m, |h| *h.extension(ext::SUPPORTED_VERSIONS) = vec![3, 2]) => PROTOCOL_VERSION, "no version";
    edit Tls13 "supported_versions with a draft": |m| hello(m, |h| *h.extension(ext::SUPPORTED_VERSIONS) = vec![0x7f, 28]) => PROTOCOL_VERSION, "no version";
    edit Tls13 "supported_versions with TLS 1.2": |m| hello(m, |h| *h.extension(ext::SUPPORTED_VERSIONS) = vec![3, 3]) => ILLEGAL_PARAMETER, "SelectedTls12UsingTls13VersionExtension";
    edit Tls13 "an extension twice": |m| hello(m, |h| h.add(ext::SUPPORTED_VERSIONS, &[3, 4])) => ILLEGAL_PARAMETER, "DuplicateExtension";
    edit Tls13 "an unknown extension": |m| hello(m, |h| h.add(0xfafa, &[])) => UNSUPPORTED_EXTENSION, "Unsolicited";
    edit Tls13 "a cookie": |m| hello(m, |h| h.add(ext::COOKIE, &[0, 1, 7])) => UNSUPPORTED_EXTENSION, "Unsolicited";
    // RFC 8446 §4.2 asks for illegal_parameter in these: known, offered, and not for this message.
    edit Tls13 "ALPN in the clear": |m| hello(m, |h| h.add(ext::ALPN, &[0, 3, 2, b'h', b'2'])) => UNSUPPORTED_EXTENSION, "UnexpectedCleartextExtension";
    edit Tls13 "extended master secret": |m| hello(m, |h| h.add(ext::EXTENDED_MASTER_SECRET, &[])) => UNSUPPORTED_EXTENSION, "UnexpectedCleartextExtension";
    edit Tls13 "a selected PSK though none was offered": |m| hello(m, |h| h.add(ext::PRE_SHARED_KEY, &[0, 0])) => UNSUPPORTED_EXTENSION, "Unsolicited";
    edit Tls13Resumed "a PSK that was not offered": |m| hello(m, |h| *h.extension(ext::PRE_SHARED_KEY) = vec![0, 1]) => ILLEGAL_PARAMETER, "SelectedInvalidPsk";
    edit Tls13Resumed "a PSK with the suite of another hash": |m| hello(m, |h| h.suites = vec![0x1302]) => ILLEGAL_PARAMETER, "ResumptionOfferedWithIncompatibleCipherSuite";
    edit Tls13 "compression": |m| hello(m, |h| h.compressions = vec![1]) => ILLEGAL_PARAMETER, "SelectedUnofferedCompression";
    edit Tls13 "no key_share": |m| hello(m, |h| h.remove(ext::KEY_SHARE)) => MISSING_EXTENSION, "MissingKeyShare";
    edit Tls13 "a share of X25519": |m| hello(m, |h| *h.extension(ext::KEY_SHARE) = share(29, &[9; 32])) => ILLEGAL_PARAMETER, "WrongGroupForKeyShare";
    edit Tls13 "a share of a group the client sent none of": |m| hello(m, |h| *h.extension(ext::KEY_SHARE) = share(24, &[4; 97])) => ILLEGAL_PARAMETER, "WrongGroupForKeyShare";
    edit Tls13Retried "a share of a group other than its HelloRetryRequest's": |m| hello(m, |h| *h.extension(ext::KEY_SHARE) = share(23, &[4; 65])) => ILLEGAL_PARAMETER, "WrongGroupForKeyShare";
    bend Tls13 "a point off the curve": point(|p| { let mut p = p.to_vec(); p[20] ^= 1; p }) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "a compressed point": point(|p| [&[2 | (p[64] & 1)], &p[1..33]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "a hybrid point": point(|p| [&[6 | (p[64] & 1)], &p[1..]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "the point at infinity": point(|_| vec![0]) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "coordinates of zero": point(|_| [vec![4], vec![0; 64]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "a point cut short": point(|p| p[..64].to_vec()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    bend Tls13 "a point with a tail": point(|p| [p, &[0]].concat()) => ILLEGAL_PARAMETER, "InvalidKeyShare";
    // RFC 8446 §4.2.8 gives a share at least one byte: decode_error.
    edit Tls13 "an empty point": |m| hello(m, |h| *h.extension(ext::KEY_SHARE) = share(23, &[])) => DECODE_ERROR, "IllegalEmptyValue";
    edit Tls13 "a key_share cut short": |m| hello(m, |h| h.extension(ext::KEY_SHARE).truncate(9)) => DECODE_ERROR, "MessageTooShort";
    edit Tls13 "a key_share with a tail": |m| hello(m, |h| h.extension(ext::KEY_SHARE).push(0)) => DECODE_ERROR, "TrailingData";
    edit Tls13 "a byte after the extensions": |m| on(typ::SERVER_HELLO, m, |body| body.push(0)) => DECODE_ERROR, "TrailingData";
    edit Tls13 "a ServerHello of two bytes": |m| on(typ::SERVER_HELLO, m, |body| body.truncate(2)) => DECODE_ERROR, "MissingData";
    edit Tls13Retried "TLS 1.2 after a HelloRetryRequest": |m| hello(m, |h| { h.remove(ext::SUPPORTED_VERSIONS); h.remove(ext::KEY_SHARE); h.suites = vec![0xc02b]; }) => ILLEGAL_PARAMETER, "SelectedDifferentCipherSuiteAfterRetry";
    edit Tls13 "a Certificate in the place of the ServerHello": |m| instead(typ::SERVER_HELLO, m, |_| vec![Message::new(typ::CERTIFICATE, [0; 3])]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "a Finished in the place of the ServerHello": |m| instead(typ::SERVER_HELLO, m, |_| vec![Message::new(typ::FINISHED, [0; 32])]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "a HelloRequest first": |m| instead(typ::SERVER_HELLO, m, |m| vec![Message::new(0, []), m]) => UNEXPECTED_MESSAGE, "message";
};

#[test]
fn hello_retry_requests() {
    run_all(RETRIES, Side::Client);
}

const RETRIES: &[Case] = cases! {
    edit Tls13Retried "nothing to change": |m| retry(m, |h| h.remove(ext::KEY_SHARE)) => ILLEGAL_PARAMETER, "NoChanges";
    edit Tls13Retried "a group whose share was sent": |m| retry(m, |h| *h.extension(ext::KEY_SHARE) = vec![0, 23]) => ILLEGAL_PARAMETER, "OfferedGroup";
    edit Tls13Retried "a group that was not offered": |m| retry(m, |h| *h.extension(ext::KEY_SHARE) = vec![0, 29]) => ILLEGAL_PARAMETER, "UnofferedNamedGroup";
    edit Tls13Retried "a hybrid group that was not offered": |m| retry(m, |h| *h.extension(ext::KEY_SHARE) = vec![0x11, 0xec]) => ILLEGAL_PARAMETER, "UnofferedNamedGroup";
    // RFC 8446 §4.2.2 gives a cookie at least one byte: decode_error.
    edit Tls13Retried "an empty cookie": |m| retry(m, |h| h.add(ext::COOKIE, &[0, 0])) => DECODE_ERROR, "IllegalEmptyValue";
    edit Tls13Retried "a suite that was not offered": |m| retry(m, |h| h.suites = vec![0x1303]) => ILLEGAL_PARAMETER, "UnofferedCipherSuite";
    // rustls sends its second hello before it sees the version of the suite.
    edit Tls13Retried "a suite of TLS 1.2": |m| retry(m, |h| h.suites = vec![0xc02b]) => ILLEGAL_PARAMETER, "SelectedDifferentCipherSuiteAfterRetry";
    edit Tls13Retried "another session id": |m| retry(m, |h| h.session_id[7] ^= 1) => ILLEGAL_PARAMETER, "WrongSessionId";
    edit Tls13Retried "no session id": |m| retry(m, |h| h.session_id.clear()) => ILLEGAL_PARAMETER, "WrongSessionId";
    edit Tls13Retried "no supported_versions": |m| retry(m, |h| h.remove(ext::SUPPORTED_VERSIONS)) => ILLEGAL_PARAMETER, "UnsupportedVersion";
    edit Tls13Retried "supported_versions with TLS 1.2": |m| retry(m, |h| *h.extension(ext::SUPPORTED_VERSIONS) = vec![3, 3]) => ILLEGAL_PARAMETER, "UnsupportedVersion";
    edit Tls13Retried "an unknown extension": |m| retry(m, |h| h.add(0xfafa, &[])) => UNSUPPORTED_EXTENSION, "UnknownHelloRetryRequestExtension";
    edit Tls13Retried "an extension twice": |m| retry(m, |h| h.add(ext::SUPPORTED_VERSIONS, &[3, 4])) => ILLEGAL_PARAMETER, "DuplicateExtension";
    // RFC 8446 §4.1.4 with §4.1.3: the field has the meaning of ServerHello's, so illegal_parameter.
    edit Tls13Retried "compression": |m| retry(m, |h| h.compressions = vec![1]) => DECODE_ERROR, "UnsupportedCompression";
    edit Tls13Retried "two in a row": |m| hello(m, |h| { h.random = RETRY; *h.extension(ext::KEY_SHARE) = vec![0, 25]; }) => UNEXPECTED_MESSAGE, "HelloRetryRequest";
    edit Tls13Retried "two at once": |m| instead(typ::SERVER_HELLO, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "message";
};

#[test]
fn what_follows_the_server_hello() {
    run_all(SEALED, Side::Client);
}

const SEALED: &[Case] = cases! {
    // EncryptedExtensions. RFC 8446 §4.2 asks for illegal_parameter where the extension was
    // offered and is not for this message.
    edit Tls13 "key_share among the encrypted": |m| extensions(m, ext::KEY_SHARE, &share(23, &[4; 65])) => UNSUPPORTED_EXTENSION, "DisallowedEncryptedExtension";
    edit Tls13 "supported_versions among the encrypted": |m| extensions(m, ext::SUPPORTED_VERSIONS, &[3, 4]) => UNSUPPORTED_EXTENSION, "DisallowedEncryptedExtension";
    edit Tls13 "extended master secret among the encrypted": |m| extensions(m, ext::EXTENDED_MASTER_SECRET, &[]) => UNSUPPORTED_EXTENSION, "DisallowedEncryptedExtension";
    edit Tls13 "renegotiation_info among the encrypted": |m| extensions(m, ext::RENEGOTIATION_INFO, &[0]) => UNSUPPORTED_EXTENSION, "UnsolicitedEncryptedExtension";
    edit Tls13 "early_data that was not offered": |m| extensions(m, ext::EARLY_DATA, &[]) => UNSUPPORTED_EXTENSION, "UnsolicitedEncryptedExtension";
    edit Tls13 "an unknown encrypted extension": |m| extensions(m, 0xfafa, &[]) => UNSUPPORTED_EXTENSION, "UnsolicitedEncryptedExtension";
    edit Tls13 "a protocol that was not offered": |m| extensions(m, ext::ALPN, &[0, 3, 2, b'h', b'3']) => ILLEGAL_PARAMETER, "SelectedUnofferedApplicationProtocol";
    edit Tls13 "two protocols": |m| extensions(m, ext::ALPN, &[0, 6, 2, b'h', b'2', 2, b'h', b'3']) => DECODE_ERROR, "TrailingData";
    edit Tls13 "an encrypted extension twice": |m| on(typ::ENCRYPTED_EXTENSIONS, m, |body| {
        *body = Vec::new();
        with_len(body, 2, &join_extensions(&[(ext::SERVER_NAME, vec![]), (ext::SERVER_NAME, vec![])]));
        }) => ILLEGAL_PARAMETER, "DuplicateExtension";
    edit Tls13 "no EncryptedExtensions": |m| instead(typ::ENCRYPTED_EXTENSIONS, m, |_| vec![]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "EncryptedExtensions twice": |m| instead(typ::ENCRYPTED_EXTENSIONS, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "EncryptedExtensions cut short": |m| on(typ::ENCRYPTED_EXTENSIONS, m, |body| body.truncate(1)) => DECODE_ERROR, "MissingData";
    // CertificateRequest.
    edit Tls13 "a request with a context": |m| on(typ::CERTIFICATE_REQUEST, m, |body| { body[0] = 1; body.insert(1, 7); }) => DECODE_ERROR, "InvalidCertRequest";
    // RFC 8446 §4.3.2 with §9.2 asks for missing_extension.
    edit Tls13 "a request without signature algorithms": |m| on(typ::CERTIFICATE_REQUEST, m, |body| *body = vec![0, 0, 0]) => HANDSHAKE_FAILURE, "no signature this side's key can make";
    edit Tls13 "a request for SHA-1 and PKCS#1 alone": |m| on(typ::CERTIFICATE_REQUEST, m, |body| *body = vec![0, 0, 10, 0, 13, 0, 6, 0, 4, 2, 1, 4, 1]) => HANDSHAKE_FAILURE, "no signature this side's key can make";
    edit Tls13 "a request with an extension twice": |m| on(typ::CERTIFICATE_REQUEST, m, |body| *body = vec![0, 0, 16, 0, 13, 0, 4, 0, 2, 4, 3, 0, 13, 0, 4, 0, 2, 4, 3]) => ILLEGAL_PARAMETER, "DuplicateExtension";
    edit Tls13 "two requests": |m| instead(typ::CERTIFICATE_REQUEST, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "a request after the Certificate": |m| instead(typ::CERTIFICATE, m, |m| vec![m, Message::new(typ::CERTIFICATE_REQUEST, [0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3])]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13Resumed "a request in a resumed handshake": |m| instead(typ::ENCRYPTED_EXTENSIONS, m, |m| vec![m, Message::new(typ::CERTIFICATE_REQUEST, [0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3])]) => UNEXPECTED_MESSAGE, "message";
    // Certificate.
    // RFC 8446 §4.4.2.4 asks for decode_error.
    edit Tls13 "no certificate": |m| on(typ::CERTIFICATE, m, |body| *body = vec![0, 0, 0, 0]) => NONE, "no certificate";
    edit Tls13 "a Certificate with a context": |m| on(typ::CERTIFICATE, m, |body| { body[0] = 1; body.insert(1, 7); }) => DECODE_ERROR, "InvalidCertRequest";
    // The policy looks before path validation: see `verifier`. RFC 8446 §6.2 has bad_certificate.
    edit Tls13 "a certificate that does not parse": |m| on(typ::CERTIFICATE, m, |body| body[9] ^= 1) => CERTIFICATE_UNKNOWN, "certificate";
    // RFC 8446 §4.4.2 with §4.2 asks for unsupported_extension.
    edit Tls13 "an entry with an unknown extension": |m| on(typ::CERTIFICATE, m, |body| *body = vec![0, 0, 0, 10, 0, 0, 1, 0, 0, 4, 0xfa, 0xfa, 0, 0]) => DECODE_ERROR, "UnknownCertificateExtension";
    edit Tls13 "a Certificate cut short": |m| on(typ::CERTIFICATE, m, |body| body.truncate(40)) => DECODE_ERROR, "MessageTooShort";
    edit Tls13 "no Certificate message": |m| instead(typ::CERTIFICATE, m, |_| vec![]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "two Certificates": |m| instead(typ::CERTIFICATE, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "a CompressedCertificate": |m| instead(typ::CERTIFICATE, m, |_| vec![Message::new(25, [0, 2, 0, 1, 0, 0, 0, 1, 9])]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13Resumed "a Certificate in a resumed handshake": |m| instead(typ::ENCRYPTED_EXTENSIONS, m, |m| vec![m, Message::new(typ::CERTIFICATE, [0, 0, 0, 0])]) => UNEXPECTED_MESSAGE, "message";
    // CertificateVerify.
    edit Tls13 "no CertificateVerify": |m| instead(typ::CERTIFICATE_VERIFY, m, |_| vec![]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "a signature of something else": |m| on(typ::CERTIFICATE_VERIFY, m, |body| flip_last(body)) => DECRYPT_ERROR, "signature";
    edit Tls13 "a signature scheme that was not offered": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[8, 7])) => ILLEGAL_PARAMETER, "SignedHandshakeWithUnadvertisedSigScheme";
    edit Tls13 "SHA-1": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[2, 3])) => ILLEGAL_PARAMETER, "SignedHandshakeWithUnadvertisedSigScheme";
    edit Tls13 "PKCS#1 v1.5": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[4, 1])) => ILLEGAL_PARAMETER, "SignedHandshakeWithUnadvertisedSigScheme";
    edit Tls13 "the scheme of another curve": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[5, 3])) => DECRYPT_ERROR, "algorithm that is not accepted";
    edit Tls13 "the scheme of another kind of key": |m| on(typ::CERTIFICATE_VERIFY, m, |body| body[..2].copy_from_slice(&[8, 4])) => DECRYPT_ERROR, "algorithm that is not accepted";
    edit Tls13 "an empty signature": |m| on(typ::CERTIFICATE_VERIFY, m, |body| { body.truncate(4); body[2..].fill(0); }) => DECRYPT_ERROR, "signature";
    edit Tls13 "two CertificateVerifys": |m| instead(typ::CERTIFICATE_VERIFY, m, |m| vec![m.clone(), m]) => UNEXPECTED_MESSAGE, "message";
    // Finished.
    edit Tls13 "a Finished that is wrong": |m| on(typ::FINISHED, m, |body| flip_last(body)) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls13Resumed "a Finished that is wrong, of a resumed session": |m| on(typ::FINISHED, m, |body| flip_last(body)) => DECRYPT_ERROR, "does not fit its keys";
    // RFC 8446 §6.2 has decode_error for a length that is wrong.
    edit Tls13 "a Finished cut short": |m| on(typ::FINISHED, m, |body| body.truncate(31)) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls13 "an empty Finished": |m| on(typ::FINISHED, m, |body| body.clear()) => DECRYPT_ERROR, "does not fit its keys";
    edit Tls13 "a Finished too early": |m| instead(typ::CERTIFICATE_REQUEST, m, |m| vec![Message::new(typ::FINISHED, [0; 32]), m]) => UNEXPECTED_MESSAGE, "message";
    edit Tls13 "two Finisheds": |m| instead(typ::FINISHED, m, |m| vec![m.clone(), m]) => UNREADABLE, "KeyEpochWithPendingFragment";
    bend Tls13 "a flight that calls itself application data": Bends { sealed_as: Some(23), ..Bends::NONE } => UNEXPECTED_MESSAGE, "message";
    bend Tls13 "a flight that calls itself ChangeCipherSpec": Bends { sealed_as: Some(20), ..Bends::NONE } => UNEXPECTED_MESSAGE, "IllegalMiddleboxChangeCipherSpec";
};

fn old(hello: &mut crate::support::wire::Hello, version: u16) {
    hello.version = version;
    hello.extensions.clear();
}

fn share(group: u16, point: &[u8]) -> Vec<u8> {
    let mut share = group.to_be_bytes().to_vec();
    with_len(&mut share, 2, point);
    share
}

/// One extension in the place of all that are encrypted.
fn extensions(message: Message, code: u16, content: &[u8]) -> Vec<Message> {
    on(typ::ENCRYPTED_EXTENSIONS, message, |body| {
        body.clear();
        with_len(body, 2, &join_extensions(&[(code, content.to_vec())]));
    })
}
