//! The table of a node of RKE2 or k3s below `<data-dir>/agent`.
//!
//! Read from k3s `pkg/agent/config/config.go` (files and kubeconfigs) and
//! `pkg/server/handlers` (names of the kubelet's leaves).

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::options::{judge_lifetime, seconds};
use super::{
    AuthorityEntry, Catalogue, Credentials, Definition, Frame, KubeconfigEntry, LeafEntry, Options,
    Place, Program,
};
use crate::error::Error;
use crate::key::KeyType;
use crate::names::{Subject, SubjectAltName};
use crate::store::EntryPath;
use crate::usages::Usages;

/// The options of a node's tree, as recorded in it: unknown fields are an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NodeOptions {
    /// Whose layout and names to follow: RKE2's or k3s's.
    pub program: Program,
    /// The node's name: a DNS name in lower case.
    pub node_name: String,
    /// The node's addresses.
    pub node_ips: Vec<IpAddr>,
    /// The data directory as the programs see it: kubeconfigs name files below it.
    pub data_dir: PathBuf,
    /// The port at which the node reaches the API server: that of its own balancer.
    pub api_port: u16,
    /// How long leaves live, in whole seconds in the record.
    #[serde(with = "seconds")]
    pub leaf_lifetime: Duration,
    /// The kind of the leaves' keys.
    pub leaf_key: KeyType,
    /// The kind of the authorities' keys.
    pub authority_key: KeyType,
}

impl NodeOptions {
    /// Those of a node whose server's tree was made from `server`.
    pub fn new(server: &Options, node_name: impl Into<String>) -> Self {
        Self {
            program: server.program,
            node_name: node_name.into(),
            node_ips: Vec::new(),
            data_dir: server.data_dir.clone(),
            api_port: server.api_port,
            leaf_lifetime: server.leaf_lifetime,
            leaf_key: server.leaf_key,
            authority_key: server.authority_key,
        }
    }
}

pub(super) fn catalogue(options: NodeOptions) -> Result<Catalogue, Error> {
    let refuse = |option: &str, why: &str| {
        Err(Error::Catalogue {
            option: option.to_owned(),
            why: why.to_owned(),
        })
    };
    if options.program == Program::Kubeadm {
        return refuse(
            "program",
            "the nodes of kubeadm make their own keys and requests",
        );
    }
    let name = &options.node_name;
    let lower = !name.contains(|c: char| c.is_ascii_uppercase() || c == '*');
    if !lower || SubjectAltName::dns(name.as_str()).is_err() {
        return refuse(
            "node_name",
            &format!("{name:?} is no DNS name in lower case"),
        );
    }
    if !options.data_dir.is_absolute() {
        return refuse("data_dir", "it is not an absolute path");
    }
    judge_lifetime("leaf_lifetime", options.leaf_lifetime)?;
    let program = options.program.name();
    let mut catalogue = Catalogue::empty(Definition::Node(options.clone()));
    for authority in ["client-ca", "server-ca"] {
        catalogue.add_authority(AuthorityEntry {
            name: authority.to_owned(),
            subject: Subject::new(format!("{program}-{authority}"))?,
            stamped: true,
            issuer: None,
            // As long as the server's; this tree makes none.
            lifetime: options.leaf_lifetime,
            key_type: options.authority_key,
            certificate: EntryPath::new(format!("{authority}.crt"))?,
            key: None,
            nochain: None,
        })?;
    }
    let controller = format!("{program}-controller");
    let client_controller = format!("client-{controller}");
    let subject = |common_name: &str| Subject::new(common_name);
    let node = subject(&format!("system:node:{name}"))?.with_organization("system:nodes")?;
    let clients = [
        ("client-kubelet", "kubelet", node),
        (
            "client-kube-proxy",
            "kube-proxy",
            subject("system:kube-proxy")?,
        ),
        (
            &client_controller,
            &controller,
            subject(&format!("system:{controller}"))?,
        ),
    ];
    let leaf = |name: &str, service: &str, subject, names, usages, issuer: &str| {
        Ok::<_, Error>(LeafEntry {
            name: name.to_owned(),
            service: service.to_owned(),
            subject,
            names,
            usages,
            issuer: issuer.to_owned(),
            lifetime: options.leaf_lifetime,
            key_type: options.leaf_key,
            place: Place::pair(name)?,
            chained: true,
            optional: false,
        })
    };
    for (name, service, subject) in clients {
        let entry = leaf(
            name,
            service,
            subject,
            Vec::new(),
            Usages::Client,
            "client-ca",
        )?;
        catalogue.add_leaf(entry)?;
    }
    let mut names = vec![
        SubjectAltName::dns(name.as_str())?,
        SubjectAltName::dns("localhost")?,
        SubjectAltName::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    ];
    for address in options.node_ips.iter().copied().map(SubjectAltName::Ip) {
        if !names.contains(&address) {
            names.push(address);
        }
    }
    let serving = subject(name)?;
    catalogue.add_leaf(leaf(
        "serving-kubelet",
        "kubelet",
        serving,
        names,
        Usages::Server,
        "server-ca",
    )?)?;
    for (file, service, leaf) in [
        ("kubelet.kubeconfig", "kubelet", "client-kubelet"),
        ("kubeproxy.kubeconfig", "kube-proxy", "client-kube-proxy"),
        (
            &format!("{program}controller.kubeconfig"),
            &controller,
            &client_controller,
        ),
    ] {
        catalogue.add_kubeconfig(kubeconfig(file, service, leaf, &options)?)?;
    }
    catalogue.finished(&std::collections::BTreeMap::new())
}

fn kubeconfig(
    name: &str,
    service: &str,
    leaf: &str,
    options: &NodeOptions,
) -> Result<KubeconfigEntry, Error> {
    let seen = |file: String| {
        let path = options.data_dir.join("agent").join(file);
        path.into_os_string()
            .into_string()
            .map_err(|_| Error::Catalogue {
                option: "data_dir".into(),
                why: "it is not UTF-8".into(),
            })
    };
    Ok(KubeconfigEntry {
        name: name.to_owned(),
        service: service.to_owned(),
        path: EntryPath::new(name)?,
        authority: "server-ca".to_owned(),
        leaf: leaf.to_owned(),
        frame: Frame::local(format!("https://127.0.0.1:{}", options.api_port)),
        credentials: Credentials::Files {
            authority: seen("server-ca.crt".into())?,
            certificate: seen(format!("{leaf}.crt"))?,
            key: seen(format!("{leaf}.key"))?,
        },
        optional: false,
    })
}
