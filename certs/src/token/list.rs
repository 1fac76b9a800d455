//! The list of tokens in the store.

use std::{fmt, io};

use data_encoding::HEXLOWER;
use fips_core::digest::Algorithm;
use fips_core::{Boundary, Diagnostic, constant_time, random};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Pin, Role};
use crate::error::Error;
use crate::store::{EntryPath, Store};

const SCHEMA: u32 = 1;

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct List {
    schema: u32,
    pub(super) key: MacKey,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub(super) seen: OffsetDateTime,
    pub(super) tokens: Vec<Token>,
}

/// One token, and each secret it goes by.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) role: Role,
    pub(super) description: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) created: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) expires: OffsetDateTime,
    pub(super) uses_left: Option<u32>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) revoked: Option<OffsetDateTime>,
    pub(super) forms: Vec<Form>,
}

/// One secret and the pin it was handed out with.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Form {
    pub(super) pin: Pin,
    /// HMAC-SHA-256 of user and secret, hexadecimal.
    pub(super) verifier: String,
    /// Until when it is valid beside the one that replaced it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub(super) until: Option<OffsetDateTime>,
}

/// The key of the verifiers: 256 random bits, one for each file.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct MacKey(Zeroizing<String>);

impl MacKey {
    pub(super) fn generate(_boundary: &Boundary) -> Result<Self, Error> {
        Ok(Self(random_digits::<32>()?))
    }

    /// HMAC-SHA-256 (FIPS 198-1) of `who` and `secret`; no other pair has the same text.
    pub(super) fn verifier(
        &self,
        diagnostic: &Diagnostic,
        who: &str,
        secret: &str,
    ) -> Result<String, Error> {
        let mut data = Zeroizing::new(Vec::with_capacity(who.len() + 1 + secret.len()));
        data.extend_from_slice(who.as_bytes());
        data.push(0);
        data.extend_from_slice(secret.as_bytes());
        let tag = diagnostic.mac(Algorithm::Sha256, self.0.as_bytes(), &data)?;
        Ok(HEXLOWER.encode(tag.as_ref()))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacKey").finish_non_exhaustive()
    }
}

/// `N` random bytes of the module as digits.
pub(super) fn random_digits<const N: usize>() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    random::fill(&mut bytes[..])?;
    let mut digits = Zeroizing::new(String::with_capacity(2 * N));
    HEXLOWER.encode_append(&bytes[..], &mut digits);
    Ok(digits)
}

/// What was read, and the very bytes.
pub(super) type Found<T> = (T, Zeroizing<Vec<u8>>);

/// `value` in one block of memory: one that grows leaves copies that are not wiped.
pub(super) fn to_json(value: &impl Serialize, what: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let fail = |error: serde_json::Error| Error::Encode {
        subject: what.into(),
        why: error.to_string(),
    };
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).map_err(fail)?;
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, value).map_err(fail)?;
    Ok(json)
}

/// Counts what is written, and keeps none of it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl List {
    pub(super) fn path() -> Result<EntryPath, Error> {
        EntryPath::new("fips/tokens.json")
    }

    pub(super) fn new(boundary: &Boundary, now: OffsetDateTime) -> Result<Self, Error> {
        Ok(Self {
            schema: SCHEMA,
            key: MacKey::generate(boundary)?,
            seen: now,
            tokens: Vec::new(),
        })
    }

    /// The list, and its very bytes; `None` when there is none.
    pub(super) fn read(store: &dyn Store) -> Result<Option<Found<Self>>, Error> {
        let path = Self::path()?;
        let Some(content) = store.read(&path)? else {
            return Ok(None);
        };
        // The message says the place and not the content, which is secret.
        let list: Self = serde_json::from_slice(&content).map_err(|error| Error::Record {
            path: path.clone(),
            why: format!(
                "it is no list of tokens of this program (line {}, column {})",
                error.line(),
                error.column()
            ),
        })?;
        if list.schema != SCHEMA {
            return Err(Error::Record {
                path,
                why: format!("it is of form {}, this program reads {SCHEMA}", list.schema),
            });
        }
        Ok(Some((list, content)))
    }

    pub(super) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        to_json(self, "the list of tokens")
    }

    /// The token and the form of it that `verifier` is of. Each is compared, whichever it is.
    pub(super) fn find(&self, verifier: &str) -> Option<(usize, usize)> {
        let mut found = None;
        for (at, token) in self.tokens.iter().enumerate() {
            for (form_at, form) in token.forms.iter().enumerate() {
                if constant_time::equal(form.verifier.as_bytes(), verifier.as_bytes()) {
                    found = Some((at, form_at));
                }
            }
        }
        found
    }
}
