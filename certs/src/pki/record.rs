//! What is kept beside the certificates: the catalogue's definition, and under which gate the
//! PKI was made.

use std::collections::BTreeMap;

use fips_core::{Boundary, Opening};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::catalogue::{Definition, STATE};
use crate::error::Error;
use crate::key::KeySource;
use crate::store::{EntryPath, Store};

/// The version of the record's form.
const SCHEMA: u32 = 1;

/// The record of a PKI. An unknown field is an error: a newer program may have meant something
/// by it that this one would break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Record {
    /// The version of the form.
    pub schema: u32,
    /// Program and version that made it.
    pub made_by: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// How the PKI came to be.
    pub made: Made,
    /// Whether the gate was opened for an evaluation.
    pub evaluation: bool,
    /// What was waived when the gate was opened.
    pub waivers: Vec<WaiverRecord>,
    /// What the catalogue is made from.
    pub catalogue: Definition,
    /// Where authorities' keys lie, other than in a file as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub key_sources: BTreeMap<String, KeySource>,
}

/// How a PKI came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// Its authorities were made by another program.
    Adopted,
    /// Made here, authorities and all.
    Here,
}

/// A rule that was let through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WaiverRecord {
    /// The check's stable name.
    pub check: String,
    /// What was found.
    pub found: String,
    /// What let it through.
    pub by: String,
}

impl Record {
    pub(super) fn new(
        boundary: &Boundary,
        made: Made,
        catalogue: Definition,
        now: OffsetDateTime,
    ) -> Self {
        let status = boundary.status();
        Self {
            schema: SCHEMA,
            made_by: concat!("fips-certs ", env!("CARGO_PKG_VERSION")).to_owned(),
            made_at: now.replace_nanosecond(0).unwrap_or(now),
            made,
            evaluation: status.opening() == Opening::Evaluation,
            waivers: status
                .waivers()
                .iter()
                .map(|waiver| WaiverRecord {
                    check: waiver.check.to_owned(),
                    found: waiver.found.clone(),
                    by: waiver.by.to_owned(),
                })
                .collect(),
            catalogue,
            key_sources: BTreeMap::new(),
        }
    }

    pub(crate) fn read(store: &dyn Store) -> Result<Option<Self>, Error> {
        let path = path()?;
        let Some(content) = store.read(&path)? else {
            return Ok(None);
        };
        let unusable = |why: String| Error::Record {
            path: path.clone(),
            why,
        };
        let record: Self =
            serde_json::from_slice(&content).map_err(|error| unusable(error.to_string()))?;
        if record.schema != SCHEMA {
            return Err(unusable(format!(
                "it is of form {}, this program reads {SCHEMA}",
                record.schema
            )));
        }
        Ok(Some(record))
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| Error::Encode {
            subject: "the record".into(),
            why: error.to_string(),
        })?;
        json.push(b'\n');
        Ok(json)
    }
}

pub(super) fn path() -> Result<EntryPath, Error> {
    EntryPath::new(format!("{STATE}catalogue.json"))
}
