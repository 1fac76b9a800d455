use std::fmt;

use fips_core::signing;
use rustls::SignatureScheme;

/// A signature scheme of TLS (RFC 8446 §4.2.3).
///
/// The code points of ECDSA name curve and hash in TLS 1.3, and the hash alone in TLS 1.2
/// (RFC 5246 §7.4.1.4.1): there a peer's signature is also taken with a hash stronger than its
/// curve asks for (FIPS 186-5 §6.1.1), never with a weaker one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `ecdsa_secp256r1_sha256` (0x0403).
    EcdsaP256Sha256,
    /// `ecdsa_secp384r1_sha384` (0x0503).
    EcdsaP384Sha384,
    /// `ecdsa_secp521r1_sha512` (0x0603).
    EcdsaP521Sha512,
    /// `rsa_pkcs1_sha256` (0x0401): TLS 1.2 and certificates only.
    RsaPkcs1Sha256,
    /// `rsa_pkcs1_sha384` (0x0501): TLS 1.2 and certificates only.
    RsaPkcs1Sha384,
    /// `rsa_pkcs1_sha512` (0x0601): TLS 1.2 and certificates only.
    RsaPkcs1Sha512,
    /// `rsa_pss_rsae_sha256` (0x0804).
    RsaPssSha256,
    /// `rsa_pss_rsae_sha384` (0x0805).
    RsaPssSha384,
    /// `rsa_pss_rsae_sha512` (0x0806).
    RsaPssSha512,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 9] = [
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP521Sha512,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
    ];

    /// The number in the IANA registry.
    pub const fn code(self) -> u16 {
        match self {
            Self::EcdsaP256Sha256 => 0x0403,
            Self::EcdsaP384Sha384 => 0x0503,
            Self::EcdsaP521Sha512 => 0x0603,
            Self::RsaPkcs1Sha256 => 0x0401,
            Self::RsaPkcs1Sha384 => 0x0501,
            Self::RsaPkcs1Sha512 => 0x0601,
            Self::RsaPssSha256 => 0x0804,
            Self::RsaPssSha384 => 0x0805,
            Self::RsaPssSha512 => 0x0806,
        }
    }

    /// The name in the IANA registry.
    pub const fn iana_name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa_secp256r1_sha256",
            Self::EcdsaP384Sha384 => "ecdsa_secp384r1_sha384",
            Self::EcdsaP521Sha512 => "ecdsa_secp521r1_sha512",
            Self::RsaPkcs1Sha256 => "rsa_pkcs1_sha256",
            Self::RsaPkcs1Sha384 => "rsa_pkcs1_sha384",
            Self::RsaPkcs1Sha512 => "rsa_pkcs1_sha512",
            Self::RsaPssSha256 => "rsa_pss_rsae_sha256",
            Self::RsaPssSha384 => "rsa_pss_rsae_sha384",
            Self::RsaPssSha512 => "rsa_pss_rsae_sha512",
        }
    }

    /// The name in OpenSSL's `-sigalgs`.
    pub const fn openssl_name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ECDSA+SHA256",
            Self::EcdsaP384Sha384 => "ECDSA+SHA384",
            Self::EcdsaP521Sha512 => "ECDSA+SHA512",
            Self::RsaPkcs1Sha256 => "RSA+SHA256",
            Self::RsaPkcs1Sha384 => "RSA+SHA384",
            Self::RsaPkcs1Sha512 => "RSA+SHA512",
            Self::RsaPssSha256 => "rsa_pss_rsae_sha256",
            Self::RsaPssSha384 => "rsa_pss_rsae_sha384",
            Self::RsaPssSha512 => "rsa_pss_rsae_sha512",
        }
    }

    /// Whether TLS 1.3 takes it in CertificateVerify (RFC 8446 §4.2.3).
    pub const fn signs_tls13_handshakes(self) -> bool {
        !matches!(
            self,
            Self::RsaPkcs1Sha256 | Self::RsaPkcs1Sha384 | Self::RsaPkcs1Sha512
        )
    }

    /// The scheme with this number in the IANA registry.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.code() == code)
    }

    pub(crate) fn rustls(self) -> SignatureScheme {
        SignatureScheme::from(self.code())
    }

    /// In words, such as `RSA-PSS with SHA-384`: of a certificate's signature, which names no
    /// curve.
    pub(crate) const fn in_certificates(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ECDSA with SHA-256",
            Self::EcdsaP384Sha384 => "ECDSA with SHA-384",
            Self::EcdsaP521Sha512 => "ECDSA with SHA-512",
            Self::RsaPkcs1Sha256 => "RSA with SHA-256",
            Self::RsaPkcs1Sha384 => "RSA with SHA-384",
            Self::RsaPkcs1Sha512 => "RSA with SHA-512",
            Self::RsaPssSha256 => "RSA-PSS with SHA-256",
            Self::RsaPssSha384 => "RSA-PSS with SHA-384",
            Self::RsaPssSha512 => "RSA-PSS with SHA-512",
        }
    }

    pub(crate) const fn core(self) -> signing::Scheme {
        match self {
            Self::EcdsaP256Sha256 => signing::Scheme::EcdsaP256Sha256,
            Self::EcdsaP384Sha384 => signing::Scheme::EcdsaP384Sha384,
            Self::EcdsaP521Sha512 => signing::Scheme::EcdsaP521Sha512,
            Self::RsaPkcs1Sha256 => signing::Scheme::RsaPkcs1Sha256,
            Self::RsaPkcs1Sha384 => signing::Scheme::RsaPkcs1Sha384,
            Self::RsaPkcs1Sha512 => signing::Scheme::RsaPkcs1Sha512,
            Self::RsaPssSha256 => signing::Scheme::RsaPssSha256,
            Self::RsaPssSha384 => signing::Scheme::RsaPssSha384,
            Self::RsaPssSha512 => signing::Scheme::RsaPssSha512,
        }
    }

    pub(crate) fn from_core(scheme: signing::Scheme) -> Self {
        match scheme {
            signing::Scheme::EcdsaP256Sha256 => Self::EcdsaP256Sha256,
            signing::Scheme::EcdsaP384Sha384 => Self::EcdsaP384Sha384,
            signing::Scheme::EcdsaP521Sha512 => Self::EcdsaP521Sha512,
            signing::Scheme::RsaPkcs1Sha256 => Self::RsaPkcs1Sha256,
            signing::Scheme::RsaPkcs1Sha384 => Self::RsaPkcs1Sha384,
            signing::Scheme::RsaPkcs1Sha512 => Self::RsaPkcs1Sha512,
            signing::Scheme::RsaPssSha256 => Self::RsaPssSha256,
            signing::Scheme::RsaPssSha384 => Self::RsaPssSha384,
            signing::Scheme::RsaPssSha512 => Self::RsaPssSha512,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iana_name())
    }
}
