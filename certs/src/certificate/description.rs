//! A certificate in words.

use std::fmt;

use fips_core::Diagnostic;
use fips_core::digest::Algorithm;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Certificate;
use crate::error::Error;

/// What a certificate says, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// The subject as RFC 4514 writes it.
    pub subject: String,
    /// The issuer, written likewise.
    pub issuer: String,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The first second of its validity.
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// The last second of its validity.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// Kind and size of the public key.
    pub key: String,
    /// Whether it is an authority.
    pub authority: bool,
    /// How many authorities may follow below it.
    pub path_length: Option<u32>,
    /// What it may be used for.
    pub usages: Vec<String>,
    /// The names and addresses it holds for.
    pub names: Vec<String>,
    /// The subject key identifier in hexadecimal.
    pub subject_key_id: Option<String>,
    /// The key identifier of its issuer, likewise.
    pub authority_key_id: Option<String>,
    /// The SHA-256 of its DER, likewise.
    pub sha256: String,
}

impl Certificate {
    /// The certificate in words.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] when the module does not compute the fingerprint.
    pub fn describe(&self, diagnostic: &Diagnostic) -> Result<Description, Error> {
        let hex = |bytes: &[u8]| data_encoding::HEXUPPER.encode(bytes);
        let sha256 = diagnostic.digest(Algorithm::Sha256, self.der())?;
        Ok(Description {
            subject: self.subject().to_owned(),
            issuer: self.issuer().to_owned(),
            serial: self.serial(),
            not_before: self.not_before(),
            not_after: self.not_after(),
            key: self.facts.key_name.clone(),
            authority: self.is_authority(),
            path_length: self.path_length(),
            usages: self.usages(),
            names: self.facts.names.iter().map(ToString::to_string).collect(),
            subject_key_id: self.subject_key_id().map(hex),
            authority_key_id: self.authority_key_id().map(hex),
            sha256: hex(sha256.as_ref()),
        })
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = |moment: OffsetDateTime| moment.format(&Rfc3339).unwrap_or_default();
        let kind = match (self.authority, self.path_length) {
            (false, _) => "a leaf".to_owned(),
            (true, None) => "an authority, any number below it".to_owned(),
            (true, Some(0)) => "an authority of leaves alone".to_owned(),
            (true, Some(length)) => format!("an authority, {length} more below it"),
        };
        let list = |items: &[String]| match items {
            [] => "none".to_owned(),
            items => items.join(", "),
        };
        let or_none = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
        let issuer = match self.subject == self.issuer {
            true => "itself".to_owned(),
            false => self.issuer.clone(),
        };
        for (what, said) in [
            ("subject", self.subject.clone()),
            ("issued by", issuer),
            ("serial number", self.serial.clone()),
            ("valid from", date(self.not_before)),
            ("valid to", date(self.not_after)),
            ("is", kind),
            ("key", self.key.clone()),
            ("usages", list(&self.usages)),
            ("names", list(&self.names)),
            ("key id", or_none(&self.subject_key_id)),
            ("issuer's key id", or_none(&self.authority_key_id)),
            ("SHA-256", self.sha256.clone()),
        ] {
            writeln!(f, "{what:<16}{said}")?;
        }
        Ok(())
    }
}
