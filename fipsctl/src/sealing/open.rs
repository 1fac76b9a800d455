//! `fipsctl open`.

use std::io;

use clap::Args;
use fips_boundary::certs::sealing::{self, Header, Leftover};
use fips_boundary::core::indicator::Ledger;

use super::pipe::{InputArgs, OutputArgs, progress};
use super::secret::SecretArgs;
use super::{BindingArgs, Described};
use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output};

#[derive(Debug, Args)]
#[command(after_help = "\
With --output-file the file appears only once the end is authenticated; on any error, and when
killed, nothing of it stays on the disk. Killed in the moment in which --force replaces a file, all
of it can be left under a hidden name beside it, which the next run removes. To standard output the data goes out chunk by chunk, each
of them authenticated, the end not yet: use nothing of it unless the exit code is 0 (4 when the
rest was cut off or changed).

Examples:
  fipsctl open snapshot.db.sealed --output-file snapshot.db --key-file /etc/fips/backup.key \\
      --purpose etcd-snapshot --cluster prod-1
  fipsctl open snapshot.sealed --verify --passphrase-fd 3 3<passphrase
  fipsctl open snapshot.sealed --inspect")]
pub(crate) struct OpenArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    target: OutputArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    binding: BindingArgs,
    /// Print what the header says, unauthenticated, and open nothing. Needs no key and no open
    /// gate.
    #[arg(long, conflicts_with_all = ["output_file", "verify", "dry_run",
        "passphrase_fd", "passphrase_credential", "key_file", "cluster"])]
    inspect: bool,
    /// Authenticate all of it, and write nothing.
    #[arg(long, conflicts_with_all = ["output_file", "dry_run"])]
    verify: bool,
    /// Look at secret, header and target, and write nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed, with --output-file, --inspect and --verify.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

pub(crate) fn run(args: &OpenArgs) -> Result<u8, Failure> {
    if args.inspect {
        let (input, _) = args.input.open()?;
        Described::of_header(&Header::inspect(input)?).print("says that it is", args.output)?;
        return Ok(exit::DONE);
    }
    args.secret.check()?;
    let binding = args.binding.binding()?;
    let boundary = if args.dry_run {
        None
    } else {
        Some(boundary::enter()?)
    };
    let secret = args.secret.read(args.input.is_stdin())?;
    let (input, length) = args.input.open()?;
    let Some(boundary) = boundary else {
        let header = Header::inspect(input)?;
        header.admit(&binding, &secret, None)?;
        drop(args.target.open(Leftover::Nothing)?);
        let mut described = Described::of_header(&header);
        described.file = args.target.name();
        described.print("would open", args.output)?;
        output::note("dry run: nothing was authenticated and nothing written");
        return Ok(exit::DONE);
    };
    let (ledger, bar) = (Ledger::new(), progress(length, "opening"));
    let input = bar.wrap_read(input);
    let totals = if args.verify {
        ledger.record(|| sealing::open(&boundary, &binding, &secret, input, io::sink()))
    } else {
        let mut target = args.target.open(Leftover::Nothing)?;
        let opened =
            ledger.record(|| sealing::open(&boundary, &binding, &secret, input, &mut target));
        match opened {
            Ok(totals) => target.commit().map(|()| Ok(totals))?,
            Err(error) => Err(error),
        }
    };
    bar.finish_and_clear();
    let totals = totals?;
    if args.verify || args.target.name().is_some() {
        let mut described = Described::of_binding(&binding, args.secret.describe());
        described.file = args.target.name();
        described.bytes = Some(totals.plain);
        described.sealed_bytes = Some(totals.sealed);
        described.calls = Some(ledger.summary().to_string());
        let what = if args.verify { "authentic" } else { "opened" };
        described.print(what, args.output)?;
    }
    Ok(exit::DONE)
}
