//! Sealed things of another implementation (`vectors.py`).

use data_encoding::BASE64;
use fips_certs::sealing::{self, Binding, FileKey, envelope};

use super::{binding, boundary, passphrase};

/// One vector, decoded.
pub(super) fn get(name: &str) -> Vec<u8> {
    let line = include_str!("vectors.txt")
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    BASE64.decode(line.unwrap().as_bytes()).unwrap()
}

#[test]
fn streams_of_another_implementation_open() {
    let mut plain = Vec::new();
    let secret = passphrase("a passphrase of this vector");
    let sealed = get("stream-passphrase");
    sealing::open(&boundary(), &binding(), &secret, &sealed[..], &mut plain).unwrap();
    assert_eq!(plain, b"a snapshot");

    let mut plain = Vec::new();
    let key: Vec<u8> = (0..32).collect();
    let key = FileKey::parse(BASE64.encode(&key).as_bytes())
        .unwrap()
        .into();
    let binding = Binding::new("file").unwrap();
    let sealed = get("stream-key-file");
    sealing::open(&boundary(), &binding, &key, &sealed[..], &mut plain).unwrap();
    assert_eq!(plain, b"another snapshot");
}

#[test]
fn an_envelope_of_another_implementation_opens() {
    let text = fips_core::pem::encode(envelope::BOOTSTRAP_LABEL, &get("envelope"));
    let secret = passphrase("a passphrase of this vector");
    let binding = Binding::bootstrap("cluster-7").unwrap();
    let content = envelope::open(&boundary(), &binding, &secret, text.as_bytes()).unwrap();
    assert_eq!(&content[..], br#"{"ServerCA":"..."}"#);
}
