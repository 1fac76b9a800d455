use std::fmt;

use rustls::CipherSuite;

use super::Version;

/// A cipher suite the module's approved services can carry: AES-GCM with ephemeral ECDH.
///
/// ChaCha20-Poly1305, CBC, CCM, static key exchange and finite-field groups have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `TLS_AES_128_GCM_SHA256` (0x1301).
    Aes128GcmSha256,
    /// `TLS_AES_256_GCM_SHA384` (0x1302).
    Aes256GcmSha384,
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256` (0xC02B).
    EcdheEcdsaAes128GcmSha256,
    /// `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384` (0xC02C).
    EcdheEcdsaAes256GcmSha384,
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` (0xC02F).
    EcdheRsaAes128GcmSha256,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` (0xC030).
    EcdheRsaAes256GcmSha384,
}

impl Suite {
    /// Every suite, by code.
    pub const ALL: [Self; 6] = [
        Self::Aes128GcmSha256,
        Self::Aes256GcmSha384,
        Self::EcdheEcdsaAes128GcmSha256,
        Self::EcdheEcdsaAes256GcmSha384,
        Self::EcdheRsaAes128GcmSha256,
        Self::EcdheRsaAes256GcmSha384,
    ];

    /// The number in the IANA registry.
    pub const fn code(self) -> u16 {
        match self {
            Self::Aes128GcmSha256 => 0x1301,
            Self::Aes256GcmSha384 => 0x1302,
            Self::EcdheEcdsaAes128GcmSha256 => 0xc02b,
            Self::EcdheEcdsaAes256GcmSha384 => 0xc02c,
            Self::EcdheRsaAes128GcmSha256 => 0xc02f,
            Self::EcdheRsaAes256GcmSha384 => 0xc030,
        }
    }

    /// The name in the IANA registry.
    pub const fn iana_name(self) -> &'static str {
        match self {
            Self::Aes128GcmSha256 => "TLS_AES_128_GCM_SHA256",
            Self::Aes256GcmSha384 => "TLS_AES_256_GCM_SHA384",
            Self::EcdheEcdsaAes128GcmSha256 => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            Self::EcdheEcdsaAes256GcmSha384 => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            Self::EcdheRsaAes128GcmSha256 => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            Self::EcdheRsaAes256GcmSha384 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        }
    }

    /// The name in OpenSSL: of `-ciphersuites` for TLS 1.3, of `-cipher` for TLS 1.2.
    pub const fn openssl_name(self) -> &'static str {
        match self {
            Self::Aes128GcmSha256 => "TLS_AES_128_GCM_SHA256",
            Self::Aes256GcmSha384 => "TLS_AES_256_GCM_SHA384",
            Self::EcdheEcdsaAes128GcmSha256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
            Self::EcdheEcdsaAes256GcmSha384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
            Self::EcdheRsaAes128GcmSha256 => "ECDHE-RSA-AES128-GCM-SHA256",
            Self::EcdheRsaAes256GcmSha384 => "ECDHE-RSA-AES256-GCM-SHA384",
        }
    }

    /// The constant of Go's `crypto/tls`, which etcd and the Kubernetes components take in
    /// `--cipher-suites` and `--tls-cipher-suites`: for these suites the IANA name.
    pub const fn go_name(self) -> &'static str {
        self.iana_name()
    }

    /// The version the suite belongs to.
    pub const fn version(self) -> Version {
        match self {
            Self::Aes128GcmSha256 | Self::Aes256GcmSha384 => Version::Tls13,
            Self::EcdheEcdsaAes128GcmSha256
            | Self::EcdheEcdsaAes256GcmSha384
            | Self::EcdheRsaAes128GcmSha256
            | Self::EcdheRsaAes256GcmSha384 => Version::Tls12,
        }
    }

    /// Whether the records are protected with AES-256.
    pub const fn is_aes256(self) -> bool {
        matches!(
            self,
            Self::Aes256GcmSha384 | Self::EcdheEcdsaAes256GcmSha384 | Self::EcdheRsaAes256GcmSha384
        )
    }

    /// Whether a key of this kind authenticates the server: any in TLS 1.3, the suite's own
    /// in TLS 1.2.
    pub const fn takes_rsa_key(self) -> bool {
        matches!(
            self,
            Self::Aes128GcmSha256
                | Self::Aes256GcmSha384
                | Self::EcdheRsaAes128GcmSha256
                | Self::EcdheRsaAes256GcmSha384
        )
    }

    /// As [`takes_rsa_key`](Self::takes_rsa_key), for an elliptic key.
    pub const fn takes_ecdsa_key(self) -> bool {
        matches!(
            self,
            Self::Aes128GcmSha256
                | Self::Aes256GcmSha384
                | Self::EcdheEcdsaAes128GcmSha256
                | Self::EcdheEcdsaAes256GcmSha384
        )
    }

    /// The suite with this number in the IANA registry.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.code() == code)
    }

    pub(crate) fn from_rustls(suite: CipherSuite) -> Option<Self> {
        Self::from_code(u16::from(suite))
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iana_name())
    }
}
