//! PEM texts of chains, keys and trust anchors: what is taken holds every certificate of its text
//! and makes a configuration; what is refused is refused in one line.

use fips_tls::{Identity, PeerIdentity, Profile, ServerConfig, Trust};

use crate::fixtures::{boundary, pem};
use crate::input::{Input, piece};
use crate::pki::{CHAINS, KEYS};
use crate::text::assert_error;

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let (chain, key) = (input.piece(), input.rest());
    match Identity::from_pem(boundary(), chain, key) {
        Ok(identity) => {
            assert_eq!(identity.chain().len(), blocks(chain));
            let leaf = PeerIdentity::from_certificate(&identity.chain()[0]).unwrap();
            assert_eq!(identity.leaf(), &leaf);
            let server = ServerConfig::builder(boundary(), Profile::sp800_52r2())
                .with_identity(identity)
                .without_client_authentication();
            server.build().unwrap();
        }
        Err(error) => assert_error(&error),
    }
    match Trust::from_pem(chain) {
        Ok(trust) => assert_eq!(trust.certificates().len(), blocks(chain)),
        Err(error) => assert_error(&error),
    }
}

/// How many certificates a text means to hold: the lines that begin one, however indented.
fn blocks(text: &[u8]) -> usize {
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
        .filter(|line| line.trim_ascii() == b"-----BEGIN CERTIFICATE-----")
        .count()
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for name in CHAINS {
        let key = if name == "server-rsa.pem" {
            "rsa2048.key"
        } else {
            "p256.key"
        };
        seeds.push([piece(pem(name).as_bytes()), pem(key).into()].concat());
    }
    for (name, _) in KEYS {
        seeds.push([piece(pem("server.pem").as_bytes()), pem(name).into()].concat());
    }
    for (from, to) in [
        ("\n", "\r\n"),
        ("\n", "\r"),
        ("\n", "\n "),
        ("CERTIFICATE", "X509 CRL"),
        ("BEGIN", "END"),
    ] {
        let text = pem("server.pem").replace(from, to);
        seeds.push([piece(text.as_bytes()), pem("p256.key").into()].concat());
    }
    let encrypted = pem("p256.key").replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    seeds.push([piece(pem("server.pem").as_bytes()), encrypted.into()].concat());
    seeds
}
