//! Which files a PKI consists of, from the command line.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use fips_boundary::certs::SubjectAltName;
use fips_boundary::certs::catalogue::{Admins, Catalogue, Encryption, Options, Program};
use fips_boundary::certs::key::KeyType;
use fips_boundary::certs::pki::keys_as_found;
use fips_boundary::certs::store::Store;

use crate::cli;
use crate::exit::Failure;

const DAY: Duration = Duration::from_secs(86_400);

/// Life of a leaf, where nothing else is asked for.
const DEFAULT_LEAF_DAYS: u32 = 365;
/// Life of an authority, where nothing else is asked for.
const DEFAULT_CA_DAYS: u32 = 3650;

/// Which files a PKI consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// k3s: the folder `server` of the data directory
    K3s,
    /// kubeadm: /etc/kubernetes, with a stacked etcd
    Kubeadm,
    /// RKE2: the folder `server` of the data directory
    Rke2,
}

/// Whom kubeadm's admin.conf names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AdminsArg {
    /// kubeadm:cluster-admins, as Kubernetes 1.29 and later
    ClusterAdmins,
    /// system:masters, as before
    Masters,
}

/// How secrets are encrypted at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncryptionArg {
    /// AES-CBC
    Aescbc,
    /// AES-GCM
    Aesgcm,
    /// not at all
    None,
}

/// A catalogue, by its program and options or by a file.
#[derive(Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct LayoutArgs {
    /// Whose files it consists of.
    #[arg(long, value_enum)]
    pub(crate) layout: Option<Layout>,
    /// A catalogue of your own (TOML, see docs/catalogue.md) instead of a layout.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "layout", "node_name", "node_ip", "advertise_ip", "san", "cluster_domain", "service_ip",
        "key_type", "ca_days", "leaf_days", "data_dir", "endpoint", "admins", "encryption", "api_port",
        "entry_days", "entry_key",
    ])]
    pub(crate) catalogue: Option<PathBuf>,
    /// Name of this node [default: this machine's host name].
    #[arg(long)]
    pub(crate) node_name: Option<String>,
    /// Address of this node; may be given several times.
    #[arg(long)]
    pub(crate) node_ip: Vec<IpAddr>,
    /// Address other nodes reach the API server at, when it is not one of the node's.
    #[arg(long)]
    pub(crate) advertise_ip: Option<IpAddr>,
    /// Further name or address in the API server's serving certificate (RKE2, k3s: etcd's, too);
    /// may be given several times.
    #[arg(long)]
    pub(crate) san: Vec<String>,
    /// DNS domain of the cluster [default: cluster.local].
    #[arg(long)]
    pub(crate) cluster_domain: Option<String>,
    /// First address of the service network [default: 10.43.0.1, kubeadm 10.96.0.1].
    #[arg(long)]
    pub(crate) service_ip: Option<IpAddr>,
    /// Kind and size of every key [default: p256, the service-account key rsa2048; for a tree
    /// that is there, as found].
    #[arg(long, value_enum)]
    pub(crate) key_type: Option<cli::KeyType>,
    /// Life of the authorities, in days [default: 3650].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) ca_days: Option<u32>,
    /// Life of the leaves, in days, at most that of the authorities [default: 365, or --ca-days where that is less].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) leaf_days: Option<u32>,
    /// Data directory as the control plane will see it: RKE2's and k3s's kubeconfigs name files
    /// below it [default: the parent of DIR, when DIR is called `server`].
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Port of the API server in kubeconfigs [default: rke2 and kubeadm 6443, k3s 6444].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) api_port: Option<u16>,
    /// Life of one entry of the layout, in days; may be given several times.
    #[arg(long, value_name = "NAME=DAYS", value_parser = entry::<u32>)]
    pub(crate) entry_days: Vec<(String, u32)>,
    /// Kind and size of one entry's key; may be given several times.
    #[arg(long, value_name = "NAME=TYPE", value_parser = entry::<KeyType>)]
    pub(crate) entry_key: Vec<(String, KeyType)>,
    /// HOST:PORT at which a cluster of kubeadm is reached as a whole.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) endpoint: Option<String>,
    /// Whom kubeadm's admin.conf names [default: cluster-admins].
    #[arg(long, value_enum)]
    pub(crate) admins: Option<AdminsArg>,
    /// How RKE2 and k3s encrypt secrets at rest [default: rke2 aescbc, k3s none].
    #[arg(long, value_enum)]
    pub(crate) encryption: Option<EncryptionArg>,
}

/// `NAME=VALUE`, for one entry of a layout.
fn entry<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<(String, T), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is expected")?;
    let value = value.parse().map_err(|error: T::Err| error.to_string())?;
    Ok((name.to_owned(), value))
}

impl LayoutArgs {
    /// Whether a catalogue is asked for; options without a layout to apply them to are an error.
    pub(super) fn given(&self) -> Result<bool, Failure> {
        if self.layout.is_some() || self.catalogue.is_some() {
            return Ok(true);
        }
        if *self == Self::default() {
            return Ok(false);
        }
        Err(Failure::Usage(
            "options of a layout need --layout: a PKI with a record is judged by the record".into(),
        ))
    }

    /// The catalogue for a new PKI in `dir`; RKE2's when nothing else is asked for.
    pub(super) fn catalogue(&self, dir: &Path) -> Result<Catalogue, Failure> {
        match &self.catalogue {
            Some(file) => own(file),
            None => Catalogue::new(self.options(dir)?).map_err(usage),
        }
    }

