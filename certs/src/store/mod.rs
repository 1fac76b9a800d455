//! Where a PKI lives: named entries that change together or not at all.

mod change;
mod dir;
mod path;

pub use change::{Change, Secrecy};
pub use dir::{DirStore, Recovery};
pub use path::EntryPath;

use zeroize::Zeroizing;

use crate::error::Error;

/// A set of entries (files, in the directory store) with atomic changes.
pub trait Store {
    /// The content of `path`; `None` when there is no such entry.
    ///
    /// # Errors
    ///
    /// An I/O failure, with the place; an entry with a looser mode than its secrecy allows.
    fn read(&self, path: &EntryPath) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;

    /// Every entry, in the order of their paths.
    ///
    /// # Errors
    ///
    /// An I/O failure, with the place.
    fn list(&self) -> Result<Vec<EntryPath>, Error>;

    /// Makes `change` as a whole. `verify` sees each new entry as it was read back from the
    /// store, before anything old is touched; its error undoes everything.
    ///
    /// # Errors
    ///
    /// An I/O failure or `verify`'s answer. The old set is then still there, whole, unless the
    /// failure came after the commit point: then the next opening finishes the change.
    fn apply(&self, change: &Change, verify: Verify<'_>) -> Result<(), Error>;
}

/// Judges one new entry by path and the bytes read back.
pub type Verify<'a> = &'a dyn Fn(&EntryPath, &[u8]) -> Result<(), Error>;
