//! What is to change, as one.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::EntryPath;

/// Who may read an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Secrecy {
    /// Certificates, lists, configuration: mode 0644.
    Public,
    /// Private keys and tokens: mode 0600.
    Secret,
}

/// What becomes of one entry.
pub(crate) enum Action {
    Put(Secrecy, Zeroizing<Vec<u8>>),
    Remove,
}

/// A set of entries to write and to remove, made as one.
pub struct Change {
    reason: String,
    actions: BTreeMap<EntryPath, Action>,
}

impl Change {
    /// An empty change. `reason` goes into the journal and is shown by the recovery.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            actions: BTreeMap::new(),
        }
    }

    /// Writes `content` at `path`; replaces what the change said about `path` before.
    #[must_use]
    pub fn put(
        mut self,
        path: EntryPath,
        secrecy: Secrecy,
        content: impl Into<Zeroizing<Vec<u8>>>,
    ) -> Self {
        self.actions
            .insert(path, Action::Put(secrecy, content.into()));
        self
    }

    /// Removes the entry at `path`, if there is one.
    #[must_use]
    pub fn remove(mut self, path: EntryPath) -> Self {
        self.actions.insert(path, Action::Remove);
        self
    }

    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Why the change is made.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    pub(crate) fn actions(&self) -> impl Iterator<Item = (&EntryPath, &Action)> {
        self.actions.iter()
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
