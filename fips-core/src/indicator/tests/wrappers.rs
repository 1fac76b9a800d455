//! Each wrapper of the crate, called once, and the one row that its ledger must hold then.

use std::collections::BTreeSet;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::super::*;
use crate::agreement::{Curve, EphemeralKey};
use crate::digest::{self, Algorithm};
use crate::kem::{self, DecapsulationKey, ParameterSet};
use crate::key_wrap::{self, KeyEncryptionKey, Mode};
use crate::record::{Cipher, NONCE_LEN, Opener, Protocol, Sealer};
use crate::seal::SealingKey;
use crate::signing::{KeyAlgorithm, PrivateKey};
use crate::{Boundary, Requirements, hkdf, hmac, pbkdf2, random, tls12_prf, verification};

/// What happens inside the scope; its set-up has happened before.
type Call = Box<dyn FnOnce()>;

struct Wrapper {
    name: String,
    call: Call,
    /// The ledger's whole content afterwards.
    expected: Vec<LedgerRow>,
}

const NONE: Count = Count {
    approved: 0,
    excepted: 0,
    failed: 0,
    dropped: 0,
};

/// Expected: `n` approved calls of `service` and nothing else.
fn approved(
    service: Service,
    name: impl Into<String>,
    n: u64,
    call: impl FnOnce() + 'static,
) -> Wrapper {
    expect(
        service,
        name,
        Count {
            approved: n,
            ..NONE
        },
        call,
    )
}

fn excepted(service: Service, name: impl Into<String>, call: impl FnOnce() + 'static) -> Wrapper {
    expect(
        service,
        name,
        Count {
            excepted: 1,
            ..NONE
        },
        call,
    )
}

fn failed(service: Service, name: impl Into<String>, call: impl FnOnce() + 'static) -> Wrapper {
    expect(service, name, Count { failed: 1, ..NONE }, call)
}

/// Refused before the module was asked.
fn untouched(name: &str, call: impl FnOnce() + 'static) -> Wrapper {
    Wrapper {
        name: name.to_owned(),
        call: Box::new(call),
        expected: Vec::new(),
    }
}

fn expect(
    service: Service,
    name: impl Into<String>,
    count: Count,
    call: impl FnOnce() + 'static,
) -> Wrapper {
    Wrapper {
        name: name.into(),
        call: Box::new(call),
        expected: vec![LedgerRow { service, count }],
    }
}

const HASHES: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];

fn wrappers() -> Vec<Wrapper> {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let mut all = Vec::new();
    all.extend(hashing());
    all.extend(agreeing());
    all.extend(signing(boundary));
    all.extend(records());
    all.extend(sealing(boundary));
    all.extend(wrapping(boundary));
    all.extend(encapsulating());
    all.extend(deriving_from_passwords());
    all.push(approved(Service::Random, "fill", 1, || {
        random::fill(&mut [0; 100]).unwrap()
    }));
    all.push(approved(Service::Random, "bytes", 1, || {
        random::bytes::<32>().unwrap();
    }));
    all.push(untouched("no bytes asked for", || {
        random::fill(&mut []).unwrap()
    }));
    all
}

fn wrapping(boundary: Boundary) -> Vec<Wrapper> {
    let mut all = Vec::new();
    for cipher in [key_wrap::Cipher::Aes128, key_wrap::Cipher::Aes256] {
        for mode in [Mode::Kw, Mode::Kwp] {
            let key = move || {
                let bytes = vec![5; cipher.key_len()];
                KeyEncryptionKey::from_bytes(&boundary, cipher, &bytes).unwrap()
            };
            let wrapped = key().wrap_key(mode, &[9; 32]).unwrap();
            let mut bent = wrapped.clone();
            bent[0] ^= 1;
            all.extend([
                approved(
                    Service::KeyWrap,
                    format!("{cipher:?} {mode:?}"),
                    1,
                    move || {
                        key().wrap_key(mode, &[9; 32]).unwrap();
                    },
                ),
                approved(
                    Service::KeyUnwrap,
                    format!("{cipher:?} {mode:?}"),
                    1,
                    move || {
                        key().unwrap_key(mode, &wrapped).unwrap();
                    },
                ),
                failed(Service::KeyUnwrap, format!("changed {mode:?}"), move || {
                    key().unwrap_key(mode, &bent).unwrap_err();
                }),
                untouched("a key of a length no mode takes", move || {
                    key().wrap_key(mode, &[]).unwrap_err();
                }),
            ]);
        }
    }
    all
}

