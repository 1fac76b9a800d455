//! The names in a certificate: subject and subject alternative names.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use fips_core::rfc4514::{Attribute, distinguished_name};
use rustls_pki_types::DnsName;

use crate::error::Error;

/// The most characters of a common or organization name (RFC 5280, appendix A.1, upper bounds).
const MOST_CHARACTERS: usize = 64;
/// The most bytes of a DNS name as text (RFC 1035 §2.3.4), its wildcard among them.
const MOST_DNS_BYTES: usize = 253;

/// The subject of a certificate: a common name and, for Kubernetes, the group as organization.
///
/// ```
/// use fips_certs::Subject;
///
/// let subject = Subject::new("system:admin")?.with_organization("system:masters")?;
/// assert_eq!(subject.to_string(), "CN=system:admin,O=system:masters");
/// # Ok::<(), fips_certs::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    common_name: String,
    organization: Option<String>,
}

impl Subject {
    /// A subject of a common name alone.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] for an empty one, one of more than 64 characters, or one with control
    /// characters.
    pub fn new(common_name: impl Into<String>) -> Result<Self, Error> {
        Ok(Self {
            common_name: attribute(common_name.into())?,
            organization: None,
        })
    }

    /// Adds the organization, which Kubernetes reads as group.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_organization(self, organization: impl Into<String>) -> Result<Self, Error> {
        Ok(Self {
            organization: Some(attribute(organization.into())?),
            ..self
        })
    }

    /// The common name.
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// The organization.
    pub fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// Organization, unit, common name: the order of Go's `pkix.Name`.
    pub(crate) fn to_rcgen(&self, unit: Option<&str>) -> rcgen::DistinguishedName {
        let mut name = rcgen::DistinguishedName::new();
        if let Some(organization) = &self.organization {
            name.push(rcgen::DnType::OrganizationName, organization);
        }
        if let Some(unit) = unit {
            name.push(rcgen::DnType::OrganizationalUnitName, unit);
        }
        name.push(rcgen::DnType::CommonName, &self.common_name);
        name
    }
}

/// As RFC 4514 writes it, the common name first, as Kubernetes' programs print it.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let organization = self.organization.as_deref().map(|text| ("2.5.4.10", text));
        let names: Vec<Vec<Attribute<'_>>> = organization
            .into_iter()
            .chain([("2.5.4.3", self.common_name.as_str())])
            .map(|(oid, text)| {
                vec![Attribute {
                    oid,
                    text: Some(text),
                    bytes: text.as_bytes(),
                }]
            })
            .collect();
        f.write_str(&distinguished_name(&names))
    }
}

fn attribute(name: String) -> Result<String, Error> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.chars().count() > MOST_CHARACTERS {
        "it has more than 64 characters (RFC 5280, appendix A.1)"
    } else if name.chars().any(char::is_control) {
        "it holds a control character"
    } else {
        return Ok(name);
    };
    Err(Error::Name { name, why })
}

/// A name or address a certificate holds for (RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SubjectAltName {
    /// A DNS name, in lower case, perhaps with a wildcard as first label.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// A URI with a scheme, such as a SPIFFE id.
    Uri(String),
}

impl SubjectAltName {
    /// A DNS name (RFC 1123 §2.1), perhaps `*.` before it (RFC 9525 §6.3). An underscore is taken,
    /// as verifiers take it.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] for what is none, or is an address.
    pub fn dns(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let host = name.strip_prefix("*.").unwrap_or(&name);
        let why = if IpAddr::from_str(host).is_ok() {
            "it is an address, not a DNS name"
        } else if host.ends_with('.') {
            "it ends with a dot (RFC 5280 §4.2.1.6)"
        } else if name.len() > MOST_DNS_BYTES || DnsName::try_from(host).is_err() {
            "it is no DNS name (RFC 1123 §2.1)"
        } else {
            return Ok(Self::Dns(name.to_ascii_lowercase()));
        };
        Err(Error::Name { name, why })
    }

    /// A URI: a scheme, a colon and more, in visible ASCII (RFC 3986 §3).
    ///
    /// # Errors
    ///
    /// [`Error::Name`] for what is none.
    pub fn uri(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let good = name.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                && rest.len() > 2
                && rest.starts_with("//")
        }) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if good {
            return Ok(Self::Uri(name));
        }
        Err(Error::Name {
            name,
            why: "it is no URI with a scheme and an authority (RFC 3986 §3)",
        })
    }

    pub(crate) fn to_rcgen(&self) -> Result<rcgen::SanType, Error> {
        let ascii = |name: &String| {
            rcgen::string::Ia5String::try_from(name.as_str()).map_err(|_| Error::Name {
                name: name.clone(),
                why: "it is not ASCII",
            })
        };
        Ok(match self {
            Self::Dns(name) => rcgen::SanType::DnsName(ascii(name)?),
            Self::Ip(address) => rcgen::SanType::IpAddress(*address),
            Self::Uri(name) => rcgen::SanType::URI(ascii(name)?),
        })
    }
}

/// Reads an address, a URI (it has `://`) or a DNS name.
impl FromStr for SubjectAltName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match IpAddr::from_str(name) {
            Ok(address) => Ok(Self::Ip(address)),
            Err(_) if name.contains("://") => Self::uri(name),
            Err(_) => Self::dns(name),
        }
    }
}

impl fmt::Display for SubjectAltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Uri(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

impl serde::Serialize for SubjectAltName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for SubjectAltName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged() {
        for (name, expected) in [
            ("10.0.0.1", "Ip"),
            ("::1", "Ip"),
            ("kubernetes.default.svc", "Dns"),
            ("*.example.org", "Dns"),
            ("spiffe://cluster/ns/a", "Uri"),
        ] {
            let parsed: SubjectAltName = name.parse().unwrap();
            assert!(format!("{parsed:?}").starts_with(expected), "{name}");
            assert_eq!(parsed.to_string(), name);
        }
        for name in [
            "",
            "a b",
            "-a",
            "a..b",
            "a.",
            "*",
            "a.*.b",
            "://x",
            "x y://z",
            "bücher.de",
        ] {
            assert!(name.parse::<SubjectAltName>().is_err(), "{name}");
        }
    }

    #[test]
    fn subjects_are_bounded() {
        assert!(Subject::new("").is_err());
        assert!(Subject::new("a".repeat(64)).is_ok());
        assert!(Subject::new("a".repeat(65)).is_err());
        assert!(Subject::new("a\nb").is_err());
    }

    #[test]
    fn a_subject_as_text_cannot_pass_for_another() {
        let subject = Subject::new("a,O=system:masters").unwrap();
        assert_eq!(subject.to_string(), "CN=a\\,O=system:masters");
        let subject = subject.with_organization("x+y").unwrap();
        assert_eq!(subject.to_string(), "CN=a\\,O=system:masters,O=x\\+y");
    }
}
