//! `fipsctl bootstrap`.

use std::io::Write;

use clap::{Args, Subcommand};
use fips_boundary::certs::sealing::{Binding, Leftover, envelope, open_k3s_bootstrap};
use fips_boundary::core::indicator::Ledger;

use super::pipe::{InputArgs, OutputArgs, stream};
use super::secret::{IterationArgs, SecretArgs, TokenArgs};
use crate::exit::{self, Failure};
use crate::{boundary, output};

/// The most bytes of an envelope's text, or of what k3s stored.
const MOST_TEXT: usize = 2 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum BootstrapCommand {
    /// Read, once, what k3s or RKE2 stored under /bootstrap/, and seal it in the approved form.
    ImportK3s(ImportArgs),
    /// Open an envelope of bootstrap data.
    Open(OpenArgs),
    /// Seal bootstrap data as an envelope: text that can be copied and stored anywhere.
    Seal(SealArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
k3s derives its key with PBKDF2-HMAC-SHA-1, 4096 iterations and 64 random bits of salt: less than
SP 800-132 asks for, so reading it is an entry of the exceptions table. It is never written. Of a
token K10...::USER:SECRET k3s takes the SECRET alone.

Example:
  etcdctl get --prefix /bootstrap/ --print-value-only > stored
  fipsctl bootstrap import-k3s stored --cluster prod-1 --k3s-token-fd 3 --passphrase-fd 4 \\
      --output-file bootstrap.pem 3<token 4<passphrase")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    target: OutputArgs,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    iterations: IterationArgs,
    /// Identity of the cluster it belongs to; opens for that cluster alone.
    #[arg(long, value_name = "ID")]
    cluster: String,
    /// Open what k3s stored, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fipsctl bootstrap open bootstrap.pem --cluster prod-1 --passphrase-fd 3 \\
      --output-file bootstrap.json 3<passphrase")]
pub(crate) struct OpenArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    target: OutputArgs,
    #[command(flatten)]
    secret: SecretArgs,
    /// Identity of the cluster it belongs to.
    #[arg(long, value_name = "ID")]
    cluster: String,
    /// Open it, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fipsctl bootstrap seal bootstrap.json --cluster prod-1 --passphrase-fd 3 \\
      --output-file bootstrap.pem 3<passphrase")]
pub(crate) struct SealArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    target: OutputArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    iterations: IterationArgs,
    /// Identity of the cluster it belongs to; opens for that cluster alone.
    #[arg(long, value_name = "ID")]
    cluster: String,
    /// Look at secret, input and target, and write nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(command: &BootstrapCommand) -> Result<u8, Failure> {
    match command {
        BootstrapCommand::ImportK3s(args) => import(args),
        BootstrapCommand::Open(args) => open(args),
        BootstrapCommand::Seal(args) => seal(args),
    }
}

fn import(args: &ImportArgs) -> Result<u8, Failure> {
    args.secret.check()?;
    let binding = binding(&args.cluster)?;
    let boundary = boundary::enter()?;
    let stdin = args.input.is_stdin();
    let token = args.token.read(stdin, &args.secret)?;
    let secret = args.secret.read_new(stdin, args.iterations)?;
    let stored = args.input.read(MOST_TEXT)?;
    let target = args.target.open(Leftover::Part)?;
    let ledger = Ledger::new();
    let data = ledger.record(|| open_k3s_bootstrap(&boundary, &token, &stored))?;
    output::note(&format!(
        "imported from k3s, an exception of the approved mode: {}",
        ledger.summary()
    ));
    if args.dry_run {
        output::note(&format!(
            "dry run: {} bytes, nothing was written",
            data.len()
        ));
        return Ok(exit::DONE);
    }
    let text = envelope::seal(&boundary, &binding, &secret, &data)?;
    write(target, text.as_bytes())
}

fn open(args: &OpenArgs) -> Result<u8, Failure> {
    args.secret.check()?;
    let binding = binding(&args.cluster)?;
    let boundary = boundary::enter()?;
    let secret = args.secret.read(args.input.is_stdin())?;
    let text = args.input.read(MOST_TEXT)?;
    let target = args.target.open(Leftover::Nothing)?;
    let data = envelope::open(&boundary, &binding, &secret, &text)?;
    if args.dry_run {
        output::note(&format!(
            "dry run: {} bytes, nothing was written",
            data.len()
        ));
        return Ok(exit::DONE);
    }
    write(target, &data)
}

fn seal(args: &SealArgs) -> Result<u8, Failure> {
    args.secret.check()?;
    let binding = binding(&args.cluster)?;
    let boundary = if args.dry_run {
        None
    } else {
        Some(boundary::enter()?)
    };
    let secret = args
        .secret
        .read_new(args.input.is_stdin(), args.iterations)?;
    let data = args.input.read(envelope::MOST_BYTES)?;
    let target = args.target.open(Leftover::Part)?;
    let Some(boundary) = boundary else {
        output::note(&format!(
            "dry run: {} bytes, nothing was written",
            data.len()
        ));
        return Ok(exit::DONE);
    };
    let text = envelope::seal(&boundary, &binding, &secret, &data)?;
    write(target, text.as_bytes())
}

fn binding(cluster: &str) -> Result<Binding, Failure> {
    Binding::bootstrap(cluster).map_err(|error| Failure::Usage(error.to_string()))
}

fn write(mut target: super::pipe::Output, bytes: &[u8]) -> Result<u8, Failure> {
    target
        .write_all(bytes)
        .map_err(|source| stream("write the output", source))?;
    target.commit()?;
    Ok(exit::DONE)
}
