//! `fipsctl pki init`.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use fips_boundary::certs::catalogue::{AuthorityEntry, Catalogue, Credentials, KubeconfigEntry};
use fips_boundary::certs::key::KeySource;
use fips_boundary::certs::store::{DirStore, EntryPath};
use fips_boundary::certs::{Error, Pki, SystemClock};
use fips_boundary::core::EVALUATION_MARK;
use serde::Serialize;

use crate::cli::{Format, InitArgs};
use crate::exit::{self, Failure};
use crate::list::List;
use crate::{boundary, output};

const DAY: Duration = Duration::from_secs(86_400);

/// Of what would be written.
const HEADER: &[&str] = &["FILENAME", "NAME", "SUBJECT", "NAMES", "KEY", "DAYS"];

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
    /// Of the entry it belongs to.
    name: String,
    subject: String,
    names: Vec<String>,
    key: String,
    lifetime_days: Option<u64>,
}

impl Planned {
    /// A file of which nothing more is to be said.
    fn new(name: &str, file: impl ToString) -> Self {
        Self {
            file: file.to_string(),
            name: name.to_owned(),
            subject: String::new(),
            names: Vec::new(),
            key: String::new(),
            lifetime_days: None,
        }
    }
}

/// Gives `sink` every file, those of an entry one after another.
fn each_planned(
    catalogue: &Catalogue,
    mut sink: impl FnMut(Planned) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let days = |lifetime: Duration| Some(lifetime.as_secs() / DAY.as_secs());
    for entry in catalogue.authorities() {
        for path in entry.paths() {
            let row = Planned::new(&entry.name, path);
            sink(if *path == entry.certificate {
                Planned {
                    subject: authority_subject(entry),
                    key: entry.key_type.name().to_owned(),
                    lifetime_days: days(entry.lifetime),
                    ..row
                }
            } else {
                row
            })?;
        }
    }
    for entry in catalogue.leaves() {
        sink(Planned {
            subject: entry.subject.to_string(),
            names: entry.names.iter().map(ToString::to_string).collect(),
            key: entry.key_type.name().to_owned(),
            lifetime_days: days(entry.lifetime),
            ..Planned::new(&entry.name, entry.file())
        })?;
        if entry.key_file() != entry.file() {
            sink(Planned::new(&entry.name, entry.key_file()))?;
        }
    }
    let embedded = |entry: &&KubeconfigEntry| entry.credentials != Credentials::Embedded;
    for entry in catalogue.kubeconfigs().iter().filter(embedded) {
        sink(Planned::new(&entry.name, &entry.path))?;
    }
    for entry in catalogue.key_sets() {
        for path in entry.paths() {
            sink(Planned {
                key: entry.key_type.name().to_owned(),
                ..Planned::new(&entry.name, path)
            })?;
        }
    }
    for entry in catalogue.files() {
        sink(Planned::new(&entry.name, &entry.path))?;
    }
    Ok(())
}

fn dry_run(args: &InitArgs) -> Result<u8, Failure> {
    let catalogue = catalogue(args)?;
    refuse_existing(&args.dir, &catalogue)?;
    print_planned(&catalogue, &args.dir, args.output)?;
    Ok(exit::DONE)
}

/// Prints every file that would be made below `dir`.
pub(super) fn print_planned(
    catalogue: &Catalogue,
    dir: &Path,
    format: Format,
) -> Result<(), Failure> {
    let mut list = List::new(HEADER, format, |planned: &Planned| {
        let days = planned.lifetime_days.map(|days| days.to_string());
        vec![
            planned.file.clone(),
            planned.name.clone(),
            planned.subject.clone(),
            planned.names.join(","),
            planned.key.clone(),
            days.unwrap_or_default(),
        ]
    });
    each_planned(catalogue, |planned| list.add(planned))?;
    // The record, which is no entry.
    let known: BTreeSet<&EntryPath> = catalogue.paths().collect();
    let files = Pki::files(catalogue)?;
    for file in files.iter().filter(|file| !known.contains(file)) {
        list.add(Planned::new("", file))?;
    }
    list.end()?;
    output::note(&format!(
        "dry run: nothing was written; {} files would be, below {}",
        files.len(),
        dir.display()
    ));
    Ok(())
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

/// The catalogue, and where its authorities' keys shall lie.
fn catalogue(args: &InitArgs) -> Result<Catalogue, Failure> {
    let mut catalogue = args.layout.catalogue(&args.dir)?;
    let usage = |error: Error| Failure::Usage(error.to_string());
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
