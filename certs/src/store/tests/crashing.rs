//! Stores for what is built upon them: a disk that stops, and what it would have done.

use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;

use super::faults::{Fault, Faults, writes};
use crate::error::Error;
use crate::store::DirStore;
use crate::store::disk::Disk;

/// A store whose disk stops at the `at`-th operation, counted from 0 at its opening; with none it
/// only counts.
pub(crate) fn crashing(path: &Path, at: Option<usize>) -> (Arc<Faults>, Result<DirStore, Error>) {
    let faults = Arc::new(match at {
        Some(at) => Faults::at(at, Fault::Crash),
        None => Faults::none(),
    });
    let disk = Disk {
        faults: Some(Arc::clone(&faults)),
    };
    let store = DirStore::open_on(path, disk);
    (faults, store)
}

/// A store whose disk fails: with `full` every operation that writes from the `at`-th on, else
/// that one alone.
pub(crate) fn failing(path: &Path, at: usize, errno: Errno, full: bool) -> DirStore {
    let fault = if full {
        Fault::WritesFrom(errno)
    } else {
        Fault::Once(errno)
    };
    let disk = Disk {
        faults: Some(Arc::new(Faults::at(at, fault))),
    };
    DirStore::open_on(path, disk).unwrap()
}

impl Faults {
    /// The operations so far that change the disk, by their numbers.
    pub(crate) fn writing(&self) -> Vec<usize> {
        let trace = self.trace.lock().unwrap();
        let numbered = trace.iter().enumerate();
        numbered
            .filter(|(_, (operation, _))| writes(*operation))
            .map(|(number, _)| number)
            .collect()
    }

    /// How many operations there were.
    pub(crate) fn count(&self) -> usize {
        self.trace.lock().unwrap().len()
    }
}
