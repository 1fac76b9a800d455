//! Which of the peers whose chains are believed may come in.

mod fault;
mod file;
mod part;
mod spiffe;
mod subject;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

pub use fault::{AuthorizationFault, NotAuthorized, NotAuthorizedReason, RuleFault};
pub use spiffe::{SpiffeFault, SpiffeId, TrustDomain};

use crate::name::{self, one_line};
use crate::peer::PeerIdentity;
use part::Part;

/// The most characters of rules, and of a peer's names, in a refusal.
const IN_ERROR: usize = 512;

/// Rules about the peer's leaf, at least one: a peer passes when one of them holds.
///
/// Authentication comes first: trust says whose certificates are believed, this which of those
/// may connect. It looks at the leaf alone, and takes no authority's certificate for one.
///
/// ```
/// use fips_tls::{Authorization, PeerRule};
///
/// # fn main() -> Result<(), fips_tls::AuthorizationFault> {
/// let rules = Authorization::any_of([
///     PeerRule::new().with_organization("system:masters"),
///     PeerRule::new()
///         .with_common_name("system:node:a")
///         .with_organization("system:nodes"),
/// ])?;
/// assert_eq!(rules.rules().len(), 2);
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// A name is worth what its authority makes of it: of two trusted authorities, each can issue a
/// leaf that a rule names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "file::File")]
pub struct Authorization {
    rules: Arc<[PeerRule]>,
}

/// What a leaf must show: every part that is named.
///
/// Names are compared as they are, byte for byte, DNS names without regard to the case of ASCII
/// letters. What a certificate shows that cannot be read, or that programs read in different
/// ways (several common names, a URI beside a SPIFFE ID), holds for no rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerRule {
    parts: Vec<Part>,
}

impl Authorization {
    /// Admits whom one of the rules holds for.
    ///
    /// # Errors
    ///
    /// [`AuthorizationFault`]: no rule, an empty one, one that no certificate can fulfil.
    pub fn any_of(rules: impl IntoIterator<Item = PeerRule>) -> Result<Self, AuthorizationFault> {
        let rules: Arc<[PeerRule]> = rules.into_iter().collect();
        if rules.is_empty() {
            return Err(AuthorizationFault::NoRules);
        }
        for (index, rule) in rules.iter().enumerate() {
            rule.check().map_err(|fault| AuthorizationFault::Rule {
                number: index + 1,
                fault,
            })?;
        }
        Ok(Self { rules })
    }

    /// The rules.
    pub fn rules(&self) -> &[PeerRule] {
        &self.rules
    }

    /// Whether the owner of a believed leaf may come in.
    ///
    /// # Errors
    ///
    /// [`NotAuthorized`].
    pub fn judge(&self, peer: &PeerIdentity) -> Result<(), NotAuthorized> {
        let refused = |reason| NotAuthorized {
            subject: name::in_error(peer.subject()),
            reason,
        };
        if peer.is_authority() {
            return Err(refused(NotAuthorizedReason::Authority));
        }
        if self.rules.iter().any(|rule| rule.holds(peer)) {
            return Ok(());
        }
        Err(refused(NotAuthorizedReason::NoRule {
            shown: shown(peer),
            rules: one_line(&self.to_string(), IN_ERROR),
        }))
    }

    /// What decides, piece by piece, for a digest: two that are alike decide alike.
    pub(crate) fn pieces(&self) -> Vec<String> {
        let rules = self.rules.iter().map(|rule| {
            let parts = rule.parts.iter();
            let parts = parts.flat_map(|part| [part.kind().to_owned(), part.value()]);
            [rule.parts.len().to_string()].into_iter().chain(parts)
        });
        rules.flatten().collect()
    }
}

impl PeerRule {
    /// A rule that names nothing yet, and as such is not taken.
    pub fn new() -> Self {
        Self::default()
    }

    /// The common name, the user in Kubernetes: the subject's only one.
    #[must_use]
    pub fn with_common_name(self, name: impl Into<String>) -> Self {
        self.with(Part::CommonName(name.into()))
    }

    /// One of the DNS names. A wildcard in the certificate is no name of the hosts below it.
    #[must_use]
    pub fn with_dns_name(self, name: impl Into<String>) -> Self {
        self.with(Part::DnsName(name.into()))
    }

    /// One of the IP addresses: of IPv4 and its mapped form, the one that is written.
    #[must_use]
    pub fn with_ip(self, address: impl Into<IpAddr>) -> Self {
        self.with(Part::Ip(address.into()))
    }

    /// One of the subject's organizations, the groups in Kubernetes.
    #[must_use]
    pub fn with_organization(self, name: impl Into<String>) -> Self {
        self.with(Part::Organization(name.into()))
    }

    /// The SPIFFE ID.
    #[must_use]
    pub fn with_spiffe_id(self, id: SpiffeId) -> Self {
        self.with(Part::SpiffeId(id))
    }

    /// Any SPIFFE ID of a trust domain.
    #[must_use]
    pub fn with_spiffe_trust_domain(self, domain: TrustDomain) -> Self {
        self.with(Part::SpiffeTrustDomain(domain))
    }

    /// The whole subject as [`PeerIdentity::subject`] writes it (RFC 4514): the last relative
    /// name first.
    #[must_use]
    pub fn with_subject(self, subject: impl Into<String>) -> Self {
        self.with(Part::Subject(subject.into()))
    }

    /// One of the URIs, byte for byte. A SPIFFE ID is not taken here.
    #[must_use]
    pub fn with_uri(self, uri: impl Into<String>) -> Self {
        self.with(Part::Uri(uri.into()))
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    fn check(&self) -> Result<(), RuleFault> {
        if self.parts.is_empty() {
            return Err(RuleFault::Empty);
        }
        self.parts.iter().try_for_each(Part::check)?;
        part::contradiction(&self.parts).map_or(Ok(()), |why| Err(RuleFault::Contradiction(why)))
    }

    /// An empty one never gets here: see `check`.
    fn holds(&self, peer: &PeerIdentity) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.holds(peer))
    }
}

impl std::fmt::Display for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, rule) in self.rules.iter().enumerate() {
            let before = if index == 0 { "" } else { "; or " };
            write!(f, "{before}{rule}")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for PeerRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            let before = if index == 0 { "" } else { " and " };
            write!(f, "{before}{part}")?;
        }
        Ok(())
    }
}

/// The names of a leaf beside its subject.
fn shown(peer: &PeerIdentity) -> String {
    let addresses = peer.ip_addresses().iter().map(ToString::to_string);
    let mut names: Vec<_> = peer.dns_names().to_vec();
    names.extend(addresses);
    names.extend_from_slice(peer.uris());
    let mut text = match &names[..] {
        [] => "no other name".to_owned(),
        names => names.join(", "),
    };
    if peer.has_unreadable_names() {
        text += ", and names that cannot be read";
    }
    one_line(&text, IN_ERROR)
}
