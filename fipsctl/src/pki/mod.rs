//! `fipsctl pki`.

pub(crate) mod adopt;
mod audit;
mod check;
mod crl;
pub(crate) mod export_csr;
pub(crate) mod import;
mod init;
pub(crate) mod issue;
mod key;
pub(crate) mod layout;
mod lint;
pub(crate) mod node;
pub(crate) mod recover;
mod renew;
mod revoke;
pub(crate) mod rotate;
pub(crate) mod rotate_ca;
pub(crate) mod rotate_sa;
mod rotation;
mod show;
pub(crate) mod sign;
mod token;
mod unlock;
mod verify;
mod written;

use std::path::{Path, PathBuf};

use fips_boundary::certs::key::KeyType;
use fips_boundary::certs::pki::{Report, Requested};
use fips_boundary::certs::store::{DirStore, Recovery};

use crate::cli::{self, Format, PkiCommand};
use crate::exit::Failure;
use crate::{list, output, table};

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
        PkiCommand::Adopt(args) => adopt::run(&args),
        PkiCommand::Audit(command) => audit::run(&command),
        PkiCommand::Check(args) => check::run(&args),
        PkiCommand::Crl(command) => crl::run(&command),
        PkiCommand::ExportCsr(args) => export_csr::run(&args),
        PkiCommand::Import(args) => import::run(&args),
        PkiCommand::Init(args) => init::run(&args),
        PkiCommand::Issue(args) => issue::run(&args),
        PkiCommand::Key(command) => key::run(&command),
        PkiCommand::Lint(args) => lint::run(&args),
        PkiCommand::Node(args) => node::run(&args),
        PkiCommand::Recover(args) => recover::run(&args),
        PkiCommand::Renew(args) => renew::run(&args),
        PkiCommand::Revoke(args) => revoke::run(&args),
        PkiCommand::Rotate(args) => rotate::run(&args),
        PkiCommand::RotateCa(command) => rotate_ca::run(command),
        PkiCommand::RotateSa(command) => rotate_sa::run(command),
        PkiCommand::Show(args) => show::run(&args),
        PkiCommand::Sign(args) => sign::run(&args),
        PkiCommand::Token(command) => token::run(&command),
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

/// Prints which requests wait to be signed elsewhere.
fn print_requested(requested: &[Requested]) -> Result<(), Failure> {
    for request in requested {
        let Requested {
            name, file, issuer, ..
        } = request;
        let state = if request.waited { "WAITS" } else { "REQUESTED" };
        output::print(&format!(
            "{state} {name}: have {file} signed by {issuer}, then import it\n"
        ))?;
    }
    Ok(())
}

/// Prints which files were written.
fn print_written(written: &[PathBuf]) -> Result<(), Failure> {
    for path in written {
        output::print(&format!("{} written\n", path.display()))?;
    }
    Ok(())
}

/// The library's word for a kind of key.
fn key_type(key_type: cli::KeyType) -> KeyType {
    match key_type {
        cli::KeyType::P256 => KeyType::P256,
        cli::KeyType::P384 => KeyType::P384,
        cli::KeyType::Rsa2048 => KeyType::Rsa2048,
        cli::KeyType::Rsa3072 => KeyType::Rsa3072,
        cli::KeyType::Rsa4096 => KeyType::Rsa4096,
    }
}

/// The columns of what was issued.
const ISSUED: &[&str] = &[
    "FILENAME",
    "SUBJECT",
    "KEY",
    "OLD SERIAL",
    "SERIAL",
    "EXPIRES",
];

/// Prints what was issued.
fn print_report(report: &Report, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::print_json(report),
        Format::Yaml => output::print_yaml(report),
        Format::Table | Format::Text => {
            list::print(ISSUED, format, &report.issued, |issued| {
                vec![
                    issued.file.clone(),
                    issued.subject.clone(),
                    issued.key.clone(),
                    issued.old_serial.clone().unwrap_or_default(),
                    issued.serial.clone(),
                    table::date(issued.expires),
                ]
            })?;
            // How the gate was opened was said on entering; JSON and YAML hold the sentence.
            output::print(&format!("{} files written\n", report.written.len()))
        }
    }
}
