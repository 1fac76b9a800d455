//! kubeadm's table below `/etc/kubernetes`, with a stacked etcd.
//!
//! Read from Kubernetes `cmd/kubeadm/app/phases/certs/certlist.go` (files, names, usages),
//! `cmd/kubeadm/app/util/pkiutil/pki_helpers.go` (alternative names) and
//! `cmd/kubeadm/app/phases/kubeconfig/kubeconfig.go`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Admins, AuthorityEntry, Catalogue, Credentials, Definition, Frame, KeySetEntry,
    KubeconfigEntry, LeafEntry, Options, Place,
};
use crate::error::Error;
use crate::names::{Subject, SubjectAltName};
use crate::store::EntryPath;
use crate::usages::Usages;

/// Name (also the path below `pki/`) and common name of each authority.
const AUTHORITIES: &[(&str, &str)] = &[
    ("ca", "kubernetes"),
    ("front-proxy-ca", "front-proxy-ca"),
    ("etcd/ca", "etcd-ca"),
];

const MASTERS: &str = "system:masters";
const CLUSTER_ADMINS: &str = "kubeadm:cluster-admins";

/// One leaf.
struct Leaf {
    name: &'static str,
    service: &'static str,
    common_name: String,
    organization: Option<&'static str>,
    names: Vec<SubjectAltName>,
    usages: Usages,
    issuer: &'static str,
}

pub(super) fn catalogue(options: Options) -> Result<Catalogue, Error> {
    options.judge()?;
    let advertised = advertised(&options)?;
    let mut catalogue = Catalogue::empty(Definition::BuiltIn(Box::new(options.clone())));
    for (name, common_name) in AUTHORITIES {
        catalogue.add_authority(AuthorityEntry {
            name: (*name).to_owned(),
            subject: Subject::new(*common_name)?,
            stamped: false,
            issuer: None,
            lifetime: options.authority_lifetime,
            key_type: options.authority_key,
            certificate: EntryPath::new(format!("pki/{name}.crt"))?,
            key: Some(EntryPath::new(format!("pki/{name}.key"))?),
            nochain: None,
        })?;
    }
    for row in leaves(&options, advertised)? {
        catalogue.add_leaf(row.entry(&options, Place::pair(&format!("pki/{}", row.name))?)?)?;
    }
    for (user, server) in users(&options, advertised)? {
        let path = EntryPath::new(user.name)?;
        // The kubelet changes its own to the files it renews itself.
        let optional = user.service == "kubelet" || user.name == "super-admin.conf";
        catalogue.add_kubeconfig(KubeconfigEntry {
            name: format!("{}.frame", user.name),
            service: user.service.to_owned(),
            path: path.clone(),
            authority: "ca".to_owned(),
            leaf: user.name.to_owned(),
            frame: Frame {
                server,
                cluster: "kubernetes".into(),
                context: format!("{}@kubernetes", user.common_name),
                user: user.common_name.clone(),
                namespace: None,
            },
            credentials: Credentials::Embedded,
            optional,
        })?;
        let entry = user.entry(&options, Place::Kubeconfig(path))?;
        catalogue.add_leaf(LeafEntry { optional, ..entry })?;
    }
    catalogue.add_key_set(KeySetEntry {
        name: "sa".into(),
        service: "controller-manager".into(),
        key_type: options.service_account_key,
        keys: EntryPath::new("pki/sa.key")?,
        current: None,
        public: Some(EntryPath::new("pki/sa.pub")?),
        optional: false,
    })?;
    catalogue.finished(&options.overrides)
}

fn leaves(options: &Options, advertised: IpAddr) -> Result<Vec<Leaf>, Error> {
    // Kubernetes 1.29: kubernetes/kubernetes #119859 and #120521 (etcd's clients), #121837 (the
    // kubelet's).
    let (kubelet_client, etcd_client) = match options.admins {
        Admins::ClusterAdmins => (CLUSTER_ADMINS, None),
        Admins::Masters => (MASTERS, Some(MASTERS)),
    };
    let server = |name, common_name: &str, names, usages, issuer| Leaf {
        name,
        service: if issuer == "etcd/ca" {
            "etcd"
        } else {
            "apiserver"
        },
        common_name: common_name.to_owned(),
        organization: None,
        names,
        usages,
        issuer,
    };
    let client = |name, service, common_name: &str, organization, issuer| Leaf {
        name,
        service,
        common_name: common_name.to_owned(),
        organization,
        names: Vec::new(),
        usages: Usages::Client,
        issuer,
    };
    let node = options.node_name.as_str();
    let both = Usages::ServerAndClient;
    Ok(vec![
        server(
            "apiserver",
            "kube-apiserver",
            api_server_names(options, advertised)?,
            Usages::Server,
            "ca",
        ),
        client(
            "apiserver-kubelet-client",
            "apiserver",
            "kube-apiserver-kubelet-client",
            Some(kubelet_client),
            "ca",
        ),
        client(
            "front-proxy-client",
            "apiserver",
            "front-proxy-client",
            None,
            "front-proxy-ca",
        ),
        server(
            "etcd/server",
            node,
            etcd_names(options, advertised)?,
            both,
            "etcd/ca",
        ),
        server(
            "etcd/peer",
            node,
            etcd_names(options, advertised)?,
            both,
            "etcd/ca",
        ),
        client(
            "etcd/healthcheck-client",
            "etcd",
            "kube-etcd-healthcheck-client",
            etcd_client,
            "etcd/ca",
        ),
        client(
            "apiserver-etcd-client",
            "apiserver",
            "kube-apiserver-etcd-client",
            etcd_client,
            "etcd/ca",
        ),
    ])
}

