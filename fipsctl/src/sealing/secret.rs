//! Secrets for sealing: from a descriptor, a systemd credential or a file, never from the
//! command line or the environment.

use std::path::PathBuf;

use clap::Args;
use fips_boundary::certs::SecretSource;
use fips_boundary::certs::sealing::{
    DEFAULT_ITERATIONS, FileKey, MOST_ITERATIONS, Passphrase, Secret,
};
use zeroize::Zeroizing;

use crate::exit::Failure;

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
pub(crate) struct IterationArgs {
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
    pub(crate) fn check(&self) -> Result<(), Failure> {
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
    pub(crate) fn read_new(
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
    let source = match (descriptor, credential) {
        (Some(0), _) if stdin => {
            return Err(Failure::Usage(
                "descriptor 0 is taken by the data: give the secret on another one, such as 3 \
                 (3<FILE)"
                    .to_owned(),
            ));
        }
        (Some(number), _) => SecretSource::Descriptor(number),
        (None, Some(name)) => SecretSource::Credential(name.to_owned()),
        (None, None) => return Ok(None),
    };
    let secret = source.read();
    secret
        .map(Some)
        .map_err(|error| Failure::Usage(error.to_string()))
}
