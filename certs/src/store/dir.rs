//! The directory store.

use std::path::Path;

use zeroize::Zeroizing;

use super::{Change, EntryPath, Store, Verify};
use crate::error::Error;

/// A store in a directory of the local file system.
#[derive(Debug)]
pub struct DirStore {
    recovery: Recovery,
}

/// What opening a store found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// Nothing was left over.
    Clean,
    /// A committed change was carried to its end.
    Finished {
        /// Why that change was made.
        reason: String,
        /// How many entries it has.
        count: usize,
    },
    /// A change that had not been committed was taken back.
    Undone {
        /// How many staged files were removed.
        count: usize,
    },
}

impl DirStore {
    /// Opens the store at `path`, made when missing, with the exclusive lock.
    ///
    /// # Errors
    ///
    /// An I/O failure, a lock held by another.
    pub fn create_or_open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let _ = path;
        unreachable!()
    }

    /// Opens the store at `path`, which must exist, with the exclusive lock.
    ///
    /// # Errors
    ///
    /// An I/O failure, a lock held by another.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let _ = path;
        unreachable!()
    }

    /// Opens the store at `path` to look only, without a lock.
    ///
    /// # Errors
    ///
    /// An I/O failure.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        let _ = path;
        unreachable!()
    }

    /// What opening found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }
}

impl Store for DirStore {
    fn read(&self, _path: &EntryPath) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        unreachable!()
    }

    fn list(&self) -> Result<Vec<EntryPath>, Error> {
        unreachable!()
    }

    fn apply(&self, _change: &Change, _verify: Verify<'_>) -> Result<(), Error> {
        unreachable!()
    }
}
