//! What an authority revoked, kept beside its list: a list forgets, the register does not.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::list::RevocationList;
use super::reason::RevocationReason;
use crate::certificate::Certificate;
use crate::clock::whole_second;
use crate::error::Error;

/// The version of the register's form.
const SCHEMA: u32 = 1;

/// The revocations of one authority, and the number of its last list. An unknown field is an
/// error: a newer program may have meant something by it that this one would break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Register {
    /// The version of the form.
    pub schema: u32,
    /// The authority's name in the catalogue.
    pub authority: String,
    /// The number of the last list; 0 before the first.
    pub number: u64,
    /// Every revocation, the oldest first.
    pub revocations: Vec<Revocation>,
}

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Revocation {
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The key identifier of the authority that issued it, in hexadecimal: an authority keeps
    /// its name in the catalogue when its key is replaced.
    pub issuer_key_id: String,
    /// The subject, where it is known.
    pub subject: Option<String>,
    /// When the certificate ends; the authority's own end where it is not known.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// Since when it is revoked.
    #[serde(with = "time::serde::rfc3339")]
    pub revoked_at: OffsetDateTime,
    /// Why.
    pub reason: RevocationReason,
    /// The number of the first list after its end, the last it stands on (RFC 5280 §3.3).
    pub last_list: Option<u64>,
}

impl Revocation {
    /// A revocation of `certificate`.
    pub fn of(certificate: &Certificate, reason: RevocationReason, now: OffsetDateTime) -> Self {
        Self {
            serial: certificate.serial(),
            issuer_key_id: certificate
                .authority_key_id()
                .map(|id| data_encoding::HEXUPPER.encode(id))
                .unwrap_or_default(),
            subject: Some(certificate.subject().to_owned()),
            not_after: certificate.not_after(),
            revoked_at: whole(now),
            reason,
            last_list: None,
        }
    }

    /// A revocation of a certificate of `authority` of which the serial number alone is known:
    /// it is taken to live as long as the authority.
    pub fn of_serial(
        serial: String,
        authority: &Certificate,
        reason: RevocationReason,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            serial,
            issuer_key_id: key_id(authority),
            subject: None,
            not_after: authority.not_after(),
            revoked_at: whole(now),
            reason,
            last_list: None,
        }
    }
}

impl Register {
    /// The register of an authority that revoked nothing yet.
    pub fn new(authority: impl Into<String>) -> Self {
        Self {
            schema: SCHEMA,
            authority: authority.into(),
            number: 0,
            revocations: Vec::new(),
        }
    }

    /// Reads the register of `authority`.
    ///
    /// # Errors
    ///
    /// What keeps it from being used, in words: also another form, another authority, or a
    /// certificate that is there twice.
    pub fn from_json(authority: &str, json: &[u8]) -> Result<Self, String> {
        let found: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if found.schema != SCHEMA {
            return Err(format!(
                "it is of form {}, this program reads {SCHEMA}",
                found.schema
            ));
        }
        if found.authority != authority {
            return Err(format!("it is that of {:?}", found.authority));
        }
        let mut seen = std::collections::BTreeSet::new();
        for entry in &found.revocations {
            if !is_serial(&entry.serial) {
                return Err(format!("{:?} is no serial number", entry.serial));
            }
            if !seen.insert((&entry.issuer_key_id, &entry.serial)) {
                return Err(format!("{} is there twice", entry.serial));
            }
        }
        Ok(found)
    }