fn encapsulating() -> Vec<Wrapper> {
    let mut all = Vec::new();
    for set in [ParameterSet::MlKem768, ParameterSet::MlKem1024] {
        let key = DecapsulationKey::generate(set).unwrap();
        let public = key.encapsulation_key().to_vec();
        let (ciphertext, _) = kem::encapsulate(set, &public).unwrap();
        all.extend([
            approved(
                Service::MlKemKeyGeneration,
                format!("{set:?}"),
                1,
                move || {
                    DecapsulationKey::generate(set).unwrap();
                },
            ),
            approved(
                Service::MlKemEncapsulate,
                format!("{set:?}"),
                1,
                move || {
                    kem::encapsulate(set, &public).unwrap();
                },
            ),
            approved(
                Service::MlKemDecapsulate,
                format!("{set:?}"),
                1,
                move || {
                    key.decapsulate(&ciphertext).unwrap();
                },
            ),
            untouched("an encapsulation key of another length", move || {
                kem::encapsulate(set, &[0; 32]).unwrap_err();
            }),
        ]);
    }
    all
}

fn deriving_from_passwords() -> Vec<Wrapper> {
    HASHES
        .into_iter()
        .flat_map(|hash| {
            let derive = move |password: &[u8]| pbkdf2::derive(hash, password, &[1; 16], 1000, 32);
            [
                approved(Service::Pbkdf2, format!("{hash:?}"), 1, move || {
                    derive(&[7; 14]).unwrap();
                }),
                untouched("13 bytes of password", move || {
                    derive(&[7; 13]).unwrap_err();
                }),
            ]
        })
        .chain([
            // Excepted also where the indicator, which goes by lengths, would approve.
            excepted(Service::Pbkdf2, "k3s import, a long token", || {
                pbkdf2::derive_for_k3s_import(&[7; 32], &[b'a'; 16]).unwrap();
            }),
            excepted(Service::Pbkdf2, "k3s import, a short token", || {
                pbkdf2::derive_for_k3s_import(b"token", &[b'a'; 16]).unwrap();
            }),
        ])
        .collect()
}

