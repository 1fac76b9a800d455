//! Wrapped keys unwrap unchanged, in their mode, under their key; and only so.

use std::sync::LazyLock;

use fips_core::key_wrap::{Cipher, KeyEncryptionKey, Mode};

use crate::fixtures::boundary;
use crate::input::{Input, piece};
use crate::text::assert_error;

/// Two that wrap, and two that never do: libFuzzer learns what is compared, and would hand back
/// what a key of this process wrapped.
static KEYS: LazyLock<[KeyEncryptionKey; 4]> = LazyLock::new(|| {
    [
        Cipher::Aes128,
        Cipher::Aes256,
        Cipher::Aes128,
        Cipher::Aes256,
    ]
    .map(|cipher| KeyEncryptionKey::generate(boundary(), cipher).expect("the module makes keys"))
});

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let which = usize::from(input.bit());
    let (wrapping, other) = (&KEYS[which], &KEYS[1 - which]);
    let (mode, other_mode) = match input.bit() {
        true => (Mode::Kw, Mode::Kwp),
        false => (Mode::Kwp, Mode::Kw),
    };
    let raw = input.bit();
    let key = input.piece();
    if raw {
        let error = KEYS[2 + which].unwrap_key(mode, key).unwrap_err();
        return assert_error(&error);
    }
    let fits = match mode {
        Mode::Kw => key.len() >= 16 && key.len().is_multiple_of(8),
        Mode::Kwp => !key.is_empty(),
    };
    let wrapped = match wrapping.wrap_key(mode, key) {
        Ok(wrapped) => wrapped,
        Err(error) => {
            assert!(!fits, "{error}");
            return assert_error(&error);
        }
    };
    assert!(fits);
    assert_eq!(wrapped.len(), key.len().next_multiple_of(8) + 8);
    assert_eq!(&wrapping.unwrap_key(mode, &wrapped).unwrap()[..], key);
    assert!(wrapping.unwrap_key(other_mode, &wrapped).is_err());
    assert!(other.unwrap_key(mode, &wrapped).is_err());
    let bent = input.bend(&wrapped);
    let same = bent == wrapped;
    assert_eq!(wrapping.unwrap_key(mode, &bent).is_ok(), same);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (cipher, mode) in [(0u8, 0u8), (0, 1), (1, 0), (1, 1)] {
        for len in [0, 1, 8, 9, 16, 24, 31, 32, 33] {
            for bends in [
                &[0][..],
                &[1, 0, 0, 5, 1],
                &[1, 1, 0, 16, 0],
                &[2, 4, 0, 0, 0, 4],
            ] {
                let key = piece(&[5; 33][..len]);
                seeds.push([&[cipher, mode, 0][..], &key, bends].concat());
            }
            seeds.push([&[cipher, mode, 1][..], &piece(&[5; 33][..len])].concat());
        }
    }
    seeds
}