/// The users of kubeconfigs, each with the server it speaks to.
fn users(options: &Options, advertised: IpAddr) -> Result<Vec<(Leaf, String)>, Error> {
    let port = options.api_port;
    let local = match advertised {
        IpAddr::V4(address) => format!("https://{address}:{port}"),
        IpAddr::V6(address) => format!("https://[{address}]:{port}"),
    };
    let shared = match &options.endpoint {
        Some(endpoint) => format!("https://{endpoint}"),
        None => local.clone(),
    };
    let user = |name, service, common_name: &str, organization| Leaf {
        name,
        service,
        common_name: common_name.to_owned(),
        organization,
        names: Vec::new(),
        usages: Usages::Client,
        issuer: "ca",
    };
    let admins = match options.admins {
        Admins::ClusterAdmins => CLUSTER_ADMINS,
        Admins::Masters => MASTERS,
    };
    let mut users = vec![(
        user("admin.conf", "admin", "kubernetes-admin", Some(admins)),
        shared.clone(),
    )];
    if options.admins == Admins::ClusterAdmins {
        users.push((
            user(
                "super-admin.conf",
                "admin",
                "kubernetes-super-admin",
                Some(MASTERS),
            ),
            shared.clone(),
        ));
    }
    users.extend([
        (
            user(
                "controller-manager.conf",
                "controller-manager",
                "system:kube-controller-manager",
                None,
            ),
            local.clone(),
        ),
        (
            user("scheduler.conf", "scheduler", "system:kube-scheduler", None),
            local,
        ),
    ]);
    users.push((
        user(
            "kubelet.conf",
            "kubelet",
            &format!("system:node:{}", options.node_name),
            Some("system:nodes"),
        ),
        shared,
    ));
    Ok(users)
}

/// The address the API server and etcd of this node are reached at.
fn advertised(options: &Options) -> Result<IpAddr, Error> {
    let first = options.node_ips.first().copied();
    options
        .advertise_ip
        .or(first)
        .ok_or_else(|| Error::Catalogue {
            option: "node_ips".into(),
            why: "kubeadm's etcd and API server need an address of the node".into(),
        })
}

fn api_server_names(options: &Options, advertised: IpAddr) -> Result<Vec<SubjectAltName>, Error> {
    let cluster = format!("kubernetes.default.svc.{}", options.cluster_domain);
    let dns = [
        options.node_name.as_str(),
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        &cluster,
    ];
    let mut names = dns
        .into_iter()
        .map(SubjectAltName::dns)
        .collect::<Result<Vec<_>, _>>()?;
    // Dual-stack clusters have two service networks; kubeadm names the first one's address.
    names.extend(options.service_ips.first().copied().map(SubjectAltName::Ip));
    names.push(SubjectAltName::Ip(advertised));
    if let Some(endpoint) = &options.endpoint {
        names.push(endpoint_host(endpoint)?);
    }
    names.extend(options.extra_names.iter().cloned());
    Ok(unique(names))
}

fn etcd_names(options: &Options, advertised: IpAddr) -> Result<Vec<SubjectAltName>, Error> {
    Ok(unique(vec![
        SubjectAltName::dns(options.node_name.as_str())?,
        SubjectAltName::dns("localhost")?,
        SubjectAltName::Ip(advertised),
        SubjectAltName::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SubjectAltName::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ]))
}

/// The host of `HOST:PORT`; an IPv6 address stands in brackets.
fn endpoint_host(endpoint: &str) -> Result<SubjectAltName, Error> {
    let refuse = || Error::Catalogue {
        option: "endpoint".into(),
        why: format!("{endpoint:?} is no HOST:PORT, such as api.example.org:6443"),
    };
    let (host, port) = endpoint.rsplit_once(':').ok_or_else(refuse)?;
    port.parse::<u16>().map_err(|_| refuse())?;
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match address {
        Some(address) => address
            .parse()
            .map(|address| SubjectAltName::Ip(IpAddr::V6(address)))
            .map_err(|_| refuse()),
        None => match host.parse::<Ipv4Addr>() {
            Ok(address) => Ok(SubjectAltName::Ip(IpAddr::V4(address))),
            Err(_) => SubjectAltName::dns(host).map_err(|_| refuse()),
        },
    }
}

