//! Signature verification (FIPS 186-5), also as webpki's [`SignatureVerificationAlgorithm`].
//!
//! These look only and need no open gate. RSA keys under 2048 bits, SHA-1, compressed points
//! and every pairing of curve and hash that the TLS policy does not list have no entry.

use aws_lc_rs::signature as lc;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};

use crate::error::{Error, Guard};
use crate::indicator::{self, Service};
use crate::signing::Scheme;

/// ECDSA, P-256 and SHA-256.
pub static ECDSA_P256_SHA256: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::EcdsaP256Sha256,
    public_key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA256,
};

/// ECDSA, P-384 and SHA-384.
pub static ECDSA_P384_SHA384: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::EcdsaP384Sha384,
    public_key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA384,
};

/// ECDSA, P-521 and SHA-512.
pub static ECDSA_P521_SHA512: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::EcdsaP521Sha512,
    public_key: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA512,
};

/// RSASSA-PKCS1-v1_5, 2048 to 8192 bits, SHA-256.
pub static RSA_PKCS1_SHA256: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::RsaPkcs1Sha256,
    public_key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA256,
};

/// RSASSA-PKCS1-v1_5, 2048 to 8192 bits, SHA-384.
pub static RSA_PKCS1_SHA384: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::RsaPkcs1Sha384,
    public_key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA384,
};

/// RSASSA-PKCS1-v1_5, 2048 to 8192 bits, SHA-512.
pub static RSA_PKCS1_SHA512: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::RsaPkcs1Sha512,
    public_key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PKCS1_SHA512,
};

/// RSASSA-PSS, 2048 to 8192 bits, SHA-256.
pub static RSA_PSS_SHA256: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::RsaPssSha256,
    public_key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA256,
};

/// RSASSA-PSS, 2048 to 8192 bits, SHA-384.
pub static RSA_PSS_SHA384: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::RsaPssSha384,
    public_key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA384,
};

/// RSASSA-PSS, 2048 to 8192 bits, SHA-512.
pub static RSA_PSS_SHA512: &dyn SignatureVerificationAlgorithm = &Algorithm {
    scheme: Scheme::RsaPssSha512,
    public_key: alg_id::RSA_ENCRYPTION,
    signature: alg_id::RSA_PSS_SHA512,
};

/// ECDSA, P-256 and SHA-384: TLS 1.2 handshakes alone, whose code points name no curve
/// (RFC 5246 §7.4.1.4.1). A hash stronger than the curve is allowed (FIPS 186-5 §6.1.1).
pub static ECDSA_P256_SHA384: &dyn SignatureVerificationAlgorithm = &StrongerHash {
    algorithm: &lc::ECDSA_P256_SHA384_ASN1,
    public_key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA384,
};

/// ECDSA, P-256 and SHA-512: as [`ECDSA_P256_SHA384`].
pub static ECDSA_P256_SHA512: &dyn SignatureVerificationAlgorithm = &StrongerHash {
    algorithm: &lc::ECDSA_P256_SHA512_ASN1,
    public_key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA512,
};

/// ECDSA, P-384 and SHA-512: as [`ECDSA_P256_SHA384`].
pub static ECDSA_P384_SHA512: &dyn SignatureVerificationAlgorithm = &StrongerHash {
    algorithm: &lc::ECDSA_P384_SHA512_ASN1,
    public_key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA512,
};

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

/// Verifies `signature` over `message` under `public_key`, which has the form of
/// [`PrivateKey::public_key`](crate::signing::PrivateKey::public_key).
///
/// # Errors
///
/// [`Guard::PointForm`]; [`Error::Module`] for a bad key or signature;
/// [`Error::NotApproved`].
pub fn verify(
    scheme: Scheme,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let (service, algorithm): (_, &'static dyn lc::VerificationAlgorithm) = match scheme {
        Scheme::EcdsaP256Sha256 => (Service::EcdsaVerify, &lc::ECDSA_P256_SHA256_ASN1),
        Scheme::EcdsaP384Sha384 => (Service::EcdsaVerify, &lc::ECDSA_P384_SHA384_ASN1),
        Scheme::EcdsaP521Sha512 => (Service::EcdsaVerify, &lc::ECDSA_P521_SHA512_ASN1),
        Scheme::RsaPkcs1Sha256 => (Service::RsaVerify, &lc::RSA_PKCS1_2048_8192_SHA256),
        Scheme::RsaPkcs1Sha384 => (Service::RsaVerify, &lc::RSA_PKCS1_2048_8192_SHA384),
        Scheme::RsaPkcs1Sha512 => (Service::RsaVerify, &lc::RSA_PKCS1_2048_8192_SHA512),
        Scheme::RsaPssSha256 => (Service::RsaVerify, &lc::RSA_PSS_2048_8192_SHA256),
        Scheme::RsaPssSha384 => (Service::RsaVerify, &lc::RSA_PSS_2048_8192_SHA384),
        Scheme::RsaPssSha512 => (Service::RsaVerify, &lc::RSA_PSS_2048_8192_SHA512),
    };
    verify_with(service, algorithm, public_key, message, signature)
}

fn verify_with(
    service: Service,
    algorithm: &'static dyn lc::VerificationAlgorithm,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    if service == Service::EcdsaVerify && public_key.first() != Some(&0x04) {
        return Err(Error::Guard {
            service,
            guard: Guard::PointForm,
        });
    }
    // Parsed outside of the observed call: on raw bytes the indicator also counts the
    // parsing, and would call a bad signature approved.
    let key =
        lc::ParsedPublicKey::new(algorithm, public_key).map_err(|_| Error::Module { service })?;
    indicator::observe(service, || key.verify_sig(message, signature))
}

#[derive(Debug)]
struct Algorithm {
    scheme: Scheme,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        verify(self.scheme, public_key, message, signature).map_err(|_| InvalidSignature)
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

/// A curve with a hash stronger than its own: verified, never signed, and no [`Scheme`].
#[derive(Debug)]
struct StrongerHash {
    algorithm: &'static lc::EcdsaVerificationAlgorithm,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for StrongerHash {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        verify_with(
            Service::EcdsaVerify,
            self.algorithm,
            public_key,
            message,
            signature,
        )
        .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }

    fn fips(&self) -> bool {
        true
    }
}
