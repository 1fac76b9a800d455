//! What is kept of a rotation between its steps: it changes together with what a step changes.

use data_encoding::{HEXLOWER, HEXUPPER};
use fips_core::digest::{Algorithm, digest};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Phase;
use super::checkpoint::{Checkpoint, Role};
use super::paths::Paths;
use crate::certificate::Certificate;
use crate::clock::whole_second;
use crate::error::Error;
use crate::key::KeySource;
use crate::store::{EntryPath, Store};

/// The version of the journal's form.
const VERSION: u32 = 1;

/// The journal of a rotation, `fips/rotation/NAME.json`. An unknown field is an error: a newer
/// program may have meant something by it that this one would break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Journal {
    /// The version of the form.
    pub version: u32,
    /// The entry of the catalogue.
    pub name: String,
    /// How far it is.
    pub phase: Phase,
    /// When it was prepared.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When the phase was entered, or the last checkpoint of it confirmed.
    #[serde(with = "time::serde::rfc3339")]
    pub changed: OffsetDateTime,
    /// What is rotated.
    pub subject: Rotated,
    /// The checkpoints that were passed.
    pub passed: Vec<Passed>,
}

/// What is rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rotated {
    /// An authority.
    Authority(Box<Authorities>),
    /// Keys of service accounts.
    Keys(Keys),
}

/// The two authorities of a rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Authorities {
    /// The one that is replaced; none when a recovery could not read it.
    pub old: Option<Identity>,
    /// The one that replaces it.
    pub new: Identity,
    /// The new one under the old one's signature.
    pub new_by_old: Option<Identity>,
    /// The old one under the new one's signature.
    pub old_by_new: Option<Identity>,
    /// Why there is no cross-certificate, where there is none.
    pub uncrossed: Option<String>,
    /// SHA-256 of the authority's file before the rotation, in hexadecimal.
    pub before: String,
    /// SHA-256 of the authority's file as the phase left it.
    pub trust: String,
    /// Serial numbers of leaves of the old authority that may live on when it is retired.
    pub given_up: Vec<String>,
    /// Why the old authority was replaced without its help, where it was: a recovery.
    pub recovery: Option<String>,
    /// Where the old key lies; in a file when nothing is said.
    #[serde(default, skip_serializing_if = "is_file")]
    pub old_key: KeySource,
    /// Where the new key lies; in a file when nothing is said.
    #[serde(default, skip_serializing_if = "is_file")]
    pub new_key: KeySource,
    /// The file of the key that signs, where one of the two lies in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
}

/// A certificate, by which it is found again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Identity {
    /// Its subject, as RFC 4514 writes it.
    pub subject: String,
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// SHA-256 of its DER.
    pub sha256: String,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

/// The two keys of a rotation of service-account keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Keys {
    /// SHA-256 of the public half of the key that signed, in hexadecimal.
    pub old: String,
    /// That of the new one.
    pub new: String,
    /// SHA-256 over the files of the set as the phase left them.
    pub trust: String,
    /// How long the longest token lives, in seconds.
    pub longest_token: u64,
}

/// A checkpoint that was passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Passed {
    /// The phase it belongs to.
    pub phase: Phase,
    /// Its name.
    pub checkpoint: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Whether it was skipped by force and not confirmed.
    pub forced: bool,
}

impl Journal {
    /// One that begins.
    pub(super) fn new(name: &str, subject: Rotated, now: OffsetDateTime) -> Self {
        let now = whole_seconds(now);
        Self {
            version: VERSION,
            name: name.to_owned(),
            phase: Phase::Prepare,
            started: now,
            changed: now,
            subject,
            passed: Vec::new(),
        }
    }

    /// The journal of the rotation of `name`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`] for one that cannot be used; failures of the store.
    pub(super) fn read(store: &dyn Store, name: &str) -> Result<Option<Self>, Error> {
        let path = Paths::new(name)?.journal;
        let Some(content) = store.read(&path)? else {
            return Ok(None);
        };
        Self::parse(&content, name)
            .map(Some)
            .map_err(|why| Error::RotationJournal { path, why })
    }

