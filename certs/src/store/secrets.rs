//! The record of secret entries whose name does not say that they are.
//!
//! A name that ends in `.key` speaks for itself. For the others (tokens, kubeconfigs) the mode
//! alone cannot tell a loosened secret from a public file, so the store keeps their names in a
//! hidden file, which changes together with the entries.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::change::{Action, Change, Secrecy};
use super::folder::Folder;
use super::{EntryPath, Error};

/// The record's name, in the root of the store.
pub(super) const RECORD: &str = ".fips-secrets";
const VERSION: u32 = 1;

/// The secret entries whose name does not say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// The record of the store at `root`; empty when there is none.
    pub(super) fn read(root: &Folder) -> Result<Self, Error> {
        let Some(content) = root.read(RECORD, Secrecy::Public)? else {
            return Ok(Self::default());
        };
        let file = serde_json::from_slice::<File>(&content).map_err(|error| error.to_string());
        let why = match file {
            Ok(file) if file.version == VERSION => return Ok(Self(file.secrets)),
            Ok(file) => format!("version {} is not known", file.version),
            Err(why) => why,
        };
        Err(Error::Io {
            action: "understand",
            path: root.place(RECORD),
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, why),
        })
    }

    /// Who may read the entry at `path`.
    pub(super) fn secrecy(&self, path: &EntryPath) -> Secrecy {
        if path.is_key() || self.0.contains(path.as_str()) {
            Secrecy::Secret
        } else {
            Secrecy::Public
        }
    }

    /// The record as `change` leaves it.
    pub(super) fn after(&self, change: &Change) -> Self {
        let mut after = self.clone();
        for (path, action) in change.entries() {
            let secret = matches!(
                action,
                Action::Put {
                    secrecy: Secrecy::Secret,
                    ..
                }
            );
            if secret && !path.is_key() {
                after.0.insert(path.as_str().to_owned());
            } else {
                after.0.remove(path.as_str());
            }
        }
        after
    }

    /// The record as it is written.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let file = File {
            version: VERSION,
            secrets: self.0.clone(),
        };
        let mut bytes = serde_json::to_vec_pretty(&file).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    secrets: BTreeSet<String>,
}
