use fips_core::verification as core;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};

use crate::policy::{Profile, PublicKey, Scheme};

type Algorithms = Vec<&'static dyn SignatureVerificationAlgorithm>;

/// What a peer may sign with, in the order of the profile's rows.
///
/// Certificates are judged by `all`: each curve with the hash of its strength. Under TLS 1.3
/// the first entry of a scheme counts, under TLS 1.2 any: there ECDSA's code points name the
/// hash alone (RFC 5246 §7.4.1.4.1), so that a curve may come with a stronger hash
/// (FIPS 186-5 §6.1.1). A weaker one has no entry, nor has a curve the profile does not take.
pub(super) fn algorithms(profile: &Profile) -> WebPkiSupportedAlgorithms {
    let all: Algorithms = Scheme::ALL
        .into_iter()
        .filter(|scheme| profile.accepts_scheme(*scheme))
        .map(|scheme| candidates(scheme)[0])
        .collect();
    let mapping: Vec<_> = profile
        .schemes()
        .iter()
        .map(|row| {
            let fitting: Algorithms = candidates(row.value)
                .into_iter()
                .filter(|candidate| takes_key_of(profile, candidate.public_key_alg_id()))
                .collect();
            (row.value.rustls(), &*fitting.leak())
        })
        .collect();
    WebPkiSupportedAlgorithms {
        all: all.leak(),
        mapping: mapping.leak(),
    }
}

/// The algorithms of a scheme, its own curve first.
fn candidates(scheme: Scheme) -> Algorithms {
    match scheme {
        Scheme::EcdsaP256Sha256 => vec![core::ECDSA_P256_SHA256],
        Scheme::EcdsaP384Sha384 => vec![core::ECDSA_P384_SHA384, core::ECDSA_P256_SHA384],
        Scheme::EcdsaP521Sha512 => vec![
            core::ECDSA_P521_SHA512,
            core::ECDSA_P256_SHA512,
            core::ECDSA_P384_SHA512,
        ],
        Scheme::RsaPkcs1Sha256 => vec![core::RSA_PKCS1_SHA256],
        Scheme::RsaPkcs1Sha384 => vec![core::RSA_PKCS1_SHA384],
        Scheme::RsaPkcs1Sha512 => vec![core::RSA_PKCS1_SHA512],
        Scheme::RsaPssSha256 => vec![core::RSA_PSS_SHA256],
        Scheme::RsaPssSha384 => vec![core::RSA_PSS_SHA384],
        Scheme::RsaPssSha512 => vec![core::RSA_PSS_SHA512],
    }
}

/// Whether the profile has a rule for keys of this kind; an RSA key's size is judged with its
/// certificate.
fn takes_key_of(profile: &Profile, key: AlgorithmIdentifier) -> bool {
    let key = match key {
        alg_id::ECDSA_P256 => PublicKey::EcdsaP256,
        alg_id::ECDSA_P384 => PublicKey::EcdsaP384,
        alg_id::ECDSA_P521 => PublicKey::EcdsaP521,
        _ => PublicKey::Rsa { bits: u32::MAX },
    };
    profile.accepts_key(&key)
}
