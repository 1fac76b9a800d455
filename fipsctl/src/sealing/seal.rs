//! `fipsctl seal`.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::sealing::{self, FileKey, Leftover};
use fips_boundary::core::indicator::Ledger;

use super::pipe::{InputArgs, OutputArgs, progress};
use super::secret::{IterationArgs, SecretArgs};
use super::{BindingArgs, Described};
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output};

#[derive(Debug, Args)]
#[command(after_help = "\
The secret comes from a descriptor, a systemd credential or a key file, never from the command
line or the environment. A passphrase has 14 to 1024 bytes.

Examples:
  fipsctl seal --new-key /etc/fips/backup.key
  fipsctl seal snapshot.db --output-file snapshot.db.sealed --key-file /etc/fips/backup.key \\
      --purpose etcd-snapshot --cluster prod-1
  etcdctl snapshot save /dev/stdout | fipsctl seal --passphrase-fd 3 3<passphrase > snapshot.sealed
  fipsctl seal snapshot.db --output-file s.sealed --passphrase-credential backup --dry-run")]
pub(crate) struct SealArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    target: OutputArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    iterations: IterationArgs,
    #[command(flatten)]
    binding: BindingArgs,
    /// Make a key file, mode 0600, from the module's random numbers, and seal nothing.
    #[arg(long, value_name = "FILE", exclusive = true)]
    new_key: Option<PathBuf>,
    /// Look at secret, input and target, and write nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed, with --output-file.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

pub(crate) fn run(args: &SealArgs) -> Result<u8, Failure> {
    if let Some(path) = &args.new_key {
        let boundary = boundary::enter()?;
        FileKey::generate(&boundary)?.write_new(path)?;
        output::print(&format!("key file made: {}\n", path.display()))?;
        return Ok(exit::DONE);
    }
    args.secret.check()?;
    let binding = args.binding.binding()?;
    if !args.dry_run {
        args.target.check_terminal()?;
    }
    let boundary = if args.dry_run {
        None
    } else {
        Some(boundary::enter()?)
    };
    let secret = args
        .secret
        .read_new(args.input.is_stdin(), args.iterations)?;
    let (input, length) = args.input.open()?;
    let mut target = args.target.open(Leftover::Part)?;
    let mut described = Described::of_binding(&binding, args.secret.describe());
    described.file = args.target.name();
    let Some(boundary) = boundary else {
        drop(target);
        described.print("would seal", args.output)?;
        output::note("dry run: nothing was written");
        return Ok(exit::DONE);
    };
    let (ledger, bar) = (Ledger::new(), progress(length, "sealing"));
    let input = bar.wrap_read(input);
    let sealed = ledger.record(|| sealing::seal(&boundary, &binding, &secret, input, &mut target));
    bar.finish_and_clear();
    let totals = sealed?;
    target.commit()?;
    if described.file.is_some() {
        described.bytes = Some(totals.plain);
        described.sealed_bytes = Some(totals.sealed);
        described.calls = Some(ledger.summary().to_string());
        described.print("sealed", args.output)?;
    }
    Ok(exit::DONE)
}
