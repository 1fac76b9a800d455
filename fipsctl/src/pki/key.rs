//! `fipsctl pki key`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fips_boundary::certs::key::{KeySecrets, KeyUnlock, Pkcs11Uri};
use fips_boundary::certs::pkcs11::Pkcs11Signer;
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Pki, SystemClock};
use serde::Serialize;

use super::unlock::{PinArgs, UnlockArgs};
use crate::cli::{Format, KeyType};
use crate::exit::{self, Failure};
use crate::{boundary, output};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key on a PKCS#11 token, which never leaves it.
    Generate(GenerateArgs),
    /// Seal an authority's key in its file, under a passphrase or a key file.
    Seal(RewriteArgs),
    /// Write an authority's sealed key as it is, mode 0600.
    Unseal(RewriteArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The PIN comes from a descriptor, a systemd credential or the URI's pin-source=file:/PATH, never
from the command line or the environment. A strict boundary asks for x-cmvp=NUMBER in the URI:
the CMVP certificate that you declare for the token's module.

Examples:
  fipsctl pki key generate 'pkcs11:token=cp;object=server-ca?module-path=/usr/lib/hsm/p11.so&x-cmvp=4567' \\
      --pin-fd 3 3<pin
  fipsctl pki init ./server --pin-fd 3 3<pin \\
      --ca-key 'server-ca=pkcs11:token=cp;object=server-ca?module-path=/usr/lib/hsm/p11.so&x-cmvp=4567'")]
pub(crate) struct GenerateArgs {
    /// The token, the key's label and the library: a PKCS#11 URI (RFC 7512).
    uri: String,
    /// Kind and size of the key.
    #[arg(long, value_enum, default_value = "p256")]
    key_type: KeyType,
    #[command(flatten)]
    pin: PinArgs,
    /// Say what would be made, and make nothing. Needs no open gate and no token.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki key seal /var/lib/rancher/rke2/server server-ca --passphrase-fd 3 3<passphrase
  fipsctl pki key unseal /var/lib/rancher/rke2/server server-ca --passphrase-credential ca")]
pub(crate) struct RewriteArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The authority.
    name: String,
    #[command(flatten)]
    unlock: UnlockArgs,
    /// Say which file would be written, and write nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// A key on a token.
#[derive(Serialize)]
struct Generated {
    uri: String,
    origin: String,
    key: &'static str,
    made: bool,
}

/// A key's file.
#[derive(Serialize)]
struct Rewritten {
    name: String,
    file: String,
    sealed: bool,
    written: bool,
}

pub(super) fn run(command: &KeyCommand) -> Result<u8, Failure> {
    match command {
        KeyCommand::Generate(args) => generate(args),
        KeyCommand::Seal(args) => rewrite(args, true),
        KeyCommand::Unseal(args) => rewrite(args, false),
    }
}

/// Read here and not by the parser of the command line, which repeats what it does not
/// understand: a PIN can stand in it.
pub(super) fn uri(text: &str) -> Result<Pkcs11Uri, Failure> {
    let uri: Result<Pkcs11Uri, _> = text.parse();
    uri.map_err(|error| Failure::Usage(error.to_string()))
}

fn generate(args: &GenerateArgs) -> Result<u8, Failure> {
    let uri = uri(&args.uri)?;
    let key_type = args.key_type.into();
    if !args.dry_run {
        let boundary = boundary::enter()?;
        let mut secrets = KeySecrets::default();
        if let Some(source) = args.pin.source() {
            secrets = secrets.with_pin(source);
        }
        let pin = secrets.pin(&uri)?;
        let _spinner = output::spinner("making a key on the token");
        Pkcs11Signer::generate(&boundary, &uri, pin, key_type)?;
    }
    let generated = Generated {
        uri: uri.to_string(),
        origin: uri.origin(),
        key: key_type.name(),
        made: !args.dry_run,
    };
    let text = format!(
        "{} key {} on {}\n",
        generated.key,
        uri.key_name(),
        generated.origin
    );
    show(&generated, &text, args.output)?;
    if args.dry_run {
        output::note("dry run: nothing was made");
    }
    Ok(exit::DONE)
}

fn rewrite(args: &RewriteArgs, seal: bool) -> Result<u8, Failure> {
    let file = if args.dry_run {
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let pki = Pki::open(&store)?;
        pki.rewritable_key(&args.name, seal)?
    } else {
        let unlock = args.unlock.unlock()?;
        let boundary = boundary::enter()?;
        let store = DirStore::open(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let mut pki = Pki::open(&store)?.with_unlock(unlock);
        let _spinner = output::spinner("deriving keys from the passphrase");
        if seal {
            pki.seal_key(&boundary, &args.name, &SystemClock)?
        } else {
            pki.unseal_key(&boundary, &args.name, &SystemClock)?
        }
    };
    let rewritten = Rewritten {
        name: args.name.clone(),
        file: file.to_string(),
        sealed: seal,
        written: !args.dry_run,
    };
    let state = if seal { "sealed" } else { "unsealed" };
    show(
        &rewritten,
        &format!("{state} {}\n", rewritten.file),
        args.output,
    )?;
    if args.dry_run {
        output::note("dry run: nothing was written");
    }
    Ok(exit::DONE)
}

fn show(value: &impl Serialize, text: &str, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::print(&output::json(value)?),
        Format::Yaml => output::print(&output::yaml(value)?),
        Format::Table | Format::Text => output::print(text),
    }
}
