//! `fipsctl pki init`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fips_boundary::certs::catalogue::{AuthorityEntry, Catalogue, Options, Program};
use fips_boundary::certs::key::KeySource;
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Error, Pki, SubjectAltName, SystemClock};
use fips_boundary::core::EVALUATION_MARK;
use serde::Serialize;

use crate::cli::{Format, InitArgs, Layout};
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

const DAY: Duration = Duration::from_secs(86_400);

/// Life of a leaf, where nothing else is asked for.
const DEFAULT_LEAF_DAYS: u32 = 365;

pub(super) fn run(args: &InitArgs) -> Result<u8, Failure> {
    if args.dry_run {
        return dry_run(args);
    }
    let unlock = args.unlock.unlock()?;
    let boundary = boundary::enter()?;
    // Before anything is made: a wrong option leaves no folder behind.
    let catalogue = catalogue(args)?;
    let store = DirStore::create_or_open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let report = {
        let _spinner = output::spinner("making keys and certificates");
        let (_, report) = Pki::init_with(&boundary, &store, catalogue, &SystemClock, unlock)?;
        report
    };
    super::print_report(&report, args.output)?;
    Ok(exit::DONE)
}

/// A file that would be written.
#[derive(Serialize)]
struct Planned {
    file: String,
    subject: String,
    names: Vec<String>,
    key: String,
    lifetime_days: u64,
}

fn dry_run(args: &InitArgs) -> Result<u8, Failure> {
    let catalogue = catalogue(args)?;
    refuse_existing(&args.dir, &catalogue)?;
    let days = |lifetime: Duration| lifetime.as_secs() / DAY.as_secs();
    let authorities = catalogue.authorities().iter().map(|entry| Planned {
        file: entry.certificate.to_string(),
        subject: authority_subject(entry),
        names: Vec::new(),
        key: entry.key_type.name().to_owned(),
        lifetime_days: days(entry.lifetime),
    });
    let leaves = catalogue.leaves().iter().map(|entry| Planned {
        file: entry.file().to_string(),
        subject: entry.subject.to_string(),
        names: entry.names.iter().map(ToString::to_string).collect(),
        key: entry.key_type.name().to_owned(),
        lifetime_days: days(entry.lifetime),
    });
    let planned: Vec<Planned> = authorities.chain(leaves).collect();
    match args.output {
        Format::Json => output::print(&output::json(&planned)?)?,
        Format::Yaml => output::print(&output::yaml(&planned)?)?,
        Format::Table | Format::Text => {
            let header = ["FILENAME", "SUBJECT", "NAMES", "KEY", "DAYS"];
            let rows = planned.into_iter().map(|planned| {
                vec![
                    planned.file,
                    planned.subject,
                    planned.names.join(","),
                    planned.key,
                    planned.lifetime_days.to_string(),
                ]
            });
            output::print(&table::draw(&header, rows, args.output))?;
        }
    }
    output::note(&format!(
        "dry run: nothing was written; {} files would be, below {}",
        Pki::files(&catalogue)?.len(),
        args.dir.display()
    ));
    Ok(exit::DONE)
}

/// As an authority's certificate will have it: under evaluation with the mark.
fn authority_subject(entry: &AuthorityEntry) -> String {
    let stamp = if entry.stamped { "@TIME" } else { "" };
    let name = format!("CN={}{stamp}", entry.subject.common_name());
    let name = match entry.subject.organization() {
        Some(organization) => format!("{name},O={organization}"),
        None => name,
    };
    if cfg!(feature = "evaluation") {
        format!("{name},OU={EVALUATION_MARK}")
    } else {
        name
    }
}

/// The same answer that the real run would give, without making the folder.
fn refuse_existing(dir: &Path, catalogue: &Catalogue) -> Result<(), Failure> {
    if !dir.exists() {
        return Ok(());
    }
    let store = DirStore::open_read_only(dir)?;
    match Pki::obstacle(&store, catalogue)? {
        Some(path) => Err(Error::Exists { path }.into()),
        None => Ok(()),
    }
}

fn catalogue(args: &InitArgs) -> Result<Catalogue, Failure> {
    let program = match args.layout {
        Layout::K3s => Program::K3s,
        Layout::Rke2 => Program::Rke2,
    };
    let node_name = match &args.node_name {
        Some(name) => name.clone(),
        None => host_name()?,
    };
    let mut options = Options::new(program, node_name);
    options.node_ips.clone_from(&args.node_ip);
    options.extra_names = args
        .san
        .iter()
        .map(|name| match name.parse::<IpAddr>() {
            Ok(address) => Ok(SubjectAltName::Ip(address)),
            Err(_) => SubjectAltName::dns(name.as_str()),
        })
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::Usage(format!("--san: {error}")))?;
    options.cluster_domain.clone_from(&args.cluster_domain);
    options.service_ips = vec![args.service_ip];
    options.authority_lifetime = DAY * args.ca_days;
    options.leaf_lifetime = DAY
        * args
            .leaf_days
            .unwrap_or(DEFAULT_LEAF_DAYS.min(args.ca_days));
    let key = args.key_type.into();
    options.authority_key = key;
    options.leaf_key = key;
    options.data_dir = data_dir(args)?;
    let usage = |error: Error| Failure::Usage(error.to_string());
    let mut catalogue = Catalogue::new(options).map_err(usage)?;
    for given in &args.ca_key {
        let (name, uri) = given
            .split_once('=')
            .ok_or_else(|| Failure::Usage("--ca-key: AUTHORITY=URI is expected".to_owned()))?;
        let source = KeySource::Pkcs11(super::key::uri(uri)?);
        catalogue = catalogue.with_key_source(name, source).map_err(usage)?;
    }
    if args.seal_ca_keys {
        let in_files: Vec<String> = catalogue
            .authorities()
            .iter()
            .filter(|entry| *catalogue.key_source(&entry.name) == KeySource::File)
            .map(|entry| entry.name.clone())
            .collect();
        for name in in_files {
            catalogue = catalogue
                .with_key_source(&name, KeySource::SealedFile)
                .map_err(usage)?;
        }
    }
    Ok(catalogue)
}

/// The data directory holds `server`, the folder of the PKI, as RKE2 and k3s have it.
fn data_dir(args: &InitArgs) -> Result<PathBuf, Failure> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|source| Failure::File {
            action: "find the way to",
            path: path.to_owned(),
            source,
        })
    };
    if let Some(data_dir) = &args.data_dir {
        return absolute(data_dir);
    }
    let dir = absolute(&args.dir)?;
    match dir.parent() {
        Some(parent) if dir.ends_with("server") => Ok(parent.to_owned()),
        _ => Err(Failure::Usage(format!(
            "{} is not called `server`: name the folder `server` of the data directory, or say \
             with --data-dir where kubeconfigs shall find the certificates",
            args.dir.display()
        ))),
    }
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
