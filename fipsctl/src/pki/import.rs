//! `fipsctl pki import`.

use std::path::PathBuf;

use std::sync::Arc;

use clap::Args;
use fips_boundary::certs::import;
use fips_boundary::certs::pki::{Imported, KeyPlace, RenewalPolicy, Report, Requested};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Error, Pki, SystemClock};
use fips_boundary::core::{Boundary, Diagnostic};
use serde::Serialize;

use super::UnlockArgs;
use super::written;
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

#[derive(Debug, Args)]
#[command(after_help = "\
FILE holds the certificate for NAME first; the certificates above it, up to the root, may follow
in any order. It is judged before anything is taken, and every reason against it is told.
The leaves of an imported authority are renewed afterwards. One whose key is elsewhere
(--external-key) signs nothing here: its leaves are requested, in fips/requests/, and taken back
one by one by the same command.

Examples:
  fipsctl pki import ./server server-ca signed.crt --dry-run
  fipsctl pki import ./server server-ca signed.crt
  fipsctl pki import ./server client-ca corporate.crt --external-key
  fipsctl pki import ./server client-admin client-admin.crt")]
pub(crate) struct ImportArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The authority or leaf it was signed for, by its name in the catalogue.
    name: String,
    /// The signed certificate and those above it (PEM).
    file: PathBuf,
    /// The authority's key is kept elsewhere; a key that is here for it is removed.
    #[arg(long)]
    external_key: bool,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// Judge it, and take nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Serialize)]
struct Done<'a> {
    imported: &'a Imported,
    renewed: Option<&'a Report>,
    requested: &'a [Requested],
}

pub(super) fn run(args: &ImportArgs) -> Result<u8, Failure> {
    let source = if args.external_key {
        KeyPlace::External
    } else {
        KeyPlace::Here
    };
    let file = written::read(&args.file)?;
    let diagnostic = Diagnostic::new()?;
    if args.dry_run {
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let pki = Pki::open(&store)?;
        let certificates = import::read(&file)?;
        let now = SystemClock.now();
        let imported = pki.judge_import(&diagnostic, &args.name, certificates, source, now)?;
        print(&imported, None, &[], args.output)?;
        output::note("dry run: nothing was taken");
        return Ok(exit::DONE);
    }
    let unlock = args.unlock.unlock()?;
    let boundary = boundary::enter()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?.with_unlock(Arc::clone(&unlock));
    let certificates = match import::read(&file) {
        Ok(certificates) => certificates,
        Err(refused @ Error::Import { .. }) => {
            pki.log_refusal(&boundary, &args.name, &refused, SystemClock.now())?;
            return Err(refused.into());
        }
        Err(error) => return Err(error.into()),
    };
    let (imported, _) = pki.import(&boundary, &args.name, certificates, source, &SystemClock)?;
    // What it is judged by may be another from here on.
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let (renewed, requested) = follow(&boundary, &diagnostic, &pki, &args.name)?;
    print(&imported, renewed.as_ref(), &requested, args.output)?;
    Ok(exit::DONE)
}

/// Renews the leaves of an authority that was imported, or requests them.
fn follow(
    boundary: &Boundary,
    diagnostic: &Diagnostic,
    pki: &Pki<'_>,
    name: &str,
) -> Result<(Option<Report>, Vec<Requested>), Failure> {
    let leaves = pki.catalogue().leaves().iter();
    let below = leaves.filter(|leaf| leaf.issuer == name);
    let mut policy = RenewalPolicy::default();
    policy.names = below.map(|leaf| leaf.name.clone()).collect();
    if policy.names.is_empty() {
        return Ok((None, Vec::new()));
    }
    let plan = pki.renewals(diagnostic, SystemClock.now(), &policy)?;
    let _spinner = output::spinner("making keys and certificates");
    let requested = pki.request_leaves(boundary, &plan, &SystemClock)?;
    let renewed = match plan.is_empty() {
        true => None,
        false => Some(pki.renew(boundary, &plan, &SystemClock)?),
    };
    Ok((renewed, requested))
}

fn print(
    imported: &Imported,
    renewed: Option<&Report>,
    requested: &[Requested],
    format: Format,
) -> Result<(), Failure> {
    let done = Done {
        imported,
        renewed,
        requested,
    };
    match format {
        Format::Json => return output::print(&output::json(&done)?),
        Format::Yaml => return output::print(&output::yaml(&done)?),
        Format::Table | Format::Text => {}
    }
    let header = ["NAME", "CHAIN", "KEY", "OLD SERIAL", "SERIAL", "EXPIRES"];
    let row = vec![
        imported.name.clone(),
        imported.chain.join(" < "),
        imported.key.clone(),
        imported.old_serial.clone().unwrap_or_default(),
        imported.serial.clone(),
        table::date(imported.expires),
    ];
    output::print(&table::draw(&header, [row], format))?;
    for note in &imported.notes {
        output::print(&format!("NOTE {}: {note}\n", imported.name))?;
    }
    if let Some(report) = renewed {
        super::print_report(report, format)?;
    }
    super::print_requested(requested)
}
