//! What a catalogue is made from.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Encryption;
use crate::error::Error;
use crate::key::KeyType;
use crate::names::SubjectAltName;

const DAY: Duration = Duration::from_secs(86_400);

/// Whose layout and names to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// k3s.
    K3s,
    /// kubeadm.
    Kubeadm,
    /// RKE2.
    Rke2,
}

impl Program {
    /// As it stands in names: `k3s`, `kubeadm`, `rke2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::K3s => "k3s",
            Self::Kubeadm => "kubeadm",
            Self::Rke2 => "rke2",
        }
    }
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Program {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "k3s" => Ok(Self::K3s),
            "kubeadm" => Ok(Self::Kubeadm),
            "rke2" => Ok(Self::Rke2),
            _ => Err(Error::Catalogue {
                option: "program".into(),
                why: format!("{name:?} is none of rke2, k3s, kubeadm"),
            }),
        }
    }
}

/// The options of a catalogue, as recorded in the PKI: unknown fields are an error.
///
/// ```
/// use fips_certs::catalogue::{Catalogue, Options, Program};
///
/// let mut options = Options::new(Program::Rke2, "node-1");
/// options.node_ips = vec!["192.0.2.10".parse()?];
/// let catalogue = Catalogue::new(options)?;
/// assert!(catalogue.leaf("serving-kube-apiserver").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Options {
    /// Whose layout and names to follow.
    pub program: Program,
    /// The node's name: a DNS name in lower case.
    pub node_name: String,
    /// The node's addresses.
    pub node_ips: Vec<IpAddr>,
    /// The address other nodes reach the API server at, when it is not one of the node's.
    pub advertise_ip: Option<IpAddr>,
    /// More names and addresses of the API server.
    pub extra_names: Vec<SubjectAltName>,
    /// The cluster's DNS domain.
    pub cluster_domain: String,
    /// The first addresses of the service networks: the API server's own service.
    pub service_ips: Vec<IpAddr>,
    /// The data directory as the programs see it: kubeconfigs name files below it.
    pub data_dir: PathBuf,
    /// The port of the API server in kubeconfigs.
    pub api_port: u16,
    /// How long authorities live, in whole seconds in the record.
    #[serde(with = "seconds")]
    pub authority_lifetime: Duration,
    /// How long leaves live, in whole seconds in the record.
    #[serde(with = "seconds")]
    pub leaf_lifetime: Duration,
    /// The kind of the authorities' keys.
    pub authority_key: KeyType,
    /// The kind of the leaves' keys.
    pub leaf_key: KeyType,
    /// The kind of the key that service-account tokens are signed with; RSA, which whoever
    /// verifies tokens outside of the cluster expects.
    pub service_account_key: KeyType,
    /// The authorities whose keys are kept elsewhere, by their names: nothing is signed for them
    /// here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_authorities: Vec<String>,
    /// How secrets are encrypted at rest; RKE2's and k3s's file is made when it is set.
    pub encryption: Option<Encryption>,
    /// Who administers a cluster of kubeadm.
    pub admins: Admins,
    /// Name or address and port, such as `api.example.org:6443`, at which a cluster of kubeadm
    /// is reached as a whole.
    pub endpoint: Option<String>,
    /// What is different for single entries, by their names.
    pub overrides: BTreeMap<String, Override>,
}

/// Whom kubeadm's `admin.conf` names, and which organizations its other clients have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admins {
    /// As Kubernetes 1.29 and later: `kubeadm:cluster-admins`, which a role binding must allow
    /// first, and `super-admin.conf` of `system:masters`; etcd's clients have no organization.
    ClusterAdmins,
    /// As before: `system:masters`, whom the API server allows everything.
    Masters,
}

/// What is different for one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// How long it lives, in whole seconds in the record.
    #[serde(
        default,
        with = "maybe_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub lifetime: Option<Duration>,
    /// The kind of its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_type: Option<KeyType>,
}

