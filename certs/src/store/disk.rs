//! The one place where file operations pass, so that a test can make any of them fail.

use rustix::io::Errno;

/// A kind of file operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    List,
    MakeDirectory,
    Open,
    Read,
    RemoveDirectory,
    Rename,
    Stat,
    Sync,
    Unlink,
    Write,
}

/// The disk below a store.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) faults: Option<std::sync::Arc<super::tests::faults::Faults>>,
}

impl Disk {
    /// Called before each operation, with the path it is about; an error is taken for the
    /// operation's own.
    #[cfg(test)]
    pub(super) fn before(&self, operation: Operation, path: &std::path::Path) -> Result<(), Errno> {
        match &self.faults {
            Some(faults) => faults.before(operation, path),
            None => Ok(()),
        }
    }

    /// Nothing stands between a store and the disk outside tests.
    #[cfg(not(test))]
    #[inline]
    pub(super) fn before(&self, _: Operation, _: &std::path::Path) -> Result<(), Errno> {
        Ok(())
    }
}
