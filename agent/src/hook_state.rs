//! What each hook has been told, kept in the store: a hook is owed a run until it has been told
//! of every serial number, also across a crash or a renewal by hand.

use std::collections::BTreeMap;

use fips_certs::Error as CertsError;
use fips_certs::store::{Change, EntryPath, Secrecy, Store};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Where it lies.
const PATH: &str = "fips/agent/hooks.json";
const VERSION: u32 = 1;

/// The serial numbers each hook was told of, by entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HookState {
    version: u32,
    hooks: BTreeMap<String, BTreeMap<String, String>>,
}

impl HookState {
    /// What was kept; nothing was told yet where there is none.
    pub(crate) fn read(store: &dyn Store) -> Result<Self, Error> {
        let path = EntryPath::new(PATH)?;
        let Some(content) = store.read(&path)? else {
            return Ok(Self {
                version: VERSION,
                hooks: BTreeMap::new(),
            });
        };
        let unusable = |why: String| {
            Error::Certs(CertsError::Record {
                path: path.clone(),
                why: format!("{why}; or remove it, and every hook runs once more"),
            })
        };
        let state: Self =
            serde_json::from_slice(&content).map_err(|error| unusable(error.to_string()))?;
        if state.version != VERSION {
            return Err(unusable(format!("version {} is not known", state.version)));
        }
        Ok(state)
    }

    /// The entries of `current` that `hook` was not told of.
    pub(crate) fn owed(&self, hook: &str, current: &BTreeMap<String, String>) -> Vec<String> {
        let told = self.hooks.get(hook);
        current
            .iter()
            .filter(|(name, serial)| told.and_then(|told| told.get(*name)) != Some(*serial))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Whether `hook` was ever told anything.
    pub(crate) fn knows(&self, hook: &str) -> bool {
        self.hooks.contains_key(hook)
    }

    /// That `hook` knows `current`.
    pub(crate) fn told(&mut self, hook: &str, current: BTreeMap<String, String>) {
        self.hooks.insert(hook.to_owned(), current);
    }

    pub(crate) fn write(&self, store: &dyn Store) -> Result<(), Error> {
        let mut content = serde_json::to_vec_pretty(self).map_err(|error| {
            Error::Certs(CertsError::Encode {
                subject: "what hooks were told".into(),
                why: error.to_string(),
            })
        })?;
        content.push(b'\n');
        let change = Change::new("note what hooks were told").put(
            EntryPath::new(PATH)?,
            Secrecy::Public,
            content,
        );
        Ok(store.apply(&change, &|_, _| Ok(()))?)
    }
}
