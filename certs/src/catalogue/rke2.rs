//! The tables of RKE2 and k3s, and how a row becomes an entry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    AuthorityEntry, Catalogue, Credentials, Definition, Frame, KubeconfigEntry, LeafEntry, Options,
    Place,
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
    /// As `rke2 certificate rotate --service` calls it (k3s `pkg/util/services`).
    service: &'static str,
    common_name: &'static str,
    organization: Option<&'static str>,
    names: Names,
    usages: Usages,
    issuer: &'static str,
}

/// Which names a leaf holds for.
enum Names {
    /// Everything the API server is reached by.
    ApiServer,
    /// The node, and the loopback.
    Node,
    /// A client's leaf has none.
    None,
}

const LEAVES: &[Leaf] = &[
    client(
        "client-admin",
        "admin",
        "system:admin",
        Some("system:masters"),
    ),
    client(
        "client-kube-apiserver",
        "api-server",
        "system:apiserver",
        Some("system:masters"),
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
    Leaf {
        name: "etcd/server-client",
        service: "etcd",
        common_name: "etcd-server",
        organization: None,
        names: Names::Node,
        usages: Usages::ServerAndClient,
        issuer: "etcd/server-ca",
    },
    Leaf {
        name: "etcd/peer-server-client",
        service: "etcd",
        common_name: "etcd-peer",
        organization: None,
        names: Names::Node,
        usages: Usages::ServerAndClient,
        issuer: "etcd/peer-ca",
    },
];

/// Name below `cred/`, component, the authority of the server, and the leaf of the user.
const KUBECONFIGS: &[(&str, &str, &str, &str)] =
    &[("admin.kubeconfig", "admin", "server-ca", "client-admin")];

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

pub(super) fn catalogue(options: Options) -> Result<Catalogue, Error> {
    options.judge()?;
    let mut catalogue = Catalogue::empty(Definition::BuiltIn(options.clone()));
    for (name, common_name) in AUTHORITIES {
        let common_name = common_name.replace("{program}", options.program.name());
        catalogue.add_authority(AuthorityEntry {
            name: (*name).to_owned(),
            subject: Subject::new(common_name)?,
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
    for row in KUBECONFIGS {
        catalogue.add_kubeconfig(kubeconfig(row, &options)?)?;
    }
    catalogue.finished()
}

impl Leaf {
    fn entry(&self, options: &Options) -> Result<LeafEntry, Error> {
        let subject = Subject::new(self.common_name)?;
        Ok(LeafEntry {
            name: self.name.to_owned(),
            service: self.service.to_owned(),
            subject: match self.organization {
                Some(organization) => subject.with_organization(organization)?,
                None => subject,
            },
            names: self.names.resolve(options)?,
            usages: self.usages,
            issuer: self.issuer.to_owned(),
            lifetime: options.leaf_lifetime,
            key_type: options.leaf_key,
            place: Place::pair(&format!("tls/{}", self.name))?,
            chained: true,
            optional: false,
        })
    }
}

impl Names {
    fn resolve(&self, options: &Options) -> Result<Vec<SubjectAltName>, Error> {
        let mut names = Vec::new();
        match self {
            Self::None => return Ok(names),
            Self::ApiServer => {
                for name in ["kubernetes", "kubernetes.default", "kubernetes.default.svc"] {
                    names.push(SubjectAltName::dns(name)?);
                }
                names.push(SubjectAltName::dns(format!(
                    "kubernetes.default.svc.{}",
                    options.cluster_domain
                ))?);
                names.extend(options.service_ips.iter().copied().map(SubjectAltName::Ip));
                names.extend(options.advertise_ip.map(SubjectAltName::Ip));
            }
            Self::Node => {}
        }
        names.push(SubjectAltName::dns("localhost")?);
        names.push(SubjectAltName::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        names.push(SubjectAltName::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        names.push(SubjectAltName::dns(options.node_name.as_str())?);
        names.extend(options.node_ips.iter().copied().map(SubjectAltName::Ip));
        if matches!(self, Self::ApiServer) {
            names.extend(options.extra_names.iter().cloned());
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }
}

fn kubeconfig(row: &(&str, &str, &str, &str), options: &Options) -> Result<KubeconfigEntry, Error> {
    let (name, service, authority, leaf) = row;
    let file = |path: String| -> Result<String, Error> {
        let file = options.data_dir.join("server/tls").join(path);
        file.into_os_string()
            .into_string()
            .map_err(|_| Error::Catalogue {
                option: "data_dir".into(),
                why: "it is not UTF-8".into(),
            })
    };
    Ok(KubeconfigEntry {
        name: (*name).to_owned(),
        service: (*service).to_owned(),
        path: EntryPath::new(format!("cred/{name}"))?,
        authority: (*authority).to_owned(),
        leaf: (*leaf).to_owned(),
        frame: Frame::local(format!("https://127.0.0.1:{}", options.api_port)),
        credentials: Credentials::Files {
            authority: file(format!("{authority}.crt"))?,
            certificate: file(format!("{leaf}.crt"))?,
            key: file(format!("{leaf}.key"))?,
        },
        optional: false,
    })
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
    fn extra_names_are_the_api_servers_alone() {
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
        assert_eq!(holders, ["serving-kube-apiserver"]);
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
