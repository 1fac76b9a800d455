//! One bit of the module changes in the memory of a running process, this one: the next
//! self-test sees it, and nothing is answered any more.
//!
//! A process of its own, since the failure stands for as long as the process lives.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use fips_core::agreement::{Curve, EphemeralKey};
use fips_core::digest::{self, Algorithm};
use fips_core::record::{Cipher, NONCE_LEN, Opener, Protocol, Sealer};
use fips_core::seal::SealingKey;
use fips_core::signing::{KeyAlgorithm, PrivateKey, Scheme};
use fips_core::tls12_prf::{self, EXTENDED_MASTER_SECRET};
use fips_core::{
    Boundary, Diagnostic, Error, Requirements, SelfTest, hkdf, hmac, indicator, random,
    verification,
};
use object::{Object, ObjectKind, ObjectSymbol};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A function inside the module that nothing here calls.
const UNUSED: &str = "MD4_Transform";

/// Its address in this process.
fn address() -> u64 {
    let path = fs::read_link("/proc/self/exe").unwrap();
    let file = fs::read(&path).unwrap();
    let elf = object::File::parse(&*file).unwrap();
    let symbol = |name: &str| {
        elf.symbols()
            .find(|symbol| symbol.name().is_ok_and(|found| found.ends_with(name)))
            .unwrap_or_else(|| panic!("no symbol {name}"))
            .address()
    };
    let address = symbol(UNUSED);
    let module = symbol("BORINGSSL_bcm_text_start")..symbol("BORINGSSL_bcm_text_end");
    assert!(module.contains(&address), "{UNUSED} lies in the module");
    let base = match elf.kind() {
        ObjectKind::Executable => 0,
        _ => {
            let maps = fs::read_to_string("/proc/self/maps").unwrap();
            let first = maps
                .lines()
                .find(|line| line.ends_with(&*path.to_string_lossy()))
                .expect("this program is mapped");
            u64::from_str_radix(first.split('-').next().unwrap(), 16).unwrap()
        }
    };
    base + address
}

fn flip_a_bit() {
    let memory = File::options()
        .read(true)
        .write(true)
        .open("/proc/self/mem")
        .unwrap();
    let (mut byte, address) = ([0], address());
    memory.read_exact_at(&mut byte, address).unwrap();
    byte[0] ^= 1;
    memory
        .write_all_at(&byte, address)
        .expect("this kernel lets a process write to its own text (proc_mem.force_override)");
}

fn closed<T: std::fmt::Debug>(answer: Result<T, Error>) {
    let expected = Error::SelfTestFailed {
        test: SelfTest::Integrity,
    };
    assert_eq!(answer.unwrap_err(), expected);
}

#[test]
fn nothing_is_answered_after_a_failed_self_test() {
    let requirements = Requirements::strict();
    let boundary = Boundary::enter_for_evaluation(requirements).unwrap();
    let diagnostic = Diagnostic::new().unwrap();
    let scheme = Scheme::EcdsaP256Sha256;
    let key = PrivateKey::generate(&boundary, KeyAlgorithm::EcdsaP256).unwrap();
    let signature = key.sign(scheme, b"message").unwrap();
    let der = key.to_pkcs8().unwrap();
    let ephemeral = EphemeralKey::generate(Curve::P256).unwrap();
    let peer = EphemeralKey::generate(Curve::P256)
        .unwrap()
        .public_key()
        .to_vec();
    let prk = hkdf::Prk::extract(Algorithm::Sha256, &[0; 32], b"secret").unwrap();
    let mac = hmac::Key::new(Algorithm::Sha256, &[7; 32]).unwrap();
    let mut hash = digest::Context::new(Algorithm::Sha256);
    hash.update(b"message");
    let sealing = SealingKey::generate(&boundary).unwrap();
    let sealed = sealing.seal(b"", b"plain").unwrap();
    let (protocol, cipher) = (Protocol::Tls13, Cipher::Aes256Gcm);
    let mut sealer = Sealer::new(protocol, cipher, &[5; 32]).unwrap();
    let opener = Opener::new(protocol, cipher, &[5; 32]).unwrap();
    let mut record = b"record".to_vec();
    let tag = sealer.seal([0; NONCE_LEN], b"", &mut record).unwrap();
    record.extend(tag);
    boundary.self_test().unwrap();
    let runs = boundary.status().self_tests().runs;

    flip_a_bit();
    // Nobody has looked yet.
    random::bytes::<8>().unwrap();
    boundary.still_open().unwrap();

    closed(boundary.self_test());
    let tests = boundary.status().self_tests();
    assert_eq!(tests.runs, runs + 1);
    let integrity = tests.last.unwrap().tests[0];
    assert_eq!(
        (integrity.test, integrity.passed),
        (SelfTest::Integrity, false)
    );

    // Every service, with keys that were made before.
    let before = indicator::ledger();
    closed(boundary.still_open());
    closed(random::bytes::<8>());
    closed(key.sign(scheme, b"message"));
    closed(verification::verify(
        scheme,
        key.public_key(),
        b"message",
        &signature,
    ));
    closed(ephemeral.agree(&peer));
    closed(prk.expand(&[b"info"], &mut [0; 32]));
    closed(mac.sign(&[b"message"]));
    closed(hash.finish());
    closed(sealing.seal(b"", b"plain"));
    closed(sealing.open(b"", &sealed));
    closed(sealer.seal(
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        b"",
        &mut record.clone(),
    ));
    closed(opener.open([0; NONCE_LEN], b"", &mut record));
    for label in [EXTENDED_MASTER_SECRET, b"key expansion"] {
        closed(tls12_prf::derive(
            Algorithm::Sha256,
            &[1; 48],
            label,
            b"",
            &mut [0; 48],
        ));
    }
    // Every root.
    closed(PrivateKey::generate(&boundary, KeyAlgorithm::Rsa2048));
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(&der[..]));
    closed(PrivateKey::from_der(&boundary, &der));
    closed(SealingKey::from_bytes(&boundary, &[6; 32]));
    closed(EphemeralKey::generate(Curve::P384));
    closed(Sealer::new(protocol, cipher, &[5; 32]));
    closed(Opener::new(protocol, cipher, &[5; 32]));
    closed(hkdf::Prk::extract(Algorithm::Sha256, &[0; 32], b"secret"));
    closed(diagnostic.digest(Algorithm::Sha256, b"x"));
    assert_eq!(indicator::ledger(), before, "the module was called");

    // For good, even when the memory is right again: nothing is tested any more.
    flip_a_bit();
    closed(boundary.self_test());
    closed(diagnostic.self_test());
    assert_eq!(boundary.status().self_tests().runs, runs + 1);
    let refusal = Boundary::enter_for_evaluation(requirements).unwrap_err();
    let failed: Vec<_> = refusal.failed().collect();
    assert_eq!(failed.len(), 1, "{refusal}");
    assert_eq!(failed[0].id, "integrity.hmac");
    assert!(failed[0].mend.contains("start it again"), "{refusal}");
    let examined = Boundary::examine_for_evaluation(requirements);
    assert!(examined.refused(), "{examined}");

    let evidence = boundary.evidence();
    assert!(!evidence.open && evidence.refused());
    let closed = "closed for good: integrity.hmac failed";
    assert!(evidence.sentence.contains(closed), "{}", evidence.sentence);
}
