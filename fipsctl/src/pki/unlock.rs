//! Where the secrets of authorities' keys come from.

use std::sync::Arc;

use clap::Args;
use fips_boundary::certs::SecretSource;
use fips_boundary::certs::key::{KeySecrets, KeyUnlock};

use crate::exit::Failure;
use crate::sealing::SecretArgs;

/// What unlocks keys on tokens and sealed keys.
#[derive(Debug, Args)]
pub(crate) struct UnlockArgs {
    #[command(flatten)]
    pin: PinArgs,
    #[command(flatten)]
    secret: SecretArgs,
}

/// Where a token's PIN comes from, unless its URI has a `pin-source`.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct PinArgs {
    /// Read the PIN of a token from this file descriptor, to its end; one line's end is dropped.
    #[arg(long, value_name = "N")]
    pin_fd: Option<u32>,
    /// Read the PIN of a token from this systemd credential ($CREDENTIALS_DIRECTORY/NAME).
    #[arg(long, value_name = "NAME")]
    pin_credential: Option<String>,
}

impl UnlockArgs {
    /// Reads a passphrase or key file now; a PIN is read when a token asks for it.
    pub(crate) fn unlock(&self) -> Result<Arc<dyn KeyUnlock>, Failure> {
        let mut secrets = KeySecrets::default();
        if self.secret.is_given() {
            secrets = secrets.with_secret(self.secret.read(false)?);
        }
        if let (Some(pin), Some(passphrase)) = (self.pin.pin_fd, self.secret.descriptor())
            && pin == passphrase
        {
            return Err(Failure::Usage(
                "the PIN and the passphrase need a descriptor each".to_owned(),
            ));
        }
        if let Some(source) = self.pin.source() {
            secrets = secrets.with_pin(source);
        }
        Ok(Arc::new(secrets))
    }
}

impl PinArgs {
    pub(super) fn source(&self) -> Option<SecretSource> {
        let credential = self.pin_credential.clone().map(SecretSource::Credential);
        self.pin_fd.map(SecretSource::Descriptor).or(credential)
    }
}
