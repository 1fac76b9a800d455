//! `fipsctl pki adopt`.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::pki::{Kind, Status};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Pki, SystemClock};
use fips_boundary::core::Diagnostic;

use super::layout::LayoutArgs;
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output};

#[derive(Debug, Args)]
#[command(after_help = "\
The record says which files there are and what each certificate should say; from then on `check`,
`renew` and the others work on the tree without --layout. No certificate and no key is touched.

Examples:
  fipsctl pki adopt /etc/kubernetes --layout kubeadm --node-ip 10.0.0.11 --dry-run
  fipsctl pki adopt /var/lib/rancher/rke2/server --layout rke2 --node-ip 10.0.0.11
  fipsctl pki adopt ./tree --catalogue tree.toml")]
pub(crate) struct AdoptArgs {
    /// The folder of the tree that another program made.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    /// Judge the tree, and write no record. Needs no open gate.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

pub(super) fn run(args: &AdoptArgs) -> Result<u8, Failure> {
    if !args.layout.given()? {
        return Err(Failure::Usage(
            "say with --layout or --catalogue which files the tree consists of".into(),
        ));
    }
    let gate = if args.dry_run {
        None
    } else {
        Some(boundary::enter()?)
    };
    let store = if args.dry_run {
        DirStore::open_read_only(&args.dir)?
    } else {
        DirStore::open(&args.dir)?
    };
    super::tell_recovery(&args.dir, &store);
    let mut pki = Pki::adopt(&store, args.layout.catalogue_of(&args.dir, &store)?)?;
    let diagnostic = Diagnostic::new()?;
    // What the real run would refuse.
    let (mut well, mut refused) = (true, None);
    super::check::print(&pki, &diagnostic, args.output, |row| {
        well &= row.status == Status::Ok;
        if row.kind == Kind::Authority && row.status > Status::Warning {
            refused.get_or_insert_with(|| format!("{} would be refused: {}", row.file, row.status));
        }
        false
    })?;
    match &gate {
        Some(boundary) => {
            let report = pki.take_over(boundary, &SystemClock)?;
            output::note(&format!("written: {}", report.written.join(", ")));
        }
        None => {
            output::note("dry run: nothing was written");
            if let Some(refused) = refused {
                output::note(&refused);
            }
        }
    }
    Ok(if well { exit::DONE } else { exit::FINDINGS })
}
