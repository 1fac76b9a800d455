//! Private keys that sign: ECDSA on P-256, P-384, P-521 and RSA 2048, 3072, 4096 (FIPS 186-5).

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use zeroize::Zeroizing;

use crate::boundary::Boundary;
use crate::error::{Error, Guard};
use crate::indicator::{self, Service};

/// Kind and size of a key: those the module's certificate lists as tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
}

impl KeyAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// The name in reports, such as `ECDSA P-256` or `RSA 2048`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::EcdsaP521 => "ECDSA P-521",
            Self::Rsa2048 => "RSA 2048",
            Self::Rsa3072 => "RSA 3072",
            Self::Rsa4096 => "RSA 4096",
        }
    }

    /// Whether this is an RSA key.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// The schemes a key of this algorithm signs with, most wanted first.
    ///
    /// An elliptic key signs with the hash of its strength alone.
    pub const fn schemes(self) -> &'static [Scheme] {
        match self {
            Self::EcdsaP256 => &[Scheme::EcdsaP256Sha256],
            Self::EcdsaP384 => &[Scheme::EcdsaP384Sha384],
            Self::EcdsaP521 => &[Scheme::EcdsaP521Sha512],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[
                Scheme::RsaPssSha256,
                Scheme::RsaPssSha384,
                Scheme::RsaPssSha512,
                Scheme::RsaPkcs1Sha256,
                Scheme::RsaPkcs1Sha384,
                Scheme::RsaPkcs1Sha512,
            ],
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Key type, padding and hash of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// ECDSA, P-256, SHA-256, DER-encoded signature.
    EcdsaP256Sha256,
    /// ECDSA, P-384, SHA-384, DER-encoded signature.
    EcdsaP384Sha384,
    /// ECDSA, P-521, SHA-512, DER-encoded signature.
    EcdsaP521Sha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, salt of the hash's length.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384, salt of the hash's length.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512, salt of the hash's length.
    RsaPssSha512,
}

/// A private key. Its secret lives inside the module and is wiped there when dropped.
pub struct PrivateKey {
    key: Key,
    algorithm: KeyAlgorithm,
}

