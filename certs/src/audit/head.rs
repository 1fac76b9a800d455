//! The end of the log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::paths;
use crate::error::Error;
use crate::store::Store;

/// The version of the head's and the lines' form.
const SCHEMA: u32 = 1;

/// The end of the log as `fips/audit/head.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Head {
    /// The version of the form.
    pub schema: u32,
    /// The log's random id.
    pub log: String,
    /// How many lines there are.
    pub entries: u64,
    /// The number of the last file.
    pub segment: u64,
    /// The SHA-256 of the last line, hexadecimal.
    pub hash: String,
}

impl Head {
    pub(super) fn new(log: String, entries: u64, segment: u64, hash: String) -> Self {
        Self {
            schema: SCHEMA,
            log,
            entries,
            segment,
            hash,
        }
    }

    /// The head in the store; `None` when there is none. Beside it the very bytes.
    pub(super) fn read(store: &dyn Store) -> Result<Option<(Self, Vec<u8>)>, Error> {
        let path = paths::head()?;
        let Some(content) = store.read(&path)? else {
            return Ok(None);
        };
        match Self::from_bytes(&content) {
            Ok(head) => Ok(Some((head, content.to_vec()))),
            Err(why) => Err(Error::Audit { path, why }),
        }
    }

    /// Reads the content of the file; only the one way to write it is taken.
    pub(super) fn from_bytes(content: &[u8]) -> Result<Self, String> {
        let head: Self = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        if head.schema != SCHEMA {
            return Err(format!(
                "it is of form {}, this program reads {SCHEMA}",
                head.schema
            ));
        }
        if head.to_bytes().ok().as_deref() != Some(content) {
            return Err("it is not written as this program writes it".to_owned());
        }
        Ok(head)
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut json = serde_json::to_vec(self).map_err(|error| Error::Encode {
            subject: "the head of the audit log".into(),
            why: error.to_string(),
        })?;
        json.push(b'\n');
        Ok(json)
    }

    /// What to note elsewhere, to prove later that the log still goes on from here.
    pub fn noted(&self) -> Noted {
        Noted {
            entries: Some(self.entries),
            hash: self.hash.clone(),
        }
    }
}

/// The end of a log as it was once, noted where whoever writes the log cannot write:
/// `COUNT:HASH` or the hash alone, as [`Display`](fmt::Display) prints it and [`FromStr`]
/// reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub(super) entries: Option<u64>,
    pub(super) hash: String,
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entries {
            Some(entries) => write!(f, "{entries}:{}", self.hash),
            None => f.write_str(&self.hash),
        }
    }
}

impl FromStr for Noted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (entries, hash) = match text.split_once(':') {
            Some((entries, hash)) => (Some(entries), hash),
            None => (None, text),
        };
        let entries = entries
            .map(|entries| {
                let number = entries.parse::<u64>().ok();
                number.filter(|number| *number > 0 && number.to_string() == entries)
            })
            .map(|entries| entries.ok_or("the count before the colon is no number above 0"))
            .transpose()?;
        if hash.len() != 64 || !hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("the hash is not 64 digits of 0-9 and a-f".to_owned());
        }
        Ok(Self {
            entries,
            hash: hash.to_owned(),
        })
    }
}