    /// The register as it is kept.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`].
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| Error::Encode {
            subject: "a register of revocations".into(),
            why: error.to_string(),
        })?;
        json.push(b'\n');
        Ok(json)
    }

    /// The revocation of the certificate `serial` of the authority with that key.
    pub fn find(&self, issuer_key_id: &str, serial: &str) -> Option<&Revocation> {
        self.revocations
            .iter()
            .find(|entry| entry.issuer_key_id == issuer_key_id && entry.serial == serial)
    }

    /// Whether a revocation of that number is there, whichever key of the authority issued it.
    pub fn has(&self, serial: &str) -> bool {
        self.revocations.iter().any(|entry| entry.serial == serial)
    }

    /// Adds a revocation; one that is there already stays as it is, since it is not taken back
    /// and not dated anew. Answers whether it was added.
    pub fn add(&mut self, revocation: Revocation) -> bool {
        let known = self.find(&revocation.issuer_key_id, &revocation.serial);
        let new = known.is_none();
        if new {
            self.revocations.push(revocation);
        }
        new
    }

    /// Takes over what `list`, a verified one of `authority`, has and the register has not: one
    /// that was lost, or comes from an old backup. Answers how many revocations that were.
    pub fn absorb(&mut self, list: &RevocationList, authority: &Certificate) -> usize {
        let known = self.clone();
        self.absorb_beyond(&known, list, authority)
    }

    /// The same without what `known` has of any key: the list of one key may name another's
    /// revocations, see [`with_revocations_of`](super::RevocationListParams::with_revocations_of).
    pub(crate) fn absorb_beyond(
        &mut self,
        known: &Self,
        list: &RevocationList,
        authority: &Certificate,
    ) -> usize {
        let before = self.revocations.len();
        for entry in list.entries() {
            if known.has(&entry.serial) {
                continue;
            }
            self.add(Revocation {
                revoked_at: entry.revoked_at,
                ..Revocation::of_serial(
                    entry.serial.clone(),
                    authority,
                    entry.reason,
                    entry.revoked_at,
                )
            });
        }
        if let Some(number) = list.number().and_then(|number| number.parse().ok()) {
            self.number = self.number.max(number);
        }
        self.revocations.len() - before
    }

    /// Begins the next list of the authority with the key `issuer_key_id`, issued at
    /// `this_update`: gives it its number and answers what stands on it.
    ///
    /// The number is above the last, and at least the seconds since 1970: so it grows also
    /// where the register was restored from an old backup, and peers that remember a number
    /// (RFC 5280 §5.2.3) go on taking what comes. A revocation stays on every list until one
    /// that was issued after its certificate's end (RFC 5280 §3.3); should the clock be set
    /// back before that end, it is on the list again.
    ///
    /// # Errors
    ///
    /// [`Error::RevocationList`] when the numbers are used up.
    pub fn next_list(
        &mut self,
        issuer_key_id: &str,
        this_update: OffsetDateTime,
    ) -> Result<Vec<Revocation>, Error> {
        let seconds = u64::try_from(this_update.unix_timestamp()).unwrap_or(0);
        let next = self
            .number
            .checked_add(1)
            .ok_or_else(|| Error::RevocationList {
                why: format!(
                    "{}: the numbers of its lists are used up; see its register",
                    self.authority
                ),
            })?;
        self.number = next.max(seconds);
        let mut listed = Vec::new();
        for entry in &mut self.revocations {
            if entry.issuer_key_id != issuer_key_id {
                continue;
            }
            if entry.not_after >= this_update {
                entry.last_list = None;
            } else if entry.last_list.is_none() {
                entry.last_list = Some(self.number);
            } else {
                continue;
            }
            listed.push(entry.clone());
        }
        Ok(listed)
    }
}

/// The key identifier of an authority, as registers write it.
pub(crate) fn key_id(authority: &Certificate) -> String {
    authority
        .subject_key_id()
        .map(|id| data_encoding::HEXUPPER.encode(id))
        .unwrap_or_default()
}

/// Whether `text` is a serial number as [`Certificate::serial`] writes it, and one that may be
/// issued: RFC 5280 §4.1.2.2 has at most 20 octets; more are taken than an authority gives.
pub(crate) fn is_serial(text: &str) -> bool {
    let form = text.len().is_multiple_of(2)
        && (2..=42).contains(&text.len())
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    form && (text == "00" || !text.starts_with("00"))
}

fn whole(moment: OffsetDateTime) -> OffsetDateTime {
    whole_second(moment).unwrap_or(moment)
}