fn unique(mut names: Vec<SubjectAltName>) -> Vec<SubjectAltName> {
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

impl Leaf {
    fn entry(&self, options: &Options, place: Place) -> Result<LeafEntry, Error> {
        let subject = Subject::new(self.common_name.as_str())?;
        Ok(LeafEntry {
            name: self.name.to_owned(),
            service: self.service.to_owned(),
            subject: match self.organization {
                Some(organization) => subject.with_organization(organization)?,
                None => subject,
            },
            names: self.names.clone(),
            usages: self.usages,
            issuer: self.issuer.to_owned(),
            lifetime: options.leaf_lifetime,
            key_type: options.leaf_key,
            place,
            chained: false,
            optional: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Program;

    fn options() -> Options {
        Options {
            node_ips: vec!["192.0.2.10".parse().unwrap()],
            ..Options::new(Program::Kubeadm, "cp-1")
        }
    }

    /// Every file that kubeadm makes below `/etc/kubernetes`.
    #[test]
    fn the_files_are_kubeadms() {
        let catalogue = catalogue(options()).unwrap();
        let files: Vec<&str> = catalogue.paths().map(EntryPath::as_str).collect();
        let mut expected = vec![
            "admin.conf",
            "controller-manager.conf",
            "kubelet.conf",
            "pki/sa.key",
            "pki/sa.pub",
            "scheduler.conf",
            "super-admin.conf",
        ];
        let pairs = [
            "apiserver",
            "apiserver-etcd-client",
            "apiserver-kubelet-client",
            "ca",
            "etcd/ca",
            "etcd/healthcheck-client",
            "etcd/peer",
            "etcd/server",
            "front-proxy-ca",
            "front-proxy-client",
        ];
        let pairs: Vec<String> = pairs
            .iter()
            .flat_map(|stem| [format!("pki/{stem}.crt"), format!("pki/{stem}.key")])
            .collect();
        expected.extend(pairs.iter().map(String::as_str));
        expected.sort_unstable();
        assert_eq!(files, expected);
    }

    #[test]
    fn the_older_admins_are_masters_and_there_is_no_super_admin() {
        let newer = catalogue(options()).unwrap();
        let older = catalogue(Options {
            admins: Admins::Masters,
            ..options()
        })
        .unwrap();
        let organization = |catalogue: &Catalogue, name: &str| {
            let subject = catalogue.leaf(name).unwrap().subject.clone();
            subject.organization().map(str::to_owned)
        };
        for (name, new, old) in [
            ("admin.conf", Some(CLUSTER_ADMINS), Some(MASTERS)),
            (
                "apiserver-kubelet-client",
                Some(CLUSTER_ADMINS),
                Some(MASTERS),
            ),
            ("apiserver-etcd-client", None, Some(MASTERS)),
            ("etcd/healthcheck-client", None, Some(MASTERS)),
            ("kubelet.conf", Some("system:nodes"), Some("system:nodes")),
        ] {
            assert_eq!(organization(&newer, name).as_deref(), new, "{name}");
            assert_eq!(organization(&older, name).as_deref(), old, "{name}");
        }
        assert_eq!(
            organization(&newer, "super-admin.conf").as_deref(),
            Some(MASTERS)
        );
        assert!(older.leaf("super-admin.conf").is_none());
    }

    #[test]
    fn the_endpoint_is_named_and_spoken_to_by_those_outside_of_the_node() {
        for (endpoint, host) in [
            ("api.example.org:6443", "api.example.org"),
            ("198.51.100.7:443", "198.51.100.7"),
            ("[2001:db8::7]:6443", "2001:db8::7"),
        ] {
            let catalogue = catalogue(Options {
                endpoint: Some(endpoint.into()),
                ..options()
            })
            .unwrap();
            let names = &catalogue.leaf("apiserver").unwrap().names;
            assert!(
                names.iter().any(|name| name.to_string() == host),
                "{names:?}"
            );
            for (file, server) in [
                ("admin.conf", format!("https://{endpoint}")),
                ("scheduler.conf", "https://192.0.2.10:6443".to_owned()),
            ] {
                let path = EntryPath::new(file).unwrap();
                let frame = &catalogue.kubeconfig_at(&path).unwrap().frame;
                assert_eq!(frame.server, server);
            }
        }
        for endpoint in ["", "host", "host:port", "[::1:6443", "a b:6443", "h:70000"] {
            let refused = catalogue(Options {
                endpoint: Some(endpoint.into()),
                ..options()
            });
            assert!(refused.is_err(), "{endpoint}");
        }
        let nowhere = catalogue(Options::new(Program::Kubeadm, "cp-1"));
        assert!(nowhere.unwrap_err().to_string().contains("address"));
    }
}
