//! What may be issued for a request, said by the one who signs.

use std::time::Duration;

use serde::Deserialize;

use super::pattern::{CommonNamePattern, DnsPattern, Network, UriPattern};
use super::{CertificateRequest, ProvenRequest};
use crate::certificate::FoundName;
use crate::error::Error;
use crate::issue::LeafParams;
use crate::key::{KeyType, SubjectKey};
use crate::names::{Subject, SubjectAltName};
use crate::usages::Usages;

const DAY: Duration = Duration::from_secs(86_400);

/// The types of the two attributes a subject here may have.
const COMMON_NAME: &str = "2.5.4.3";
const ORGANIZATION: &str = "2.5.4.10";

/// The most days of a rule that says nothing.
const MOST_DAYS: u32 = 365;

/// Which subjects, names, usages and lifetimes requests may have. What it does not name is not
/// allowed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SigningRule {
    name: String,
    authorities: Vec<String>,
    common_names: Vec<CommonNamePattern>,
    /// Exactly this organization; none when left out.
    organization: Option<String>,
    #[serde(default)]
    dns: Vec<DnsPattern>,
    /// Wildcard names, each allowed as it stands.
    #[serde(default)]
    wildcards: Vec<DnsPattern>,
    #[serde(default)]
    ip: Vec<Network>,
    #[serde(default)]
    uri: Vec<UriPattern>,
    usages: Usages,
    /// Every kind that is issued for when left out.
    key_types: Option<Vec<KeyType>>,
    #[serde(default = "most_days")]
    max_days: u32,
}

fn most_days() -> u32 {
    MOST_DAYS
}

/// What a rule lets be issued for a request. Only [`SigningRule::authorise`] makes one.
#[derive(Clone, Debug)]
pub struct Grant {
    rule: String,
    subject: Subject,
    names: Vec<SubjectAltName>,
    usages: Usages,
    lifetime: Duration,
}

impl Grant {
    /// What the leaf shall say.
    pub fn params(&self) -> LeafParams {
        LeafParams::new(self.subject.clone(), self.usages, self.lifetime)
            .with_names(self.names.iter().cloned())
    }

    /// The rule that allows it.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Whom it names.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Names and addresses.
    pub fn names(&self) -> &[SubjectAltName] {
        &self.names
    }

    /// What it is for.
    pub fn usages(&self) -> Usages {
        self.usages
    }

    /// How long it lives, if its authority does.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }
}

/// One reason why a rule does not allow a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// It asks to be an authority.
    #[error("it asks to be an authority")]
    Authority,
    /// The common name.
    #[error("its common name is {found:?}, the rule allows {allowed}")]
    CommonName {
        /// What it names.
        found: String,
        /// What is allowed.
        allowed: String,
    },
    /// The authority it shall be signed by.
    #[error("the rule is not for the authority {asked:?} but for {allowed}")]
    Issuer {
        /// The authority asked for.
        asked: String,
        /// Those allowed.
        allowed: String,
    },
    /// The kind of its key.
    #[error("its key is {found}, the rule allows {allowed}")]
    KeyType {
        /// What it is.
        found: KeyType,
        /// What is allowed.
        allowed: String,
    },
    /// The lifetime.
    #[error("{asked} days are asked for, the rule allows {most}")]
    Lifetime {
        /// Days asked for.
        asked: u64,
        /// Days allowed.
        most: u32,
    },
    /// Names outside of the rule.
    #[error("names outside of the rule: {}", .0.join(", "))]
    Names(Vec<String>),
    /// A server that names nothing.
    #[error("a server's request must hold a name or an address (RFC 9525 §4.1)")]
    NoNames,
    /// The organization.
    #[error("its organization is {found}, the rule asks for {wanted}")]
    Organization {
        /// What it names.
        found: String,
        /// What is asked for.
        wanted: String,
    },
    /// An attribute of the subject.
    #[error("its subject holds the attribute {oid}, only a common name and an organization may")]
    Subject {
        /// Its type.
        oid: String,
    },
    /// Usages outside of the rule.
    #[error("usages outside of the rule: {}", .0.join(", "))]
    Usages(Vec<String>),
}

impl SigningRule {
    /// For the client certificate of the kubelet of `node`, as Kubernetes' signer
    /// `kubernetes.io/kube-apiserver-client-kubelet` defines it: `CN=system:node:NODE`,
    /// `O=system:nodes`, no alternative names, client authentication.
    ///
    /// # Errors
    ///
    /// [`Error::Rules`] when `node` is no name of a node (a DNS name in lower case).
    pub fn kubelet_client(node: &str) -> Result<Self, Error> {
        Ok(Self {
            name: "kubelet-client".into(),
            authorities: vec!["client-ca".into(), "ca".into()],
            usages: Usages::Client,
            ..Self::kubelet(node)?
        })
    }

