//! One thing a rule asks of a leaf.

use std::fmt;
use std::net::IpAddr;

use rustls::pki_types::DnsName;

use super::fault::RuleFault;
use super::spiffe::{SpiffeId, TrustDomain};
use super::subject;
use crate::name::one_line;
use crate::peer::PeerIdentity;

/// The most bytes of a text in a rule.
const MOST_BYTES: usize = 2048;

/// The most characters of a text in an error.
const IN_ERROR: usize = 128;

/// What was written in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    CommonName(String),
    DnsName(String),
    Ip(IpAddr),
    Organization(String),
    SpiffeId(SpiffeId),
    SpiffeTrustDomain(TrustDomain),
    Subject(String),
    Uri(String),
}

impl Part {
    /// Whether it can be compared with what a certificate shows.
    pub(super) fn check(&self) -> Result<(), RuleFault> {
        match self {
            Self::CommonName(name) => check_text("common name", name),
            Self::Organization(name) => check_text("organization", name),
            Self::DnsName(name) => check_dns_name(name),
            Self::Subject(text) => {
                check_text("subject", text)?;
                subject::check(text).map_err(|why| RuleFault::Subject {
                    text: one_line(text, IN_ERROR),
                    why,
                })
            }
            Self::Uri(uri) => check_uri(uri),
            // Cannot be made wrong.
            Self::Ip(_) | Self::SpiffeId(_) | Self::SpiffeTrustDomain(_) => Ok(()),
        }
    }

    /// Whether it holds for a leaf.
    pub(super) fn holds(&self, peer: &PeerIdentity) -> bool {
        match self {
            Self::CommonName(name) => peer.common_name() == Some(name),
            // As DNS compares them (RFC 4343); a wildcard is a name of its own, and none of a
            // rule's.
            Self::DnsName(name) => peer
                .dns_names()
                .iter()
                .any(|shown| shown.eq_ignore_ascii_case(name)),
            Self::Ip(address) => peer.ip_addresses().contains(address),
            Self::Organization(name) => peer.organizations().contains(name),
            Self::SpiffeId(id) => peer.spiffe_id().is_some_and(|shown| shown == *id),
            Self::SpiffeTrustDomain(domain) => {
                peer.spiffe_id().is_some_and(|shown| shown.is_of(domain))
            }
            Self::Subject(subject) => peer.subject() == subject,
            // Byte for byte: how much of a URI may differ is its scheme's (RFC 3986 §6).
            Self::Uri(uri) => peer.uris().contains(uri),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::CommonName(_) => "common name",
            Self::DnsName(_) => "DNS name",
            Self::Ip(_) => "IP address",
            Self::Organization(_) => "organization",
            Self::SpiffeId(_) => "SPIFFE ID",
            Self::SpiffeTrustDomain(_) => "SPIFFE trust domain",
            Self::Subject(_) => "subject",
            Self::Uri(_) => "URI",
        }
    }

    /// The value, as it is compared.
    pub(super) fn value(&self) -> String {
        match self {
            Self::DnsName(name) => name.to_ascii_lowercase(),
            Self::CommonName(text)
            | Self::Organization(text)
            | Self::Subject(text)
            | Self::Uri(text) => text.clone(),
            Self::Ip(address) => address.to_string(),
            Self::SpiffeId(id) => id.to_string(),
            Self::SpiffeTrustDomain(domain) => domain.to_string(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), one_line(&self.value(), IN_ERROR))
    }
}

/// Why the parts of one rule cannot all hold.
pub(super) fn contradiction(parts: &[Part]) -> Option<&'static str> {
    let count = |wanted: fn(&Part) -> bool| parts.iter().filter(|part| wanted(part)).count();
    let common_names = count(|part| matches!(part, Part::CommonName(_)));
    let subjects = count(|part| matches!(part, Part::Subject(_)));
    let uris = count(|part| matches!(part, Part::Uri(_)));
    let spiffe = count(|part| matches!(part, Part::SpiffeId(_) | Part::SpiffeTrustDomain(_)));
    if common_names > 1 {
        Some("two common names that count")
    } else if subjects > 1 {
        Some("two subjects")
    } else if spiffe > 1 {
        Some("two SPIFFE IDs, and one is of its trust domain without a part that says so")
    } else if spiffe > 0 && uris > 0 {
        Some("a SPIFFE ID and another URI (X509-SVID §2)")
    } else {
        None
    }
}

fn check_text(part: &'static str, text: &str) -> Result<(), RuleFault> {
    if (1..=MOST_BYTES).contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(RuleFault::Text {
            part,
            most: MOST_BYTES,
        })
    }
}

fn check_dns_name(name: &str) -> Result<(), RuleFault> {
    if DnsName::try_from(name).is_ok() && !name.ends_with('.') {
        Ok(())
    } else {
        Err(RuleFault::DnsName(one_line(name, IN_ERROR)))
    }
}

fn check_uri(uri: &str) -> Result<(), RuleFault> {
    let fault = |fault: fn(String) -> RuleFault| Err(fault(one_line(uri, IN_ERROR)));
    let Some((scheme, _)) = uri.split_once(':') else {
        return fault(RuleFault::Uri);
    };
    if scheme.eq_ignore_ascii_case("spiffe") {
        return fault(RuleFault::UriIsSpiffe);
    }
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(letters)
        && uri.len() <= MOST_BYTES
        && uri.bytes().all(|byte| byte.is_ascii_graphic())
    {
        Ok(())
    } else {
        fault(RuleFault::Uri)
    }
}