impl Options {
    /// The defaults of `program`: domain `cluster.local`, its own service address (10.43.0.1,
    /// kubeadm 10.96.0.1), data directory and port, RKE2 with AES-CBC for secrets; ten years for
    /// authorities, one for leaves, keys on P-256.
    pub fn new(program: Program, node_name: impl Into<String>) -> Self {
        let (data_dir, api_port, service_ip, encryption) = match program {
            Program::K3s => ("/var/lib/rancher/k3s", 6444, [10, 43, 0, 1], None),
            Program::Kubeadm => ("/etc/kubernetes", 6443, [10, 96, 0, 1], None),
            Program::Rke2 => {
                let encryption = Some(Encryption::Aescbc);
                ("/var/lib/rancher/rke2", 6443, [10, 43, 0, 1], encryption)
            }
        };
        Self {
            program,
            node_name: node_name.into(),
            node_ips: Vec::new(),
            advertise_ip: None,
            extra_names: Vec::new(),
            cluster_domain: "cluster.local".into(),
            service_ips: vec![Ipv4Addr::from(service_ip).into()],
            data_dir: data_dir.into(),
            api_port,
            authority_lifetime: DAY * 3650,
            leaf_lifetime: DAY * 365,
            authority_key: KeyType::default(),
            leaf_key: KeyType::default(),
            service_account_key: KeyType::Rsa2048,
            external_authorities: Vec::new(),
            encryption,
            admins: Admins::ClusterAdmins,
            endpoint: None,
            overrides: BTreeMap::new(),
        }
    }

    pub(super) fn judge(&self) -> Result<(), Error> {
        let refuse = |option: &str, why: &str| {
            Err(Error::Catalogue {
                option: option.to_owned(),
                why: why.to_owned(),
            })
        };
        for (option, name) in [
            ("node_name", &self.node_name),
            ("cluster_domain", &self.cluster_domain),
        ] {
            let lower = !name.contains(|c: char| c.is_ascii_uppercase() || c == '*');
            if !lower || SubjectAltName::dns(name.as_str()).is_err() {
                return refuse(option, &format!("{name:?} is no DNS name in lower case"));
            }
        }
        for (option, lifetime) in [
            ("authority_lifetime", self.authority_lifetime),
            ("leaf_lifetime", self.leaf_lifetime),
        ] {
            judge_lifetime(option, lifetime)?;
        }
        judge_order("leaf_lifetime", self.leaf_lifetime, self.authority_lifetime)?;
        for (name, other) in &self.overrides {
            if let Some(lifetime) = other.lifetime {
                judge_lifetime(&format!("overrides.{name}.lifetime"), lifetime)?;
            }
        }
        if self.service_ips.is_empty() {
            return refuse("service_ips", "the API server's service needs an address");
        }
        if !self.data_dir.is_absolute() || self.data_dir.to_str().is_none() {
            return refuse("data_dir", "it is not an absolute path in UTF-8");
        }
        Ok(())
    }
}

/// Refuses a life that nobody can mean.
pub(super) fn judge_lifetime(option: &str, lifetime: Duration) -> Result<(), Error> {
    if lifetime < Duration::from_secs(60) || lifetime > DAY * 36_500 {
        return Err(Error::Catalogue {
            option: option.to_owned(),
            why: "it is not between a minute and a hundred years".to_owned(),
        });
    }
    Ok(())
}

/// Refuses a life longer than the issuer's.
pub(super) fn judge_order(option: &str, life: Duration, issuer: Duration) -> Result<(), Error> {
    if life > issuer {
        return Err(Error::Catalogue {
            option: option.to_owned(),
            why: format!(
                "{} is longer than the {} of the authorities, which leaves cannot outlive; \
                 shorten it, or let the authorities live longer",
                days(life),
                days(issuer)
            ),
        });
    }
    Ok(())
}

/// Days, or seconds for what is no whole number of them.
fn days(lifetime: Duration) -> String {
    match (
        lifetime.as_secs() / DAY.as_secs(),
        lifetime.as_secs() % DAY.as_secs(),
    ) {
        (days, 0) => format!("{days} days"),
        _ => format!("{} seconds", lifetime.as_secs()),
    }
}

pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::catalogue) fn serialize<S: Serializer>(
        value: &Duration,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_secs())
    }

    pub(in crate::catalogue) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }
}

mod maybe_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(|value| value.as_secs()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_secs))
    }
}
