//! What is tried on: a small PKI, and looking at a folder from outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fips_core::{Boundary, Requirements};

use crate::store::{DirStore, EntryPath, Store};

/// Small, with a leaf in each kind of place.
pub(super) const CATALOGUE: &str = include_str!("../../tests/data/small.toml");

pub(super) fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

/// The files of a folder that a reader sees.
pub(super) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let store = DirStore::open(root).unwrap();
    let read = |path: EntryPath| {
        let content = store.read(&path).unwrap().unwrap().to_vec();
        (path.to_string(), content)
    };
    store.list().unwrap().into_iter().map(read).collect()
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
    let mode = fs::metadata(from).unwrap().permissions();
    fs::set_permissions(to, mode).unwrap();
}

/// In memory where there is such a folder: the order of the syncs is tried, not their effect.
pub(super) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}
