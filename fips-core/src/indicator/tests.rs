//! Every wrapper moves its own row and no other, and a call of its family that is not approved
//! is dropped. In debug builds aws-lc-rs looks at the indicator too; release builds have us alone.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc_signature, KeyPair as _};
use aws_lc_rs::{aead, agreement, digest, hkdf, hmac, kem, pbkdf2, rand, rsa, tls_prf};

use super::*;
use crate::ffi::{AesSchedule, not_approved};

/// A call made around our wrappers, of which the indicator must not approve.
struct Control {
    service: Service,
    name: &'static str,
    call: Box<dyn FnOnce() -> Result<(), Unspecified>>,
}

fn controls() -> Vec<Control> {
    fn control(
        service: Service,
        name: &'static str,
        call: impl FnOnce() -> Result<(), Unspecified> + 'static,
    ) -> Control {
        let call = Box::new(call);
        Control {
            service,
            name,
            call,
        }
    }
    fn expand(salt: hkdf::Salt, info: &'static [&'static [u8]]) -> Result<(), Unspecified> {
        let prk = salt.extract(b"secret");
        prk.expand(info, hkdf::HKDF_SHA256)?.fill(&mut [0; 32])
    }
    fn prf(label: &'static [u8]) -> Result<(), Unspecified> {
        let secret = tls_prf::Secret::new(&tls_prf::P_SHA256, &[3; 48])?;
        secret.derive(label, &[4; 32], 48).map(drop)
    }
    fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Result<(), Unspecified> {
        let iterations = NonZeroU32::new(iterations).ok_or(Unspecified)?;
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, iterations, salt, password, &mut [0; 32]);
        Ok(())
    }
    let decapsulation = kem::DecapsulationKey::generate(&kem::ML_KEM_768).unwrap();
    let encoded = decapsulation.encapsulation_key().unwrap();
    let encapsulation = encoded.key_bytes().unwrap().as_ref().to_vec();
    // Outside of the calls: hashing is a service of its own, and approved.
    let sha256 = digest::digest(&digest::SHA256, b"message");
    let ecdsa = lc_signature::EcdsaKeyPair::generate(&lc_signature::ECDSA_P256_SHA256_ASN1_SIGNING)
        .unwrap();
    let ecdsa_signature = ecdsa.sign(&SystemRandom::new(), b"message").unwrap();
    let ecdsa_public = lc_signature::ParsedPublicKey::new(
        &lc_signature::ECDSA_P256_SHA256_ASN1,
        ecdsa.public_key().as_ref(),
    )
    .unwrap();
    let secp256k1 =
        lc_signature::EcdsaKeyPair::generate(&lc_signature::ECDSA_P256K1_SHA256_ASN1_SIGNING)
            .unwrap();
    let rsa_key = lc_signature::RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let mut rsa_signature = vec![0; rsa_key.public_modulus_len()];
    rsa_key
        .sign(
            &lc_signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            b"message",
            &mut rsa_signature,
        )
        .unwrap();
    let rsa_public = lc_signature::ParsedPublicKey::new(
        &lc_signature::RSA_PKCS1_2048_8192_SHA256,
        rsa_key.public_key().as_ref(),
    )
    .unwrap();

    vec![
        control(Service::Digest, "MD5", || {
            not_approved::md5().map_err(|()| Unspecified)
        }),
        control(Service::EcKeyGeneration, "no pairwise test", || {
            not_approved::ec_key_generate().map_err(|()| Unspecified)
        }),
        control(Service::EcKeyGeneration, "X25519", || {
            agreement::PrivateKey::generate(&agreement::X25519).map(drop)
        }),
        control(Service::Ecdh, "X25519", || {
            let one = agreement::PrivateKey::generate(&agreement::X25519)?;
            let other = agreement::PrivateKey::generate(&agreement::X25519)?;
            let public = other.compute_public_key()?;
            let public = agreement::UnparsedPublicKey::new(&agreement::X25519, public);
            agreement::agree(&one, public, Unspecified, |_| Ok(()))
        }),
        control(Service::EcdsaSign, "hashed by the caller", move || {
            ecdsa.sign_digest(&sha256).map(drop)
        }),
        control(Service::EcdsaSign, "secp256k1", move || {
            secp256k1.sign(&SystemRandom::new(), b"message").map(drop)
        }),
        control(Service::EcdsaVerify, "hashed by the caller", move || {
            ecdsa_public.verify_digest_sig(&sha256, ecdsa_signature.as_ref())
        }),
        control(Service::Hkdf, "no salt", || {
            expand(hkdf::Salt::none(hkdf::HKDF_SHA256), &[b"info"])
        }),
        control(Service::Hkdf, "empty salt", || {
            expand(hkdf::Salt::new(hkdf::HKDF_SHA256, &[]), &[b"info"])
        }),
        control(Service::Hkdf, "empty info", || {
            expand(hkdf::Salt::new(hkdf::HKDF_SHA256, &[0; 32]), &[])
        }),
        control(Service::Hmac, "MD5", || {
            not_approved::hmac_md5().map_err(|()| Unspecified)
        }),
        // Of the AES and ML-KEM families every call that ends well is approved: what stays
        // silent is the setting up of keys.
        control(Service::KeyUnwrap, "set-up", || {
            let schedule = AesSchedule::decrypting(&[1; 16]);
            schedule.map(drop).ok_or(Unspecified)
        }),
        control(Service::KeyWrap, "set-up", || {
            let schedule = AesSchedule::encrypting(&[1; 16]);
            schedule.map(drop).ok_or(Unspecified)
        }),
        control(
            Service::MlKemDecapsulate,
            "the key's public half",
            move || decapsulation.encapsulation_key().map(drop),
        ),
        control(Service::MlKemEncapsulate, "a key taken", move || {
            let key = kem::EncapsulationKey::new(&kem::ML_KEM_768, &encapsulation);
            key.map(drop).map_err(|_| Unspecified)
        }),
        control(Service::MlKemKeyGeneration, "a key encoded", move || {
            encoded.key_bytes().map(drop)
        }),
        control(Service::Pbkdf2, "13 bytes of password", || {
            derive(&[7; 13], &[1; 16], 1000)
        }),
        control(Service::Pbkdf2, "15 bytes of salt", || {
            derive(&[7; 14], &[1; 15], 1000)
        }),
        control(Service::Pbkdf2, "999 iterations", || {
            derive(&[7; 14], &[1; 16], 999)
        }),
        control(Service::Random, "no bytes", || rand::fill(&mut [])),
        control(Service::RecordOpen, "ChaCha20-Poly1305", || {
            open(&aead::CHACHA20_POLY1305)
        }),
        control(Service::RecordOpen, "a 192-bit key", || {
            open(&aead::AES_192_GCM)
        }),
        control(Service::RecordSeal, "AES-128, the caller's nonce", || {
            seal(&aead::AES_128_GCM).map(drop)
        }),
        control(Service::RecordSeal, "AES-256, the caller's nonce", || {
            seal(&aead::AES_256_GCM).map(drop)
        }),
        control(
            Service::RsaKeyGeneration,
            "without FIPS 186-5's checks",
            || not_approved::rsa_key_generate().map_err(|()| Unspecified),
        ),
        control(Service::RsaSign, "hashed by the caller", move || {
            let mut signature = vec![0; rsa_key.public_modulus_len()];
            rsa_key.sign_digest(&lc_signature::RSA_PKCS1_SHA256, &sha256, &mut signature)
        }),
        control(Service::RsaVerify, "hashed by the caller", move || {
            rsa_public.verify_digest_sig(&sha256, &rsa_signature)
        }),
        control(Service::SealedOpen, "ChaCha20-Poly1305", || {
            open(&aead::CHACHA20_POLY1305)
        }),
        control(Service::SealedSeal, "the caller's nonce", || {
            seal(&aead::AES_256_GCM).map(drop)
        }),
        control(Service::Tls12Prf, "master secret", || prf(b"master secret")),
        // Why there are exceptions.
        control(Service::Tls12Prf, "key expansion", || prf(b"key expansion")),
        control(Service::Tls12Prf, "client finished", || {
            prf(b"client finished")
        }),
        control(Service::Tls12Prf, "server finished", || {
            prf(b"server finished")
        }),
    ]
}

