//! `fipsctl pki crl`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fips_boundary::certs::crl::RevocationList;
use fips_boundary::certs::pki::{JudgedList, Row, Status};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::time::OffsetDateTime;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;
use serde::Serialize;

use super::UnlockArgs;
use super::revoke::{Lifetime, print_lists};
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

#[derive(Debug, Subcommand)]
pub(crate) enum CrlCommand {
    /// Issue the next list of authorities, due or not.
    Issue(IssueArgs),
    /// Issue the next list wherever less than half of the present one's time is left, or
    /// anything else is wrong with it.
    Refresh(RefreshArgs),
    /// Show the lists of a PKI, or a list in a file, and what stands on it. Needs no open gate.
    Show(ShowArgs),
    /// Judge a PKI's lists, or a file of another's; exit 1 when one is refused. Needs no open gate.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki crl issue /var/lib/rancher/rke2/server --authority etcd/server-ca
  fipsctl pki crl issue ./server --authority client-ca --list-days 30 --dry-run")]
pub(crate) struct IssueArgs {
    /// The folder of the PKI.
    pub(crate) dir: PathBuf,
    /// The authority; may be given several times.
    #[arg(long, required = true)]
    pub(crate) authority: Vec<String>,
    #[command(flatten)]
    pub(crate) lifetime: Lifetime,
    #[command(flatten)]
    pub(crate) unlock: UnlockArgs,
    /// Say which lists would be issued, and issue none. Needs no open gate.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki crl refresh /var/lib/rancher/rke2/server
  fipsctl pki crl refresh ./server --dry-run")]
pub(crate) struct RefreshArgs {
    /// The folder of the PKI.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) lifetime: Lifetime,
    #[command(flatten)]
    pub(crate) unlock: UnlockArgs,
    /// Say which lists would be issued, and issue none. Needs no open gate.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki crl show /var/lib/rancher/rke2/server
  fipsctl pki crl show ./server/fips/crl/client-ca.crl --output json")]
pub(crate) struct ShowArgs {
    /// The folder of a PKI, or a list in PEM or DER.
    pub(crate) path: PathBuf,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Without FILE the PKI's own lists are judged, against their registers too. A file is judged by the
authorities of the PKI: its issuer, algorithm and signature, its dates; delta and indirect lists,
lists of some reasons, and unknown critical extensions are refused.

Examples:
  fipsctl pki crl verify /var/lib/rancher/rke2/server
  fipsctl pki crl verify ./server foreign.crl")]
pub(crate) struct VerifyArgs {
    /// The folder of the PKI.
    pub(crate) dir: PathBuf,
    /// A list in PEM or DER.
    pub(crate) file: Option<PathBuf>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

pub(super) fn run(command: &CrlCommand) -> Result<u8, Failure> {
    match command {
        CrlCommand::Issue(args) => issue(
            &args.dir,
            &args.authority,
            &args.lifetime,
            &args.unlock,
            args.dry_run,
            args.output,
        ),
        CrlCommand::Refresh(args) => issue(
            &args.dir,
            &[],
            &args.lifetime,
            &args.unlock,
            args.dry_run,
            args.output,
        ),
        CrlCommand::Show(args) => show(args),
        CrlCommand::Verify(args) => verify(args),
    }
}

fn issue(
    dir: &PathBuf,
    names: &[String],
    lifetime: &Lifetime,
    unlock: &UnlockArgs,
    dry_run: bool,
    format: Format,
) -> Result<u8, Failure> {
    if dry_run {
        let diagnostic = Diagnostic::new()?;
        let store = DirStore::open_read_only(dir)?;
        super::tell_recovery(dir, &store);
        let due = Pki::open(&store)?.lists_due(&diagnostic, SystemClock.now(), names)?;
        match format {
            Format::Json => output::print(&output::json(&due)?)?,
            Format::Yaml => output::print(&output::yaml(&due)?)?,
            Format::Table | Format::Text if due.is_empty() => output::print("nothing is due\n")?,
            Format::Table | Format::Text => {
                let rows = due.into_iter().map(|name| vec![name]);
                output::print(&table::draw(&["AUTHORITY"], rows, format))?;
            }
        }
        output::note("dry run: nothing was written");
        return Ok(exit::DONE);
    }
    let unlock = unlock.unlock()?;
    let boundary = boundary::enter()?;
    let store = DirStore::open(dir)?;
    super::tell_recovery(dir, &store);
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let report = pki.refresh_lists(&boundary, names, &lifetime.params(), &SystemClock)?;
    match format {
        Format::Json => output::print(&output::json(&report)?)?,
        Format::Yaml => output::print(&output::yaml(&report)?)?,
        Format::Table | Format::Text => print_lists(&report, format)?,
    }
    Ok(exit::DONE)
}

/// A list in words.
#[derive(Serialize)]
struct Described<'a> {
    file: String,
    issuer: &'a str,
    number: Option<&'a str>,
    #[serde(serialize_with = "date")]
    this_update: OffsetDateTime,
    next_update: Option<String>,
    scope: fips_boundary::certs::crl::Scope,
    revoked: Vec<&'a fips_boundary::certs::crl::ListedRevocation>,
}

fn date<S: serde::Serializer>(moment: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&table::date(*moment))
}

impl<'a> Described<'a> {
    fn of(file: String, list: &'a RevocationList) -> Self {
        Self {
            file,
            issuer: list.issuer(),
            number: list.number(),
            this_update: list.this_update(),
            next_update: list.next_update().map(table::date),
            scope: list.scope(),
            revoked: list.entries().collect(),
        }
    }
}

fn show(args: &ShowArgs) -> Result<u8, Failure> {
    let mut files = Vec::new();
    if args.path.is_dir() {
        let store = DirStore::open_read_only(&args.path)?;
        super::tell_recovery(&args.path, &store);
        let pki = Pki::open(&store)?;
        for row in pki.lists(&Diagnostic::new()?, SystemClock.now())? {
            files.push(args.path.join(row.file));
        }
    } else {
        files.push(args.path.clone());
    }
    let lists = files
        .into_iter()
        .map(|path| Ok((path.display().to_string(), read(path)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let described: Vec<_> = lists
        .iter()
        .map(|(file, list)| Described::of(file.clone(), list))
        .collect();
    match args.output {
        Format::Json => return done(output::print(&output::json(&described)?)),
        Format::Yaml => return done(output::print(&output::yaml(&described)?)),
        Format::Table | Format::Text => {}
    }
    if described.is_empty() {
        return done(output::print("no authority has a revocation list\n"));
    }
    for list in &described {
        output::print(&format!(
            "{}\n  issuer {}\n  number {}\n  issued {}, next {}\n  {} revoked\n",
            list.file,
            list.issuer,
            list.number.unwrap_or("none"),
            table::date(list.this_update),
            list.next_update.as_deref().unwrap_or("not said"),
            list.revoked.len()
        ))?;
        if !list.revoked.is_empty() {
            let rows = list.revoked.iter().map(|entry| {
                vec![
                    entry.serial.clone(),
                    table::date(entry.revoked_at),
                    entry.reason.to_string(),
                ]
            });
            let header = ["SERIAL", "SINCE", "REASON"];
            output::print(&table::draw(&header, rows, args.output))?;
        }
    }
    Ok(exit::DONE)
}

fn done(printed: Result<(), Failure>) -> Result<u8, Failure> {
    printed.map(|()| exit::DONE)
}

fn read(path: PathBuf) -> Result<RevocationList, Failure> {
    let bytes = std::fs::read(&path).map_err(|source| Failure::File {
        action: "read",
        path,
        source,
    })?;
    Ok(RevocationList::from_file(&bytes)?)
}

fn verify(args: &VerifyArgs) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open_read_only(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?;
    let now = SystemClock.now();
    if let Some(path) = &args.file {
        let judged = pki.judge_list(&diagnostic, &read(path.clone())?, now);
        print_judged(&judged, args.output)?;
        return Ok(code(judged.refused.is_none()));
    }
    let rows = pki.lists(&diagnostic, now)?;
    match args.output {
        Format::Json => output::print(&output::json(&rows)?)?,
        Format::Yaml => output::print(&output::yaml(&rows)?)?,
        Format::Table | Format::Text => print_rows(&rows, args.output)?,
    }
    Ok(code(rows.iter().all(|row| row.status == Status::Ok)))
}

fn code(good: bool) -> u8 {
    if good { exit::DONE } else { exit::FINDINGS }
}

fn print_judged(judged: &JudgedList, format: Format) -> Result<(), Failure> {
    match (format, &judged.authority, &judged.refused) {
        (Format::Json, ..) => output::print(&output::json(judged)?),
        (Format::Yaml, ..) => output::print(&output::yaml(judged)?),
        (_, Some(authority), None) => output::print(&format!("good, issued by {authority}\n")),
        (_, _, refused) => output::print(&format!(
            "REFUSED: {}\n",
            refused.as_deref().unwrap_or_default()
        )),
    }
}

fn print_rows(rows: &[Row], format: Format) -> Result<(), Failure> {
    if rows.is_empty() {
        return output::print("no authority has a revocation list\n");
    }
    let cells = rows.iter().map(|row| {
        vec![
            row.file.clone(),
            row.issuer.clone().unwrap_or_default(),
            row.serial.clone().unwrap_or_default(),
            row.expires.map(table::date).unwrap_or_default(),
            row.residual.clone().unwrap_or_default(),
            row.status.to_string(),
        ]
    });
    let header = [
        "LIST",
        "ISSUER",
        "NUMBER",
        "NEXT UPDATE",
        "RESIDUAL TIME",
        "STATUS",
    ];
    output::print(&table::draw(&header, cells, format))?;
    for row in rows {
        for reason in &row.reasons {
            output::print(&format!("{} {}: {reason}\n", row.status, row.file))?;
        }
    }
    Ok(())
}
