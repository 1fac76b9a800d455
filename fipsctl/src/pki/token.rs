//! `fipsctl pki token`.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use fips_boundary::certs::store::{DirStore, EntryPath, Store};
use fips_boundary::certs::time::OffsetDateTime;
use fips_boundary::certs::token::{
    self, JoinToken, Pin, TokenInfo, TokenParams, TokenState, Tokens,
};
use fips_boundary::certs::{Clock, Error, Pki, SystemClock};
use fips_boundary::core::Diagnostic;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::Format;
use crate::exit::{self, Failure};
use crate::{boundary, output, table};

/// Above the longest token, so that a wrong file is not read whole.
const MOST_BYTES: u64 = 8192;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a join token and print it: it is shown this once.
    Create(CreateArgs),
    /// List the tokens, without their secrets. Needs no open gate.
    List(ListArgs),
    /// Make every token that is good again, pinned to the CA as it is now: a step of a CA's
    /// rotation. Old and new are good side by side for a time.
    Reissue(ReissueArgs),
    /// Revoke a token.
    Revoke(RevokeArgs),
    /// Judge a token, read from standard input or a file; exit 1 when it is not good. Uses
    /// nothing up, and needs no open gate.
    Verify(VerifyArgs),
}

/// What its holder joins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// A node that runs workloads
    Agent,
    /// A member of the control plane
    Server,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki token create /var/lib/rancher/rke2/server > node-token
  fipsctl pki token create ./server --role server --expires 30m --uses 1 --description cp2")]
pub(crate) struct CreateArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// What its holder joins as.
    #[arg(long, value_enum, default_value = "agent")]
    role: Role,
    /// How long it is good, such as 30m or 2days; at most 365 days.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = lifetime)]
    expires: Duration,
    /// For how many joins it is good [default: any number].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    /// What it is for.
    #[arg(long, default_value = "")]
    description: String,
    /// The CA's file that joining nodes get, below DIR [default: that of server-ca or ca].
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,
    /// Say what would be made, and make nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fipsctl pki token list ./server --output table")]
pub(crate) struct ListArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Each new token is printed this once, behind the id it shares with the old one. One that has this pin
already is left as it is.

Example:
  fipsctl pki token reissue ./server --beside 7days > node-tokens")]
pub(crate) struct ReissueArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// How long the old tokens are good beside the new ones, such as 12h or 7days.
    #[arg(long, value_name = "TIME", default_value = "7days", value_parser = crate::cli::interval)]
    beside: Duration,
    /// The CA's file that joining nodes get, below DIR [default: that of server-ca or ca].
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,
    /// Say which tokens would be made again, and make none. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fipsctl pki token revoke ./server 3f9a01b2c4")]
pub(crate) struct RevokeArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The token's id, as `list` shows it.
    id: String,
    /// Say what would be revoked, and change nothing. Needs no open gate.
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fipsctl pki token verify ./server < node-token
  fipsctl pki token verify ./server --token-file /dev/fd/3 3< node-token")]
pub(crate) struct VerifyArgs {
    /// The folder of the PKI.
    dir: PathBuf,
    /// The file that holds the token, readable for its owner alone [default: standard input].
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let found = humantime::parse_duration(text)
        .map_err(|error| format!("a time such as 30m or 2days is expected ({error})"))?;
    TokenParams::new(token::Role::Agent, found)
        .map(|_| found)
        .map_err(|error| error.to_string())
}

pub(super) fn run(command: &TokenCommand) -> Result<u8, Failure> {
    match command {
        TokenCommand::Create(args) => create(args),
        TokenCommand::List(args) => list(args),
        TokenCommand::Reissue(args) => reissue(args),
        TokenCommand::Revoke(args) => revoke(args),
        TokenCommand::Verify(args) => verify(args),
    }
}

/// A new token with its secret: what `create` prints, and nothing else does.
#[derive(Serialize)]
struct Made<'a> {
    token: &'a str,
    #[serde(flatten)]
    info: &'a TokenInfo,
}