fn less_safe(algorithm: &'static aead::Algorithm) -> aead::LessSafeKey {
    let key = &[7; 32][..algorithm.key_len()];
    aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).unwrap())
}

fn nonce() -> aead::Nonce {
    aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
}

fn seal(algorithm: &'static aead::Algorithm) -> Result<Vec<u8>, Unspecified> {
    let mut data = b"data".to_vec();
    less_safe(algorithm).seal_in_place_append_tag(nonce(), aead::Aad::empty(), &mut data)?;
    Ok(data)
}

fn open(algorithm: &'static aead::Algorithm) -> Result<(), Unspecified> {
    let mut sealed = seal(algorithm)?;
    let plain = less_safe(algorithm).open_in_place(nonce(), aead::Aad::empty(), &mut sealed)?;
    if plain == b"data" {
        Ok(())
    } else {
        Err(Unspecified)
    }
}

#[test]
fn discriminants_index_the_ledger() {
    for (index, service) in Service::ALL.into_iter().enumerate() {
        assert_eq!(service as usize, index, "{service}");
    }
}

#[test]
fn every_service_drops_what_the_indicator_does_not_approve() {
    let mut controlled = BTreeSet::new();
    for Control {
        service,
        name,
        call,
    } in controls()
    {
        let ledger = Ledger::new();
        let answer = ledger.record(|| observe(service, call));
        assert_eq!(
            answer,
            Err(Error::NotApproved { service }),
            "{service}, {name}"
        );
        let count = Count {
            dropped: 1,
            ..Count::default()
        };
        let summary = ledger.summary();
        assert_eq!(summary.services(), [LedgerRow { service, count }], "{name}");
        assert!(!summary.approved_only(), "{name}");
        controlled.insert(service);
    }
    for service in Service::ALL {
        assert!(
            controlled.contains(&service),
            "{service} has no control: add a call of its family that is not approved to controls()"
        );
    }
}

