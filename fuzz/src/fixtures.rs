//! Test keys and certificates, read once from `fixtures/`, and the one process they run in.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;
use std::{fs, iter};

use fips_core::signing::{KeyAlgorithm, PrivateKey};
use fips_core::{Boundary, Requirements};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};

/// The name that test servers go by.
pub const NAME: &str = "server.test";

/// The second that tests happen in: 2030-01-01. Fixtures are valid from 2026 to 2040.
pub const NOW: u64 = 1_893_456_000;

/// The open gate.
pub fn boundary() -> &'static Boundary {
    static BOUNDARY: LazyLock<Boundary> = LazyLock::new(|| {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap_or_else(|refusal| {
            panic!("the gate is closed, so that nothing can be fuzzed:\n{refusal}")
        })
    });
    &BOUNDARY
}

/// A clock that stands still.
#[derive(Debug)]
pub struct Clock(pub u64);

impl Clock {
    pub fn now() -> Arc<dyn TimeProvider> {
        Arc::new(Self(NOW))
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(at(self.0))
    }
}

pub fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// The file of a fixture.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// A fixture's PEM text.
pub fn pem(name: &str) -> String {
    let path = path(name);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `scripts/fuzz seeds`", path.display()))
}

/// The certificates of a fixture, the leaf first.
pub fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem(name).as_bytes())
        .collect::<Result<_, _>>()
        .expect("fixtures are whole")
}

/// The key of a fixture, as it is read.
pub fn key_der(name: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pem(name).as_bytes()).expect("fixtures are whole")
}

/// The test key of an algorithm; of RSA there is one of 2048 bits.
pub fn key(algorithm: KeyAlgorithm) -> &'static PrivateKey {
    static KEYS: [OnceLock<PrivateKey>; 4] = [const { OnceLock::new() }; 4];
    let (index, name) = match algorithm {
        KeyAlgorithm::EcdsaP256 => (0, "p256.key"),
        KeyAlgorithm::EcdsaP384 => (1, "p384.key"),
        KeyAlgorithm::EcdsaP521 => (2, "p521.key"),
        _ => (3, "rsa2048.key"),
    };
    KEYS[index].get_or_init(|| {
        PrivateKey::from_der(boundary(), &key_der(name)).expect("fixtures are of the policy")
    })
}

/// The content of the innermost of `tags`, each the next inside of the one before it, all after
/// `skip` elements. For taking other encodings out of fixtures.
pub fn inside<'a>(mut der: &'a [u8], tags: &[(u8, usize)]) -> &'a [u8] {
    for &(tag, skip) in tags {
        for skipped in iter::repeat_n(true, skip).chain([false]) {
            let (found, content, rest) = element(der);
            if skipped {
                der = rest;
            } else {
                assert_eq!(found, tag, "the fixture has another form");
                der = content;
            }
        }
    }
    der
}

/// The first element: its tag, its content, and what follows.
pub fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (len, header) = match der[1] {
        0x81 => (usize::from(der[2]), 3),
        0x82 => (usize::from(u16::from_be_bytes([der[2], der[3]])), 4),
        short => (usize::from(short), 2),
    };
    (der[0], &der[header..header + len], &der[header + len..])
}

/// An element of DER.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ ..0x80 => vec![short as u8],
        middle @ ..0x100 => vec![0x81, middle as u8],
        long => {
            let long = u16::try_from(long).expect("inputs are short");
            [&[0x82][..], &long.to_be_bytes()].concat()
        }
    };
    [&[tag][..], &length, content].concat()
}