fn hashing() -> Vec<Wrapper> {
    let mut all = Vec::new();
    for hash in HASHES {
        all.push(approved(
            Service::Digest,
            format!("one shot {hash:?}"),
            1,
            move || {
                digest::digest(hash, b"data").unwrap();
            },
        ));
        all.push(approved(
            Service::Digest,
            format!("in pieces {hash:?}"),
            2,
            move || {
                let mut context = digest::Context::new(hash);
                context.update(b"da");
                let fork = context.clone();
                context.update(b"ta");
                context.finish().unwrap();
                fork.finish().unwrap();
            },
        ));
        let key = move || hmac::Key::new(hash, &[7; 32]).unwrap();
        all.push(approved(
            Service::Hmac,
            format!("sign {hash:?}"),
            1,
            move || {
                key().sign(&[b"da", b"ta"]).unwrap();
            },
        ));
        let tag = key().sign(&[b"data"]).unwrap();
        all.push(approved(
            Service::Hmac,
            format!("verify {hash:?}"),
            1,
            move || {
                key().verify(b"data", tag.as_ref()).unwrap();
            },
        ));
        all.push(failed(
            Service::Hmac,
            format!("another tag {hash:?}"),
            move || {
                key().verify(b"other", tag.as_ref()).unwrap_err();
            },
        ));
        let len = hash.output_len();
        all.push(approved(
            Service::Hkdf,
            format!("extract and expand {hash:?}"),
            1,
            move || {
                let prk = hkdf::Prk::extract(hash, &[0; 64][..len], b"secret").unwrap();
                prk.expand(&[b"in", b"fo"], &mut [0; 32]).unwrap();
            },
        ));
        all.push(approved(
            Service::Hkdf,
            format!("expand twice {hash:?}"),
            2,
            move || {
                let prk = hkdf::Prk::from_bytes(hash, &[1; 64][..len]).unwrap();
                prk.expand(&[b"info"], &mut [0; 32]).unwrap();
                prk.expand(&[b"info"], &mut [0; 100]).unwrap();
            },
        ));
        let prf =
            move |label: &[u8]| tls12_prf::derive(hash, &[3; 48], label, &[4; 32], &mut [0; 48]);
        let name = |label: &str| format!("{label} {hash:?}");
        all.push(approved(
            Service::Tls12Prf,
            name("extended master secret"),
            1,
            move || {
                prf(tls12_prf::EXTENDED_MASTER_SECRET).unwrap();
            },
        ));
        for exception in EXCEPTIONS.iter().filter(|e| e.service == Service::Tls12Prf) {
            all.push(excepted(
                Service::Tls12Prf,
                name(exception.call),
                move || {
                    prf(exception.call.as_bytes()).unwrap();
                },
            ));
        }
        all.push(untouched("master secret", move || {
            prf(b"master secret").unwrap_err();
        }));
    }
    all.push(untouched("HMAC, 40-bit key", || {
        hmac::Key::new(Algorithm::Sha256, &[7; 5]).unwrap_err();
    }));
    all.push(untouched("HKDF, empty salt and info", || {
        hkdf::Prk::extract(Algorithm::Sha256, &[], b"x").unwrap_err();
        let prk = hkdf::Prk::extract(Algorithm::Sha256, &[0; 32], b"x").unwrap();
        prk.expand(&[], &mut [0; 8]).unwrap_err();
    }));
    all
}

fn agreeing() -> Vec<Wrapper> {
    let mut all = Vec::new();
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        all.push(approved(
            Service::EcKeyGeneration,
            format!("ephemeral {curve:?}"),
            1,
            move || {
                EphemeralKey::generate(curve).unwrap();
            },
        ));
        let (one, other) = (
            EphemeralKey::generate(curve).unwrap(),
            EphemeralKey::generate(curve).unwrap(),
        );
        all.push(approved(
            Service::Ecdh,
            format!("agree {curve:?}"),
            1,
            move || {
                one.agree(other.public_key()).unwrap();
            },
        ));
    }
    all
}

fn signing(boundary: Boundary) -> Vec<Wrapper> {
    let mut all = Vec::new();
    for algorithm in KeyAlgorithm::ALL {
        let (generate, sign, verify) = if algorithm.is_rsa() {
            (
                Service::RsaKeyGeneration,
                Service::RsaSign,
                Service::RsaVerify,
            )
        } else {
            (
                Service::EcKeyGeneration,
                Service::EcdsaSign,
                Service::EcdsaVerify,
            )
        };
        // RSA keys take long to make: one is made in the scope, and then used.
        let made = std::rc::Rc::new(std::cell::OnceCell::new());
        let slot = made.clone();
        all.push(approved(
            generate,
            format!("generate {algorithm}"),
            1,
            move || {
                assert!(
                    slot.set(PrivateKey::generate(&boundary, algorithm).unwrap())
                        .is_ok()
                );
            },
        ));
        for &scheme in algorithm.schemes() {
            let signature = std::rc::Rc::new(std::cell::OnceCell::new());
            let (key, slot) = (made.clone(), signature.clone());
            all.push(approved(
                sign,
                format!("sign {algorithm} {scheme:?}"),
                1,
                move || {
                    let signature = key.get().unwrap().sign(scheme, b"message").unwrap();
                    slot.set(signature).unwrap();
                },
            ));
            for (message, good) in [(b"message", true), (b"another", false)] {
                let (key, signature) = (made.clone(), signature.clone());
                let name = format!("verify {algorithm} {scheme:?} {good}");
                let count = if good {
                    Count {
                        approved: 1,
                        ..NONE
                    }
                } else {
                    Count { failed: 1, ..NONE }
                };
                all.push(expect(verify, name, count, move || {
                    let public = key.get().unwrap().public_key();
                    let signature = signature.get().unwrap();
                    let answer = verification::verify(scheme, public, message, signature);
                    assert_eq!(answer.is_ok(), good);
                }));
            }
        }
        let key = made;
        all.push(untouched("a key goes out and comes in", move || {
            let der = key.get().unwrap().to_pkcs8().unwrap();
            let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(&der[..]));
            PrivateKey::from_der(&boundary, &der).unwrap();
        }));
    }
    all
}

