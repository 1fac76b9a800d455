//! `fipsctl tickets`: the sealed file of a fleet's ticket keys.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use fips_boundary::certs::sealing::{Header, Leftover, NewFile, Secret, ticket_keys};
use fips_boundary::core::Boundary;
use fips_boundary::tls::FleetKeys;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::Serialize;

use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::sealing::{IterationArgs, SecretArgs};
use crate::{boundary, output};

/// The most bytes of a file of keys: many times what one has.
const MOST_TEXT: u64 = 1 << 16;

#[derive(Debug, Subcommand)]
pub(crate) enum TicketsCommand {
    /// Make the keys of a fleet, in a new file, sealed.
    New(NewArgs),
    /// Make the next generation: distribute it to every server before the one after.
    Rotate(RotateArgs),
    /// Say which generation a file holds, and open it for that.
    Show(ShowArgs),
}

#[derive(Debug, Args)]
struct FleetArgs {
    /// The file.
    file: PathBuf,
    /// Name of the fleet it belongs to; opens for that fleet alone.
    #[arg(long, value_name = "NAME")]
    fleet: String,
    #[command(flatten)]
    secret: SecretArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Servers that stand for each other resume each other's TLS sessions by these keys. Make one file
for each service.

Example:
  fipsctl seal --new-key /etc/fips/tickets.key
  fipsctl tickets new /etc/fips/apiserver.tickets --fleet apiserver \\
      --key-file /etc/fips/tickets.key")]
pub(crate) struct NewArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    iterations: IterationArgs,
    /// Look at secret and target, and write nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
What is next seals, what sealed opens, what was before is gone. Servers with the file of before go
on with those that have this one, so that no session is lost while it is distributed.

Example:
  fipsctl tickets rotate /etc/fips/apiserver.tickets --fleet apiserver \\
      --key-file /etc/fips/tickets.key")]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    iterations: IterationArgs,
    /// Open the file, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fipsctl tickets show /etc/fips/apiserver.tickets --fleet apiserver \\
      --key-file /etc/fips/tickets.key --output json")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    fleet: FleetArgs,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Serialize)]
struct Shown {
    file: PathBuf,
    fleet: String,
    generation: u64,
    evaluation: bool,
}

pub(crate) fn run(command: &TicketsCommand) -> Result<u8, Failure> {
    match command {
        TicketsCommand::New(args) => new(args),
        TicketsCommand::Rotate(args) => rotate(args),
        TicketsCommand::Show(args) => show(args),
    }
}

fn new(args: &NewArgs) -> Result<u8, Failure> {
    args.fleet.secret.check()?;
    let boundary = if args.dry_run {
        None
    } else {
        Some(boundary::enter()?)
    };
    let secret = args.fleet.secret.read_new(false, args.iterations)?;
    let file = NewFile::create(&args.fleet.file, false, Leftover::Part)?;
    let Some(boundary) = boundary else {
        drop(file);
        output::note("dry run: nothing was written");
        return Ok(exit::DONE);
    };
    let keys = FleetKeys::generate(&boundary)?;
    args.fleet.write(&boundary, &secret, &keys, file)?;
    output::print(&format!(
        "ticket keys made: {}\n",
        args.fleet.file.display()
    ))?;
    Ok(exit::DONE)
}

fn rotate(args: &RotateArgs) -> Result<u8, Failure> {
    args.fleet.secret.check()?;
    let boundary = boundary::enter()?;
    let secret = args.fleet.secret.read_new(false, args.iterations)?;
    let old = args.fleet.lock()?;
    let (_, keys) = args.fleet.read(&old, &boundary, &secret)?;
    let next = keys.rotated()?;
    let file = NewFile::create(&args.fleet.file, true, Leftover::Part)?;
    if args.dry_run {
        drop(file);
        output::note(&format!(
            "dry run: generation {} would follow {}; nothing was written",
            next.generation(),
            keys.generation()
        ));
        return Ok(exit::DONE);
    }
    args.fleet.write(&boundary, &secret, &next, file)?;
    output::print(&format!(
        "ticket keys rotated: {}, generation {}\n",
        args.fleet.file.display(),
        next.generation()
    ))?;
    Ok(exit::DONE)
}

fn show(args: &ShowArgs) -> Result<u8, Failure> {
    args.fleet.secret.check()?;
    let boundary = boundary::enter()?;
    let secret = args.fleet.secret.read(false)?;
    let file = args.fleet.open()?;
    let (header, keys) = args.fleet.read(&file, &boundary, &secret)?;
    let shown = Shown {
        file: args.fleet.file.clone(),
        fleet: args.fleet.fleet.clone(),
        generation: keys.generation(),
        evaluation: header.is_evaluation(),
    };
    match args.output {
        Format::Json => output::print(&output::json(&shown)?)?,
        Format::Yaml => output::print(&output::yaml(&shown)?)?,
        Format::Table | Format::Text => output::print(&format!(
            "{}: fleet {}, generation {}{}\n",
            shown.file.display(),
            shown.fleet,
            shown.generation,
            if shown.evaluation {
                "; made under EVALUATION"
            } else {
                ""
            }
        ))?,
    }
    Ok(exit::DONE)
}

impl FleetArgs {
    fn open(&self) -> Result<File, Failure> {
        File::open(&self.file).map_err(|source| self.failed("open", source))
    }

    /// The file, locked until it is dropped: of two rotations at once, each would have a next
    /// generation of its own.
    fn lock(&self) -> Result<File, Failure> {
        let busy = || {
            let why =
                "another rotation is under way: wait for it, and look whether it did this one";
            self.failed("lock", io::Error::new(io::ErrorKind::WouldBlock, why))
        };
        let file = self.open()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
            Errno::WOULDBLOCK => busy(),
            errno => self.failed("lock", errno.into()),
        })?;
        let look = |found: io::Result<fs::Metadata>| {
            let found = found.map_err(|source| self.failed("stat", source))?;
            Ok::<_, Failure>((found.dev(), found.ino()))
        };
        // It may have been replaced between the two calls.
        if look(file.metadata())? == look(fs::metadata(&self.file))? {
            Ok(file)
        } else {
            Err(busy())
        }
    }

    fn failed(&self, action: &'static str, source: io::Error) -> Failure {
        Failure::File {
            action,
            path: self.file.clone(),
            source,
        }
    }

    fn read(
        &self,
        file: &File,
        boundary: &Boundary,
        secret: &Secret,
    ) -> Result<(Header, FleetKeys), Failure> {
        // A longer one does not open.
        let mut text = Vec::new();
        file.take(MOST_TEXT)
            .read_to_end(&mut text)
            .map_err(|source| self.failed("read", source))?;
        let header = ticket_keys::inspect(&text)?;
        let keys = ticket_keys::open(boundary, &self.fleet, secret, &text)?;
        Ok((header, FleetKeys::from_bytes(boundary, &keys)?))
    }

    fn write(
        &self,
        boundary: &Boundary,
        secret: &Secret,
        keys: &FleetKeys,
        mut file: NewFile,
    ) -> Result<(), Failure> {
        let text = ticket_keys::seal(boundary, &self.fleet, secret, &keys.to_bytes())?;
        file.write_all(text.as_bytes())
            .map_err(|source| self.failed("write", source))?;
        Ok(file.commit()?)
    }
}
