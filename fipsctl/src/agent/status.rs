//! `fipsctl agent status`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use fips_agent::AgentLock;
use fips_boundary::certs::pki::{Kind, RenewalPolicy, Row, Status, Thresholds};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::time::OffsetDateTime;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;
use serde::Serialize;

use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{output, table};

/// Characters of a drawn life.
const WIDTH: u8 = 20;

#[derive(Debug, Args)]
#[command(after_help = "\
Reads the folder, not the agent: ask its endpoint (/status, /metrics) for hooks and failures.

Examples:
  fipsctl agent status /var/lib/rancher/rke2/server
  fipsctl agent status ./server --watch 5
  fipsctl agent status ./server --output json | jq .kept")]
pub(crate) struct StatusArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// Draw it again every so many seconds, until interrupted.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86400))]
    watch: Option<u64>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Serialize)]
struct View {
    /// Whether an agent keeps the folder.
    kept: bool,
    #[serde(with = "fips_boundary::certs::time::serde::rfc3339")]
    at: OffsetDateTime,
    certificates: Vec<Life>,
}

#[derive(Serialize)]
struct Life {
    name: String,
    kind: Kind,
    /// How much of the life has passed, in percent; none when it could not be read.
    passed: Option<u8>,
    residual: Option<String>,
    #[serde(with = "fips_boundary::certs::time::serde::rfc3339::option")]
    expires: Option<OffsetDateTime>,
    /// When it is renewed, without an agent's jitter.
    #[serde(with = "fips_boundary::certs::time::serde::rfc3339::option")]
    due: Option<OffsetDateTime>,
    status: Status,
}

pub(super) fn run(args: &StatusArgs) -> Result<u8, Failure> {
    let Some(seconds) = args.watch else {
        return show(&args.dir, args.output);
    };
    loop {
        if std::io::stdout().is_terminal() {
            // Home, and what is below goes.
            output::print("\x1b[H\x1b[J")?;
        }
        show(&args.dir, args.output)?;
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

fn show(dir: &Path, format: Format) -> Result<u8, Failure> {
    let view = view(dir)?;
    match format {
        Format::Json => output::print(&output::json(&view)?)?,
        Format::Yaml => output::print(&output::yaml(&view)?)?,
        Format::Table | Format::Text => {
            let header = ["NAME", "LIFE", "RESIDUAL TIME", "RENEWED FROM", "STATUS"];
            let rows = view.certificates.iter().map(|life| {
                vec![
                    life.name.clone(),
                    life.passed.map(drawn).unwrap_or_default(),
                    life.residual.clone().unwrap_or_default(),
                    life.due.map(table::date).unwrap_or_default(),
                    life.status.to_string(),
                ]
            });
            let kept = if view.kept {
                "an agent keeps this folder"
            } else {
                "no agent keeps this folder"
            };
            let text = table::draw(&header, rows, format);
            output::print(&format!("{text}{kept}; as of {}\n", table::date(view.at)))?;
        }
    }
    let well = |life: &Life| life.status == Status::Ok;
    Ok(if view.certificates.iter().all(well) {
        exit::DONE
    } else {
        exit::FINDINGS
    })
}

fn view(dir: &Path) -> Result<View, Failure> {
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open_read_only(dir)?;
    let pki = Pki::open(&store)?;
    let now = SystemClock.now();
    let policy = RenewalPolicy::default();
    let rows = pki.check(&diagnostic, now, Thresholds::default())?;
    let shown = |row: &Row| matches!(row.kind, Kind::Authority | Kind::Leaf);
    Ok(View {
        kept: AgentLock::held(dir)?,
        at: now.truncate_to_second(),
        certificates: rows
            .into_iter()
            .filter(shown)
            .map(|row| Life {
                passed: passed(&row, now),
                due: (row.kind == Kind::Leaf)
                    .then(|| policy.due_at(&row))
                    .flatten(),
                name: row.entry.unwrap_or(row.file),
                kind: row.kind,
                residual: row.residual,
                expires: row.expires,
                status: row.status,
            })
            .collect(),
    })
}

/// How much of the certificate's life is over, in percent.
fn passed(row: &Row, now: OffsetDateTime) -> Option<u8> {
    let (begins, ends) = row.not_before.zip(row.expires)?;
    let life = (ends - begins).whole_seconds().max(1);
    let percent = (now - begins).whole_seconds().saturating_mul(100) / life;
    u8::try_from(percent.clamp(0, 100)).ok()
}

fn drawn(passed: u8) -> String {
    let full = usize::from(passed) * usize::from(WIDTH) / 100;
    let rest = usize::from(WIDTH) - full;
    format!("{}{} {passed:>3} %", "#".repeat(full), ".".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_drawn_from_its_beginning_to_its_end() {
        assert_eq!(drawn(0), "....................   0 %");
        assert_eq!(drawn(50), "##########..........  50 %");
        assert_eq!(drawn(100), "#################### 100 %");
    }
}
