//! The tables of RKE2 and k3s below `<data-dir>/server`, and how a row becomes an entry.
//!
//! Read from k3s `pkg/daemons/control/deps/deps.go` (files, names, usages, kubeconfigs),
//! `pkg/cli/server/server.go` (the addresses), `pkg/util/services` (the components) and
//! `pkg/passwd`; RKE2 runs the same code with another program name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    AuthorityEntry, Catalogue, Content, Credentials, Definition, FileEntry, Frame, KeySetEntry,
    KubeconfigEntry, LeafEntry, Options, PasswdUser, Place, Program,
};
use crate::error::Error;
use crate::names::{Subject, SubjectAltName};
use crate::store::EntryPath;
use crate::usages::Usages;

/// Name (also the path below `tls/`) and common name of each authority; `{program}` stands for
/// `rke2` or `k3s`.
const AUTHORITIES: &[(&str, &str)] = &[
    ("client-ca", "{program}-client-ca"),
    ("server-ca", "{program}-server-ca"),
    ("request-header-ca", "{program}-request-header-ca"),
    ("etcd/server-ca", "etcd-server-ca"),
    ("etcd/peer-ca", "etcd-peer-ca"),
];

/// One leaf.
struct Leaf {
    /// Also the path below `tls/`.
    name: &'static str,
    /// As `rke2 certificate rotate --service` calls it.
    service: &'static str,
    common_name: &'static str,
    organization: Option<&'static str>,
    names: Names,
    usages: Usages,
    issuer: &'static str,
}

/// Which names a leaf holds for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Everything the API server is reached by.
    ApiServer,
    /// What all servers of a node share, and the socket that stands for etcd.
    Etcd,
    /// The loopback.
    Loopback,
    /// A client's leaf has none.
    None,
}

const LEAVES: &[Leaf] = &[
    client("client-admin", "admin", "system:admin", MASTERS),
    client(
        "client-supervisor",
        "supervisor",
        "system:{program}-supervisor",
        MASTERS,
    ),
    client(
        "client-controller",
        "controller-manager",
        "system:kube-controller-manager",
        None,
    ),
    client(
        "client-scheduler",
        "scheduler",
        "system:kube-scheduler",
        None,
    ),
    client(
        "client-kube-apiserver",
        "api-server",
        "system:apiserver",
        MASTERS,
    ),
    client("client-kube-proxy", "kube-proxy", "system:kube-proxy", None),
    client(
        "client-{program}-controller",
        "{program}-controller",
        "system:{program}-controller",
        None,
    ),
    client(
        "client-{program}-cloud-controller",
        "cloud-controller",
        "{program}-cloud-controller-manager",
        None,
    ),
    Leaf {
        name: "serving-kube-apiserver",
        service: "api-server",
        common_name: "kube-apiserver",
        organization: None,
        names: Names::ApiServer,
        usages: Usages::Server,
        issuer: "server-ca",
    },
    Leaf {
        issuer: "request-header-ca",
        ..client("client-auth-proxy", "auth-proxy", "system:auth-proxy", None)
    },
    Leaf {
        issuer: "etcd/server-ca",
        ..client("etcd/client", "etcd", "etcd-client", None)
    },
    etcd("etcd/server-client", "etcd-server", "etcd/server-ca"),
    etcd("etcd/peer-server-client", "etcd-peer", "etcd/peer-ca"),
    serving(
        "kube-controller-manager/kube-controller-manager",
        "controller-manager",
        "kube-controller-manager",
    ),
    serving(
        "kube-scheduler/kube-scheduler",
        "scheduler",
        "kube-scheduler",
    ),
];

/// Name below `cred/`, component, and the leaf of the user. The authority is the server's.
const KUBECONFIGS: &[(&str, &str, &str)] = &[
    ("admin.kubeconfig", "admin", "client-admin"),
    ("supervisor.kubeconfig", "supervisor", "client-supervisor"),
    (
        "controller.kubeconfig",
        "controller-manager",
        "client-controller",
    ),
    ("scheduler.kubeconfig", "scheduler", "client-scheduler"),
    (
        "api-server.kubeconfig",
        "api-server",
        "client-kube-apiserver",
    ),
    (
        "cloud-controller.kubeconfig",
        "cloud-controller",
        "client-{program}-cloud-controller",
    ),
];

