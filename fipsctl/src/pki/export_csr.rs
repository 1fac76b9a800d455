//! `fipsctl pki export-csr`.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Pki, SystemClock};
use serde::Serialize;

use super::UnlockArgs;
use super::written::{self, NewFiles};
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

#[derive(Debug, Args)]
#[command(after_help = "\
The request is also kept in the PKI, as fips/requests/CA.csr. What comes back signed is taken with
`fipsctl pki import`. Without --new-key the certificate must keep the subject key identifier that the
request asks for: what the key signed until now names it by that.

Examples:
  fipsctl pki export-csr ./server --ca server-ca --out server-ca.csr
  fipsctl pki export-csr ./server --ca server-ca --new-key --out server-ca.csr
  openssl x509 -req -in server-ca.csr -CA root.crt -CAkey root.key -days 3650 -sha384 \\
      -copy_extensions copy -out server-ca.crt    # on the offline machine")]
pub(crate) struct ExportCsrArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The authority, by its name in the catalogue.
    #[arg(long, value_name = "NAME")]
    ca: String,
    /// Make a fresh key for it, which waits in the PKI until its certificate is imported.
    #[arg(long)]
    new_key: bool,
    /// Where the request is written (PEM); must not be there yet.
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// Say what would be written, and write nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Serialize)]
struct Exported {
    authority: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    key: String,
    new_key: bool,
    written: Vec<PathBuf>,
}

pub(super) fn run(args: &ExportCsrArgs) -> Result<u8, Failure> {
    if let Some(out) = &args.out {
        written::free(out)?;
    }
    if args.dry_run {
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let pki = Pki::open(&store)?;
        let entry = pki.catalogue().authority(&args.ca);
        let entry =
            entry.ok_or_else(|| Failure::Usage(format!("no authority is called {:?}", args.ca)))?;
        let exported = Exported {
            authority: args.ca.clone(),
            subject: None,
            key: entry.key_type.name().to_owned(),
            new_key: args.new_key,
            written: Vec::new(),
        };
        print(&exported, args.output)?;
        output::note("dry run: nothing was written");
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
    let request = pki.export_request(&boundary, &args.ca, args.new_key, &SystemClock)?;
    let mut files = NewFiles::default();
    files.public(out, request.to_pem().as_bytes())?;
    files.keep()?;
    let exported = Exported {
        authority: args.ca.clone(),
        subject: Some(request.subject().to_owned()),
        key: request.key().to_owned(),
        new_key: args.new_key,
        written: vec![out.clone()],
    };
    print(&exported, args.output)?;
    Ok(exit::DONE)
}

fn print(exported: &Exported, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => return output::print(&output::json(exported)?),
        Format::Yaml => return output::print(&output::yaml(exported)?),
        Format::Table | Format::Text => {}
    }
    let header = ["AUTHORITY", "SUBJECT", "KEY", "NEW KEY"];
    let row = vec![
        exported.authority.clone(),
        exported.subject.clone().unwrap_or_default(),
        exported.key.clone(),
        if exported.new_key { "yes" } else { "no" }.to_owned(),
    ];
    output::print(&table::draw(&header, [row], format))?;
    super::print_written(&exported.written)
}
