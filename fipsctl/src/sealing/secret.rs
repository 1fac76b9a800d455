//! Secrets for sealing: from a descriptor, a systemd credential or a file, never from the
//! command line or the environment.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use fips_boundary::certs::sealing::{
    DEFAULT_ITERATIONS, FileKey, MOST_ITERATIONS, Passphrase, Secret,
};
use zeroize::Zeroizing;

use crate::exit::Failure;

/// The longest secret that is read, with a line's end.
const MOST_BYTES: usize = 1026;

/// What a thing is sealed under.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct SecretArgs {
    /// Read the passphrase from this file descriptor, to its end; one line's end is dropped.
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
    /// Read the passphrase from this systemd credential ($CREDENTIALS_DIRECTORY/NAME).
    #[arg(long, value_name = "NAME")]
    passphrase_credential: Option<String>,
    /// File of a key, mode 0600 (see `fipsctl seal --new-key`).
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// How much work a guess at a new passphrase costs.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct IterationArgs {
    /// Iterations of PBKDF2-HMAC-SHA-256, when sealing under a passphrase.
    #[arg(long, default_value_t = DEFAULT_ITERATIONS,
        value_parser = clap::value_parser!(u32).range(1000..=i64::from(MOST_ITERATIONS)))]
    iterations: u32,
}

/// Where the token of k3s comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct TokenArgs {
    /// Read the token of k3s from this file descriptor, to its end; one line's end is dropped.
    #[arg(long, value_name = "N")]
    k3s_token_fd: Option<u32>,
    /// Read the token of k3s from this systemd credential.
    #[arg(long, value_name = "NAME")]
    k3s_token_credential: Option<String>,
}

impl SecretArgs {
    /// Refuses a command line that names none, before anything is done.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match (
            &self.key_file,
            self.passphrase_fd,
            &self.passphrase_credential,
        ) {
            (None, None, None) => Err(Failure::Usage(
                "name what it is sealed under: --passphrase-fd, --passphrase-credential or \
                 --key-file"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Reads the secret. `stdin` says whether standard input is taken by the data.
    pub(crate) fn read(&self, stdin: bool) -> Result<Secret, Failure> {
        self.check()?;
        if let Some(path) = &self.key_file {
            return Ok(FileKey::read(path)?.into());
        }
        let credential = self.passphrase_credential.as_deref();
        let passphrase = passphrase(self.passphrase_fd, credential, stdin)?;
        // One of them is named.
        Ok(Passphrase::new(passphrase.unwrap_or_default())?.into())
    }

    /// As [`read`](Self::read), for sealing.
    pub(super) fn read_new(
        &self,
        stdin: bool,
        iterations: IterationArgs,
    ) -> Result<Secret, Failure> {
        match self.read(stdin)? {
            Secret::Passphrase(passphrase) => {
                Ok(passphrase.with_iterations(iterations.iterations)?.into())
            }
            secret => Ok(secret),
        }
    }

    /// What it is, in words.
    pub(super) fn describe(&self) -> String {
        let kind = if self.key_file.is_some() {
            "key file"
        } else {
            "passphrase"
        };
        kind.to_owned()
    }

    /// Whether there is one.
    pub(crate) fn is_given(&self) -> bool {
        self.key_file.is_some()
            || self.passphrase_fd.is_some()
            || self.passphrase_credential.is_some()
    }

    /// Whether it comes from this descriptor.
    pub(crate) fn descriptor(&self) -> Option<u32> {
        self.passphrase_fd
    }
}

impl TokenArgs {
    pub(super) fn read(
        &self,
        stdin: bool,
        other: &SecretArgs,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if self.k3s_token_fd.is_some() && self.k3s_token_fd == other.descriptor() {
            return Err(Failure::Usage(
                "the token and the new passphrase need a descriptor each".to_owned(),
            ));
        }
        let token = passphrase(
            self.k3s_token_fd,
            self.k3s_token_credential.as_deref(),
            stdin,
        )?;
        // The group is required.
        Ok(token.unwrap_or_default())
    }
}

fn passphrase(
    descriptor: Option<u32>,
    credential: Option<&str>,
    stdin: bool,
) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    match (descriptor, credential) {
        (Some(number), _) => from_descriptor(number, stdin).map(Some),
        (None, Some(name)) => from_credential(name).map(Some),
        (None, None) => Ok(None),
    }
}

fn from_descriptor(number: u32, stdin: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if number == 0 && stdin || matches!(number, 1 | 2) {
        return Err(Failure::Usage(format!(
            "descriptor {number} is taken: give the secret on another one, such as 3 (3<FILE)"
        )));
    }
    // Opened anew by its name: taking over a bare number would need unsafe code.
    let path = PathBuf::from(format!("/proc/self/fd/{number}"));
    let file = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Usage(format!(
            "descriptor {number} is not open: open it in the shell ({number}<FILE)"
        )),
        _ => failed("open", &path, error),
    })?;
    read(file, &path)
}

fn from_credential(name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(Failure::Usage(format!(
            "{name:?} is no name of a credential: a file's name alone is expected"
        )));
    }
    let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
        return Err(Failure::Usage(
            "CREDENTIALS_DIRECTORY is not set: this is not a service of systemd with LoadCredential="
                .to_owned(),
        ));
    };
    let path = Path::new(&folder).join(name);
    let file = File::open(&path).map_err(|error| failed("open", &path, error))?;
    read(file, &path)
}

/// All of a small file, in memory that is wiped and never moved; without one line's end.
fn read(file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut secret = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
    file.take(MOST_BYTES as u64 + 1)
        .read_to_end(&mut secret)
        .map_err(|error| failed("read", path, error))?;
    if secret.ends_with(b"\n") {
        secret.pop();
        if secret.ends_with(b"\r") {
            secret.pop();
        }
    }
    Ok(secret)
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Failure {
    Failure::File {
        action,
        path: path.to_owned(),
        source,
    }
}
