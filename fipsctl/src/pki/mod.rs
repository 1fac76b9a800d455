//! `fipsctl pki`.

mod audit;
mod check;
mod crl;
mod init;
mod key;
mod lint;
mod renew;
mod revoke;
mod show;
mod token;
mod unlock;
mod verify;

use std::path::Path;

use fips_boundary::certs::pki::Report;
use fips_boundary::certs::store::{DirStore, Recovery};

use crate::cli::{Format, PkiCommand};
use crate::exit::Failure;
use crate::{output, table};

pub(crate) use audit::AuditCommand;
pub(crate) use crl::CrlCommand;
pub(crate) use key::KeyCommand;
pub(crate) use lint::LintArgs;
pub(crate) use revoke::RevokeArgs;
pub(crate) use show::ShowPkiArgs;
pub(crate) use token::TokenCommand;
pub(crate) use unlock::UnlockArgs;
pub(crate) use verify::VerifyTreeArgs;

pub(crate) fn run(command: PkiCommand) -> Result<u8, Failure> {
    match command {
        PkiCommand::Audit(command) => audit::run(&command),
        PkiCommand::Check(args) => check::run(&args),
        PkiCommand::Crl(command) => crl::run(&command),
        PkiCommand::Init(args) => init::run(&args),
        PkiCommand::Key(command) => key::run(&command),
        PkiCommand::Lint(args) => lint::run(&args),
        PkiCommand::Renew(args) => renew::run(&args),
        PkiCommand::Token(command) => token::run(&command),
        PkiCommand::Revoke(args) => revoke::run(&args),
        PkiCommand::Show(args) => show::run(&args),
        PkiCommand::Verify(args) => verify::run(&args),
    }
}

/// Says what an earlier, interrupted change left behind, and what became of it.
fn tell_recovery(dir: &Path, store: &DirStore) {
    let dir = dir.display();
    match store.recovery() {
        Recovery::Finished { count, reason } => output::note(&format!(
            "{dir}: an interrupted change ({reason}, {count} files) had been committed and was \
             carried to its end"
        )),
        Recovery::Pending { count, reason } => output::note(&format!(
            "{dir}: a change ({reason}, {count} files) was committed and interrupted; the next \
             command that writes finishes it, `fipsctl pki renew` for one"
        )),
        Recovery::Undone { count } => output::note(&format!(
            "{dir}: an interrupted change had not been committed and was taken back \
             ({count} files); the old set is in place"
        )),
        _ => {}
    }
}

/// Prints what was issued.
fn print_report(report: &Report, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::print(&output::json(report)?),
        Format::Yaml => output::print(&output::yaml(report)?),
        Format::Table | Format::Text => {
            let rows = report.issued.iter().map(|issued| {
                vec![
                    issued.file.clone(),
                    issued.subject.clone(),
                    issued.key.clone(),
                    issued.old_serial.clone().unwrap_or_default(),
                    issued.serial.clone(),
                    table::date(issued.expires),
                ]
            });
            let header = [
                "FILENAME",
                "SUBJECT",
                "KEY",
                "OLD SERIAL",
                "SERIAL",
                "EXPIRES",
            ];
            output::print(&table::draw(&header, rows, format))?;
            // How the gate was opened was said on entering; JSON and YAML hold the sentence.
            output::print(&format!("{} files written\n", report.written.len()))
        }
    }
}
