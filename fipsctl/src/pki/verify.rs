//! `fipsctl pki verify`.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;

use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{output, table};

#[derive(Debug, Args)]
#[command(after_help = "\
Each path is validated as TLS peers do it, for its usages, its names and with the revocation lists;
each key must fit its certificate and no other; the server that a kubeconfig names must hold under
the authority in it. Whether a certificate ends soon is a matter of `fipsctl pki check`.

Examples:
  fipsctl pki verify /var/lib/rancher/rke2/server
  fipsctl pki verify ./server --output json | jq '.[] | select(.failed)'")]
pub(crate) struct VerifyTreeArgs {
    /// The folder of the PKI.
    pub(crate) dir: PathBuf,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    pub(crate) output: Format,
}

pub(super) fn run(args: &VerifyTreeArgs) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open_read_only(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let verdicts = Pki::open(&store)?.verify(&diagnostic, SystemClock.now())?;
    let failed = verdicts
        .iter()
        .filter(|verdict| verdict.failed.is_some())
        .count();
    match args.output {
        Format::Json => output::print(&output::json(&verdicts)?)?,
        Format::Yaml => output::print(&output::yaml(&verdicts)?)?,
        Format::Table | Format::Text => {
            let rows = verdicts.iter().map(|verdict| {
                vec![
                    verdict.file.clone(),
                    verdict.question.name().to_owned(),
                    verdict.name.clone().unwrap_or_default(),
                    match &verdict.failed {
                        None => "holds".to_owned(),
                        Some(why) => format!("FAILED: {why}"),
                    },
                ]
            });
            let header = ["FILENAME", "QUESTION", "NAME", "ANSWER"];
            output::print(&table::draw(&header, rows, args.output))?;
            output::print(&format!("{} questions, {failed} failed\n", verdicts.len()))?;
        }
    }
    Ok(if failed == 0 {
        exit::DONE
    } else {
        exit::FINDINGS
    })
}
