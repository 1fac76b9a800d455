use std::fmt;

use fips_core::agreement::Curve;
use rustls::NamedGroup;

/// A key exchange group (RFC 8446 §4.2.7) on a curve of SP 800-186.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// secp256r1 (23).
    P256,
    /// secp384r1 (24).
    P384,
    /// secp521r1 (25).
    P521,
}

impl Group {
    /// Every group, by code.
    pub const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// The number in the IANA registry.
    pub const fn code(self) -> u16 {
        match self {
            Self::P256 => 23,
            Self::P384 => 24,
            Self::P521 => 25,
        }
    }

    /// The name in the IANA registry.
    pub const fn iana_name(self) -> &'static str {
        match self {
            Self::P256 => "secp256r1",
            Self::P384 => "secp384r1",
            Self::P521 => "secp521r1",
        }
    }

    /// The name in OpenSSL's `-groups`.
    pub const fn openssl_name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The constant of Go's `crypto/tls`.
    pub const fn go_name(self) -> &'static str {
        match self {
            Self::P256 => "CurveP256",
            Self::P384 => "CurveP384",
            Self::P521 => "CurveP521",
        }
    }

    /// The group with this number in the IANA registry.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.code() == code)
    }

    pub(crate) fn curve(self) -> Curve {
        match self {
            Self::P256 => Curve::P256,
            Self::P384 => Curve::P384,
            Self::P521 => Curve::P521,
        }
    }

    pub(crate) fn from_rustls(group: NamedGroup) -> Option<Self> {
        Self::from_code(u16::from(group))
    }

    pub(crate) fn rustls(self) -> NamedGroup {
        match self {
            Self::P256 => NamedGroup::secp256r1,
            Self::P384 => NamedGroup::secp384r1,
            Self::P521 => NamedGroup::secp521r1,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iana_name())
    }
}
