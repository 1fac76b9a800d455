//! In a process that has not entered, nothing that makes a secret works.

use fips_core::agreement::{Curve, EphemeralKey};
use fips_core::digest::Algorithm;
use fips_core::kem::{self, DecapsulationKey, ParameterSet};
use fips_core::record::{Cipher, Opener, Protocol, Sealer};
use fips_core::tls12_prf::{EXTENDED_MASTER_SECRET, derive};
use fips_core::{Diagnostic, Error, hkdf, hmac, pbkdf2, random};

fn closed<T: std::fmt::Debug>(answer: Result<T, Error>) {
    assert!(
        matches!(answer, Err(Error::GateClosed { .. })),
        "{answer:?}"
    );
}

#[test]
fn leaf_services_that_make_secrets_are_closed() {
    closed(random::bytes::<16>());
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        closed(EphemeralKey::generate(curve));
    }
    for parameters in [ParameterSet::MlKem1024, ParameterSet::MlKem768] {
        closed(DecapsulationKey::generate(parameters));
        let key = vec![0; parameters.encapsulation_key_len()];
        closed(kem::encapsulate(parameters, &key));
    }
    closed(pbkdf2::derive(
        Algorithm::Sha256,
        &[1; 14],
        &[2; 16],
        1000,
        32,
    ));
    closed(pbkdf2::derive_new(Algorithm::Sha256, &[1; 14], 1000, 32));
    closed(hkdf::Prk::extract(Algorithm::Sha256, &[0; 32], b"x"));
    closed(hkdf::Prk::from_bytes(Algorithm::Sha256, &[1; 32]));
    for label in [EXTENDED_MASTER_SECRET, b"key expansion"] {
        closed(derive(
            Algorithm::Sha256,
            &[1; 48],
            label,
            b"x",
            &mut [0; 48],
        ));
    }
    for protocol in [Protocol::Tls12, Protocol::Tls13] {
        for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
            closed(Sealer::new(protocol, cipher, &[1; 32][..cipher.key_len()]));
            closed(Opener::new(protocol, cipher, &[1; 32][..cipher.key_len()]));
        }
    }
}

#[test]
fn looking_needs_no_gate() {
    let diagnostic = Diagnostic::new().unwrap();
    assert_eq!(
        diagnostic
            .digest(Algorithm::Sha256, b"x")
            .unwrap()
            .as_ref()
            .len(),
        32
    );
    let tag = diagnostic.mac(Algorithm::Sha256, &[1; 32], b"x").unwrap();
    diagnostic
        .verify_mac(Algorithm::Sha256, &[1; 32], b"x", tag.as_ref())
        .unwrap();
    assert!(
        diagnostic
            .verify_mac(Algorithm::Sha256, &[2; 32], b"x", tag.as_ref())
            .is_err()
    );
    hmac::Key::new(Algorithm::Sha256, &[1; 32]).unwrap();
}
