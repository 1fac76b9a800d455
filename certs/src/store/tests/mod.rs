//! Tests of the directory store.

mod arbitrary;
mod basic;
mod concurrent;
mod crash;
#[cfg(feature = "evaluation")]
pub(crate) mod crashing;
mod environment;
pub(super) mod faults;
mod journal;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Change, DirStore, EntryPath, Secrecy, Store};
use crate::error::Error;

/// What a store holds: content by path.
type Contents = BTreeMap<String, Vec<u8>>;

fn path(text: &str) -> EntryPath {
    EntryPath::new(text).unwrap()
}

fn accept(_: &EntryPath, _: &[u8]) -> Result<(), Error> {
    Ok(())
}

/// Everything a store answers.
fn contents(store: &DirStore) -> Contents {
    let read = |path: EntryPath| {
        let content = store.read(&path).unwrap().unwrap();
        (path.to_string(), content.to_vec())
    };
    store.list().unwrap().into_iter().map(read).collect()
}

/// Every hidden file below `folder`.
fn hidden(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            names.extend(hidden(&entry.path()));
        } else if name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    names
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The old set of the crash tests.
fn old_set() -> Change {
    Change::new("old set")
        .put(path("ca.crt"), Secrecy::Public, b"old certificate".to_vec())
        .put(path("ca.key"), Secrecy::Secret, b"old key".to_vec())
        .put(path("etcd/peer.crt"), Secrecy::Public, b"old peer".to_vec())
        .put(path("gone.crt"), Secrecy::Public, b"leaves".to_vec())
        .put(path("gone.token"), Secrecy::Secret, b"leaves too".to_vec())
        .put(path("stays.crt"), Secrecy::Public, b"as it was".to_vec())
}

/// Replaces, adds in a new directory, removes, and changes the record of secrets.
fn new_set() -> Change {
    Change::new("new set")
        .put(path("ca.crt"), Secrecy::Public, b"NEW certificate".to_vec())
        .put(path("ca.key"), Secrecy::Secret, b"NEW key".to_vec())
        .put(path("etcd/peer.crt"), Secrecy::Public, b"NEW peer".to_vec())
        .put(
            path("new/deep/admin.conf"),
            Secrecy::Secret,
            b"NEW".to_vec(),
        )
        .remove(path("gone.crt"))
        .remove(path("gone.token"))
        .remove(path("never/was.crt"))
}

/// What a store that holds `changes`, one after the other, answers.
fn expected(changes: &[Change]) -> Contents {
    let mut contents = Contents::new();
    for (path, action) in changes.iter().flat_map(Change::entries) {
        match action {
            super::Action::Put { content, .. } => {
                contents.insert(path.to_string(), content.to_vec())
            }
            super::Action::Remove => contents.remove(path.as_str()),
        };
    }
    contents
}

/// This test program, to run its test `name` alone as a child. The child's part is in the test
/// itself: it looks at `FIPS_STORE_CHILD`.
fn child(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &format!("store::tests::{name}"), "--nocapture"])
        .env("FIPS_STORE_CHILD", folder);
    command
}

/// In a child: tells the parent that it is under way.
fn say_ready() {
    writeln!(std::io::stdout(), "\nready").unwrap();
}

/// Starts `command` and waits until it is ready.
fn start(mut command: Command) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "ready"));
    child
}

/// In a child: the folder to work on.
fn child_folder() -> Option<std::path::PathBuf> {
    std::env::var_os("FIPS_STORE_CHILD").map(Into::into)
}
