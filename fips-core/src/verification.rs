//! Signature verification (FIPS 186-5), also as webpki's [`SignatureVerificationAlgorithm`].
//!
//! These look only and need no open gate. RSA keys under 2048 bits, SHA-1, compressed points
//! and every pairing of curve and hash that the TLS policy does not list have no entry.

use std::fmt;

use aws_lc_rs::signature as lc;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};

use crate::error::{Error, Guard};
use crate::indicator::{self, Service};
use crate::signing::Scheme;

/// ECDSA, P-256 and SHA-256.
pub static ECDSA_P256_SHA256: &dyn SignatureVerificationAlgorithm = &P256_SHA256;
static P256_SHA256: Algorithm = ecdsa(
    &lc::ECDSA_P256_SHA256_ASN1,
    alg_id::ECDSA_P256,
    alg_id::ECDSA_SHA256,
);

/// ECDSA, P-384 and SHA-384.
pub static ECDSA_P384_SHA384: &dyn SignatureVerificationAlgorithm = &P384_SHA384;
static P384_SHA384: Algorithm = ecdsa(
    &lc::ECDSA_P384_SHA384_ASN1,
    alg_id::ECDSA_P384,
    alg_id::ECDSA_SHA384,
);

/// ECDSA, P-521 and SHA-512.
pub static ECDSA_P521_SHA512: &dyn SignatureVerificationAlgorithm = &P521_SHA512;
static P521_SHA512: Algorithm = ecdsa(
    &lc::ECDSA_P521_SHA512_ASN1,
    alg_id::ECDSA_P521,
    alg_id::ECDSA_SHA512,
);

/// RSASSA-PKCS1-v1_5, 2048 to 8192 bits, SHA-256.
pub static RSA_PKCS1_SHA256: &dyn SignatureVerificationAlgorithm = &PKCS1_SHA256;
static PKCS1_SHA256: Algorithm = rsa(&lc::RSA_PKCS1_2048_8192_SHA256, alg_id::RSA_PKCS1_SHA256);

/// RSASSA-PKCS1-v1_5, 2048 to 8192 bits, SHA-384.
pub static RSA_PKCS1_SHA384: &dyn SignatureVerificationAlgorithm = &PKCS1_SHA384;
static PKCS1_SHA384: Algorithm = rsa(&lc::RSA_PKCS1_2048_8192_SHA384, alg_id::RSA_PKCS1_SHA384);

/// RSASSA-PKCS1-v1_5, 2048 to 8192 bits, SHA-512.
pub static RSA_PKCS1_SHA512: &dyn SignatureVerificationAlgorithm = &PKCS1_SHA512;
static PKCS1_SHA512: Algorithm = rsa(&lc::RSA_PKCS1_2048_8192_SHA512, alg_id::RSA_PKCS1_SHA512);

/// RSASSA-PSS, 2048 to 8192 bits, SHA-256.
pub static RSA_PSS_SHA256: &dyn SignatureVerificationAlgorithm = &PSS_SHA256;
static PSS_SHA256: Algorithm = rsa(&lc::RSA_PSS_2048_8192_SHA256, alg_id::RSA_PSS_SHA256);

/// RSASSA-PSS, 2048 to 8192 bits, SHA-384.
pub static RSA_PSS_SHA384: &dyn SignatureVerificationAlgorithm = &PSS_SHA384;
static PSS_SHA384: Algorithm = rsa(&lc::RSA_PSS_2048_8192_SHA384, alg_id::RSA_PSS_SHA384);

/// RSASSA-PSS, 2048 to 8192 bits, SHA-512.
pub static RSA_PSS_SHA512: &dyn SignatureVerificationAlgorithm = &PSS_SHA512;
static PSS_SHA512: Algorithm = rsa(&lc::RSA_PSS_2048_8192_SHA512, alg_id::RSA_PSS_SHA512);

/// ECDSA, P-256 and SHA-384: TLS 1.2 handshakes alone, whose code points name no curve
/// (RFC 5246 §7.4.1.4.1). A hash stronger than the curve is allowed (FIPS 186-5 §6.1.1).
pub static ECDSA_P256_SHA384: &dyn SignatureVerificationAlgorithm = &P256_SHA384;
static P256_SHA384: Algorithm = ecdsa(
    &lc::ECDSA_P256_SHA384_ASN1,
    alg_id::ECDSA_P256,
    alg_id::ECDSA_SHA384,
);

