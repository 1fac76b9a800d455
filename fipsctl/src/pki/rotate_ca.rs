//! `fipsctl pki rotate-ca`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fips_boundary::certs::pki::rotation::{Advance, Outline, Rotation, Start, Step};
use fips_boundary::certs::{Clock, Error, SystemClock};
use fips_boundary::core::{Boundary, Diagnostic};

use super::rotation::{change, look, print_confirmable, print_outlines, print_status};
use super::unlock::UnlockArgs;
use crate::cli::Format;
use crate::exit::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum RotateCaCommand {
    /// Confirm that checkpoints were done; `next` waits for them.
    #[command(after_help = "\
Example:
  fipsctl pki rotate-ca confirm ./server etcd/server-ca servers restart-etcd restart-etcd-clients")]
    Confirm(ConfirmArgs),
    /// Enter the next phase: trust both, issue from the new one, retire the old one.
    #[command(after_help = "\
Examples:
  fipsctl pki rotate-ca next ./server etcd/server-ca --dry-run
  fipsctl pki rotate-ca next ./server etcd/server-ca")]
    Next(NextArgs),
    /// Show every step of a rotation, and what it waits for. Needs no open gate.
    #[command(after_help = "Example:\n  fipsctl pki rotate-ca plan ./server etcd/server-ca")]
    Plan(LookArgs),
    /// Go back one phase; from the first one, give the rotation up.
    #[command(after_help = "\
Examples:
  fipsctl pki rotate-ca rollback ./server etcd/server-ca --dry-run
  fipsctl pki rotate-ca rollback ./server etcd/server-ca")]
    Rollback(SigningArgs),
    /// Prepare a rotation: make the new key and certificate, cross-signed both ways.
    #[command(after_help = "\
The new key is made in the form of the old one: as a file, or sealed. One on a token is made there
first, and named.

Examples:
  fipsctl pki rotate-ca start ./server etcd/server-ca --dry-run
  fipsctl pki rotate-ca start ./server etcd/server-ca
  fipsctl pki rotate-ca start ./server etcd/server-ca --distrust-old    # its key is compromised
  fipsctl pki rotate-ca start ./server server-ca --ca-key 'pkcs11:token=cp;object=server-ca-2?module-path=/usr/lib/vendor/libpkcs11.so&x-cmvp=4567' --pin-fd 3 3<pin")]
    Start(StartArgs),
    /// Show how far rotations are and what keeps them from going on; exit 1 when one is under way. Needs no open gate.
    #[command(after_help = "\
Examples:
  fipsctl pki rotate-ca status ./server
  fipsctl pki rotate-ca status ./server etcd/server-ca --output json | jq '.[].blocked'")]
    Status(StatusArgs),
}

/// Which rotation, to look at.
#[derive(Debug, Args)]
pub(crate) struct LookArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The authority, by its name in the catalogue, such as etcd/server-ca.
    name: String,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The authority, by its name in the catalogue [default: all that were begun].
    name: Option<String>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// Which rotation, to change.
#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    #[command(flatten)]
    which: LookArgs,
    /// Say what would be done, and do nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
}

/// A step that signs.
#[derive(Debug, Args)]
pub(crate) struct SigningArgs {
    #[command(flatten)]
    step: StepArgs,
    #[command(flatten)]
    unlock: UnlockArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    signing: SigningArgs,
    /// The new key, which is on a token already, as an RFC 7512 URI.
    #[arg(long, value_name = "URI")]
    ca_key: Option<String>,
    /// Do not have the new authority certify the old one, which it does for 90 days otherwise:
    /// for an old key that may be in other hands.
    #[arg(long)]
    distrust_old: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NextArgs {
    #[command(flatten)]
    signing: SigningArgs,
    /// Skip checkpoints that were not confirmed, and record that. Skips nothing else.
    #[arg(long)]
    force: bool,
    /// Serial of a leaf of the old authority that may be cut off when it is retired; may be
    /// given several times.
    #[arg(long, value_name = "SERIAL")]
    give_up: Vec<String>,
    /// Keep the retired key below fips/retired/; it is destroyed otherwise.
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

pub(super) fn run(command: RotateCaCommand) -> Result<u8, Failure> {
    let now = SystemClock.now();
    match command {
        RotateCaCommand::Confirm(ConfirmArgs { step, checkpoint }) => {
            let LookArgs { dir, name, output } = step.which;
            if step.dry_run {
                return look(&dir, |pki, _| {
                    pki.rotation(&name)?.outline_confirm(&checkpoint, now)?;
                    print_confirmable(&checkpoint, output)
                });
            }
            change(&dir, None, output, |pki, boundary| {
                let rotation = pki.rotation(&name)?;
                rotation.confirm(boundary, &checkpoint, &SystemClock)
            })
        }
        RotateCaCommand::Next(args) => {
            let mut advance = Advance::default();
            advance.force = args.force;
            advance.give_up = args.give_up;
            advance.keep_old_key = args.keep_old_key;
            step(
                args.signing,
                |rotation, looking| rotation.outline_next(&advance, looking, now),
                |rotation, boundary| rotation.next(boundary, &advance, &SystemClock),
            )
        }
        RotateCaCommand::Plan(LookArgs { dir, name, output }) => look(&dir, |pki, diagnostic| {
            let outlines = pki.rotation(&name)?.plan(diagnostic, now)?;
            print_outlines(&outlines, output)
        }),
        RotateCaCommand::Rollback(args) => step(
            args,
            |rotation, _| rotation.outline_rollback(),
            |rotation, boundary| rotation.rollback(boundary, &SystemClock),
        ),
        RotateCaCommand::Start(args) => {
            let mut how = Start::default();
            how.key = args.ca_key.as_deref().map(super::key::uri).transpose()?;
            how.distrust_old = args.distrust_old;
            step(
                args.signing,
                |rotation, looking| rotation.outline_start_with(&how, looking, now),
                |rotation, boundary| rotation.start_with(boundary, &how, &SystemClock),
            )
        }
        RotateCaCommand::Status(args) => look(&args.dir, |pki, diagnostic| {
            let names: Vec<String> = match args.name {
                Some(name) => vec![name],
                None => pki
                    .rotations()?
                    .into_iter()
                    .map(|journal| journal.name)
                    .filter(|name| pki.catalogue().authority(name).is_some())
                    .collect(),
            };
            let statuses = names
                .iter()
                .map(|name| pki.rotation(name)?.status(diagnostic, now))
                .collect::<Result<Vec<_>, _>>()?;
            print_status(&statuses, args.output)
        }),
    }
}

/// Takes a step that signs, or says what it would do.
fn step(
    args: SigningArgs,
    outline: impl FnOnce(&Rotation<'_>, &Diagnostic) -> Result<Outline, Error>,
    take: impl FnOnce(&Rotation<'_>, &Boundary) -> Result<Step, Error>,
) -> Result<u8, Failure> {
    let SigningArgs { step, unlock } = args;
    let LookArgs { dir, name, output } = step.which;
    if step.dry_run {
        return look(&dir, |pki, diagnostic| {
            let outline = outline(&pki.rotation(&name)?, diagnostic)?;
            print_outlines(&[outline], output)
        });
    }
    change(&dir, Some(&unlock), output, |pki, boundary| {
        take(&pki.rotation(&name)?, boundary)
    })
}
