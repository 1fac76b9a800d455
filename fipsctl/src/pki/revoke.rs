//! `fipsctl pki revoke`.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::crl::{RevocationListParams, RevocationReason};
use fips_boundary::certs::pki::{RevocationPlan, RevocationReport, Target};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Certificate, Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;
use serde::Serialize;

use super::UnlockArgs;
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

#[derive(Debug, Args)]
#[command(after_help = "\
A revocation is not taken back. The authority's next list is issued with it, to
DIR/fips/crl/AUTHORITY.crl (DER) and .crl.pem; a revoked leaf of the catalogue is due at the next
renewal. Reasons: affiliation-changed, ca-compromise, cessation-of-operation, key-compromise,
privilege-withdrawn, superseded, unspecified. Kubernetes' programs read no list.

Examples:
  fipsctl pki revoke /var/lib/rancher/rke2/server --name client-admin --reason key-compromise
  fipsctl pki revoke ./server --file stolen.crt --dry-run
  fipsctl pki revoke ./server --serial 5A0B…C3 --authority client-ca
  fipsctl pki renew ./server")]
pub(crate) struct RevokeArgs {
    /// The folder of the PKI.
    pub(crate) dir: PathBuf,
    /// Revoke the certificate in place of this leaf; may be given several times.
    #[arg(long, required_unless_present_any = ["file", "serial"])]
    pub(crate) name: Vec<String>,
    /// Revoke the first certificate of this PEM file; may be given several times.
    #[arg(long)]
    pub(crate) file: Vec<PathBuf>,
    /// Revoke this serial number, in hexadecimal; may be given several times.
    #[arg(long)]
    pub(crate) serial: Vec<String>,
    /// The authority that issued the serial numbers [default: that of the certificate in place
    /// which has it].
    #[arg(long, requires = "serial")]
    pub(crate) authority: Option<String>,
    /// Why.
    #[arg(long, default_value = "unspecified", value_parser = reason)]
    pub(crate) reason: RevocationReason,
    #[command(flatten)]
    pub(crate) lifetime: Lifetime,
    #[command(flatten)]
    pub(crate) unlock: UnlockArgs,
    /// Say what would be revoked, and revoke nothing. Needs no open gate.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

/// How long a new list holds.
#[derive(Debug, Args)]
pub(crate) struct Lifetime {
    /// Days until the list ends; the next one is due at half of it.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) list_days: u32,
}

impl Lifetime {
    pub(super) fn params(&self) -> RevocationListParams {
        let day = std::time::Duration::from_secs(86_400);
        RevocationListParams::default().with_lifetime(day * self.list_days)
    }
}

fn reason(text: &str) -> Result<RevocationReason, String> {
    text.parse().map_err(|_| {
        let known = RevocationReason::ALL.map(RevocationReason::name);
        format!("one of {} is expected", known.join(", "))
    })
}

/// Plan and result in one document.
#[derive(Serialize)]
struct Revoked<'a> {
    plan: &'a RevocationPlan,
    report: Option<&'a RevocationReport>,
}

pub(super) fn run(args: &RevokeArgs) -> Result<u8, Failure> {
    let targets = targets(args)?;
    if args.dry_run {
        let diagnostic = Diagnostic::new()?;
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let now = SystemClock.now();
        let plan = Pki::open(&store)?.revocations(&diagnostic, now, &targets, args.reason)?;
        print(&plan, None, args.output)?;
        output::note("dry run: nothing was written");
        return Ok(exit::DONE);
    }
    let unlock = args.unlock.unlock()?;
    let boundary = boundary::enter()?;
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?.with_unlock(unlock);
    let plan = pki.revocations(&diagnostic, SystemClock.now(), &targets, args.reason)?;
    let report = pki.revoke(&boundary, &plan, &args.lifetime.params(), &SystemClock)?;
    print(&plan, Some(&report), args.output)?;
    if plan
        .revocations
        .iter()
        .any(|planned| planned.entry.is_some())
    {
        output::note("what is in place and revoked is due: `fipsctl pki renew` makes it anew");
    }
    Ok(exit::DONE)
}

fn targets(args: &RevokeArgs) -> Result<Vec<Target>, Failure> {
    let mut targets: Vec<Target> = args.name.iter().cloned().map(Target::Entry).collect();
    for path in &args.file {
        let pem = std::fs::read(path).map_err(|source| Failure::File {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let first = Certificate::from_pem(&pem)?.into_iter().next();
        targets.extend(first.map(|first| Target::Certificate(Box::new(first))));
    }
    targets.extend(args.serial.iter().map(|serial| Target::Serial {
        serial: serial.clone(),
        authority: args.authority.clone(),
    }));
    Ok(targets)
}

fn print(
    plan: &RevocationPlan,
    report: Option<&RevocationReport>,
    format: Format,
) -> Result<(), Failure> {
    let both = Revoked { plan, report };
    match format {
        Format::Json => return output::print(&output::json(&both)?),
        Format::Yaml => return output::print(&output::yaml(&both)?),
        Format::Table | Format::Text => {}
    }
    let rows = plan.revocations.iter().map(|planned| {
        let revocation = &planned.revocation;
        vec![
            revocation.serial.clone(),
            revocation.subject.clone().unwrap_or_default(),
            planned.authority.clone(),
            planned.entry.clone().unwrap_or_default(),
            table::date(revocation.not_after),
            revocation.reason.to_string(),
            match planned.already {
                true => format!("already, at {}", table::date(revocation.revoked_at)),
                false if report.is_some() => "revoked".to_owned(),
                false => "would be revoked".to_owned(),
            },
        ]
    });
    let header = [
        "SERIAL",
        "SUBJECT",
        "AUTHORITY",
        "NAME",
        "EXPIRES",
        "REASON",
        "STATE",
    ];
    output::print(&table::draw(&header, rows, format))?;
    match report {
        Some(report) => print_lists(report, format),
        None => Ok(()),
    }
}

/// Prints which lists were issued.
pub(super) fn print_lists(report: &RevocationReport, format: Format) -> Result<(), Failure> {
    if report.lists.is_empty() {
        return output::print("no list was issued\n");
    }
    let rows = report.lists.iter().map(|list| {
        vec![
            list.authority.clone(),
            list.file.clone(),
            list.number.to_string(),
            table::date(list.next_update),
            list.listed.to_string(),
            list.revoked.to_string(),
        ]
    });
    let header = [
        "AUTHORITY",
        "LIST",
        "NUMBER",
        "NEXT UPDATE",
        "LISTED",
        "NEW",
    ];
    output::print(&table::draw(&header, rows, format))?;
    for list in report.lists.iter().filter(|list| list.taken_over > 0) {
        output::note(&format!(
            "{}: its register lacked {} revocations of the list before, which were taken over",
            list.authority, list.taken_over
        ));
    }
    Ok(())
}
