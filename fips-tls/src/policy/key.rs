use std::fmt;

use fips_core::signing::KeyAlgorithm;
use fips_core::verification::is_allowed_exponent;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION,
};
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::name;

/// A kind of key a profile takes from a peer, with its floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyRule {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// RSA with at least so many bits.
    RsaAtLeast(u32),
}

impl KeyRule {
    /// Whether `key` is of this kind and reaches the floor.
    pub fn accepts(self, key: &PublicKey) -> bool {
        match (self, key) {
            (Self::EcdsaP256, PublicKey::EcdsaP256)
            | (Self::EcdsaP384, PublicKey::EcdsaP384)
            | (Self::EcdsaP521, PublicKey::EcdsaP521) => true,
            (Self::RsaAtLeast(floor), PublicKey::Rsa { bits }) => *bits >= floor,
            _ => false,
        }
    }
}

impl fmt::Display for KeyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::RsaAtLeast(bits) => write!(f, "RSA of {bits} bits or more"),
        }
    }
}

/// What kind of key a certificate carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicKey {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// ECDSA on P-521.
    EcdsaP521,
    /// Any other kind: its object identifier, for an elliptic key that of the curve.
    Other(String),
    /// RSA with a public exponent that FIPS 186-5 §5.1 does not allow: even, 2^16 or less, or
    /// 2^256 or more. No rule takes it.
    RsaExponent {
        /// Bits of the modulus.
        bits: u32,
    },
    /// RSA.
    Rsa {
        /// Bits of the modulus.
        bits: u32,
    },
}

impl PublicKey {
    pub(crate) fn of(info: &SubjectPublicKeyInfo<'_>) -> Self {
        let algorithm = &info.algorithm.algorithm;
        if *algorithm == OID_PKCS1_RSAENCRYPTION {
            return match info.parsed() {
                Ok(Parsed::RSA(key)) if is_allowed_exponent(key.exponent) => Self::Rsa {
                    bits: modulus_bits(key.modulus),
                },
                Ok(Parsed::RSA(key)) => Self::RsaExponent {
                    bits: modulus_bits(key.modulus),
                },
                _ => Self::Rsa { bits: 0 },
            };
        }
        if *algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
            return Self::Other(algorithm.to_id_string());
        }
        let curve = info
            .algorithm
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.as_oid().ok());
        match curve {
            Some(curve) if curve == OID_EC_P256 => Self::EcdsaP256,
            Some(curve) if curve == OID_NIST_EC_P384 => Self::EcdsaP384,
            Some(curve) if curve == OID_NIST_EC_P521 => Self::EcdsaP521,
            Some(curve) => Self::Other(curve.to_id_string()),
            // Explicit curve parameters (RFC 5480 §2.1.1 forbids them).
            None => Self::Other(algorithm.to_id_string()),
        }
    }
}

impl From<KeyAlgorithm> for PublicKey {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::EcdsaP256 => Self::EcdsaP256,
            KeyAlgorithm::EcdsaP384 => Self::EcdsaP384,
            KeyAlgorithm::EcdsaP521 => Self::EcdsaP521,
            KeyAlgorithm::Rsa2048 => Self::Rsa { bits: 2048 },
            KeyAlgorithm::Rsa3072 => Self::Rsa { bits: 3072 },
            KeyAlgorithm::Rsa4096 => Self::Rsa { bits: 4096 },
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::Other(oid) => {
                write!(f, "a key of object identifier {}", name::one_line(oid, 64))
            }
            Self::Rsa { bits } => write!(f, "RSA of {bits} bits"),
            Self::RsaExponent { bits } => write!(
                f,
                "RSA of {bits} bits with a public exponent that FIPS 186-5 §5.1 does not allow \
                 (odd, above 2^16, below 2^256; 65537 is usual)"
            ),
        }
    }
}

/// Bits of an unsigned big-endian number, leading zeros aside.
fn modulus_bits(modulus: &[u8]) -> u32 {
    let significant = modulus.iter().position(|byte| *byte != 0);
    let Some(first) = significant else { return 0 };
    let bytes = u32::try_from(modulus.len() - first).unwrap_or(u32::MAX / 8);
    8 * bytes - modulus[first].leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_a_modulus() {
        assert_eq!(modulus_bits(&[]), 0);
        assert_eq!(modulus_bits(&[0, 0]), 0);
        assert_eq!(modulus_bits(&[0, 0x80, 0]), 16);
        assert_eq!(modulus_bits(&[0x7f; 256]), 2047);
        assert_eq!(modulus_bits(&[0xff; 256]), 2048);
    }

    #[test]
    fn floors_on_both_sides() {
        let rule = KeyRule::RsaAtLeast(2048);
        assert!(rule.accepts(&PublicKey::Rsa { bits: 2048 }));
        assert!(!rule.accepts(&PublicKey::Rsa { bits: 2047 }));
        assert!(!rule.accepts(&PublicKey::RsaExponent { bits: 4096 }));
        assert!(!rule.accepts(&PublicKey::EcdsaP256));
        assert!(KeyRule::EcdsaP384.accepts(&PublicKey::EcdsaP384));
        assert!(!KeyRule::EcdsaP384.accepts(&PublicKey::EcdsaP256));
        assert!(!KeyRule::EcdsaP256.accepts(&PublicKey::Other("1.3.132.0.33".into())));
    }
}
