//! Keys of a fleet, as bytes and as the sealed file: taken exactly in the one form, and written
//! again as they were; a changed file opens to what was sealed, or not at all.

use std::sync::LazyLock;

use fips_certs::sealing::{FileKey, Secret, ticket_keys};
use fips_tls::FleetKeys;

use crate::fixtures::boundary;
use crate::input::Input;
use crate::text::{assert_error, assert_one_line};

/// One that seals, and one that never does: libFuzzer hands back what was compared.
static SECRETS: LazyLock<[Secret; 2]> =
    LazyLock::new(|| [0; 2].map(|_| FileKey::generate(boundary()).unwrap().into()));

static KEYS: LazyLock<[FleetKeys; 2]> = LazyLock::new(|| {
    let keys = FleetKeys::generate(boundary()).unwrap();
    let next = keys.rotated().unwrap();
    [keys, next]
});

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let [secret, other] = &*SECRETS;
    match input.u8() % 3 {
        // Bytes of anybody, as they lie in the envelope.
        0 => bytes(input.rest()),
        1 => {
            let text = input.rest();
            match ticket_keys::inspect(text) {
                // What a header says is shown.
                Ok(header) => assert_one_line(&format!("{header:?}")),
                Err(error) => assert_error(&error),
            }
            assert_error(&ticket_keys::open(boundary(), "fuzz", other, text).unwrap_err());
        }
        _ => {
            let keys = &KEYS[usize::from(input.bit())];
            let content = input.bend(&keys.to_bytes());
            bytes(&content);
            let text = ticket_keys::seal(boundary(), "fuzz", secret, &content).unwrap();
            let open =
                |fleet: &str, text: &[u8]| ticket_keys::open(boundary(), fleet, secret, text);
            assert!(open("other", text.as_bytes()).is_err());
            let bent = input.bend(text.as_bytes());
            match open("fuzz", &bent) {
                // White space and words around it are no change.
                Ok(opened) => assert_eq!(&opened[..], content),
                Err(error) => assert_error(&error),
            }
        }
    }
}

/// By the lengths of the form: 19 bytes, then two or three roots.
fn bytes(bytes: &[u8]) {
    match FleetKeys::from_bytes(boundary(), bytes) {
        Ok(keys) => {
            assert_eq!(&keys.to_bytes()[..], bytes);
            let generation = u64::from_be_bytes(bytes[10..18].try_into().unwrap());
            assert_eq!(keys.generation(), generation);
            assert_eq!(bytes.len(), 19 + 32 * if generation == 1 { 2 } else { 3 });
            if let Ok(next) = keys.rotated() {
                assert_eq!(next.generation(), generation + 1);
            }
        }
        Err(error) => assert_error(&error),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let form = |generation: u64, roots: u8| {
        let mut form = [&b"FIPSTKEY\0\x01"[..], &generation.to_be_bytes()].concat();
        form.push(u8::from(roots > 2));
        (1..=roots).for_each(|root| form.extend([root; 32]));
        form
    };
    let mut seeds: Vec<Vec<u8>> = [
        form(1, 2),
        form(2, 3),
        form(u64::MAX, 3),
        form(0, 2),
        form(1, 3),
        form(2, 2),
        b"FIPSTKEY\0\x02".to_vec(),
    ]
    .iter()
    .map(|bytes| [&[0], &bytes[..]].concat())
    .collect();
    let label = ticket_keys::LABEL;
    for body in ["RklQU0VOVkwAAQECC3RpY2tldC1rZXlzBGZ1eno=", ""] {
        let text = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        seeds.push([&[1], text.as_bytes()].concat());
    }
    for bends in [
        &[0, 0][..],
        &[0, 1, 0, 0, 60, 1],
        &[1, 0, 0, 18, 1, 0],
        &[0, 1, 2, 0, 60, b'\n'],
    ] {
        for which in 0..2 {
            seeds.push([&[2, which], bends].concat());
        }
    }
    seeds
}
