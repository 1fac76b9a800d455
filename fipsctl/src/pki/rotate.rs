//! `fipsctl pki rotate`.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::pki::RenewalPolicy;

use super::UnlockArgs;
use super::renew;
use crate::cli::Format;
use crate::exit::Failure;

#[derive(Debug, Args)]
#[command(after_help = "\
As `renew`, of what is named, now and whatever its dates. Authorities are `rotate-ca`'s matter.

Examples:
  fipsctl pki rotate ./server --name etcd/server-client
  fipsctl pki rotate ./server --service etcd --dry-run
  fipsctl pki rotate ./server --all")]
pub(crate) struct RotateArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// This leaf; may be given several times.
    #[arg(long)]
    name: Vec<String>,
    /// Every leaf of this component, such as etcd; may be given several times.
    #[arg(long)]
    service: Vec<String>,
    /// Every leaf.
    #[arg(long, conflicts_with_all = ["name", "service"], required_unless_present_any = ["name", "service"])]
    all: bool,
    /// Keep the keys, make new certificates alone.
    #[arg(long)]
    keep_keys: bool,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// Say what would be issued anew, and do nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

pub(super) fn run(args: &RotateArgs) -> Result<u8, Failure> {
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    policy.names.clone_from(&args.name);
    policy.services.clone_from(&args.service);
    policy.keep_keys = args.keep_keys;
    renew::carry_out(&args.dir, &policy, &args.unlock, args.dry_run, args.output)
}
