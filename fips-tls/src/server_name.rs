//! Names that servers go by, and what belongs to each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rustls::pki_types::DnsName;

/// A DNS name in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Exact(Box<str>),
    /// What follows `*.`.
    Wildcard(Box<str>),
}

impl Name {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let dns = |name: &str| {
            // RFC 6066 §3: without the dot at the end.
            let is_one = DnsName::try_from(name).is_ok() && !name.ends_with('.');
            is_one.then(|| Box::from(name))
        };
        match lower.strip_prefix("*.") {
            // One label alone would be a wildcard for a whole top-level domain.
            Some(rest) if rest.contains('.') => dns(rest).map(Self::Wildcard),
            Some(_) => None,
            None => dns(&lower).map(Self::Exact),
        }
    }
}

/// What belongs to each name: two looks, however many there are.
#[derive(Clone, Debug)]
pub(crate) struct NameMap<T> {
    exact: HashMap<Box<str>, T>,
    /// By what follows `*.`.
    wildcards: HashMap<Box<str>, T>,
}

impl<T> NameMap<T> {
    pub(crate) fn entry(&mut self, name: Name) -> Entry<'_, Box<str>, T> {
        match name {
            Name::Exact(name) => self.exact.entry(name),
            Name::Wildcard(rest) => self.wildcards.entry(rest),
        }
    }

    /// What belongs to the name as it is, then to a wildcard for its first label.
    pub(crate) fn find(&self, name: &str) -> impl Iterator<Item = &T> {
        let name = name.to_ascii_lowercase();
        let wildcard = name
            .split_once('.')
            .and_then(|(_, rest)| self.wildcards.get(rest));
        [self.exact.get(&*name), wildcard].into_iter().flatten()
    }
}

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            wildcards: HashMap::new(),
        }
    }
}
