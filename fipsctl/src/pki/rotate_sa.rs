//! `fipsctl pki rotate-sa`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use fips_boundary::certs::pki::rotation::Advance;
use fips_boundary::certs::{Clock, SystemClock};

use super::rotation::{change, look, print_confirmable, print_outlines, print_status};
use crate::cli::Format;
use crate::exit::Failure;

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
    step: StepArgs,
    /// The checkpoints that were done, by name.
    #[arg(required = true)]
    checkpoint: Vec<String>,
}

pub(super) fn run(command: RotateSaCommand) -> Result<u8, Failure> {
    let now = SystemClock.now();
    match command {
        RotateSaCommand::Confirm(ConfirmArgs { step, checkpoint }) => {
            let LookArgs { dir, name, output } = step.which;
            if step.dry_run {
                return look(&dir, |pki, _| {
                    let rotation = pki.key_rotation(name.as_deref())?;
                    rotation.outline_confirm(&checkpoint, now)?;
                    print_confirmable(&checkpoint, output)
                });
            }
            change(&dir, None, output, |pki, boundary| {
                let rotation = pki.key_rotation(name.as_deref())?;
                rotation.confirm(boundary, &checkpoint, &SystemClock)
            })
        }
        RotateSaCommand::Next(args) => {
            let mut advance = Advance::default();
            advance.force = args.force;
            advance.keep_old_key = args.keep_old_key;
            let LookArgs { dir, name, output } = args.step.which;
            if args.step.dry_run {
                return look(&dir, |pki, _| {
                    let rotation = pki.key_rotation(name.as_deref())?;
                    print_outlines(&[rotation.outline_next(&advance, now)?], output)
                });
            }
            change(&dir, None, output, |pki, boundary| {
                let rotation = pki.key_rotation(name.as_deref())?;
                rotation.next(boundary, &advance, &SystemClock)
            })
        }
        RotateSaCommand::Plan(LookArgs { dir, name, output }) => look(&dir, |pki, _| {
            print_outlines(&pki.key_rotation(name.as_deref())?.plan()?, output)
        }),
        RotateSaCommand::Rollback(StepArgs { which, dry_run }) => {
            let LookArgs { dir, name, output } = which;
            if dry_run {
                return look(&dir, |pki, _| {
                    let outline = pki.key_rotation(name.as_deref())?.outline_rollback()?;
                    print_outlines(&[outline], output)
                });
            }
            change(&dir, None, output, |pki, boundary| {
                let rotation = pki.key_rotation(name.as_deref())?;
                rotation.rollback(boundary, &SystemClock)
            })
        }
        RotateSaCommand::Start(StartArgs {
            step,
            longest_token,
        }) => {
            let LookArgs { dir, name, output } = step.which;
            if step.dry_run {
                return look(&dir, |pki, _| {
                    let outline = pki.key_rotation(name.as_deref())?.outline_start()?;
                    print_outlines(&[outline], output)
                });
            }
            change(&dir, None, output, |pki, boundary| {
                let rotation = pki.key_rotation(name.as_deref())?;
                rotation.start(boundary, longest_token, &SystemClock)
            })
        }
        RotateSaCommand::Status(LookArgs { dir, name, output }) => look(&dir, |pki, _| {
            let status = pki.key_rotation(name.as_deref())?.status(now)?;
            print_status(&[status], output)
        }),
    }
}
