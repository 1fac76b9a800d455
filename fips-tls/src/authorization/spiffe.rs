use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most bytes of a SPIFFE ID (SPIFFE-ID §2.3).
const MOST_BYTES: usize = 2048;

/// The most bytes of a trust domain's name (SPIFFE-ID §2.3).
const MOST_DOMAIN_BYTES: usize = 255;

const SCHEME: &str = "spiffe://";

/// The SPIFFE ID of a workload: `spiffe://trust-domain/path`, with a path, as a leaf's must have
/// one (X509-SVID §3.1).
///
/// Taken in the one form the standard leaves: lower-case scheme and trust domain, no port, user,
/// query, fragment, percent-encoding, no empty, `.` or `..` segment (SPIFFE-ID §2.1, §2.2). Two
/// are the same exactly when their bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpiffeId {
    text: String,
    /// Bytes of the trust domain.
    domain: usize,
}

/// The name of a SPIFFE trust domain: lower-case letters, digits, `.`, `-`, `_`, at most 255
/// (SPIFFE-ID §2.1, §2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustDomain(String);

impl SpiffeId {
    /// Reads an ID.
    ///
    /// # Errors
    ///
    /// [`SpiffeFault`] with the first rule it breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, SpiffeFault> {
        let text = text.into();
        if text.len() > MOST_BYTES {
            return Err(SpiffeFault::TooLong { found: text.len() });
        }
        let rest = text.strip_prefix(SCHEME).ok_or(SpiffeFault::Scheme)?;
        let (domain, path) = rest.split_once('/').ok_or(SpiffeFault::NoPath)?;
        check_domain(domain)?;
        path.split('/').try_for_each(check_segment)?;
        Ok(Self {
            domain: domain.len(),
            text,
        })
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain's name.
    pub fn trust_domain(&self) -> &str {
        &self.text[SCHEME.len()..SCHEME.len() + self.domain]
    }

    /// The path, from its first `/` on.
    pub fn path(&self) -> &str {
        &self.text[SCHEME.len() + self.domain..]
    }

    /// Whether it is one of a trust domain's.
    pub fn is_of(&self, domain: &TrustDomain) -> bool {
        self.trust_domain() == domain.as_str()
    }
}

impl TrustDomain {
    /// Reads a name, such as `prod.example.com`.
    ///
    /// # Errors
    ///
    /// [`SpiffeFault::TrustDomain`].
    pub fn new(name: impl Into<String>) -> Result<Self, SpiffeFault> {
        let name = name.into();
        check_domain(&name)?;
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_domain(name: &str) -> Result<(), SpiffeFault> {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    if (1..=MOST_DOMAIN_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(SpiffeFault::TrustDomain)
    }
}

fn check_segment(segment: &str) -> Result<(), SpiffeFault> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if matches!(segment, "" | "." | "..") || !segment.bytes().all(allowed) {
        Err(SpiffeFault::Path)
    } else {
        Ok(())
    }
}

/// Why a text is no SPIFFE ID, or no trust domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpiffeFault {
    /// No path, so that it names a trust domain and no workload.
    #[error("it has no path, as a workload's has (X509-SVID §3.1): write spiffe://domain/path")]
    NoPath,
    /// A segment of the path.
    #[error(
        "its path has a segment that is empty, `.` or `..`, or holds other than letters, digits, \
         `.`, `-` and `_` (SPIFFE-ID §2.2): write it without a slash at the end, and without %"
    )]
    Path,
    /// Another scheme.
    #[error("it does not begin with spiffe:// in lower case (SPIFFE-ID §2)")]
    Scheme,
    /// More bytes than an ID may have.
    #[error("it has {found} bytes; {MOST_BYTES} are the most (SPIFFE-ID §2.3)")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// The trust domain.
    #[error(
        "its trust domain is not 1 to {MOST_DOMAIN_BYTES} lower-case letters, digits, `.`, `-` \
         and `_` (SPIFFE-ID §2.1): write no user, no port and no capital"
    )]
    TrustDomain,
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeFault;

    fn from_str(text: &str) -> Result<Self, SpiffeFault> {
        Self::new(text)
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeFault;

    fn from_str(name: &str) -> Result<Self, SpiffeFault> {
        Self::new(name)
    }
}

