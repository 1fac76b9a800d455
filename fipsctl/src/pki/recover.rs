//! `fipsctl pki recover`.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::pki::{Diagnosis, Recovered, Remedy};
use fips_boundary::certs::store::{DirStore, Recovery};
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;

use super::UnlockArgs;
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

#[derive(Debug, Args)]
#[command(after_help = "\
Works from the folder alone, whatever has expired. Exit 1 when something is left for a person.

Examples:
  fipsctl pki recover ./server --dry-run
  fipsctl pki recover ./server
  fipsctl pki recover ./server --new-ca etcd/server-ca")]
pub(crate) struct RecoverArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// Make a new authority in the place of this one, which has ended or lost its key; may be
    /// given several times. Refused for one that can sign.
    #[arg(long, value_name = "NAME")]
    new_ca: Vec<String>,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// Say what is wrong and what would be done, and do nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

pub(super) fn run(args: &RecoverArgs) -> Result<u8, Failure> {
    if args.dry_run {
        let diagnostic = Diagnostic::new()?;
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let pki = Pki::open(&store)?;
        let found = pki.diagnose(&diagnostic, SystemClock.now(), &args.new_ca)?;
        print(&found, None, args.output)?;
        output::note("dry run: nothing was written");
        let pending = matches!(store.recovery(), Recovery::Pending { .. });
        let well = found.authorities.is_empty() && found.renewals.is_empty() && !pending;
        return Ok(if well { exit::DONE } else { exit::FINDINGS });
    }
    let unlock = args.unlock.unlock()?;
    let boundary = boundary::enter()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let done = {
        let _spinner = output::spinner("making keys and certificates");
        pki.recover(&boundary, &args.new_ca, &SystemClock)?
    };
    print(&done.diagnosis, Some(&done), args.output)?;
    Ok(if done.diagnosis.needs_a_person() {
        exit::FINDINGS
    } else {
        exit::DONE
    })
}

fn print(diagnosis: &Diagnosis, done: Option<&Recovered>, format: Format) -> Result<(), Failure> {
    match (format, done) {
        (Format::Json, Some(done)) => return output::print(&output::json(done)?),
        (Format::Json, None) => return output::print(&output::json(diagnosis)?),
        (Format::Yaml, Some(done)) => return output::print(&output::yaml(done)?),
        (Format::Yaml, None) => return output::print(&output::yaml(diagnosis)?),
        (Format::Table | Format::Text, _) => {}
    }
    let mut text = String::new();
    for remark in &diagnosis.remarks {
        text += &format!("note: {remark}\n");
    }
    for broken in &diagnosis.authorities {
        let remedy = match &broken.remedy {
            Remedy::ByHand(what) => format!("LEFT TO DO: {what}"),
            Remedy::NewAuthority => "a new authority takes its place".to_owned(),
            Remedy::RestoreCertificate(from) => format!("its certificate is taken from {from}"),
            Remedy::RestoreKey(from) => format!("its key is taken from {from}"),
            Remedy::RestoreTrust => "it is written as the rotation has it".to_owned(),
            _ => String::new(),
        };
        text += &format!("{}: {}: {remedy}\n", broken.name, broken.why);
    }
    if diagnosis.authorities.is_empty() && diagnosis.renewals.is_empty() {
        text += "nothing is to be recovered\n";
    }
    let rows = diagnosis.renewals.iter().map(|renewal| {
        vec![
            renewal.name.clone(),
            renewal.file.clone(),
            renewal.reasons.join("; "),
        ]
    });
    if !diagnosis.renewals.is_empty() {
        text += &table::draw(&["NAME", "FILENAME", "WHY"], rows, format);
    }
    output::print(&text)?;
    let Some(done) = done else {
        return Ok(());
    };
    for file in &done.restored {
        output::print(&format!("restored {file}\n"))?;
    }
    for step in &done.replaced {
        super::rotation::print_step(step, format)?;
    }
    match &done.renewed {
        Some(report) => super::print_report(report, format),
        None => Ok(()),
    }
}
