//! A disk that fails or stops at a chosen operation.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::io::Errno;

use crate::store::disk::Operation;

/// When an operation does not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Fault {
    /// From operation `n` on nothing happens any more: the process was killed there.
    Crash,
    /// Operation `n` alone fails.
    Once(Errno),
    /// Operation `n` and all later ones that write fail; reading goes on.
    WritesFrom(Errno),
}

/// Counts operations, notes them, and makes some fail.
#[derive(Debug)]
pub(crate) struct Faults {
    at: usize,
    fault: Option<Fault>,
    pub(super) trace: Mutex<Vec<(Operation, PathBuf)>>,
}

impl Faults {
    /// Only counts and notes.
    pub(in crate::store) fn none() -> Self {
        Self {
            at: 0,
            fault: None,
            trace: Mutex::default(),
        }
    }

    /// `fault` at the `at`-th operation, counted from 0.
    pub(in crate::store) fn at(at: usize, fault: Fault) -> Self {
        Self {
            at,
            fault: Some(fault),
            trace: Mutex::default(),
        }
    }

    /// The operations so far.
    pub(in crate::store) fn trace(&self) -> Vec<(Operation, PathBuf)> {
        self.trace.lock().unwrap().clone()
    }

    pub(in crate::store) fn before(&self, operation: Operation, path: &Path) -> Result<(), Errno> {
        let mut trace = self.trace.lock().unwrap();
        let number = trace.len();
        trace.push((operation, path.to_owned()));
        match self.fault {
            Some(Fault::Crash) if number >= self.at => Err(Errno::IO),
            Some(Fault::Once(errno)) if number == self.at => Err(errno),
            Some(Fault::WritesFrom(errno)) if number >= self.at && writes(operation) => Err(errno),
            _ => Ok(()),
        }
    }
}

/// Whether the operation changes the disk.
pub(in crate::store) fn writes(operation: Operation) -> bool {
    match operation {
        Operation::Create
        | Operation::MakeDirectory
        | Operation::RemoveDirectory
        | Operation::Rename
        | Operation::Sync
        | Operation::Unlink
        | Operation::Write => true,
        Operation::List | Operation::Open | Operation::Read | Operation::Stat => false,
    }
}
