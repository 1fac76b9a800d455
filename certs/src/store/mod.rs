//! Where a PKI lives: named entries that change together or not at all.

mod change;
mod commit;
mod dir;
mod disk;
mod folder;
mod journal;
mod lock;
mod path;
mod recovery;
mod secrets;
#[cfg(test)]
pub(crate) mod tests;

pub use change::{Action, Change, Secrecy};
pub use dir::DirStore;
pub use path::EntryPath;
pub use recovery::Recovery;

use zeroize::Zeroizing;

use crate::error::Error;

/// A set of entries (files, in the directory store) with atomic changes. Several threads read it.
pub trait Store: Sync {
    /// The content of `path`; `None` when there is no such entry.
    ///
    /// # Errors
    ///
    /// An I/O failure, with the place; an entry that is not a plain file, is too large, or has
    /// a looser mode than its secrecy allows.
    fn read(&self, path: &EntryPath) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;

    /// Every entry, in the order of their paths.
    ///
    /// # Errors
    ///
    /// An I/O failure, with the place; something in the store that cannot be an entry.
    fn list(&self) -> Result<Vec<EntryPath>, Error>;

    /// Makes `change` as a whole. `verify` sees each new entry as it was read back from the
    /// store, before anything old is touched; its error undoes everything. An empty change
    /// does nothing.
    ///
    /// # Errors
    ///
    /// An I/O failure or `verify`'s answer: the old set is then still there, whole.
    /// [`Error::Changed`] when something the change [expects](Change::expect) is not so.
    /// [`Error::Unfinished`] when the failure came after the commit point: the change is then
    /// decided, and the next use or opening of the store finishes it.
    fn apply(&self, change: &Change, verify: Verify<'_>) -> Result<(), Error>;
}

/// Judges one new entry by path and the bytes read back.
pub type Verify<'a> = &'a dyn Fn(&EntryPath, &[u8]) -> Result<(), Error>;

/// Answers what is at a path, as [`Store::read`] does.
pub type Read<'a> = &'a dyn Fn(&EntryPath) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;