/// What the indicator calls approved and the policy does not take: only our guards, and the
/// names that do not exist here, keep these out.
#[test]
fn the_indicator_alone_would_let_these_through() {
    let approved = |call: &dyn Fn()| {
        let before = counter();
        call();
        counter() - before
    };
    let hmac = |key: &[u8]| {
        let _ = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"data");
    };
    for (name, times) in [
        (
            "SHA-1",
            approved(&|| {
                let _ = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, b"data");
            }),
        ),
        (
            "HMAC with SHA-1",
            approved(&|| {
                let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
                let _ = hmac::sign(&hmac::Key::new(algorithm, &[7; 32]), b"data");
            }),
        ),
        ("HMAC, 40-bit key", approved(&|| hmac(&[7; 5]))),
        ("HMAC, empty key", approved(&|| hmac(&[]))),
    ] {
        assert_eq!(times, 1, "{name}");
    }

    // On raw bytes the parsing counts, so that a bad signature would read approved.
    let algorithm = &lc_signature::ECDSA_P256_SHA256_ASN1;
    let key = lc_signature::EcdsaKeyPair::generate(&lc_signature::ECDSA_P256_SHA256_ASN1_SIGNING)
        .unwrap();
    let signature = key.sign(&SystemRandom::new(), b"message").unwrap();
    let raw = lc_signature::UnparsedPublicKey::new(algorithm, key.public_key().as_ref());
    let parsed = lc_signature::ParsedPublicKey::new(algorithm, key.public_key().as_ref()).unwrap();
    let bad = |answer: Result<(), Unspecified>| assert!(answer.is_err());
    assert_ne!(
        approved(&|| bad(raw.verify(b"other", signature.as_ref()))),
        0
    );
    assert_eq!(
        approved(&|| bad(parsed.verify_sig(b"other", signature.as_ref()))),
        0
    );
}

#[test]
fn a_scope_ends_with_its_call_also_when_it_panics() {
    let one = || {
        observe(Service::Digest, || {
            Ok::<_, ()>(digest::digest(&digest::SHA256, b""))
        })
    };
    let (outer, inner) = (Ledger::new(), Ledger::new());
    outer.record(|| {
        one().unwrap();
        inner.record(|| one().unwrap());
        // Entered again inside itself: still once per call.
        inner.record(|| inner.clone().record(|| one().unwrap()));
        let panicked = std::panic::catch_unwind(|| inner.record(|| panic!("on purpose")));
        assert!(panicked.is_err());
        one().unwrap();
    });
    one().unwrap();
    let approved = |ledger: &Ledger| ledger.summary().total().approved;
    assert_eq!((approved(&outer), approved(&inner)), (4, 2));

    // Another thread has scopes of its own.
    outer.record(|| std::thread::scope(|threads| threads.spawn(one).join().unwrap().unwrap()));
    assert_eq!(approved(&outer), 4);
}

/// Polled by hand: no executor's help is needed.
#[test]
fn only_what_happens_inside_a_poll_counts() {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let one = || observe(Service::Random, || rand::fill(&mut [0; 8])).unwrap();
    let mut polls = 0;
    let future = std::future::poll_fn(|_| {
        one();
        polls += 1;
        match polls {
            3 => Poll::Ready(polls),
            _ => Poll::Pending,
        }
    });
    let (outer, inner) = (Ledger::new(), Ledger::new());
    let mut future = pin!(outer.recorded(inner.recorded(future)));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        assert!(future.as_mut().poll(&mut context).is_pending());
        one();
    }
    assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(3));
    for ledger in [outer, inner] {
        assert_eq!(ledger.summary().total().approved, 3);
    }
}

#[cfg(feature = "evaluation")]
mod wrappers;
