use std::fmt;

use rustls::NamedGroup;

use super::Version;

/// A key exchange group (RFC 8446 §4.2.7) that the module's approved services can carry: a
/// curve of SP 800-186, ML-KEM (FIPS 203), or one of each (RFC 10024). By code.
///
/// X25519 and X25519MLKEM768 have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// secp256r1 (23).
    P256,
    /// secp384r1 (24).
    P384,
    /// secp521r1 (25).
    P521,
    /// MLKEM768 (0x0201).
    MlKem768,
    /// MLKEM1024 (0x0202).
    MlKem1024,
    /// SecP256r1MLKEM768 (0x11EB).
    SecP256r1MlKem768,
    /// SecP384r1MLKEM1024 (0x11ED).
    SecP384r1MlKem1024,
}

impl Group {
    /// Every group, by code.
    pub const ALL: [Self; 7] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::MlKem768,
        Self::MlKem1024,
        Self::SecP256r1MlKem768,
        Self::SecP384r1MlKem1024,
    ];

    /// The number in the IANA registry.
    pub const fn code(self) -> u16 {
        match self {
            Self::P256 => 23,
            Self::P384 => 24,
            Self::P521 => 25,
            Self::MlKem768 => 0x0201,
            Self::MlKem1024 => 0x0202,
            Self::SecP256r1MlKem768 => 0x11eb,
            Self::SecP384r1MlKem1024 => 0x11ed,
        }
    }

    /// The name in the IANA registry.
    pub const fn iana_name(self) -> &'static str {
        match self {
            Self::P256 => "secp256r1",
            Self::P384 => "secp384r1",
            Self::P521 => "secp521r1",
            Self::MlKem768 => "MLKEM768",
            Self::MlKem1024 => "MLKEM1024",
            Self::SecP256r1MlKem768 => "SecP256r1MLKEM768",
            Self::SecP384r1MlKem1024 => "SecP384r1MLKEM1024",
        }
    }

    /// The name in OpenSSL's `-groups`; those with ML-KEM need OpenSSL 3.5.
    pub const fn openssl_name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::MlKem768
            | Self::MlKem1024
            | Self::SecP256r1MlKem768
            | Self::SecP384r1MlKem1024 => self.iana_name(),
        }
    }

    /// The constant of Go's `crypto/tls`: the hybrids came with Go 1.26, `MLKEM1024` with 1.27;
    /// `MLKEM768` is not there.
    pub const fn go_name(self) -> Option<&'static str> {
        match self {
            Self::P256 => Some("CurveP256"),
            Self::P384 => Some("CurveP384"),
            Self::P521 => Some("CurveP521"),
            Self::MlKem768 => None,
            Self::MlKem1024 | Self::SecP256r1MlKem768 | Self::SecP384r1MlKem1024 => {
                Some(self.iana_name())
            }
        }
    }

    /// Whether the group can be agreed on in `version`: those with ML-KEM in TLS 1.3 alone
    /// (RFC 10024, draft-ietf-tls-mlkem).
    pub const fn usable_in(self, version: Version) -> bool {
        match self {
            Self::P256 | Self::P384 | Self::P521 => true,
            Self::MlKem768
            | Self::MlKem1024
            | Self::SecP256r1MlKem768
            | Self::SecP384r1MlKem1024 => matches!(version, Version::Tls13),
        }
    }

    /// The group with this number in the IANA registry.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.code() == code)
    }

    pub(crate) fn from_rustls(group: NamedGroup) -> Option<Self> {
        Self::from_code(u16::from(group))
    }

    pub(crate) fn rustls(self) -> NamedGroup {
        NamedGroup::from(self.code())
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iana_name())
    }
}
