//! One line of the log.

use data_encoding::HEXLOWER;
use fips_core::digest::{self, Algorithm};
use fips_core::rfc4514::one_line;
use fips_core::{Boundary, Opening};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::event::{Event, EventKind};
use crate::clock::whole_second;
use crate::error::Error;

/// One line of the log. An unknown field is an error, and so is any other way to write the
/// same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Entry {
    /// Its number, counted from 1 through all files.
    pub number: u64,
    /// When, to the second.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// What.
    pub event: EventKind,
    /// To what: an entry of the catalogue, a file, a token's id.
    pub name: String,
    /// The certificate's subject, as RFC 4514 writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Its serial number, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// When it ends.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "time::serde::rfc3339::option"
    )]
    pub not_after: Option<OffsetDateTime>,
    /// The SHA-256 of its DER, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The serial number of what was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_serial: Option<String>,
    /// Why, or what exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Program and version that did it.
    pub program: String,
    /// The user it ran as.
    pub user: u32,
    /// What it ran in.
    pub boundary: GateRecord,
    /// The log's random id, in the first line alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The SHA-256 of the line before, without its newline, hexadecimal; not in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

/// The boundary of the process that did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct GateRecord {
    /// The module's version string.
    pub module: String,
    /// How the gate was opened.
    pub opening: Opened,
    /// Names of the checks that were waived.
    pub waived: Vec<String>,
}

/// How a gate was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opened {
    /// For an evaluation: not for production.
    Evaluation,
    /// By the strict rules.
    Strict,
}

impl GateRecord {
    pub(super) fn of(boundary: &Boundary) -> Self {
        let status = boundary.status();
        let statement = status.statement();
        Self {
            module: statement.version.clone(),
            opening: match status.opening() {
                Opening::Evaluation => Opened::Evaluation,
                Opening::Strict => Opened::Strict,
            },
            waived: statement.waived.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Entry {
    pub(super) fn new(
        event: Event,
        number: u64,
        previous: Option<String>,
        boundary: GateRecord,
        now: OffsetDateTime,
    ) -> Self {
        let (mut subject, mut serial, mut issuer) = (None, None, None);
        let (mut not_after, mut sha256) = (None, None);
        if let Some(logged) = event.certificate {
            subject = Some(logged.subject);
            serial = Some(logged.serial);
            issuer = Some(logged.issuer);
            not_after = Some(logged.not_after);
            sha256 = Some(logged.sha256);
        }
        Self {
            number,
            time: to_second(now),
            event: event.kind,
            name: event.name,
            subject,
            serial,
            issuer,
            not_after,
            sha256,
            old_serial: event.old_serial,
            reason: event.reason,
            program: concat!("fips-certs ", env!("CARGO_PKG_VERSION")).to_owned(),
            user: rustix::process::getuid().as_raw(),
            boundary,
            log: event.log,
            previous,
        }
    }

    /// Reads one line, without its newline.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words: no JSON, a field that is unknown, missing or of another
    /// form, or not written the one way that [`to_line`](Self::to_line) writes it.
    pub fn from_line(line: &[u8]) -> Result<Self, String> {
        // A message may quote what somebody wrote there.
        let entry: Self =
            serde_json::from_slice(line).map_err(|error| one_line(&error.to_string()))?;
        let again = serde_json::to_vec(&entry).map_err(|error| error.to_string())?;
        if again != line {
            return Err("it is not written as this program writes it".to_owned());
        }
        Ok(entry)
    }

    /// The line, without its newline: JSON of one form.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] for a time outside of the years 0 to 9999.
    pub fn to_line(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| Error::Encode {
            subject: "the audit log".into(),
            why: error.to_string(),
        })
    }
}

/// The moment as the log keeps it: whole seconds of UTC.
pub(crate) fn to_second(moment: OffsetDateTime) -> OffsetDateTime {
    whole_second(moment).unwrap_or(moment)
}

/// The hash that the next line names.
pub(super) fn hash(line: &[u8]) -> Result<String, Error> {
    let digest = digest::digest(Algorithm::Sha256, line)?;
    Ok(HEXLOWER.encode(digest.as_ref()))
}
