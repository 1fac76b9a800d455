//! A token as it is handed over.

use std::fmt;

use fips_core::{Diagnostic, constant_time};
use zeroize::Zeroizing;

use super::{Pin, TokenRefused};
use crate::certificate::Certificate;
use crate::error::Error;

const PREFIX: &str = "K10";
const MOST_BYTES: usize = 4096;

/// A token with a pin: `K10<pin>::<user>:<secret>` or `K10<pin>::<id>.<secret>`.
///
/// # Security
///
/// `Debug` does not show the credentials. There is no `Display`: [`reveal`](Self::reveal) is the
/// one way to print it. It is wiped when dropped.
#[derive(Clone)]
pub struct JoinToken {
    pin: Pin,
    credentials: Credentials,
}

/// What a token proves with.
#[derive(Clone)]
pub enum Credentials {
    /// kubeadm's: six characters name it, sixteen are secret.
    Bootstrap {
        /// The name.
        id: String,
        /// The secret.
        secret: Zeroizing<String>,
    },
    /// A user and its password; k3s knows `server` and `node`, and takes none at all.
    Password {
        /// The user.
        user: String,
        /// The password.
        secret: Zeroizing<String>,
    },
}

impl JoinToken {
    /// Reads a token, without a newline after it.
    ///
    /// # Errors
    ///
    /// [`TokenRefused::Unpinned`] for the forms that k3s takes without a pin: a password alone,
    /// `user:password`, a bootstrap token alone, `K10::…`. [`TokenRefused::Form`] for the rest.
    pub fn parse(text: &str) -> Result<Self, TokenRefused> {
        if text.is_empty() {
            return Err(TokenRefused::Form("it is empty"));
        }
        if text.len() > MOST_BYTES {
            return Err(TokenRefused::Form("it is longer than 4096 bytes"));
        }
        if text.contains(char::is_control) {
            return Err(TokenRefused::Form("it holds a control character"));
        }
        let rest = text.strip_prefix(PREFIX).ok_or(TokenRefused::Unpinned)?;
        let (pin, credentials) = rest.split_once("::").ok_or(TokenRefused::Unpinned)?;
        if pin.is_empty() {
            return Err(TokenRefused::Unpinned);
        }
        let pin = Pin::from_digits(pin).ok_or(TokenRefused::Form(
            "between K10 and :: stand not 64 digits of 0-9 and a-f",
        ))?;
        let credentials = Credentials::parse(credentials)?;
        Ok(Self { pin, credentials })
    }

    pub(super) fn new(pin: Pin, user: &str, secret: Zeroizing<String>) -> Self {
        Self {
            pin,
            credentials: Credentials::Password {
                user: user.to_owned(),
                secret,
            },
        }
    }

    /// The pin.
    pub fn pin(&self) -> &Pin {
        &self.pin
    }

    /// What it proves with.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The whole token, exactly as [`parse`](Self::parse) read it.
    pub fn reveal(&self) -> Zeroizing<String> {
        let (one, between, other) = match &self.credentials {
            Credentials::Bootstrap { id, secret } => (id, '.', secret),
            Credentials::Password { user, secret } => (user, ':', secret),
        };
        let length = PREFIX.len() + 64 + 2 + one.len() + 1 + other.len();
        let mut text = Zeroizing::new(String::with_capacity(length));
        text.push_str(PREFIX);
        text.push_str(self.pin.as_str());
        text.push_str("::");
        text.push_str(one);
        text.push(between);
        text.push_str(other);
        text
    }

    /// The certificates of a CA's file, as a server sent it, that the pin vouches for: all, when
    /// it is the [pin of the file](Pin::of_file) as it is; else the one root whose DER, or whose
    /// PEM alone, it is the SHA-256 of.
    ///
    /// # Security
    ///
    /// k3s believes the whole file when the pin is that of one root in it: whoever sends the
    /// file can put another root beside. Here that other root is not among the answer. While a
    /// CA rotates and its file holds old and new, tokens of the old are good for the old.
    ///
    /// # Errors
    ///
    /// [`TokenRefused::OtherPin`]; [`Error::Certificate`] for a file that holds other than
    /// certificates; a failure of the module.
    pub fn anchors(&self, diagnostic: &Diagnostic, file: &[u8]) -> Result<Vec<Certificate>, Error> {
        let certificates = Certificate::from_pem(file)?;
        if Pin::of_bytes(diagnostic, file)? == self.pin {
            return Ok(certificates);
        }
        for certificate in &certificates {
            let is_root = certificate
                .verify_issued_by(diagnostic, certificate)
                .is_ok();
            if is_root
                && (Pin::of_bytes(diagnostic, certificate.der())? == self.pin
                    || Pin::of_bytes(diagnostic, certificate.to_pem().as_bytes())? == self.pin)
            {
                return Ok(vec![certificate.clone()]);
            }
        }
        let (pinned, found) = (self.pin.clone(), Pin::of_file(diagnostic, file)?);
        Err(TokenRefused::OtherPin { pinned, found }.into())
    }

    /// Whether both are the same, in constant time.
    pub fn is(&self, other: &Self) -> bool {
        constant_time::equal(self.reveal().as_bytes(), other.reveal().as_bytes())
    }
}

impl Credentials {
    fn parse(text: &str) -> Result<Self, TokenRefused> {
        let word = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        };
        if let Some((id, secret)) = text.split_once('.')
            && (id.len(), secret.len()) == (6, 16)
            && word(id)
            && word(secret)
        {
            return Ok(Self::Bootstrap {
                id: id.to_owned(),
                secret: Zeroizing::new(secret.to_owned()),
            });
        }
        match text.split_once(':') {
            Some((user, secret)) if !secret.is_empty() => Ok(Self::Password {
                user: user.to_owned(),
                secret: Zeroizing::new(secret.to_owned()),
            }),
            _ => Err(TokenRefused::Form(
                "after :: stands neither user:password nor a bootstrap token",
            )),
        }
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

/// The name alone: in a token of a foreign form even the user can be a secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bootstrap { .. } => "Bootstrap",
            Self::Password { .. } => "Password",
        })
    }
}