impl TryFrom<String> for SpiffeId {
    type Error = SpiffeFault;

    fn try_from(text: String) -> Result<Self, SpiffeFault> {
        Self::new(text)
    }
}

impl TryFrom<String> for TrustDomain {
    type Error = SpiffeFault;

    fn try_from(name: String) -> Result<Self, SpiffeFault> {
        Self::new(name)
    }
}

impl From<SpiffeId> for String {
    fn from(id: SpiffeId) -> Self {
        id.text
    }
}

impl From<TrustDomain> for String {
    fn from(domain: TrustDomain) -> Self {
        domain.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_as_the_standard_writes_them() {
        for (text, domain, path) in [
            ("spiffe://a/b", "a", "/b"),
            (
                "spiffe://staging.example.com/payments/web-fe",
                "staging.example.com",
                "/payments/web-fe",
            ),
            (
                "spiffe://k8s-west_1/ns/a/sa/Default",
                "k8s-west_1",
                "/ns/a/sa/Default",
            ),
            ("spiffe://a/...", "a", "/..."),
        ] {
            let id = SpiffeId::new(text).unwrap();
            assert_eq!((id.trust_domain(), id.path()), (domain, path));
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse::<SpiffeId>().unwrap(), id);
            assert!(id.is_of(&TrustDomain::new(domain).unwrap()));
            assert!(!id.is_of(&TrustDomain::new(format!("{domain}.x")).unwrap()));
        }
    }

    #[test]
    fn everything_else_is_none() {
        let long = |bytes: usize| format!("spiffe://a/{}", "x".repeat(bytes - 11));
        assert!(SpiffeId::new(long(MOST_BYTES)).is_ok());
        let wide = |bytes: usize| format!("spiffe://{}/x", "a".repeat(bytes));
        assert!(SpiffeId::new(wide(MOST_DOMAIN_BYTES)).is_ok());
        let (long, wide) = (long(MOST_BYTES + 1), wide(MOST_DOMAIN_BYTES + 1));
        for text in [
            "",
            "a/b",
            "spiffe:",
            "spiffe:/a/b",
            "SPIFFE://a/b",
            "Spiffe://a/b",
            "https://a/b",
            " spiffe://a/b",
            "spiffe://a",
            "spiffe://a/",
            "spiffe://a/b/",
            "spiffe://a//b",
            "spiffe:///b",
            "spiffe://a/./b",
            "spiffe://a/../b",
            "spiffe://a/b/..",
            "spiffe://A/b",
            "spiffe://a:443/b",
            "spiffe://a:/b",
            "spiffe://user@a/b",
            "spiffe://user:password@a/b",
            "spiffe://[::1]/b",
            "spiffe://a%2eb/c",
            "spiffe://a/%62",
            "spiffe://a/b?c",
            "spiffe://a?b/c",
            "spiffe://a/b#c",
            "spiffe://a#/b",
            "spiffe://a/b c",
            "spiffe://a/b\0",
            "spiffe://a/b\n",
            "spiffe://a/ä",
            "spiffe://ä/b",
            "spiffe://a/b;c=d",
            "spiffe://*/b",
            "spiffe://a/*",
            "spiffe://a\\b/c",
            &long,
            &wide,
        ] {
            assert!(SpiffeId::new(text).is_err(), "{text:?}");
        }
        let wide = "a".repeat(MOST_DOMAIN_BYTES + 1);
        for name in ["", "A", "a/b", "a:1", "a@b", "ä", "a b", "*", &wide] {
            assert!(TrustDomain::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn serde_takes_what_new_takes() {
        let id: SpiffeId = serde_json::from_str("\"spiffe://a/b\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"spiffe://a/b\"");
        let error = serde_json::from_str::<SpiffeId>("\"spiffe://a/\"").unwrap_err();
        assert!(error.to_string().contains("SPIFFE-ID §2.2"), "{error}");
        assert!(serde_json::from_str::<TrustDomain>("\"A\"").is_err());
    }
}