    /// For the serving certificate of the kubelet of `node`, as Kubernetes' signer
    /// `kubernetes.io/kubelet-serving` defines it: subject as the client's, DNS names and
    /// addresses alone, at least one, server authentication. Which those may be is said here:
    /// `names`, beside the node's own.
    ///
    /// # Errors
    ///
    /// As [`kubelet_client`](Self::kubelet_client), and for a URI or a wildcard among `names`.
    pub fn kubelet_serving(node: &str, names: &[SubjectAltName]) -> Result<Self, Error> {
        let mut rule = Self {
            name: "kubelet-serving".into(),
            authorities: vec!["server-ca".into(), "ca".into()],
            usages: Usages::Server,
            ..Self::kubelet(node)?
        };
        rule.dns = vec![DnsPattern::new(node).map_err(rule.wrong())?];
        for name in names {
            match name {
                SubjectAltName::Dns(name) if !name.contains('*') => {
                    rule.dns.push(DnsPattern::new(name).map_err(rule.wrong())?);
                }
                SubjectAltName::Ip(address) => {
                    let network = Network::new(&address.to_string());
                    rule.ip.push(network.map_err(rule.wrong())?);
                }
                SubjectAltName::Dns(_) | SubjectAltName::Uri(_) => {
                    let why = format!("a kubelet has DNS names and addresses, not {name}");
                    return Err(rule.wrong()(why));
                }
            }
        }
        Ok(rule)
    }