/// The keys of kubelets, whose certificates lie below `agent/` of each node.
const KUBELET_KEYS: &[&str] = &["client-kubelet", "serving-kubelet"];

const MASTERS: Option<&str> = Some("system:masters");

const fn client(
    name: &'static str,
    service: &'static str,
    common_name: &'static str,
    organization: Option<&'static str>,
) -> Leaf {
    Leaf {
        name,
        service,
        common_name,
        organization,
        names: Names::None,
        usages: Usages::Client,
        issuer: "client-ca",
    }
}

const fn etcd(name: &'static str, common_name: &'static str, issuer: &'static str) -> Leaf {
    Leaf {
        name,
        service: "etcd",
        common_name,
        organization: None,
        names: Names::Etcd,
        usages: Usages::ServerAndClient,
        issuer,
    }
}

const fn serving(name: &'static str, service: &'static str, common_name: &'static str) -> Leaf {
    Leaf {
        name,
        service,
        common_name,
        organization: None,
        names: Names::Loopback,
        usages: Usages::Server,
        issuer: "server-ca",
    }
}

pub(super) fn catalogue(options: Options) -> Result<Catalogue, Error> {
    options.judge()?;
    let of = |text: &str| text.replace("{program}", options.program.name());
    let mut catalogue = Catalogue::empty(Definition::BuiltIn(Box::new(options.clone())));
    for (name, common_name) in AUTHORITIES {
        catalogue.add_authority(AuthorityEntry {
            name: (*name).to_owned(),
            subject: Subject::new(of(common_name))?,
            stamped: true,
            issuer: None,
            lifetime: options.authority_lifetime,
            key_type: options.authority_key,
            certificate: EntryPath::new(format!("tls/{name}.crt"))?,
            key: Some(EntryPath::new(format!("tls/{name}.key"))?),
            nochain: Some(EntryPath::new(format!("tls/{name}.nochain.crt"))?),
        })?;
    }
    for row in LEAVES {
        catalogue.add_leaf(row.entry(&options)?)?;
    }
    for (name, service, leaf) in KUBECONFIGS {
        catalogue.add_kubeconfig(kubeconfig(name, service, &of(leaf), &options)?)?;
    }
    catalogue.add_key_set(KeySetEntry {
        name: "service".into(),
        service: "controller-manager".into(),
        key_type: options.service_account_key,
        keys: EntryPath::new("tls/service.key")?,
        current: Some(EntryPath::new("tls/service.current.key")?),
        public: None,
        optional: false,
    })?;
    for name in KUBELET_KEYS {
        catalogue.add_key_set(KeySetEntry {
            name: (*name).to_owned(),
            service: "kubelet".into(),
            key_type: options.leaf_key,
            keys: EntryPath::new(format!("tls/{name}.key"))?,
            current: None,
            public: None,
            optional: true,
        })?;
    }
    for entry in files(&options)? {
        catalogue.add_file(entry)?;
    }
    catalogue.finished(&options.overrides)
}

impl Leaf {
    fn entry(&self, options: &Options) -> Result<LeafEntry, Error> {
        let of = |text: &str| text.replace("{program}", options.program.name());
        let name = of(self.name);
        let subject = Subject::new(of(self.common_name))?;
        Ok(LeafEntry {
            service: of(self.service),
            subject: match self.organization {
                Some(organization) => subject.with_organization(organization)?,
                None => subject,
            },
            names: self.names.resolve(options)?,
            usages: self.usages,
            issuer: self.issuer.to_owned(),
            lifetime: options.leaf_lifetime,
            key_type: options.leaf_key,
            place: Place::pair(&format!("tls/{name}"))?,
            chained: true,
            // Earlier versions let these two programs make their own.
            optional: self.names == Names::Loopback,
            name,
        })
    }
}

