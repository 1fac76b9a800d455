//! What is to change, as one.

use std::collections::BTreeMap;
use std::fmt;

use fips_core::constant_time;
use zeroize::Zeroizing;

use super::{EntryPath, Read};
use crate::error::Error;

/// Who may read an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Secrecy {
    /// Certificates, revocation lists, public keys: mode 0644.
    Public,
    /// Private keys, tokens, kubeconfigs: mode 0600.
    Secret,
}

impl Secrecy {
    /// The mode of a new file; what the umask takes away stays away.
    pub(super) fn mode(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Secret => 0o600,
        }
    }
}

/// A set of entries to write and to remove, made as one by [`Store::apply`](super::Store::apply).
///
/// ```
/// use fips_certs::store::{Change, EntryPath, Secrecy};
///
/// let change = Change::new("renew the kubelet's certificate")
///     .put(EntryPath::new("kubelet.crt")?, Secrecy::Public, b"certificate".to_vec())
///     .remove(EntryPath::new("kubelet-old.crt")?);
/// assert_eq!(change.entries().count(), 2);
/// # Ok::<(), fips_certs::Error>(())
/// ```
///
/// # Security
///
/// Content is wiped from memory when the change is dropped, and `Debug` shows none of it.
pub struct Change {
    reason: String,
    entries: BTreeMap<EntryPath, Action>,
    expected: BTreeMap<EntryPath, Option<Zeroizing<Vec<u8>>>>,
}

/// What becomes of one entry.
pub enum Action {
    /// It is written, or written over.
    Put {
        /// Its new content.
        content: Zeroizing<Vec<u8>>,
        /// Who may read it.
        secrecy: Secrecy,
    },
    /// It is removed; that it is not there is no error.
    Remove,
}

impl Change {
    /// A change of nothing yet. `reason` is kept in the journal while the change is made and
    /// shown by the recovery: say what is done, never a secret.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            entries: BTreeMap::new(),
            expected: BTreeMap::new(),
        }
    }

    /// Writes `content` at `path`. The last word on a path counts.
    ///
    /// A path that ends in `.key` is always secret: [`DirStore`](super::DirStore) refuses it as
    /// [`Secrecy::Public`].
    #[must_use]
    pub fn put(
        mut self,
        path: EntryPath,
        secrecy: Secrecy,
        content: impl Into<Zeroizing<Vec<u8>>>,
    ) -> Self {
        let content = content.into();
        self.entries.insert(path, Action::Put { content, secrecy });
        self
    }

    /// Removes the entry at `path`, if it is there. The last word on a path counts.
    #[must_use]
    pub fn remove(mut self, path: EntryPath) -> Self {
        self.entries.insert(path, Action::Remove);
        self
    }

    /// Rests the change on `path` being what was read there; `None`: on there being nothing.
    /// Otherwise the store answers [`Error::Changed`] and changes nothing, so that of two changes
    /// made from the same content only one happens.
    #[must_use]
    pub fn expect(mut self, path: EntryPath, content: Option<&[u8]>) -> Self {
        let content = content.map(|content| Zeroizing::new(content.to_vec()));
        self.expected.insert(path, content);
        self
    }

    /// Looks whether everything the change rests on is still so. A store asks it first, under
    /// the lock it makes changes with.
    ///
    /// # Errors
    ///
    /// [`Error::Changed`] for the first entry that is not; the answer of `read`.
    pub fn still_expected(&self, read: Read<'_>) -> Result<(), Error> {
        for (path, expected) in &self.expected {
            let same = match (read(path)?, expected) {
                (Some(found), Some(expected)) => constant_time::equal(&found, expected),
                (found, expected) => found.is_none() && expected.is_none(),
            };
            if !same {
                return Err(Error::Changed { path: path.clone() });
            }
        }
        Ok(())
    }

    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Why the change is made.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What becomes of the entry at `path`, when anything does.
    pub fn action(&self, path: &EntryPath) -> Option<&Action> {
        self.entries.get(path)
    }

    /// Each entry and what becomes of it, in the order of the paths.
    pub fn entries(&self) -> impl Iterator<Item = (&EntryPath, &Action)> {
        self.entries.iter()
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("reason", &self.reason)
            .field("entries", &self.entries)
            .finish()
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Not even the length: it tells the kind of a key.
            Self::Put { secrecy, .. } => f
                .debug_struct("Put")
                .field("secrecy", secrecy)
                .finish_non_exhaustive(),
            Self::Remove => f.write_str("Remove"),
        }
    }
}