fn records() -> Vec<Wrapper> {
    let mut all = Vec::new();
    for protocol in [Protocol::Tls12, Protocol::Tls13] {
        for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
            let case = format!("{protocol:?} {cipher:?}");
            let key = move || [5; 32][..cipher.key_len()].to_vec();
            let sealer = move || Sealer::new(protocol, cipher, &key()).unwrap();
            let opener = move || Opener::new(protocol, cipher, &key()).unwrap();
            all.push(approved(
                Service::RecordSeal,
                format!("seal {case}"),
                1,
                move || {
                    sealer()
                        .seal([0; NONCE_LEN], b"aad", &mut b"record".to_vec())
                        .unwrap();
                },
            ));
            let mut used = sealer();
            let mut record = b"record".to_vec();
            let tag = used.seal([0; NONCE_LEN], b"aad", &mut record).unwrap();
            record.extend(tag);
            all.push(failed(
                Service::RecordSeal,
                format!("a nonce again {case}"),
                move || {
                    used.seal([0; NONCE_LEN], b"aad", &mut b"record".to_vec())
                        .unwrap_err();
                },
            ));
            let mut bent = record.clone();
            bent[0] ^= 1;
            all.push(approved(
                Service::RecordOpen,
                format!("open {case}"),
                1,
                move || {
                    opener().open([0; NONCE_LEN], b"aad", &mut record).unwrap();
                },
            ));
            all.push(failed(
                Service::RecordOpen,
                format!("changed {case}"),
                move || {
                    opener()
                        .open([0; NONCE_LEN], b"aad", &mut bent)
                        .unwrap_err();
                },
            ));
        }
    }
    all
}

fn sealing(boundary: Boundary) -> Vec<Wrapper> {
    let key = move || SealingKey::from_bytes(&boundary, &[6; 32]).unwrap();
    let sealed = key().seal(b"aad", b"plain").unwrap();
    let mut bent = sealed.clone();
    bent[20] ^= 1;
    vec![
        approved(Service::Random, "a sealing key is drawn", 1, move || {
            SealingKey::generate(&boundary).unwrap();
        }),
        approved(Service::SealedSeal, "seal", 1, move || {
            key().seal(b"aad", b"plain").unwrap();
        }),
        approved(Service::SealedOpen, "open", 1, move || {
            key().open(b"aad", &sealed).unwrap();
        }),
        failed(Service::SealedOpen, "changed", move || {
            key().open(b"aad", &bent).unwrap_err();
        }),
    ]
}

#[test]
fn each_wrapper_moves_its_own_row_and_no_other() {
    let mut approved = BTreeSet::new();
    for Wrapper {
        name,
        call,
        expected,
    } in wrappers()
    {
        let ledger = Ledger::new();
        ledger.record(call);
        assert_eq!(ledger.summary().services(), expected, "{name}");
        let rows = expected.iter().filter(|row| row.count.approved > 0);
        approved.extend(rows.map(|row| row.service));
    }
    for service in Service::ALL {
        assert!(
            approved.contains(&service),
            "{service} has no wrapper here: add its calls and their counts to wrappers()"
        );
    }
}
