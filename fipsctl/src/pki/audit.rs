//! `fipsctl pki audit`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use fips_boundary::certs::audit::{self, Entry, EventKind, Noted, Report};
use fips_boundary::certs::store::DirStore;
use fips_boundary::core::Diagnostic;
use fips_boundary::core::rfc4514::one_line;

use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{output, table};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the end of the log as COUNT:HASH, to be noted elsewhere for `verify --expect-head`.
    Head(HeadArgs),
    /// Show what was done. Whether it is all and unchanged, `verify` says.
    Show(ShowArgs),
    /// Look whether the log is whole; exit 1 when it is not. Needs no open gate.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fipsctl pki audit head /var/lib/rancher/rke2/server | ssh auditor 'cat >> heads'")]
pub(crate) struct HeadArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki audit show ./server --output table
  fipsctl pki audit show ./server --event refused --event revoked
  fipsctl pki audit show ./server --serial 3F9A01... --output json")]
pub(crate) struct ShowArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// What happened to this entry of the catalogue, file or token alone.
    #[arg(long)]
    name: Option<String>,
    /// What made, or replaced, the certificate of this serial number alone.
    #[arg(long)]
    serial: Option<String>,
    /// Events of this kind alone; may be given several times.
    #[arg(long, value_parser = event)]
    event: Vec<EventKind>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Finds lines and files that were changed, removed, added or moved, and certificates that no line
tells of. Who can write to the folder can still make a whole new log: what `audit head` printed,
noted where they cannot write, shows that.

Examples:
  fipsctl pki audit verify /var/lib/rancher/rke2/server
  fipsctl pki audit verify ./server --expect-head \"$(tail -n 1 heads)\"")]
pub(crate) struct VerifyArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// An end of the log that was noted, COUNT:HASH or HASH: the log must go on from there.
    #[arg(long, value_name = "HEAD")]
    expect_head: Option<Noted>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

fn event(text: &str) -> Result<EventKind, String> {
    let known = || EventKind::ALL.iter().copied();
    known().find(|kind| kind.name() == text).ok_or_else(|| {
        let names: Vec<_> = known().map(EventKind::name).collect();
        format!("events are {}", names.join(", "))
    })
}

pub(super) fn run(command: &AuditCommand) -> Result<u8, Failure> {
    match command {
        AuditCommand::Head(args) => head(args),
        AuditCommand::Show(args) => show(args),
        AuditCommand::Verify(args) => verify(args),
    }
}

fn open(dir: &Path) -> Result<DirStore, Failure> {
    let store = DirStore::open_read_only(dir)?;
    super::tell_recovery(dir, &store);
    Ok(store)
}

fn head(args: &HeadArgs) -> Result<u8, Failure> {
    let head = audit::head(&open(&args.dir)?)?;
    match args.output {
        Format::Json => output::print(&output::json(&head)?)?,
        Format::Yaml => output::print(&output::yaml(&head)?)?,
        Format::Table | Format::Text => output::print(&format!("{}\n", head.noted()))?,
    }
    Ok(exit::DONE)
}

fn show(args: &ShowArgs) -> Result<u8, Failure> {
    let mut entries = audit::entries(&open(&args.dir)?)?;
    entries.retain(|entry| wanted(args, entry));
    match args.output {
        Format::Json => output::print(&output::json(&entries)?)?,
        Format::Yaml => output::print(&output::yaml(&entries)?)?,
        Format::Table | Format::Text => output::print(&lines(&entries, args.output))?,
    }
    Ok(exit::DONE)
}

fn wanted(args: &ShowArgs, entry: &Entry) -> bool {
    let name = args.name.as_ref().is_none_or(|name| entry.name == *name);
    let event = args.event.is_empty() || args.event.contains(&entry.event);
    let serial = args.serial.as_ref().is_none_or(|serial| {
        // As OpenSSL prints it, or as browsers do.
        let serial = serial.replace(':', "").to_uppercase();
        [&entry.serial, &entry.old_serial]
            .iter()
            .any(|found| found.as_ref() == Some(&serial))
    });
    name && event && serial
}

fn lines(entries: &[Entry], format: Format) -> String {
    let header = [
        "NUMBER",
        "TIME",
        "EVENT",
        "NAME",
        "SUBJECT",
        "SERIAL",
        "OLD SERIAL",
        "EXPIRES",
        "REASON",
    ];
    let cell = |text: &Option<String>| one_line(text.as_deref().unwrap_or_default());
    let rows = entries.iter().map(|entry| {
        vec![
            entry.number.to_string(),
            table::date(entry.time),
            entry.event.to_string(),
            one_line(&entry.name),
            cell(&entry.subject),
            cell(&entry.serial),
            cell(&entry.old_serial),
            entry.not_after.map(table::date).unwrap_or_default(),
            cell(&entry.reason),
        ]
    });
    table::draw(&header, rows, format)
}

fn verify(args: &VerifyArgs) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    let store = open(&args.dir)?;
    let report = audit::verify(&diagnostic, &store, args.expect_head.as_ref())?;
    match args.output {
        Format::Json => output::print(&output::json(&report)?)?,
        Format::Yaml => output::print(&output::yaml(&report)?)?,
        Format::Table | Format::Text => output::print(&findings(&report, args.output))?,
    }
    if let Some(first) = report.set_back.first() {
        output::note(&format!(
            "the clock was set back {} times, first before line number {first}",
            report.set_back.len()
        ));
    }
    Ok(if report.findings.is_empty() {
        exit::DONE
    } else {
        exit::FINDINGS
    })
}

fn findings(report: &Report, format: Format) -> String {
    let mut text = String::new();
    if !report.findings.is_empty() {
        let rows = report.findings.iter().map(|finding| {
            let line = finding.line.map(|line| line.to_string());
            vec![
                one_line(&finding.file),
                line.unwrap_or_default(),
                finding.fault.to_string(),
                finding.detail.clone(),
            ]
        });
        text = table::draw(&["FILENAME", "LINE", "FAULT", "WHAT"], rows, format);
    }
    let verdict = match report.findings.len() {
        0 => "the log is whole".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    text + &format!(
        "{verdict}: {} lines in {} files, {} certificates compared\n",
        report.entries, report.segments, report.certificates
    )
}