fn create(args: &CreateArgs) -> Result<u8, Failure> {
    let params = params(args).map_err(|error| Failure::Usage(error.to_string()))?;
    if args.dry_run {
        let diagnostic = Diagnostic::new()?;
        let store = DirStore::open_read_only(&args.dir)?;
        let pin = Pin::of_file(&diagnostic, &ca_file(&store, args.ca.as_deref())?)?;
        output::print(&format!("pin {pin}\n"))?;
        output::note("dry run: nothing was written; a token with this pin would be made");
        return Ok(exit::DONE);
    }
    let boundary = boundary::enter()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let ca_file = ca_file(&store, args.ca.as_deref())?;
    let made = Tokens::new(&store).create(&boundary, &params, &ca_file, &SystemClock)?;
    let revealed = made.token.reveal();
    let whole = Made {
        token: &revealed,
        info: &made.info,
    };
    match args.output {
        Format::Json => output::print(&Zeroizing::new(output::json(&whole)?))?,
        Format::Yaml => output::print(&Zeroizing::new(output::yaml(&whole)?))?,
        Format::Table | Format::Text => {
            // The token alone, so that it can go into a file.
            output::print(&revealed)?;
            output::print("\n")?;
            output::note(&format!(
                "token {} for {}s, until {}",
                made.info.id,
                made.info.role,
                table::date(made.info.expires)
            ));
        }
    }
    Ok(exit::DONE)
}

fn params(args: &CreateArgs) -> Result<TokenParams, Error> {
    let role = match args.role {
        Role::Agent => token::Role::Agent,
        Role::Server => token::Role::Server,
    };
    let params =
        TokenParams::new(role, args.expires)?.with_description(args.description.as_str())?;
    match args.uses {
        Some(uses) => params.with_uses(uses),
        None => Ok(params),
    }
}

/// The CA's file that a token is pinned to.
fn ca_file(store: &DirStore, named: Option<&str>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let path = match named {
        Some(path) => EntryPath::new(path)?,
        None => {
            let pki = Pki::open(store)?;
            let catalogue = pki.catalogue();
            ["server-ca", "ca"]
                .iter()
                .find_map(|name| catalogue.authority(name))
                .map(|entry| entry.certificate.clone())
                .ok_or_else(|| {
                    let why = "the PKI has neither server-ca nor ca: name the file with --ca";
                    Failure::Usage(why.to_owned())
                })?
        }
    };
    store.read(&path)?.ok_or_else(|| {
        Failure::Usage(format!(
            "{path} is not there: name the CA's file below the folder with --ca"
        ))
    })
}

fn list(args: &ListArgs) -> Result<u8, Failure> {
    let store = DirStore::open_read_only(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let tokens = Tokens::new(&store).list(SystemClock.now())?;
    match args.output {
        Format::Json => output::print(&output::json(&tokens)?)?,
        Format::Yaml => output::print(&output::yaml(&tokens)?)?,
        Format::Table | Format::Text if tokens.is_empty() => output::print("no tokens\n")?,
        Format::Table | Format::Text => output::print(&rows(&tokens, args.output))?,
    }
    Ok(exit::DONE)
}

fn rows(tokens: &[TokenInfo], format: Format) -> String {
    let header = [
        "ID",
        "ROLE",
        "STATE",
        "CREATED",
        "EXPIRES",
        "USES LEFT",
        "PINS",
        "DESCRIPTION",
    ];
    let rows = tokens.iter().map(|token| {
        let pins: Vec<_> = token.pins.iter().map(ToString::to_string).collect();
        let uses = token.uses_left.map(|left| left.to_string());
        vec![
            token.id.clone(),
            token.role.to_string(),
            word(token.state).to_owned(),
            table::date(token.created),
            table::date(token.expires),
            uses.unwrap_or_else(|| "any".to_owned()),
            pins.join(","),
            token.description.clone(),
        ]
    });
    table::draw(&header, rows, format)
}

fn word(state: TokenState) -> &'static str {
    match state {
        TokenState::Expired => "EXPIRED",
        TokenState::Revoked => "REVOKED",
        TokenState::UsedUp => "USED UP",
        TokenState::Valid => "VALID",
    }
}

