//! What names a rule allows: literals, and patterns in which a star stands for one plain part.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer};

use crate::names::SubjectAltName;

/// A common name: literal, or with one star for one or more of `a-z`, `0-9`, `-` and `.`, which
/// can never become a group, a colon or a capital.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommonNamePattern(String);

impl CommonNamePattern {
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        match pattern.matches('*').count() {
            _ if pattern.is_empty() => Err("a common name is empty".into()),
            0 | 1 => Ok(Self(pattern.to_owned())),
            _ => Err(format!(
                "the common name {pattern:?} has more than one star"
            )),
        }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        stands_for(&self.0, name, |c| c == '-' || c == '.' || is_plain(c))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A DNS name: literal, or with a star for its first label alone. A name with a star of its own
/// (a wildcard) never matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DnsPattern(String);

impl DnsPattern {
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        match SubjectAltName::dns(pattern) {
            Ok(SubjectAltName::Dns(name)) => Ok(Self(name)),
            Ok(_) => Err(format!("{pattern:?} is no DNS name")),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        !name.contains('*') && stands_for(&self.0, name, |c| c == '-' || is_plain(c))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A network of addresses, such as `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    /// How many of its first bits count.
    bits: u8,
}

impl Network {
    pub(super) fn new(network: &str) -> Result<Self, String> {
        let wrong = || format!("{network:?} is no address and no network such as 10.0.0.0/8");
        let (address, bits) = match network.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (network, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        if bits > all {
            return Err(format!("{network:?} has a prefix longer than {all} bits"));
        }
        let network = Self { address, bits };
        let begin = network.prefix(address).checked_shl(network.behind());
        if begin.unwrap_or(0) != number(address) {
            return Err(format!("{address}/{bits} has bits set behind its prefix"));
        }
        Ok(network)
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && self.prefix(address) == self.prefix(self.address)
    }

    /// The bits of an address that count.
    fn prefix(&self, address: IpAddr) -> u128 {
        number(address).checked_shr(self.behind()).unwrap_or(0)
    }

    /// How many bits do not count.
    fn behind(&self) -> u32 {
        let all: u32 = if self.address.is_ipv4() { 32 } else { 128 };
        all.saturating_sub(self.bits.into())
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A URI: literal, or with a star for its last segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UriPattern(String);

impl UriPattern {
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let stars = pattern.matches('*').count();
        if stars > 1 || (stars == 1 && !pattern.ends_with("/*")) {
            return Err(format!(
                "the URI {pattern:?} has a star elsewhere than for its last segment"
            ));
        }
        SubjectAltName::uri(pattern).map_err(|error| error.to_string())?;
        Ok(Self(pattern.to_owned()))
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        stands_for(&self.0, name, |c| {
            matches!(c, '-' | '.' | '_') || c.is_ascii_alphanumeric()
        })
    }
}

/// Whether `name` is `pattern`, or that with its star replaced by some of the characters.
fn stands_for(pattern: &str, name: &str, plain: impl Fn(char) -> bool) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == name;
    };
    name.strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after))
        .is_some_and(|part| !part.is_empty() && part.chars().all(plain))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

impl<'de> Deserialize<'de> for CommonNamePattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from, Self::new)
    }
}

impl<'de> Deserialize<'de> for DnsPattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from, Self::new)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from, Self::new)
    }
}

impl<'de> Deserialize<'de> for UriPattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from, Self::new)
    }
}

/// Reads a pattern from text, its judge's words as the error.
fn read<'de, D: Deserializer<'de>, T>(
    from: D,
    judge: impl Fn(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    judge(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_one_plain_part() {
        let node = CommonNamePattern::new("system:node:*").unwrap();
        assert!(node.matches("system:node:a-1.example"));
        for other in [
            "system:node:",
            "system:node:a:b",
            "system:node:A",
            "system:masters",
            "",
        ] {
            assert!(!node.matches(other), "{other}");
        }
        let host = DnsPattern::new("*.nodes.example.org").unwrap();
        assert!(host.matches("a-1.nodes.example.org"));
        for other in [
            "nodes.example.org",
            ".nodes.example.org",
            "a.b.nodes.example.org",
            "*.nodes.example.org",
            "a.nodes.example.org.evil",
        ] {
            assert!(!host.matches(other), "{other}");
        }
        let uri = UriPattern::new("spiffe://cluster/ns/*").unwrap();
        assert!(uri.matches("spiffe://cluster/ns/a_B.1"));
        for other in [
            "spiffe://cluster/ns/",
            "spiffe://cluster/ns/a/b",
            "spiffe://cluster/ns/a?x",
        ] {
            assert!(!uri.matches(other), "{other}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let ten = Network::new("10.0.0.0/8").unwrap();
        assert!(ten.contains("10.255.0.1".parse().unwrap()));
        assert!(!ten.contains("11.0.0.1".parse().unwrap()));
        assert!(!ten.contains("::a00:1".parse().unwrap()));
        assert!(
            Network::new("0.0.0.0/0")
                .unwrap()
                .contains("1.2.3.4".parse().unwrap())
        );
        assert!(
            !Network::new("::/0")
                .unwrap()
                .contains("1.2.3.4".parse().unwrap())
        );
        let one = Network::new("2001:db8::1").unwrap();
        assert!(one.contains("2001:db8::1".parse().unwrap()));
        assert!(!one.contains("2001:db8::2".parse().unwrap()));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["", "a*b*"] {
            assert!(CommonNamePattern::new(pattern).is_err(), "{pattern}");
        }
        for pattern in ["", "*", "a.*.b", "**.a", "10.0.0.1", "a b"] {
            assert!(DnsPattern::new(pattern).is_err(), "{pattern}");
        }
        for pattern in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "x",
            "10.0.0.0/-1",
        ] {
            assert!(Network::new(pattern).is_err(), "{pattern}");
        }
        for pattern in ["spiffe://*/a", "spiffe://a/*/*", "spiffe://a/b*", "nothing"] {
            assert!(UriPattern::new(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        /// No name passes a pattern without its fixed parts around a part of plain characters.
        #[test]
        fn a_pattern_never_widens(name in "[a-zA-Z0-9.:*/ -]{0,30}") {
            let node = CommonNamePattern::new("system:node:*").unwrap();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
            let expected = name
                .strip_prefix("system:node:")
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain));
            prop_assert_eq!(node.matches(&name), expected);
            let whole = format!("system:node:{name}");
            prop_assert_eq!(node.matches(&whole), !name.is_empty() && name.chars().all(plain));
        }

        #[test]
        fn networks_agree_with_arithmetic(net in any::<u32>(), bits in 0_u32..=32, ip in any::<u32>()) {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            let base = std::net::Ipv4Addr::from(net & mask);
            let network = Network::new(&format!("{base}/{bits}")).unwrap();
            prop_assert_eq!(
                network.contains(std::net::Ipv4Addr::from(ip).into()),
                ip & mask == net & mask
            );
        }
    }
}