enum Key {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl PrivateKey {
    /// Makes a key; the module runs its pairwise consistency test on it.
    ///
    /// An RSA key of 4096 bits can take seconds.
    ///
    /// # Errors
    ///
    /// [`Error::Module`]; [`Error::NotApproved`].
    pub fn generate(_: &Boundary, algorithm: KeyAlgorithm) -> Result<Self, Error> {
        let ec = |signing| {
            indicator::observe(Service::EcKeyGeneration, || EcdsaKeyPair::generate(signing))
                .map(Key::Ecdsa)
        };
        let rsa = |size| {
            indicator::observe(Service::RsaKeyGeneration, || RsaKeyPair::generate(size))
                .map(Key::Rsa)
        };
        let key = match algorithm {
            KeyAlgorithm::EcdsaP256 => ec(&lc::ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP384 => ec(&lc::ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyAlgorithm::EcdsaP521 => ec(&lc::ECDSA_P521_SHA512_ASN1_SIGNING),
            KeyAlgorithm::Rsa2048 => rsa(aws_lc_rs::rsa::KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(aws_lc_rs::rsa::KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(aws_lc_rs::rsa::KeySize::Rsa4096),
        }?;
        Ok(Self { key, algorithm })
    }

    /// Reads an unencrypted key: PKCS#8, SEC 1 (RFC 5915) or PKCS#1 (RFC 8017).
    ///
    /// # Errors
    ///
    /// [`Guard::KeyRefused`] for one that does not parse, is not consistent, or is not of
    /// [`KeyAlgorithm::ALL`]; [`Error::SelfTestFailed`].
    pub fn from_der(boundary: &Boundary, der: &PrivateKeyDer<'_>) -> Result<Self, Error> {
        boundary.still_open()?;
        match der {
            PrivateKeyDer::Pkcs1(der) => Self::rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Pkcs8(der) => Self::pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Sec1(der) => Self::ec(|signing| {
                EcdsaKeyPair::from_private_key_der(signing, der.secret_sec1_der())
            })
            .ok_or_else(refused),
            _ => Err(refused()),
        }
    }

    fn pkcs8(der: &[u8]) -> Result<Self, Error> {
        match Self::ec(|signing| EcdsaKeyPair::from_pkcs8(signing, der)) {
            Some(key) => Ok(key),
            None => Self::rsa(RsaKeyPair::from_pkcs8(der)),
        }
    }

    fn ec<E>(
        parse: impl Fn(&'static lc::EcdsaSigningAlgorithm) -> Result<EcdsaKeyPair, E>,
    ) -> Option<Self> {
        [
            (KeyAlgorithm::EcdsaP256, &lc::ECDSA_P256_SHA256_ASN1_SIGNING),
            (KeyAlgorithm::EcdsaP384, &lc::ECDSA_P384_SHA384_ASN1_SIGNING),
            (KeyAlgorithm::EcdsaP521, &lc::ECDSA_P521_SHA512_ASN1_SIGNING),
        ]
        .into_iter()
        .find_map(|(algorithm, signing)| {
            parse(signing).ok().map(|key| Self {
                key: Key::Ecdsa(key),
                algorithm,
            })
        })
    }

    fn rsa<E>(parsed: Result<RsaKeyPair, E>) -> Result<Self, Error> {
        let key = parsed.map_err(|_| refused())?;
        let algorithm = match key.public_modulus_len() {
            256 => KeyAlgorithm::Rsa2048,
            384 => KeyAlgorithm::Rsa3072,
            512 => KeyAlgorithm::Rsa4096,
            _ => {
                return Err(key_refused(
                    "RSA key of a size the module's certificate does not list: use 2048, 3072 \
                     or 4096 bits",
                ));
            }
        };
        if !key.is_valid_fips_key() {
            return Err(key_refused(
                "RSA key fails the module's FIPS 186-5 checks (exponent, primes): make a new one",
            ));
        }
        Ok(Self {
            key: Key::Rsa(key),
            algorithm,
        })
    }

    /// Kind and size.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The public key as in a certificate's BIT STRING: an uncompressed point, or the DER of
    /// `RSAPublicKey`.
    pub fn public_key(&self) -> &[u8] {
        match &self.key {
            Key::Ecdsa(key) => key.public_key().as_ref(),
            Key::Rsa(key) => key.public_key().as_ref(),
        }
    }

    /// The DER of `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    ///
    /// # Errors
    ///
    /// [`Error::Module`] when the module cannot encode it.
    pub fn public_key_info(&self) -> Result<Vec<u8>, Error> {
        let der = match &self.key {
            Key::Ecdsa(key) => key.public_key().as_der(),
            Key::Rsa(key) => key.public_key().as_der(),
        };
        der.map(|der| der.as_ref().to_vec())
            .map_err(|_| Error::Module {
                service: self.sign_service(),
            })
    }

    /// The key itself as PKCS#8, unencrypted.
    ///
    /// # Security
    ///
    /// The caller holds the secret: write it with mode 0600 and nowhere else.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] when the module cannot encode it.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = |_| Error::Module {
            service: self.sign_service(),
        };
        match &self.key {
            Key::Ecdsa(key) => key
                .to_pkcs8v1()
                .map(|der| Zeroizing::new(der.as_ref().to_vec()))
                .map_err(failed),
            Key::Rsa(key) => AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(key)
                .map(|der| Zeroizing::new(der.as_ref().to_vec()))
                .map_err(failed),
        }
    }

    /// Signs `message`, which the module hashes itself.
    ///
    /// # Errors
    ///
    /// [`Guard::SchemeMismatch`] when `scheme` is not of [`KeyAlgorithm::schemes`];
    /// [`Error::Module`]; [`Error::NotApproved`].
    pub fn sign(&self, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        let service = self.sign_service();
        if !self.algorithm.schemes().contains(&scheme) {
            return Err(Error::Guard {
                service,
                guard: Guard::SchemeMismatch,
            });
        }
        let rng = SystemRandom::new();
        indicator::observe(service, || match &self.key {
            Key::Ecdsa(key) => key.sign(&rng, message).map(|s| s.as_ref().to_vec()),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(rsa_encoding(scheme)?, &rng, message, &mut signature)?;
                Ok(signature)
            }
        })
    }

    fn sign_service(&self) -> Service {
        match self.key {
            Key::Ecdsa(_) => Service::EcdsaSign,
            Key::Rsa(_) => Service::RsaSign,
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn rsa_encoding(
    scheme: Scheme,
) -> Result<&'static dyn lc::RsaEncoding, aws_lc_rs::error::Unspecified> {
    match scheme {
        Scheme::RsaPkcs1Sha256 => Ok(&lc::RSA_PKCS1_SHA256),
        Scheme::RsaPkcs1Sha384 => Ok(&lc::RSA_PKCS1_SHA384),
        Scheme::RsaPkcs1Sha512 => Ok(&lc::RSA_PKCS1_SHA512),
        Scheme::RsaPssSha256 => Ok(&lc::RSA_PSS_SHA256),
        Scheme::RsaPssSha384 => Ok(&lc::RSA_PSS_SHA384),
        Scheme::RsaPssSha512 => Ok(&lc::RSA_PSS_SHA512),
        Scheme::EcdsaP256Sha256 | Scheme::EcdsaP384Sha384 | Scheme::EcdsaP521Sha512 => {
            Err(aws_lc_rs::error::Unspecified)
        }
    }
}

fn refused() -> Error {
    key_refused(
        "not a private key this boundary takes: unencrypted PKCS#8, SEC 1 or PKCS#1 with ECDSA \
         P-256, P-384, P-521 or RSA 2048, 3072, 4096",
    )
}

fn key_refused(why: &'static str) -> Error {
    Error::Guard {
        service: Service::EcKeyGeneration,
        guard: Guard::KeyRefused(why),
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use rustls_pki_types::PrivatePkcs8KeyDer;

    use super::*;
    use crate::{Requirements, verification};

    #[test]
    fn every_algorithm_signs_verifies_and_survives_pkcs8() {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        for algorithm in KeyAlgorithm::ALL {
            let key = PrivateKey::generate(&boundary, algorithm).unwrap();
            let der = key.to_pkcs8().unwrap();
            let again = PrivateKey::from_der(
                &boundary,
                &PrivateKeyDer::from(PrivatePkcs8KeyDer::from(&der[..])),
            )
            .unwrap();
            assert_eq!(again.algorithm(), algorithm);
            assert_eq!(again.public_key(), key.public_key());
            assert!(key.public_key_info().unwrap().ends_with(key.public_key()));
            for &scheme in algorithm.schemes() {
                let signature = again.sign(scheme, b"message").unwrap();
                verification::verify(scheme, key.public_key(), b"message", &signature).unwrap();
                assert!(
                    verification::verify(scheme, key.public_key(), b"other", &signature).is_err()
                );
            }
            assert!(!format!("{key:?}").contains("0x"), "{key:?}");
        }
    }

    #[test]
    fn a_scheme_of_another_key_is_refused() {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let key = PrivateKey::generate(&boundary, KeyAlgorithm::EcdsaP256).unwrap();
        for scheme in KeyAlgorithm::Rsa2048
            .schemes()
            .iter()
            .chain(KeyAlgorithm::EcdsaP384.schemes())
        {
            assert!(matches!(
                key.sign(*scheme, b""),
                Err(Error::Guard {
                    guard: Guard::SchemeMismatch,
                    ..
                })
            ));
        }
    }

    #[test]
    fn garbage_is_refused() {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        for garbage in [&b""[..], b"\x30\x00", &[0xff; 200]] {
            let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(garbage));
            assert!(PrivateKey::from_der(&boundary, &der).is_err());
        }
    }
}