    /// What both have in common.
    fn kubelet(node: &str) -> Result<Self, Error> {
        let refuse = |why: String| Error::Rules { why };
        let lower = !node.contains(|c: char| c.is_ascii_uppercase() || c == '*');
        if !lower || SubjectAltName::dns(node).is_err() {
            return Err(refuse(format!(
                "{node:?} is no name of a node: a DNS name in lower case"
            )));
        }
        Ok(Self {
            name: String::new(),
            authorities: Vec::new(),
            common_names: vec![
                CommonNamePattern::new(&format!("system:node:{node}")).map_err(refuse)?,
            ],
            organization: Some("system:nodes".into()),
            dns: Vec::new(),
            wildcards: Vec::new(),
            ip: Vec::new(),
            uri: Vec::new(),
            usages: Usages::Client,
            key_types: None,
            max_days: MOST_DAYS,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The authorities it is for, by their names in the catalogue.
    pub fn authorities(&self) -> &[String] {
        &self.authorities
    }

    /// Judges what stands in the rule, beyond its form.
    pub(super) fn judge(&self) -> Result<(), Error> {
        let refuse = |why: &str| Err(self.wrong()(why.to_owned()));
        if self.name.is_empty() {
            return refuse("it has no name");
        }
        if self.authorities.is_empty() {
            return refuse("it is for no authority: name one in `authorities`");
        }
        if self.common_names.is_empty() {
            return refuse("it allows no common name: name one in `common-names`");
        }
        if self.organization.as_deref() == Some("system:masters")
            && self
                .common_names
                .iter()
                .any(|name| name.as_str().contains('*'))
        {
            return refuse(
                "whoever fits a pattern would be in system:masters, which may do everything: name \
                 each common name in full",
            );
        }
        if self
            .wildcards
            .iter()
            .any(|name| !name.as_str().starts_with("*."))
        {
            return refuse("`wildcards` holds a name that is none: put it into `dns`");
        }
        if self.key_types.as_ref().is_some_and(Vec::is_empty) {
            return refuse("`key-types` is empty: leave it out to allow every kind");
        }
        if !(1..=36_500).contains(&self.max_days) {
            return refuse("`max-days` is not between 1 and 36500");
        }
        Ok(())
    }

    fn wrong(&self) -> impl Fn(String) -> Error + use<> {
        let name = self.name.clone();
        move |why| Error::Rules {
            why: format!("rule {name:?}: {why}"),
        }
    }

    /// What may be issued for `request` by `authority`, as long as `lifetime` or, without one, as
    /// the rule allows. The grant says each name because the rule allows it, never because the
    /// request asks.
    ///
    /// # Errors
    ///
    /// [`Error::NotAuthorised`] with every reason.
    pub fn authorise(
        &self,
        request: &ProvenRequest,
        authority: &str,
        lifetime: Option<Duration>,
    ) -> Result<Grant, Error> {
        let mut denied = Vec::new();
        if !self.authorities.iter().any(|allowed| allowed == authority) {
            denied.push(Denied::Issuer {
                asked: authority.to_owned(),
                allowed: self.authorities.join(", "),
            });
        }
        if let (Ok(found), Some(allowed)) = (request.key_type(), &self.key_types)
            && !allowed.contains(&found)
        {
            denied.push(Denied::KeyType {
                found,
                allowed: list(allowed.iter()),
            });
        }
        let most = DAY * self.max_days;
        let lifetime = lifetime.unwrap_or(most);
        if lifetime > most {
            denied.push(Denied::Lifetime {
                asked: lifetime.as_secs().div_ceil(DAY.as_secs()),
                most: self.max_days,
            });
        }
        let request = request.request();
        if request.facts.authority {
            denied.push(Denied::Authority);
        }
        let subject = self.subject(request, &mut denied);
        let names = self.names(request, &mut denied);
        let usages = self.usages(request, &mut denied);
        match subject {
            Some(subject) if denied.is_empty() => Ok(Grant {
                rule: self.name.clone(),
                subject,
                names,
                usages,
                lifetime,
            }),
            _ => Err(Error::NotAuthorised {
                subject: request.subject().to_owned(),
                rule: self.name.clone(),
                reasons: denied,
            }),
        }
    }

    fn subject(&self, request: &CertificateRequest, denied: &mut Vec<Denied>) -> Option<Subject> {
        let of = |oid: &str| -> Vec<&str> {
            let attributes = request.facts.attributes.iter();
            let found = attributes.filter(|(found, _)| found == oid);
            found.map(|(_, text)| text.as_str()).collect()
        };
        for (oid, _) in &request.facts.attributes {
            if ![COMMON_NAME, ORGANIZATION].contains(&oid.as_str()) {
                denied.push(Denied::Subject { oid: oid.clone() });
            }
        }
        let (names, organizations) = (of(COMMON_NAME), of(ORGANIZATION));
        if organizations != self.organization.as_deref().as_slice() {
            denied.push(Denied::Organization {
                found: list(organizations.iter().map(|found| format!("{found:?}"))),
                wanted: format!("{:?}", self.organization.as_deref().unwrap_or("none")),
            });
        }
        let allowed = match names[..] {
            [name] => self
                .common_names
                .iter()
                .any(|pattern| pattern.matches(name)),
            _ => false,
        };
        if !allowed {
            denied.push(Denied::CommonName {
                found: names.join(", "),
                allowed: list(self.common_names.iter().map(CommonNamePattern::as_str)),
            });
            return None;
        }
        let subject = Subject::new(*names.first()?).ok()?;
        match &self.organization {
            Some(organization) => subject.with_organization(organization.as_str()).ok(),
            None => Some(subject),
        }
    }

    fn names(&self, request: &CertificateRequest, denied: &mut Vec<Denied>) -> Vec<SubjectAltName> {
        let (mut allowed, mut outside) = (Vec::new(), Vec::new());
        for name in &request.facts.names {
            match name {
                FoundName::Known(name) if self.allows(name) => allowed.push(name.clone()),
                other => outside.push(other.to_string()),
            }
        }
        if self.usages.server() && request.facts.names.is_empty() {
            denied.push(Denied::NoNames);
        }
        if !outside.is_empty() {
            denied.push(Denied::Names(outside));
        }
        allowed
    }

    fn allows(&self, name: &SubjectAltName) -> bool {
        match name {
            SubjectAltName::Dns(name) => {
                self.dns.iter().any(|pattern| pattern.matches(name))
                    || self
                        .wildcards
                        .iter()
                        .any(|wildcard| wildcard.as_str() == name)
            }
            SubjectAltName::Ip(address) => self.ip.iter().any(|ip| ip.contains(*address)),
            SubjectAltName::Uri(name) => self.uri.iter().any(|pattern| pattern.matches(name)),
        }
    }

    /// What is asked for within the rule, or the rule's own where nothing is said.
    fn usages(&self, request: &CertificateRequest, denied: &mut Vec<Denied>) -> Usages {
        let mut outside: Vec<String> = Vec::new();
        // A signature is what TLS needs of a leaf; RSA keys are also encrypted to in TLS 1.2.
        if let Some(asked) = &request.facts.key_usages {
            let more = asked
                .iter()
                .filter(|usage| !["digitalSignature", "keyEncipherment"].contains(usage));
            outside.extend(more.map(ToString::to_string));
            if !asked.contains(&"digitalSignature") {
                outside.push("none with digitalSignature".into());
            }
        }
        let mut usages = self.usages;
        if let Some(asked) = &request.facts.purposes {
            let more = asked
                .iter()
                .filter(|usage| !self.usages.names().contains(&usage.as_str()));
            outside.extend(more.cloned());
            let asks = |name: &str| asked.iter().any(|usage| usage == name);
            usages = match (asks("ServerAuth"), asks("ClientAuth")) {
                (true, false) => Usages::Server,
                (false, true) => Usages::Client,
                _ => self.usages,
            };
        }
        if !outside.is_empty() {
            denied.push(Denied::Usages(outside));
        }
        usages
    }
}

fn list(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.is_empty() {
        "none".into()
    } else {
        items.join(", ")
    }
}