impl Names {
    fn resolve(self, options: &Options) -> Result<Vec<SubjectAltName>, Error> {
        let mut names = Vec::new();
        let dns: &[&str] = match self {
            Self::ApiServer => &["kubernetes", "kubernetes.default", "kubernetes.default.svc"],
            Self::Etcd => &["kine.sock"],
            Self::Loopback => &[],
            Self::None => return Ok(names),
        };
        for name in dns {
            names.push(SubjectAltName::dns(*name)?);
        }
        if self == Self::ApiServer {
            let name = format!("kubernetes.default.svc.{}", options.cluster_domain);
            names.push(SubjectAltName::dns(name)?);
        }
        names.push(SubjectAltName::dns("localhost")?);
        names.push(SubjectAltName::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        names.push(SubjectAltName::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        if self != Self::Loopback {
            // One list for all servers of the node: etcd's leaves have the service addresses,
            // too, and a real program renews a leaf that lacks one of them.
            names.push(SubjectAltName::dns(options.node_name.as_str())?);
            names.extend(options.node_ips.iter().copied().map(SubjectAltName::Ip));
            names.extend(options.advertise_ip.map(SubjectAltName::Ip));
            names.extend(options.service_ips.iter().copied().map(SubjectAltName::Ip));
            names.extend(options.extra_names.iter().cloned());
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }
}

/// A file below `server/` as the programs see it.
fn seen(options: &Options, path: &str) -> Result<String, Error> {
    let file = options.data_dir.join("server").join(path);
    file.into_os_string()
        .into_string()
        .map_err(|_| Error::Catalogue {
            option: "data_dir".into(),
            why: "it is not UTF-8".into(),
        })
}

fn kubeconfig(
    name: &str,
    service: &str,
    leaf: &str,
    options: &Options,
) -> Result<KubeconfigEntry, Error> {
    Ok(KubeconfigEntry {
        name: name.to_owned(),
        service: service.to_owned(),
        path: EntryPath::new(format!("cred/{name}"))?,
        authority: "server-ca".to_owned(),
        leaf: leaf.to_owned(),
        frame: Frame::local(format!("https://127.0.0.1:{}", options.api_port)),
        credentials: Credentials::Files {
            authority: seen(options, "tls/server-ca.crt")?,
            certificate: seen(options, &format!("tls/{leaf}.crt"))?,
            key: seen(options, &format!("tls/{leaf}.key"))?,
        },
        optional: false,
    })
}

fn files(options: &Options) -> Result<Vec<FileEntry>, Error> {
    let program = options.program.name();
    let file = |name: &str, service: &str, path: &str, content, optional| {
        Ok::<_, Error>(FileEntry {
            name: name.to_owned(),
            service: service.to_owned(),
            path: EntryPath::new(path)?,
            content,
            optional,
        })
    };
    let user = |name: &str, role: &str| PasswdUser {
        name: name.to_owned(),
        role: format!("{program}:{role}"),
    };
    let users = vec![user("node", "agent"), user("server", "server")];
    let mut files = vec![
        file(
            "passwd",
            "supervisor",
            "cred/passwd",
            Content::Passwd(users),
            false,
        )?,
        file(
            "ipsec-psk",
            "supervisor",
            "cred/ipsec.psk",
            Content::PreSharedKey,
            true,
        )?,
        file(
            "egress-selector-config",
            "api-server",
            "etc/egress-selector-config.yaml",
            Content::Text(egress_selector(options)?),
            true,
        )?,
    ];
    if let Some(encryption) = options.encryption {
        files.push(file(
            "encryption-config",
            "api-server",
            "cred/encryption-config.json",
            Content::EncryptionConfig(encryption),
            false,
        )?);
    }
    Ok(files)
}

/// How the API server reaches nodes: through the supervisor, as a client of its own leaf.
fn egress_selector(options: &Options) -> Result<String, Error> {
    let port = match options.program {
        Program::Rke2 => 9345,
        Program::K3s | Program::Kubeadm => 6443,
    };
    Ok(serde_json::json!({
        "kind": "EgressSelectorConfiguration",
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "egressSelections": [{
            "name": "cluster",
            "connection": {
                "proxyProtocol": "HTTPConnect",
                "transport": {"tcp": {
                    "url": format!("https://127.0.0.1:{port}"),
                    "tlsConfig": {
                        "caBundle": seen(options, "tls/server-ca.crt")?,
                        "clientKey": seen(options, "tls/client-kube-apiserver.key")?,
                        "clientCert": seen(options, "tls/client-kube-apiserver.crt")?,
                    },
                }},
            },
        }],
    })
    .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Program;

    #[test]
    fn every_row_has_an_issuer_and_a_place_of_its_own() {
        for program in [Program::K3s, Program::Rke2] {
            let catalogue = catalogue(Options::new(program, "node-1")).unwrap();
            for leaf in catalogue.leaves() {
                assert!(catalogue.authority(&leaf.issuer).is_some(), "{}", leaf.name);
                assert_eq!(
                    leaf.usages.server(),
                    !leaf.names.is_empty(),
                    "{}",
                    leaf.name
                );
            }
            let mut paths: Vec<_> = catalogue.paths().collect();
            let all = paths.len();
            paths.sort();
            paths.dedup();
            assert_eq!(paths.len(), all);
        }
    }

    #[test]
    fn extra_names_are_the_servers_alone() {
        let extra: SubjectAltName = "cp.example.org".parse().unwrap();
        let options = Options {
            extra_names: vec![extra.clone()],
            ..Options::new(Program::Rke2, "node-1")
        };
        let catalogue = catalogue(options).unwrap();
        let holders: Vec<&str> = catalogue
            .leaves()
            .iter()
            .filter(|leaf| leaf.names.contains(&extra))
            .map(|leaf| leaf.name.as_str())
            .collect();
        // One list for all servers of a node.
        assert_eq!(
            holders,
            [
                "serving-kube-apiserver",
                "etcd/server-client",
                "etcd/peer-server-client"
            ]
        );
    }

    #[test]
    fn the_kubeconfig_has_the_form_the_real_programs_write() {
        let catalogue = catalogue(Options::new(Program::Rke2, "node-1")).unwrap();
        assert_eq!(
            catalogue.kubeconfigs()[0].render(None).unwrap().as_str(),
            "apiVersion: v1
clusters:
- cluster:
    server: https://127.0.0.1:6443
    certificate-authority: /var/lib/rancher/rke2/server/tls/server-ca.crt
  name: local
contexts:
- context:
    cluster: local
    namespace: default
    user: user
  name: Default
current-context: Default
kind: Config
preferences: {}
users:
- name: user
  user:
    client-certificate: /var/lib/rancher/rke2/server/tls/client-admin.crt
    client-key: /var/lib/rancher/rke2/server/tls/client-admin.key
"
        );
    }

    #[test]
    fn senseless_options_are_refused() {
        let good = Options::new(Program::Rke2, "node-1");
        let mut cases = Vec::new();
        for name in ["", "Node", "a b", "*.a", "10.0.0.1"] {
            cases.push(Options {
                node_name: name.into(),
                ..good.clone()
            });
        }
        cases.push(Options {
            cluster_domain: "x..y".into(),
            ..good.clone()
        });
        cases.push(Options {
            service_ips: Vec::new(),
            ..good.clone()
        });
        cases.push(Options {
            data_dir: "relative".into(),
            ..good.clone()
        });
        cases.push(Options {
            leaf_lifetime: good.authority_lifetime * 2,
            ..good.clone()
        });
        cases.push(Options {
            leaf_lifetime: std::time::Duration::ZERO,
            ..good.clone()
        });
        for options in cases {
            assert!(catalogue(options.clone()).is_err(), "{options:?}");
        }
        assert!(catalogue(good.clone()).is_ok());
        let longer = Options {
            leaf_lifetime: good.authority_lifetime * 2,
            ..good
        };
        let told = catalogue(longer).unwrap_err().to_string();
        for word in ["7300 days", "3650 days", "shorten it"] {
            assert!(told.contains(word), "{told}");
        }
    }
}
