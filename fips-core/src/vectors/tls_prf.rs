//! TLS 1.2 PRF: neither source has a set. Below is one vector per hash of CAVP's component test
//! for the TLS 1.2 KDF, as aws-lc-rs's own tests quote it, with a label that this crate refuses;
//! and the labels it takes, against the PRF's definition (RFC 5246 §5) over HMAC.

use aws_lc_rs::tls_prf as lc;
use data_encoding::HEXLOWER;

use super::{Counts, Set, refused, run};
use crate::digest::Algorithm;
use crate::hmac::Key;
use crate::tls12_prf::{EXTENDED_MASTER_SECRET, derive, lc_algorithm};
use crate::{Boundary, Guard, Requirements, indicator};

pub(super) const SETS: &[Set] = &[Set {
    name: "CAVP TLS 1.2 KDF, one per hash",
    expected: Counts::of(0, 3, 0),
    run: master_secrets,
}];

struct Vector {
    algorithm: Algorithm,
    pre_master_secret: &'static str,
    seed: [&'static str; 2],
    master_secret: &'static str,
}

const VECTORS: [Vector; 3] = [
    Vector {
        algorithm: Algorithm::Sha256,
        pre_master_secret: "f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bcadb386b411fd4fe43\
             13a604fce6c17fbc",
        seed: [
            "36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c",
            "f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce",
        ],
        master_secret: "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb3a043e5d\
             52a65e66125188bf",
    },
    Vector {
        algorithm: Algorithm::Sha384,
        pre_master_secret: "a5e2642633f5b8c81ad3fe0c2fe3a8e5ef806b06121dd10df4bb0fe857bfdcf522558e05d2682c9a\
             80c741a3aab1716f",
        seed: [
            "abe4bf5527429ac8eb13574d2709e8012bd1a113c6d3b1d3aa2c3840518778ac",
            "cb6e0b3eb02976b6466dfa9651c2919414f1648fd3a7838d02153e5bd39535b6",
        ],
        master_secret: "b4d49bfa87747fe815457bc3da15073d6ac73389e703079a3503c09e14bd559a5b3c7c601c7365f6\
             ea8c68d3d9596827",
    },
    Vector {
        algorithm: Algorithm::Sha512,
        pre_master_secret: "dfef39af25c12663a91ee5d27042b9644a16ef55b81055d1bd7dcb0b8f06eb001708cdefcf82591d\
             efca1a6f1ac693ab",
        seed: [
            "78bc5298dfe9cf8ed336c2e2f0f6b46e2456f39f35f1143cd21eaa16277025b2",
            "e2339a6c681eb30808883971b1ce5b9b1ece0f3d011a96a7fff1f5f9d80ffd4b",
        ],
        master_secret: "a70c5fe8d34b645a20ce98969bd30858e729c77c8a5f05d3e289219d6b5752b75b75e1ca00d33296\
             58d7f188ed1ab7e0",
    },
];

#[test]
fn tls_prf() {
    run(SETS);
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn master_secrets(counts: &mut Counts) {
    for vector in VECTORS {
        let secret = hex(vector.pre_master_secret);
        let seed = vector.seed.map(hex).concat();
        let expected = hex(vector.master_secret);
        let at_module = lc::Secret::new(lc_algorithm(vector.algorithm), &secret)
            .and_then(|secret| secret.derive(b"master secret", &seed, expected.len()))
            .unwrap();
        assert_eq!(at_module.as_ref(), expected);
        let mut output = vec![0; expected.len()];
        let answer = derive(
            vector.algorithm,
            &secret,
            b"master secret",
            &seed,
            &mut output,
        );
        counts.add(refused(
            &format_args!("{:?}", vector.algorithm),
            answer,
            |guard| matches!(guard, Guard::PrfLabel(_)),
        ));
    }
}

#[test]
fn the_labels_taken_give_what_the_definition_over_hmac_gives() {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let labels = indicator::EXCEPTIONS
        .iter()
        .filter(|exception| exception.service == indicator::Service::Tls12Prf)
        .map(|exception| exception.call.as_bytes())
        .chain([EXTENDED_MASTER_SECRET]);
    for label in labels {
        for vector in VECTORS {
            let (secret, seed) = (hex(vector.master_secret), vector.seed.map(hex).concat());
            for len in [12, 48, 200] {
                let mut output = vec![0; len];
                derive(vector.algorithm, &secret, label, &seed, &mut output).unwrap();
                let expected = p_hash(vector.algorithm, &secret, &[label, &seed].concat(), len);
                assert_eq!(output, expected, "{:?} {len}", vector.algorithm);
            }
        }
    }
}

/// `P_hash` of RFC 5246 §5.
fn p_hash(algorithm: Algorithm, secret: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let key = Key::new(algorithm, secret).unwrap();
    let mut a = seed.to_vec();
    let mut out = Vec::new();
    while out.len() < len {
        a = key.sign(&[&a]).unwrap().as_ref().to_vec();
        out.extend(key.sign(&[&a, seed]).unwrap().as_ref());
    }
    out.truncate(len);
    out
}
