//! `fipsctl agent run`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fips_agent::{Agent, Config};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::Diagnostic;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;

use crate::exit::{self, Failure};
use crate::{boundary, output, table};

#[derive(Debug, Args)]
#[command(after_help = "\
SIGHUP has it look at once; SIGTERM and SIGINT end it. docs/agent.md has every field of the
configuration, and a unit file for systemd.

Examples:
  fipsctl agent run --config /etc/fips-agent.toml
  fipsctl agent run --config ./agent.toml --dry-run")]
pub(crate) struct RunArgs {
    /// The configuration (TOML).
    #[arg(long)]
    config: PathBuf,
    /// Read the configuration, say what the first look would renew, and end. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &RunArgs) -> Result<u8, Failure> {
    let config = Config::from_file(&args.config)?;
    if args.dry_run {
        return dry_run(&config);
    }
    let boundary = match config.self_test_every {
        Some(interval) => boundary::enter_testing_every(interval)?,
        None => boundary::enter()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::Io {
            action: "start the runtime".to_owned(),
            source,
        })?;
    runtime.block_on(async {
        let dir = config.dir.clone();
        let mut agent = Agent::new(boundary, config, Arc::new(SystemClock))?;
        if let Some(address) = agent.listen().await? {
            output::print(&format!("serving on https://{address}\n"))?;
        }
        output::note(&format!("keeping {}", dir.display()));
        let stop = stop(agent.look_now())?;
        agent.run(stop).await?;
        Ok(exit::DONE)
    })
}

/// Ends with the first signal to stop; passes on those to look.
fn stop(look: Sender<()>) -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| {
        signal(kind).map_err(|source| Failure::Io {
            action: "listen for signals".to_owned(),
            source,
        })
    };
    let mut hangup = listen(SignalKind::hangup())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    // One that waits already will do.
                    let _ = look.try_send(());
                }
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
            }
        }
    })
}

fn dry_run(config: &Config) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    let store = DirStore::open_read_only(&config.dir)?;
    let now = SystemClock.now();
    let plan = Pki::open(&store)?.renewals(&diagnostic, now, &config.renewal.policy())?;
    for renewal in &plan.renewals {
        let expires = renewal.expires.map(table::date).unwrap_or_default();
        let reasons = renewal.reasons.join("; ");
        output::print(&format!("{} ({expires}): {reasons}\n", renewal.name))?;
    }
    for blocked in &plan.blocked {
        output::print(&format!("{} CANNOT: {}\n", blocked.name, blocked.why))?;
    }
    output::note(&format!(
        "dry run: nothing was written; {} would be renewed, {} cannot",
        plan.renewals.len(),
        plan.blocked.len()
    ));
    Ok(if plan.blocked.is_empty() {
        exit::DONE
    } else {
        exit::FINDINGS
    })
}