    /// The catalogue for the tree in `store`, whose kinds of keys are kept unless asked for.
    pub(super) fn catalogue_of(&self, dir: &Path, store: &dyn Store) -> Result<Catalogue, Failure> {
        if let Some(file) = &self.catalogue {
            return own(file);
        }
        let mut options = self.options(dir)?;
        if self.key_type.is_none() {
            keys_as_found(store, &mut options).map_err(usage)?;
        }
        Catalogue::new(options).map_err(usage)
    }

    fn options(&self, dir: &Path) -> Result<Options, Failure> {
        let program = match self.layout {
            Some(Layout::K3s) => Program::K3s,
            Some(Layout::Kubeadm) => Program::Kubeadm,
            Some(Layout::Rke2) | None => Program::Rke2,
        };
        self.judge(program)?;
        let node_name = match &self.node_name {
            Some(name) => name.clone(),
            None => host_name()?,
        };
        let mut options = Options::new(program, node_name);
        options.node_ips.clone_from(&self.node_ip);
        options.advertise_ip = self.advertise_ip;
        options.extra_names = self
            .san
            .iter()
            .map(|name| match name.parse::<IpAddr>() {
                Ok(address) => Ok(SubjectAltName::Ip(address)),
                Err(_) => SubjectAltName::dns(name.as_str()),
            })
            .collect::<Result<_, _>>()
            .map_err(|error| Failure::Usage(format!("--san: {error}")))?;
        if let Some(domain) = &self.cluster_domain {
            options.cluster_domain.clone_from(domain);
        }
        if let Some(address) = self.service_ip {
            options.service_ips = vec![address];
        }
        let ca_days = self.ca_days.unwrap_or(DEFAULT_CA_DAYS);
        options.authority_lifetime = DAY * ca_days;
        options.leaf_lifetime = DAY * self.leaf_days.unwrap_or(DEFAULT_LEAF_DAYS.min(ca_days));
        if let Some(key) = self.key_type {
            let key = super::key_type(key);
            options.authority_key = key;
            options.leaf_key = key;
            options.service_account_key = key;
        }
        if program != Program::Kubeadm {
            options.data_dir = self.data_dir(dir)?;
        }
        if let Some(port) = self.api_port {
            options.api_port = port;
        }
        for (name, days) in &self.entry_days {
            let entry = options.overrides.entry(name.clone()).or_default();
            entry.lifetime = Some(DAY * *days);
        }
        for (name, key) in &self.entry_key {
            let entry = options.overrides.entry(name.clone()).or_default();
            entry.key_type = Some(*key);
        }
        options.endpoint.clone_from(&self.endpoint);
        if let Some(admins) = self.admins {
            options.admins = match admins {
                AdminsArg::ClusterAdmins => Admins::ClusterAdmins,
                AdminsArg::Masters => Admins::Masters,
            };
        }
        if let Some(encryption) = self.encryption {
            options.encryption = match encryption {
                EncryptionArg::Aescbc => Some(Encryption::Aescbc),
                EncryptionArg::Aesgcm => Some(Encryption::Aesgcm),
                EncryptionArg::None => None,
            };
        }
        Ok(options)
    }

    /// Refuses options that the program has no use for: silence would look like assent.
    fn judge(&self, program: Program) -> Result<(), Failure> {
        let kubeadm = program == Program::Kubeadm;
        for (given, of_kubeadm, option) in [
            (self.admins.is_some(), true, "--admins"),
            (self.data_dir.is_some(), false, "--data-dir"),
            (self.encryption.is_some(), false, "--encryption"),
            (self.endpoint.is_some(), true, "--endpoint"),
        ] {
            if given && of_kubeadm != kubeadm {
                return Err(Failure::Usage(format!(
                    "{option} is none of {program}'s options"
                )));
            }
        }
        Ok(())
    }

    /// The data directory holds `server`, the folder of the PKI, as RKE2 and k3s have it.
    fn data_dir(&self, dir: &Path) -> Result<PathBuf, Failure> {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|source| Failure::File {
                action: "find the way to",
                path: path.to_owned(),
                source,
            })
        };
        if let Some(data_dir) = &self.data_dir {
            return absolute(data_dir);
        }
        let found = absolute(dir)?;
        match found.parent() {
            Some(parent) if found.ends_with("server") => Ok(parent.to_owned()),
            _ => Err(Failure::Usage(format!(
                "{} is not called `server`: name the folder `server` of the data directory, or say \
                 with --data-dir where kubeconfigs shall find the certificates",
                dir.display()
            ))),
        }
    }
}

fn usage(error: fips_boundary::certs::Error) -> Failure {
    Failure::Usage(error.to_string())
}

fn own(file: &Path) -> Result<Catalogue, Failure> {
    let text = std::fs::read_to_string(file).map_err(|source| Failure::File {
        action: "read",
        path: file.to_owned(),
        source,
    })?;
    Catalogue::from_toml(&text)
        .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}

fn host_name() -> Result<String, Failure> {
    let path = Path::new("/proc/sys/kernel/hostname");
    std::fs::read_to_string(path)
        .map(|name| name.trim().to_lowercase())
        .map_err(|source| Failure::File {
            action: "read the host name from",
            path: path.to_owned(),
            source,
        })
}
