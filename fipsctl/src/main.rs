//! `fipsctl`: the command line of fips-boundary. Parses, enters the boundary, calls the
//! library, prints.

mod agent;
mod boundary;
mod cli;
mod echo;
mod exit;
mod list;
mod output;
mod pki;
mod sealing;
mod self_test;
mod session;
mod status;
mod table;
mod tickets;

use std::alloc::System;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use cli::{Cli, Command};
use exit::Failure;
use zeroizing_alloc::ZeroAlloc;

/// Wipes what is freed: the libraries below leave copies of session secrets (SECURITY.md).
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no failure.
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::DONE
            };
            // A closed pipe while printing help is nothing to report.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    output::init_tracing(cli.verbose);
    match run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::print_failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Result<u8, Failure> {
    match cli.command {
        Command::Agent(command) => agent::run(command),
        Command::Bootstrap(command) => sealing::bootstrap(&command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "fipsctl", &mut script);
            output::print(&String::from_utf8_lossy(&script))?;
            Ok(exit::DONE)
        }
        Command::Connect(args) => echo::connect(args),
        Command::Open(args) => sealing::open(&args),
        Command::Pki(command) => pki::run(*command),
        Command::Seal(args) => sealing::seal(&args),
        Command::SelfTest(args) => self_test::run(args),
        Command::Serve(args) => echo::serve(args),
        Command::Status(args) => status::run(args),
        Command::Tickets(command) => tickets::run(&command),
    }
}
