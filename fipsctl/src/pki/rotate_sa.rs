//! `fipsctl pki rotate-sa`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use fips_boundary::certs::pki::rotation::{Advance, Step};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::{Boundary, Diagnostic};

use super::rotation::{print_outlines, print_status, print_step};
use crate::cli::Format;
use crate::exit::Failure;
use crate::{boundary, output};

#[derive(Debug, Subcommand)]
pub(crate) enum RotateSaCommand {
    /// Confirm that checkpoints were done; `next` waits for them.
    #[command(after_help = "\
Example:
  fipsctl pki rotate-sa confirm ./server servers restart-apiserver")]
    Confirm(ConfirmArgs),
    /// Enter the next phase: verify with both, sign with the new key, retire the old one.
    #[command(after_help = "\
Examples:
  fipsctl pki rotate-sa next ./server --dry-run
  fipsctl pki rotate-sa next ./server")]
    Next(NextArgs),
    /// Show every step, and what it waits for. Needs no open gate.
    #[command(after_help = "Example:\n  fipsctl pki rotate-sa plan ./server")]
    Plan(LookArgs),
    /// Go back one phase; from the first one, give the rotation up.
    #[command(after_help = "Example:\n  fipsctl pki rotate-sa rollback ./server")]
    Rollback(StepArgs),
    /// Prepare a rotation: make the new key.
    #[command(after_help = "\
Examples:
  fipsctl pki rotate-sa start ./server
  fipsctl pki rotate-sa start ./server --longest-token 24h")]
    Start(StartArgs),
    /// Show how far it is and what keeps it from going on; exit 1 when one is under way. Needs no open gate.
    #[command(after_help = "Example:\n  fipsctl pki rotate-sa status ./server")]
    Status(LookArgs),
}

/// Which keys, to look at.
#[derive(Debug, Args)]
pub(crate) struct LookArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The keys, by their name in the catalogue [default: those of service accounts].
    #[arg(long)]
    name: Option<String>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// Which keys, to change.
#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    #[command(flatten)]
    which: LookArgs,
    /// Say what would be done, and do nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    step: StepArgs,
    /// How long the longest token lives, such as 24h: so long the old key goes on verifying.
    /// The API server extends tokens to a year unless told otherwise [default: 365d].
    #[arg(long, value_name = "TIME", value_parser = crate::cli::interval)]
    longest_token: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct NextArgs {
    #[command(flatten)]
    step: StepArgs,
    /// Skip checkpoints that were not confirmed, and record that. Skips nothing else.
    #[arg(long)]
    force: bool,
    /// Keep the retired keys below fips/retired/; they are destroyed otherwise.
    #[arg(long)]
    keep_old_key: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    #[command(flatten)]
    which: LookArgs,
    /// The checkpoints that were done, by name.
    #[arg(required = true)]
    checkpoint: Vec<String>,
}

pub(super) fn run(command: RotateSaCommand) -> Result<u8, Failure> {
    let now = SystemClock.now();
    match command {
        RotateSaCommand::Confirm(args) => change(&args.which, |pki, name, boundary| {
            let rotation = pki.key_rotation(name)?;
            Ok(rotation.confirm(&boundary, &args.checkpoint, &SystemClock)?)
        }),
        RotateSaCommand::Next(args) => {
            let mut advance = Advance::default();
            advance.force = args.force;
            advance.keep_old_key = args.keep_old_key;
            let which = &args.step.which;
            if args.step.dry_run {
                return look(which, |pki, name| {
                    let outline = pki.key_rotation(name)?.outline_next(&advance, now)?;
                    print_outlines(&[outline], which.output)
                });
            }
            change(which, |pki, name, boundary| {
                let rotation = pki.key_rotation(name)?;
                Ok(rotation.next(&boundary, &advance, &SystemClock)?)
            })
        }
        RotateSaCommand::Plan(args) => look(&args, |pki, name| {
            print_outlines(&pki.key_rotation(name)?.plan()?, args.output)
        }),
        RotateSaCommand::Rollback(args) if args.dry_run => look(&args.which, |pki, name| {
            let outline = pki.key_rotation(name)?.outline_rollback()?;
            print_outlines(&[outline], args.which.output)
        }),
        RotateSaCommand::Rollback(args) => change(&args.which, |pki, name, boundary| {
            let rotation = pki.key_rotation(name)?;
            Ok(rotation.rollback(&boundary, &SystemClock)?)
        }),
        RotateSaCommand::Start(args) if args.step.dry_run => look(&args.step.which, |pki, name| {
            let outline = pki.key_rotation(name)?.outline_start()?;
            print_outlines(&[outline], args.step.which.output)
        }),
        RotateSaCommand::Start(args) => change(&args.step.which, |pki, name, boundary| {
            let rotation = pki.key_rotation(name)?;
            Ok(rotation.start(&boundary, args.longest_token, &SystemClock)?)
        }),
        RotateSaCommand::Status(args) => look(&args, |pki, name| {
            print_status(&[pki.key_rotation(name)?.status(now)?], args.output)
        }),
    }
}

/// Without the gate and without the lock.
fn look(
    which: &LookArgs,
    show: impl FnOnce(&Pki<'_>, Option<&str>) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    // The module must be one that may look.
    Diagnostic::new()?;
    let store = DirStore::open_read_only(&which.dir)?;
    super::tell_recovery(&which.dir, &store);
    show(&Pki::open(&store)?, which.name.as_deref())
}

fn change(
    which: &LookArgs,
    step: impl FnOnce(&Pki<'_>, Option<&str>, Boundary) -> Result<Step, Failure>,
) -> Result<u8, Failure> {
    let boundary = boundary::enter()?;
    let store = DirStore::open(&which.dir)?;
    super::tell_recovery(&which.dir, &store);
    let pki = Pki::open(&store)?;
    let done = {
        let _spinner = output::spinner("making keys");
        step(&pki, which.name.as_deref(), boundary)?
    };
    print_step(&done, which.output)
}