/// ECDSA, P-256 and SHA-512: as [`ECDSA_P256_SHA384`].
pub static ECDSA_P256_SHA512: &dyn SignatureVerificationAlgorithm = &P256_SHA512;
static P256_SHA512: Algorithm = ecdsa(
    &lc::ECDSA_P256_SHA512_ASN1,
    alg_id::ECDSA_P256,
    alg_id::ECDSA_SHA512,
);

/// ECDSA, P-384 and SHA-512: as [`ECDSA_P256_SHA384`].
pub static ECDSA_P384_SHA512: &dyn SignatureVerificationAlgorithm = &P384_SHA512;
static P384_SHA512: Algorithm = ecdsa(
    &lc::ECDSA_P384_SHA512_ASN1,
    alg_id::ECDSA_P384,
    alg_id::ECDSA_SHA512,
);

/// Every algorithm, for verifiers of certificate chains.
pub static ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    ECDSA_P256_SHA256,
    ECDSA_P384_SHA384,
    ECDSA_P521_SHA512,
    RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512,
    RSA_PSS_SHA256,
    RSA_PSS_SHA384,
    RSA_PSS_SHA512,
];

/// All of this module, those of TLS 1.2 handshakes too.
static OWN: [&Algorithm; 12] = [
    &P256_SHA256,
    &P256_SHA384,
    &P256_SHA512,
    &P384_SHA384,
    &P384_SHA512,
    &P521_SHA512,
    &PKCS1_SHA256,
    &PKCS1_SHA384,
    &PKCS1_SHA512,
    &PSS_SHA256,
    &PSS_SHA384,
    &PSS_SHA512,
];

/// Verifies `signature` over `message` under `public_key`, which has the form of
/// [`PrivateKey::public_key`](crate::signing::PrivateKey::public_key).
///
/// # Errors
///
/// [`Guard::PointForm`]; [`Guard::KeyRefused`] for an RSA key under 2048 bits; [`Error::Module`]
/// for a bad key or signature; [`Error::NotApproved`].
pub fn verify(
    scheme: Scheme,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let algorithm = match scheme {
        Scheme::EcdsaP256Sha256 => &P256_SHA256,
        Scheme::EcdsaP384Sha384 => &P384_SHA384,
        Scheme::EcdsaP521Sha512 => &P521_SHA512,
        Scheme::RsaPkcs1Sha256 => &PKCS1_SHA256,
        Scheme::RsaPkcs1Sha384 => &PKCS1_SHA384,
        Scheme::RsaPkcs1Sha512 => &PKCS1_SHA512,
        Scheme::RsaPssSha256 => &PSS_SHA256,
        Scheme::RsaPssSha384 => &PSS_SHA384,
        Scheme::RsaPssSha512 => &PSS_SHA512,
    };
    algorithm.verify(public_key, message, signature)
}

/// Whether an RSA public exponent, big-endian, is odd and between 2^16 and 2^256 (FIPS 186-5
/// §5.1). The module verifies with others too, and calls that approved: who reads a peer's key
/// asks here.
pub fn is_allowed_exponent(exponent: &[u8]) -> bool {
    let Some(first) = exponent.iter().position(|byte| *byte != 0) else {
        return false;
    };
    let significant = &exponent[first..];
    let bits = 8 * significant.len() - significant[0].leading_zeros() as usize;
    exponent.last().is_some_and(|last| last & 1 == 1) && (17..=256).contains(&bits)
}

#[derive(Debug)]
struct Algorithm {
    service: Service,
    algorithm: &'static dyn lc::VerificationAlgorithm,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

const fn ecdsa(
    algorithm: &'static lc::EcdsaVerificationAlgorithm,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
) -> Algorithm {
    Algorithm {
        service: Service::EcdsaVerify,
        algorithm,
        public_key,
        signature,
    }
}

const fn rsa(algorithm: &'static lc::RsaParameters, signature: AlgorithmIdentifier) -> Algorithm {
    Algorithm {
        service: Service::RsaVerify,
        algorithm,
        public_key: alg_id::RSA_ENCRYPTION,
        signature,
    }
}

/// A public key that is parsed once and verifies many signatures with one algorithm.
///
/// For a peer that comes back: parsing, with the module's look whether the point lies on its
/// curve, is a good part of a verification.
pub struct ParsedPublicKey {
    service: Service,
    key: lc::ParsedPublicKey,
}

impl ParsedPublicKey {
    /// Parses `public_key` (of the form of
    /// [`PrivateKey::public_key`](crate::signing::PrivateKey::public_key)) for `algorithm`, one
    /// of this module's.
    ///
    /// # Errors
    ///
    /// As [`verify`], but for signatures; [`Guard::KeyRefused`] for an algorithm of another
    /// crate.
    pub fn new(
        algorithm: &dyn SignatureVerificationAlgorithm,
        public_key: &[u8],
    ) -> Result<Self, Error> {
        let ids = |algorithm: &dyn SignatureVerificationAlgorithm| {
            (algorithm.public_key_alg_id(), algorithm.signature_alg_id())
        };
        let wanted = ids(algorithm);
        OWN.iter()
            .find(|own| ids(**own) == wanted)
            .ok_or(Error::Guard {
                service: Service::EcdsaVerify,
                guard: Guard::KeyRefused(
                    "the signature algorithm is none of this boundary's: take one of its \
                     constants",
                ),
            })?
            .parse(public_key)
    }