fn revoke(args: &RevokeArgs) -> Result<u8, Failure> {
    let revoked = if args.dry_run {
        let store = DirStore::open_read_only(&args.dir)?;
        let tokens = Tokens::new(&store).list(SystemClock.now())?;
        let known: Vec<_> = tokens.iter().map(|token| token.id.clone()).collect();
        let found = tokens.into_iter().find(|token| token.id == args.id);
        output::note("dry run: nothing was written");
        found.ok_or_else(|| Error::UnknownEntry {
            name: args.id.clone(),
            known: known.join(", "),
        })?
    } else {
        let boundary = boundary::enter()?;
        let store = DirStore::open(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        Tokens::new(&store).revoke(&boundary, &args.id, &SystemClock)?
    };
    match args.output {
        Format::Json => output::print(&output::json(&revoked)?)?,
        Format::Yaml => output::print(&output::yaml(&revoked)?)?,
        Format::Table | Format::Text => output::print(&rows(&[revoked], args.output))?,
    }
    Ok(exit::DONE)
}

fn reissue(args: &ReissueArgs) -> Result<u8, Failure> {
    let now = SystemClock.now();
    if args.dry_run {
        let diagnostic = Diagnostic::new()?;
        let store = DirStore::open_read_only(&args.dir)?;
        super::tell_recovery(&args.dir, &store);
        let pin = Pin::of_file(&diagnostic, &ca_file(&store, args.ca.as_deref())?)?;
        let mut tokens = Tokens::new(&store).list(now)?;
        tokens.retain(|token| token.state == TokenState::Valid && token.pins.last() != Some(&pin));
        match args.output {
            Format::Json => output::print(&output::json(&tokens)?)?,
            Format::Yaml => output::print(&output::yaml(&tokens)?)?,
            Format::Table | Format::Text => output::print(&rows(&tokens, args.output))?,
        }
        output::note("dry run: nothing was written");
        return Ok(exit::DONE);
    }
    let until = time_from(now.truncate_to_second(), args.beside)?;
    let boundary = boundary::enter()?;
    let store = DirStore::open(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let ca_file = ca_file(&store, args.ca.as_deref())?;
    let made = Tokens::new(&store).reissue(&boundary, &ca_file, until, &SystemClock)?;
    let revealed: Vec<_> = made.iter().map(|one| one.token.reveal()).collect();
    let whole: Vec<Made<'_>> = made
        .iter()
        .zip(&revealed)
        .map(|(one, token)| Made {
            token,
            info: &one.info,
        })
        .collect();
    match args.output {
        Format::Json => output::print(&Zeroizing::new(output::json(&whole)?))?,
        Format::Yaml => output::print(&Zeroizing::new(output::yaml(&whole)?))?,
        Format::Table | Format::Text => {
            for one in &whole {
                output::print(&one.info.id)?;
                output::print(" ")?;
                output::print(one.token)?;
                output::print("\n")?;
            }
            output::note(&format!(
                "{} made again; the old ones are good until {}",
                whole.len(),
                table::date(until)
            ));
        }
    }
    Ok(exit::DONE)
}

fn time_from(now: OffsetDateTime, by: Duration) -> Result<OffsetDateTime, Failure> {
    by.try_into()
        .ok()
        .and_then(|by| now.checked_add(by))
        .ok_or_else(|| Failure::Usage("--beside is longer than dates reach".to_owned()))
}

/// The answer of `verify`.
#[derive(Serialize)]
struct Verdict {
    good: bool,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenInfo>,
}

fn verify(args: &VerifyArgs) -> Result<u8, Failure> {
    let diagnostic = Diagnostic::new()?;
    let text = read_token(args.token_file.as_deref())?;
    let store = DirStore::open_read_only(&args.dir)?;
    super::tell_recovery(&args.dir, &store);
    let judged = JoinToken::parse(&text)
        .map_err(Error::from)
        .and_then(|token| Tokens::new(&store).verify(&diagnostic, &token, SystemClock.now()));
    let verdict = match judged {
        Ok(info) => Verdict {
            good: true,
            reason: None,
            token: Some(info),
        },
        Err(Error::Token(refused)) => Verdict {
            good: false,
            reason: Some(refused.to_string()),
            token: None,
        },
        Err(error) => return Err(error.into()),
    };
    match args.output {
        Format::Json => output::print(&output::json(&verdict)?)?,
        Format::Yaml => output::print(&output::yaml(&verdict)?)?,
        Format::Table | Format::Text => match (&verdict.token, &verdict.reason) {
            (Some(info), _) => output::print(&rows(std::slice::from_ref(info), args.output))?,
            (None, reason) => output::print(&format!(
                "NOT GOOD: {}\n",
                reason.as_deref().unwrap_or_default()
            ))?,
        },
    }
    Ok(if verdict.good {
        exit::DONE
    } else {
        exit::FINDINGS
    })
}

/// The token in a file or on standard input, without the newline behind it.
fn read_token(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    let path = file.unwrap_or(Path::new("/dev/stdin"));
    let fail = |action| {
        move |source| Failure::File {
            action,
            path: path.to_owned(),
            source,
        }
    };
    // One block of the final size: one that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES as usize + 1));
    match file {
        Some(path) => {
            let file = std::fs::File::open(path).map_err(fail("open"))?;
            let found = file.metadata().map_err(fail("look at"))?;
            let (mode, allowed) = (found.permissions().mode() & 0o7777, 0o600);
            if found.is_file() && mode & 0o077 != 0 {
                let path = path.to_owned();
                return Err(Error::Mode {
                    path,
                    found: mode,
                    allowed,
                }
                .into());
            }
            file.take(MOST_BYTES).read_to_string(&mut text)
        }
        None => std::io::stdin()
            .lock()
            .take(MOST_BYTES)
            .read_to_string(&mut text),
    }
    .map_err(fail("read"))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}
