//! Sealed messages open unchanged, with what they were bound to, under their key; and only so.

use std::sync::LazyLock;

use fips_core::seal::SealingKey;

use crate::fixtures::boundary;
use crate::input::{Input, piece};
use crate::text::assert_error;

/// One that seals, and one that never does: libFuzzer learns what is compared, and would hand
/// back what a key of this process sealed.
static KEYS: LazyLock<[SealingKey; 2]> =
    LazyLock::new(|| [0; 2].map(|_| SealingKey::generate(boundary()).unwrap()));

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let [key, other] = &*KEYS;
    let raw = input.bit();
    let (aad, plain) = (input.piece(), input.piece());
    if raw {
        let error = other.open(aad, plain).unwrap_err();
        return assert_error(&error);
    }
    let sealed = key.seal(aad, plain).unwrap();
    assert_eq!(&key.open(aad, &sealed).unwrap()[..], plain);
    assert!(other.open(aad, &sealed).is_err());
    let (bent_aad, bent) = (input.bend(aad), input.bend(&sealed));
    let same = bent_aad == aad && bent == sealed;
    assert_eq!(key.open(&bent_aad, &bent).is_ok(), same);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let change = |kind: u8, position: u8, value: u8| vec![1, kind, 0, position, value];
    [
        vec![0, 0],
        [change(0, 0, 1), vec![0]].concat(),
        [vec![0], change(0, 0, 1)].concat(),
        [vec![0], change(0, 20, 0x80)].concat(),
        [vec![0], change(1, 27, 0)].concat(),
        [vec![0], change(4, 0, 0)].concat(),
        [vec![0], change(3, 30, 0)].concat(),
    ]
    .iter()
    .flat_map(|bends| [&b""[..], b"some plain text"].map(|plain| (bends, plain)))
    .map(|(bends, plain)| [&[0][..], &piece(b"bound"), &piece(plain), bends].concat())
    .chain([[&[1][..], &piece(b"bound"), &piece(&[7; 28])].concat()])
    .collect()
}