    /// Verifies `signature` over `message`.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] for a bad signature; [`Error::NotApproved`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        indicator::observe(self.service, || self.key.verify_sig(message, signature))
    }
}

impl fmt::Debug for ParsedPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedPublicKey")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Algorithm {
    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.parse(public_key)?.verify(message, signature)
    }

    fn parse(&self, public_key: &[u8]) -> Result<ParsedPublicKey, Error> {
        let service = self.service;
        if service == Service::EcdsaVerify && public_key.first() != Some(&0x04) {
            return Err(Error::Guard {
                service,
                guard: Guard::PointForm,
            });
        }
        // The modulus alone has 256 bytes. What the headers hide from this, some 60 bits, fails at
        // the algorithm's own bound.
        if service == Service::RsaVerify && public_key.len() <= 256 {
            return Err(Error::Guard {
                service,
                guard: Guard::KeyRefused(
                    "RSA key under 2048 bits: have the peer use one of 2048 bits or more \
                     (SP 800-131Ar2 §3)",
                ),
            });
        }
        // Parsed outside of the observed call: on raw bytes the indicator also counts the
        // parsing, and would call a bad signature approved.
        let key = lc::ParsedPublicKey::new(self.algorithm, public_key)
            .map_err(|_| Error::Module { service })?;
        Ok(ParsedPublicKey { service, key })
    }
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        self.verify(public_key, message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }

    fn fips(&self) -> bool {
        // Approved algorithms of the module; how the gate was opened is the status's matter.
        true
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::signing::{KeyAlgorithm, PrivateKey};
    use crate::{Boundary, Requirements};

    #[test]
    fn only_uncompressed_points_are_taken() {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let key = PrivateKey::generate(&boundary, KeyAlgorithm::EcdsaP256).unwrap();
        let scheme = Scheme::EcdsaP256Sha256;
        let signature = key.sign(scheme, b"message").unwrap();
        let point = key.public_key();
        verify(scheme, point, b"message", &signature).unwrap();

        let mut compressed = vec![0x02 | (point[64] & 1)];
        compressed.extend(&point[1..33]);
        let mut hybrid = point.to_vec();
        hybrid[0] = 0x06 | (point[64] & 1);
        for form in [&compressed[..], &hybrid, &[0x00], &[]] {
            let error = verify(scheme, form, b"message", &signature).unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Guard {
                        guard: Guard::PointForm,
                        ..
                    }
                ),
                "{form:02x?}: {error}"
            );
        }
        // Uncompressed in form, and not on the curve.
        let mut outside = point.to_vec();
        outside[64] ^= 1;
        assert!(matches!(
            verify(scheme, &outside, b"message", &signature),
            Err(Error::Module { .. })
        ));
    }

    #[test]
    fn exponents_on_both_sides() {
        for allowed in [&[1, 0, 1][..], &[0, 1, 0, 1], &[0xff; 32]] {
            assert!(is_allowed_exponent(allowed), "{allowed:?}");
        }
        // None, 0, 3, 65535, an even one, 2^256 + 1.
        let mut large = [0; 33];
        (large[0], large[32]) = (1, 1);
        for refused in [&[][..], &[0], &[3], &[0xff, 0xff], &[1, 0, 0], &large] {
            assert!(!is_allowed_exponent(refused), "{refused:?}");
        }
    }

    #[test]
    fn rsa_keys_under_2048_bits_are_refused_before_the_module() {
        let answer = |len| verify(Scheme::RsaPssSha256, &vec![0; len], b"", b"").unwrap_err();
        for len in [0, 140, 256] {
            assert!(
                matches!(
                    answer(len),
                    Error::Guard {
                        guard: Guard::KeyRefused(_),
                        ..
                    }
                ),
                "{len}"
            );
        }
        assert!(matches!(answer(257), Error::Module { .. }));
    }
}
