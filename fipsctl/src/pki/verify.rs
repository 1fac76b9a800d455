//! `fipsctl pki verify`.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::pki::Verdict;
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;

use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::list::{Ended, List};
use crate::output;

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

const HEADER: &[&str] = &["FILENAME", "QUESTION", "NAME", "ANSWER"];

pub(super) fn run(args: &VerifyTreeArgs) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open_read_only(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let pki = Pki::open(&store)?;
    let (mut asked, mut failed) = (0_usize, 0_usize);
    let mut list = List::new(HEADER, args.output, cells);
    let looked = pki.verify_each(&diagnostic, SystemClock.now(), |verdict| {
        asked += 1;
        failed += usize::from(verdict.failed.is_some());
        list.add(verdict)?;
        // Nobody reads the others, and the exit code is known.
        if failed > 0 && list.is_unread() {
            return Err(Ended::Unread);
        }
        Ok(())
    });
    looked.or_else(Ended::failure)?;
    list.end()?;
    if matches!(args.output, Format::Table | Format::Text) {
        output::print(&format!("{asked} questions, {failed} failed\n"))?;
    }
    Ok(if failed == 0 {
        exit::DONE
    } else {
        exit::FINDINGS
    })
}

fn cells(verdict: &Verdict) -> Vec<String> {
    vec![
        verdict.file.clone(),
        verdict.question.name().to_owned(),
        verdict.name.clone().unwrap_or_default(),
        match &verdict.failed {
            None => "holds".to_owned(),
            Some(why) => format!("FAILED: {why}"),
        },
    ]
}
