//! The record of a change that is decided but not yet finished.
//!
//! The journal's appearance under its name is the commit point: before it, the change never
//! happened; from it on, the change will be finished.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use fips_core::digest::{Algorithm, digest};
use serde::{Deserialize, Serialize};

use super::change::Secrecy;
use super::folder::Folder;
use super::{EntryPath, secrets};
use crate::error::Error;

/// The journal's name, in the root of the store.
pub(super) const JOURNAL: &str = ".fips-journal";
/// How the name of a staged file begins; two numbers follow.
const STAGED: &str = ".fips-staged-";
/// Version 1 had no digest of itself.
const VERSION: u32 = 2;

/// A change that is decided.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) reason: String,
    pub(super) steps: Vec<Step>,
}

/// What is left to do for one entry.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) path: EntryPath,
    pub(super) action: StepAction,
}

#[derive(Debug)]
pub(super) enum StepAction {
    Remove,
    Rename { sha256: String, staged: String },
}

impl Journal {
    /// How many entries the change has; the store's own record is none.
    pub(super) fn count(&self) -> usize {
        let entries = self.steps.iter().filter(|step| !step.path.is_record());
        entries.count()
    }

    /// The journal of the store at `root`, when there is one.
    pub(super) fn read(root: &Folder) -> Result<Option<Self>, Error> {
        let Some(content) = root.read(JOURNAL, Secrecy::Secret)? else {
            return Ok(None);
        };
        let journal = serde_json::from_slice::<File>(&content)
            .map_err(|error| error.to_string())
            .and_then(Self::try_from);
        journal.map(Some).map_err(|why| unusable(root, why))
    }

    /// The journal as it is written.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let entries = self.steps.iter().map(|step| {
            let path = step.path.as_str().to_owned();
            match &step.action {
                StepAction::Remove => Entry {
                    path,
                    remove: true,
                    sha256: None,
                    staged: None,
                },
                StepAction::Rename { sha256, staged } => Entry {
                    path,
                    remove: false,
                    sha256: Some(sha256.clone()),
                    staged: Some(staged.clone()),
                },
            }
        });
        let entries: Vec<Entry> = entries.collect();
        let file = File {
            version: VERSION,
            sha256: digest_of(&self.reason, &entries)?,
            reason: self.reason.clone(),
            entries,
        };
        let mut bytes = serde_json::to_vec_pretty(&file).map_err(not_encoded)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// The error for a journal that cannot be carried out.
pub(super) fn unusable(root: &Folder, why: String) -> Error {
    Error::Journal {
        path: root.place(JOURNAL),
        why,
    }
}

/// SHA-256 as the journal writes it.
pub(super) fn sha256(content: &[u8]) -> Result<String, Error> {
    let digest = digest(Algorithm::Sha256, content).map_err(|source| Error::Crypto {
        action: "digest an entry",
        source,
    })?;
    Ok(HEXLOWER.encode(digest.as_ref()))
}

/// The digest of what a journal says. A damaged name would be as good a name: what is staged would
/// go to another entry's place, or another entry be removed.
fn digest_of(reason: &str, entries: &[Entry]) -> Result<String, Error> {
    sha256(&serde_json::to_vec(&(VERSION, reason, entries)).map_err(not_encoded)?)
}

fn not_encoded(error: serde_json::Error) -> Error {
    Error::Encode {
        subject: "the store's journal".into(),
        why: error.to_string(),
    }
}

/// A name for a staged file. The process number and a count keep it apart from every other
/// one under the same lock, and the leading dot from every entry.
pub(super) fn staged_name(count: u64) -> String {
    format!("{STAGED}{}-{count}", std::process::id())
}

/// Whether `name` is one that [`staged_name`] makes.
pub(super) fn is_staged_name(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix(STAGED)
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(process, count)| number(process) && number(count))
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    /// Of the rest.
    sha256: String,
    reason: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    remove: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    staged: Option<String>,
}

impl TryFrom<File> for Journal {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        if file.version != VERSION {
            return Err(format!(
                "it is of version {}, this program knows version {VERSION}",
                file.version
            ));
        }
        let digest = digest_of(&file.reason, &file.entries).map_err(|error| error.to_string())?;
        if digest != file.sha256 {
            return Err("its digest is not that of what it says: it was damaged".to_owned());
        }
        let mut seen = BTreeSet::new();
        let mut steps = Vec::with_capacity(file.entries.len());
        for entry in file.entries {
            let step = Step::try_from(entry)?;
            if !seen.insert(step.path.clone()) {
                return Err(format!("it names {} twice", step.path));
            }
            steps.push(step);
        }
        Ok(Self {
            reason: file.reason,
            steps,
        })
    }
}

impl TryFrom<Entry> for Step {
    type Error = String;

    fn try_from(entry: Entry) -> Result<Self, String> {
        let path = if entry.path == secrets::RECORD {
            EntryPath::record()
        } else {
            EntryPath::new(entry.path).map_err(|error| error.to_string())?
        };
        let action = match (entry.remove, entry.sha256, entry.staged) {
            (true, None, None) => StepAction::Remove,
            (false, Some(sha256), Some(staged)) => {
                let decoded = HEXLOWER.decode(sha256.as_bytes());
                if !decoded.is_ok_and(|digest| digest.len() == 32) {
                    return Err(format!(
                        "the digest of {path} is not SHA-256 in hexadecimal"
                    ));
                }
                // Anything else could name a file that is not ours to move.
                if !is_staged_name(&staged) {
                    return Err(format!("{staged:?} of {path} is not a staged file's name"));
                }
                StepAction::Rename { sha256, staged }
            }
            _ => return Err(format!("{path} is neither written nor removed")),
        };
        Ok(Self { path, action })
    }
}
