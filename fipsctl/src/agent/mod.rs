//! `fipsctl agent`.

mod run;
mod status;

use clap::Subcommand;

use crate::exit::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Keep a PKI fresh: renew what is due, tell its services, serve health and metrics.
    Run(run::RunArgs),
    /// Show every certificate's life, when it falls due, and whether an agent keeps the folder.
    Status(status::StatusArgs),
}

pub(crate) fn run(command: AgentCommand) -> Result<u8, Failure> {
    match command {
        AgentCommand::Run(args) => run::run(&args),
        AgentCommand::Status(args) => status::run(&args),
    }
}
