//! Errors of rustls, with what a peer may put into them, explained: one line, of bounded length,
//! with the reason at its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use fips_tls::Explanation;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, Error, OtherError, PeerIncompatible, PeerMisbehaved,
};

use crate::input::{Input, piece};
use crate::text::assert_one_line;

/// Longer than any explanation: what happened is cut after 1024 characters.
const MOST: usize = 1600;

#[derive(Debug)]
struct Foreign(String);

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Foreign {}

pub(super) fn run(data: &[u8]) {
    let error = error(&mut Input(data));
    let explanation = Explanation::of(&error);
    let text = explanation.to_string();
    assert_one_line(&text);
    assert!(text.chars().count() <= MOST, "{}", text.len());
    assert!(text.starts_with(&explanation.what) && text.ends_with(explanation.mend));
    assert_eq!(
        Explanation::of_io(&io::Error::other(error)),
        Some(explanation)
    );
}

fn error(input: &mut Input<'_>) -> Error {
    let (kind, number) = (input.u8(), input.u64());
    let text = String::from_utf8_lossy(input.piece()).into_owned();
    let time = |number: u64| UnixTime::since_unix_epoch(Duration::from_secs(number));
    let certificate = match kind % 16 {
        0 => return Error::AlertReceived(AlertDescription::from(number as u8)),
        1 => return Error::General(text),
        2 => return Error::Other(OtherError(Arc::new(Foreign(text)))),
        3 => return Error::NoCertificatesPresented,
        4 => return Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
        5 => return Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare),
        6 => return Error::InvalidMessage(rustls::InvalidMessage::HandshakePayloadTooLarge),
        7 => CertificateError::Other(OtherError(Arc::new(Foreign(text)))),
        8 => CertificateError::ExpiredContext {
            time: time(number),
            not_after: time(input.u64()),
        },
        9 => CertificateError::NotValidYetContext {
            time: time(number),
            not_before: time(input.u64()),
        },
        10 | 11 => {
            let expected =
                ServerName::try_from(String::from_utf8_lossy(input.piece()).into_owned())
                    .unwrap_or(ServerName::try_from("server.test").expect("it is one"));
            CertificateError::NotValidForNameContext {
                expected,
                presented: vec![text; usize::from(number as u8)],
            }
        }
        12 => CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: text.into_bytes(),
            supported_algorithms: Vec::new(),
        },
        13 => CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: text.clone().into_bytes(),
            public_key_algorithm_id: text.into_bytes(),
        },
        14 => CertificateError::UnknownIssuer,
        _ => CertificateError::InvalidPurpose,
    };
    Error::InvalidCertificate(certificate)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let texts = ["text", "\u{1b}[2J\n", "\u{202e}\u{2028}", "\"\\'", ""];
    for kind in 0..16u8 {
        for (index, text) in texts.iter().enumerate() {
            let number = (index as u64 * 40).to_be_bytes();
            let rest = [&piece(b"127.0.0.1")[..], &number].concat();
            seeds.push([&[kind][..], &number, &piece(text.as_bytes()), &rest].concat());
        }
    }
    seeds
}
