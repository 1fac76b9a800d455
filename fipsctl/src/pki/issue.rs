//! `fipsctl pki issue`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use fips_boundary::certs::csr::CertificateRequest;
use fips_boundary::certs::key::{self, PublicKey, SubjectKey};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Error, LeafParams, Pki, Subject, SubjectAltName, SystemClock, Usages};
use fips_boundary::core::Diagnostic;
use serde::Serialize;

use super::UnlockArgs;
use super::written::{self, NewFiles};
use crate::cli::{Format, KeyType};
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, Args)]
#[command(after_help = "\
The subject, names and usages are those of the command line alone. With --csr the request shows
that its maker holds the key; what it asks for is not looked at (see `fipsctl pki sign`).

Examples:
  fipsctl pki issue ./server --ca client-ca --common-name alice --organization dev \\
      --usage client --days 30 --out alice.crt
  fipsctl pki issue ./server --ca server-ca --common-name web --san web.example.org \\
      --san 192.0.2.7 --usage server --public-key web.pub --out web.crt")]
pub(crate) struct IssueArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The authority that signs, by its name in the catalogue.
    #[arg(long, value_name = "NAME")]
    ca: String,
    /// Common name of the subject.
    #[arg(long, value_name = "TEXT")]
    common_name: String,
    /// Organization of the subject, which Kubernetes reads as group.
    #[arg(long, value_name = "TEXT")]
    organization: Option<String>,
    /// DNS name, address or URI the leaf holds for; may be given several times.
    #[arg(long, value_name = "NAME")]
    san: Vec<String>,
    /// What the leaf is for.
    #[arg(long, value_enum)]
    usage: Usage,
    /// Life of the leaf, in days, at most that of its authority.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: u32,
    /// Kind and size of the key made here.
    #[arg(long, value_enum, default_value = "p256", conflicts_with_all = ["public_key", "csr"])]
    key_type: KeyType,
    /// Issue for the public key of this file (PEM), whose private half stays where it is.
    #[arg(long, value_name = "FILE", conflicts_with = "csr")]
    public_key: Option<PathBuf>,
    /// Issue for the key of this certificate request (PEM).
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    /// Where the leaf and its chain are written (PEM); must not be there yet.
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Where the key made here is written [default: FILE of --out, ending in .key].
    #[arg(long, value_name = "FILE", conflicts_with_all = ["public_key", "csr"])]
    key_out: Option<PathBuf>,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// Say what would be issued, and issue nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// What a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Usage {
    /// A client shows it
    Client,
    /// A server shows it
    Server,
    /// Both, as members of an etcd cluster
    ServerAndClient,
}

/// The key a leaf is for: brought along, or to be made.
enum Key {
    Brought(Box<dyn SubjectKey>),
    Make(key::KeyType),
}

#[derive(Serialize)]
struct Issued {
    subject: String,
    names: Vec<String>,
    usages: Vec<&'static str>,
    key: String,
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    written: Vec<PathBuf>,
}

pub(super) fn run(args: &IssueArgs) -> Result<u8, Failure> {
    let usage = |error: Error| Failure::Usage(error.to_string());
    let mut subject = Subject::new(args.common_name.as_str()).map_err(usage)?;
    if let Some(organization) = &args.organization {
        subject = subject
            .with_organization(organization.as_str())
            .map_err(usage)?;
    }
    let names: Vec<SubjectAltName> = args
        .san
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::Usage(format!("--san: {error}")))?;
    let (usages, purposes) = match args.usage {
        Usage::Client => (Usages::Client, vec!["ClientAuth"]),
        Usage::Server => (Usages::Server, vec!["ServerAuth"]),
        Usage::ServerAndClient => (Usages::ServerAndClient, vec!["ServerAuth", "ClientAuth"]),
    };
    if usages.server() && names.is_empty() {
        return Err(Failure::Usage(
            "a server's leaf needs a name or an address: give one with --san".into(),
        ));
    }
    let key_out = key_out(args);
    for path in args.out.iter().chain(&key_out) {
        written::free(path)?;
    }
    let key = key(args)?;
    let mut issued = Issued {
        subject: subject.to_string(),
        names: names.iter().map(ToString::to_string).collect(),
        usages: purposes,
        key: match &key {
            Key::Brought(key) => key.key_type()?.name().to_owned(),
            Key::Make(key_type) => key_type.name().to_owned(),
        },
        issuer: args.ca.clone(),
        serial: None,
        expires: None,
        written: Vec::new(),
    };
    let params = LeafParams::new(subject, usages, DAY * args.days).with_names(names);
    if args.dry_run {
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let pki = Pki::open(&store)?;
        if pki.catalogue().authority(&args.ca).is_none() {
            return Err(Failure::Usage(format!(
                "no authority is called {:?}",
                args.ca
            )));
        }
        print(&issued, args.output)?;
        output::note("dry run: nothing was issued");
        return Ok(exit::DONE);
    }
    let Some(out) = &args.out else {
        return Err(Failure::Usage("--out is missing".into()));
    };
    let unlock = args.unlock.unlock()?;
    let boundary = boundary::enter()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let mut files = NewFiles::default();
    let leaf = match key {
        Key::Brought(key) => pki.issue(&boundary, &args.ca, &params, &*key, &SystemClock)?,
        Key::Make(key_type) => {
            let made = key::generate(&boundary, key_type)?;
            if let Some(path) = &key_out {
                // Before it is issued for: nobody can use a leaf without its key.
                files.secret(path, key::to_pem(&made)?.as_bytes())?;
                issued.written.push(path.clone());
            }
            pki.issue(&boundary, &args.ca, &params, &made, &SystemClock)?
        }
    };
    files.public(out, leaf.to_pem().as_bytes())?;
    files.keep()?;
    issued.written.insert(0, out.clone());
    issued.issuer = leaf.certificate.issuer().to_owned();
    issued.serial = Some(leaf.certificate.serial());
    issued.expires = Some(table::date(leaf.certificate.not_after()));
    print(&issued, args.output)?;
    Ok(exit::DONE)
}

fn key(args: &IssueArgs) -> Result<Key, Failure> {
    if let Some(path) = &args.public_key {
        let key = PublicKey::from_pem(&written::read(path)?)?;
        return Ok(Key::Brought(Box::new(key)));
    }
    if let Some(path) = &args.csr {
        let request = CertificateRequest::from_pem(&written::read(path)?)?;
        let proven = request.prove(&Diagnostic::new()?)?;
        return Ok(Key::Brought(Box::new(proven)));
    }
    Ok(Key::Make(super::key_type(args.key_type)))
}

fn key_out(args: &IssueArgs) -> Option<PathBuf> {
    if args.public_key.is_some() || args.csr.is_some() {
        return None;
    }
    let beside = |out: &PathBuf| Path::new(out).with_extension("key");
    args.key_out
        .clone()
        .or_else(|| args.out.as_ref().map(beside))
}

fn print(issued: &Issued, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => return output::print(&output::json(issued)?),
        Format::Yaml => return output::print(&output::yaml(issued)?),
        Format::Table | Format::Text => {}
    }
    let header = [
        "SUBJECT", "NAMES", "USAGES", "KEY", "ISSUER", "SERIAL", "EXPIRES",
    ];
    let row = vec![
        issued.subject.clone(),
        issued.names.join(","),
        issued.usages.join(","),
        issued.key.clone(),
        issued.issuer.clone(),
        issued.serial.clone().unwrap_or_default(),
        issued.expires.clone().unwrap_or_default(),
    ];
    output::print(&table::draw(&header, [row], format))?;
    super::print_written(&issued.written)
}
