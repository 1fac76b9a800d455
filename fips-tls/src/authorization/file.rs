//! Rules as operators write them.

use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize;

use super::fault::{AuthorizationFault, RuleFault};
use super::part::Part;
use super::spiffe::{SpiffeFault, SpiffeId, TrustDomain};
use super::{Authorization, PeerRule};
use crate::error::Error;
use crate::name::one_line;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    allow: Vec<Rule>,
}

/// As a rule; each part once, all must hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    common_name: Option<String>,
    dns_name: Option<String>,
    ip: Option<IpAddr>,
    organization: Option<String>,
    spiffe_id: Option<String>,
    spiffe_trust_domain: Option<String>,
    subject: Option<String>,
    uri: Option<String>,
}

impl TryFrom<File> for Authorization {
    type Error = AuthorizationFault;

    fn try_from(file: File) -> Result<Self, AuthorizationFault> {
        let rules = file
            .allow
            .into_iter()
            .enumerate()
            .map(|(index, rule)| {
                PeerRule::try_from(rule).map_err(|fault| AuthorizationFault::Rule {
                    number: index + 1,
                    fault,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::any_of(rules)
    }
}

impl TryFrom<Rule> for PeerRule {
    type Error = RuleFault;

    fn try_from(rule: Rule) -> Result<Self, RuleFault> {
        let Rule {
            common_name,
            dns_name,
            ip,
            organization,
            spiffe_id,
            spiffe_trust_domain,
            subject,
            uri,
        } = rule;
        let spiffe = |text: &str| {
            let text = one_line(text, 128);
            |fault: SpiffeFault| RuleFault::Spiffe { text, fault }
        };
        let id = spiffe_id
            .map(|text| SpiffeId::new(&*text).map_err(spiffe(&text)))
            .transpose()?;
        let domain = spiffe_trust_domain
            .map(|text| TrustDomain::new(&*text).map_err(spiffe(&text)))
            .transpose()?;
        let parts = [
            common_name.map(Part::CommonName),
            dns_name.map(Part::DnsName),
            ip.map(Part::Ip),
            organization.map(Part::Organization),
            id.map(Part::SpiffeId),
            domain.map(Part::SpiffeTrustDomain),
            subject.map(Part::Subject),
            uri.map(Part::Uri),
        ];
        Ok(Self {
            parts: parts.into_iter().flatten().collect(),
        })
    }
}

impl Authorization {
    /// Reads rules written as TOML: a table `[[allow]]` for each, with `common_name`,
    /// `organization`, `subject`, `dns_name`, `ip`, `uri`, `spiffe_id` or
    /// `spiffe_trust_domain`, of which all must hold.
    ///
    /// ```
    /// use fips_tls::Authorization;
    ///
    /// let rules = Authorization::from_toml(
    ///     r#"
    ///     [[allow]]
    ///     organization = "system:masters"
    ///
    ///     [[allow]]
    ///     spiffe_id = "spiffe://prod.example.com/ns/kube-system/sa/scheduler"
    ///     "#,
    /// );
    /// assert!(rules.is_ok());
    /// assert!(Authorization::from_toml("[[allow]]\norganisation = \"x\"").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`AuthorizationFault`]: also for a key it does not know.
    pub fn from_toml(text: &str) -> Result<Self, AuthorizationFault> {
        let malformed =
            |error: toml::de::Error| AuthorizationFault::Malformed(one_line(error.message(), 256));
        let file: File = toml::from_str(text).map_err(malformed)?;
        Self::try_from(file)
    }

    /// As [`from_toml`](Self::from_toml), from a file.
    ///
    /// # Errors
    ///
    /// Also [`Error::File`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = crate::file::read_text(path)?;
        Self::from_toml(&text).map_err(|fault| Error::from(fault).in_file(path))
    }
}