    /// Reads a journal.
    pub(super) fn parse(content: &[u8], name: &str) -> Result<Self, String> {
        let journal: Self = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        if journal.version != VERSION {
            return Err(format!(
                "it is of form {}, this program reads {VERSION}",
                journal.version
            ));
        }
        if journal.name != name {
            return Err(format!("it is about {:?}", journal.name));
        }
        for text in journal.digests() {
            if !HEXLOWER
                .decode(text.as_bytes())
                .is_ok_and(|digest| digest.len() == 32)
            {
                return Err(format!("{text:?} is not SHA-256 in hexadecimal"));
            }
        }
        for passed in &journal.passed {
            let known = journal.role().checkpoints(passed.phase);
            if !known.iter().any(|one| one.id == passed.checkpoint) {
                return Err(format!(
                    "{:?} is no checkpoint of {}",
                    passed.checkpoint, passed.phase
                ));
            }
            if passed.phase > journal.phase {
                return Err(format!(
                    "a checkpoint of {} was passed, but it is at {}",
                    passed.phase, journal.phase
                ));
            }
        }
        if let Rotated::Authority(authorities) = &journal.subject {
            let serials = authorities.given_up.iter();
            if serials
                .chain(authorities.old.iter().map(|old| &old.serial))
                .chain([&authorities.new.serial])
                .any(|serial| HEXUPPER.decode(serial.as_bytes()).is_err())
            {
                return Err("a serial number is not in hexadecimal".to_owned());
            }
            if let Some(path) = &authorities.key_file {
                EntryPath::new(path.clone()).map_err(|error| error.to_string())?;
            }
        }
        Ok(journal)
    }

    fn digests(&self) -> Vec<&String> {
        match &self.subject {
            Rotated::Authority(authorities) => [
                authorities.old.as_ref(),
                Some(&authorities.new),
                authorities.new_by_old.as_ref(),
                authorities.old_by_new.as_ref(),
            ]
            .into_iter()
            .flatten()
            .map(|identity| &identity.sha256)
            .chain([&authorities.before, &authorities.trust])
            .collect(),
            Rotated::Keys(keys) => vec![&keys.old, &keys.new, &keys.trust],
        }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| Error::Encode {
            subject: "a rotation's journal".into(),
            why: error.to_string(),
        })?;
        json.push(b'\n');
        Ok(json)
    }

    /// The part of what is rotated.
    pub fn role(&self) -> Role {
        match &self.subject {
            Rotated::Authority(_) => Role::of_authority(&self.name),
            Rotated::Keys(_) => Role::ServiceAccounts,
        }
    }

    /// The checkpoints of the phase that were not passed.
    pub fn open(&self) -> Vec<Checkpoint> {
        let all = self.role().checkpoints(self.phase).iter();
        all.filter(|one| {
            !self
                .passed
                .iter()
                .any(|passed| passed.phase == self.phase && passed.checkpoint == one.id)
        })
        .copied()
        .collect()
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Retire && self.open().is_empty()
    }

    /// The journal once `phase` is entered.
    pub(super) fn entering(&self, phase: Phase, now: OffsetDateTime) -> Self {
        let mut journal = self.clone();
        // What was done in a phase that was left backwards is to be done again.
        journal
            .passed
            .retain(|passed| passed.phase < phase.max(self.phase));
        journal.phase = phase;
        journal.changed = whole_seconds(now);
        journal
    }

    /// Passes a checkpoint of the phase.
    pub(super) fn pass(&mut self, checkpoint: &Checkpoint, forced: bool, now: OffsetDateTime) {
        self.changed = whole_seconds(now);
        self.passed.push(Passed {
            phase: self.phase,
            checkpoint: checkpoint.id.to_owned(),
            at: self.changed,
            forced,
        });
    }
}

impl Identity {
    pub(super) fn of(certificate: &Certificate) -> Result<Self, Error> {
        Ok(Self {
            subject: certificate.subject().to_owned(),
            serial: certificate.serial(),
            sha256: sha256(certificate.der())?,
            expires: certificate.not_after(),
        })
    }

    /// Whether `certificate` is the one.
    pub(super) fn is(&self, certificate: &Certificate) -> Result<bool, Error> {
        Ok(sha256(certificate.der())? == self.sha256)
    }
}

/// SHA-256 as the journal writes it.
pub(super) fn sha256(content: &[u8]) -> Result<String, Error> {
    let digest = digest(Algorithm::Sha256, content).map_err(|source| Error::Crypto {
        action: "digest a file",
        source,
    })?;
    Ok(HEXLOWER.encode(digest.as_ref()))
}

fn is_file(source: &KeySource) -> bool {
    *source == KeySource::File
}

fn whole_seconds(now: OffsetDateTime) -> OffsetDateTime {
    whole_second(now).unwrap_or(now)
}
