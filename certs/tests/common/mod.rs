//! What the tests share: an open gate, a clock, a store in memory, and programs that must be
//! there.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod go;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Duration;

use fips_certs::catalogue::{Catalogue, Options, Program};
use fips_certs::key::KeyType;
use fips_certs::pki::{Row, Thresholds};
use fips_certs::store::{Action, Change, EntryPath, Store};
use fips_certs::{Certificate, Error, FixedClock, Pki};
use fips_core::{Boundary, Diagnostic, Requirements};
use time::OffsetDateTime;
use time::macros::datetime;
use zeroize::Zeroizing;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const START: OffsetDateTime = datetime!(2026-11-22 12:00:00 UTC);

pub(crate) fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

pub(crate) fn diagnostic() -> Diagnostic {
    Diagnostic::new().unwrap()
}

pub(crate) fn clock() -> FixedClock {
    FixedClock::new(START)
}

pub(crate) fn path(path: &str) -> EntryPath {
    EntryPath::new(path).unwrap()
}

pub(crate) fn options() -> Options {
    let mut options = Options::new(Program::Rke2, "node-1");
    options.node_ips = vec!["192.0.2.10".parse().unwrap()];
    options.extra_names = vec!["cp.example.org".parse().unwrap()];
    // An RSA key takes its time.
    options.service_account_key = KeyType::P256;
    options
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::new(options()).unwrap()
}

/// A store whose content a test can spoil.
#[derive(Default)]
pub(crate) struct MemoryStore {
    entries: Mutex<BTreeMap<EntryPath, Vec<u8>>>,
    /// Read back in place of what was written there.
    pub(crate) swap: Mutex<Option<(EntryPath, Vec<u8>)>>,
    /// The entry of which a byte changes before it is read back: a disk that lies.
    pub(crate) corrupt: Mutex<Option<EntryPath>>,
}

impl MemoryStore {
    pub(crate) fn set(&self, name: &str, content: impl Into<Vec<u8>>) {
        self.entries
            .lock()
            .unwrap()
            .insert(path(name), content.into());
    }

    pub(crate) fn remove(&self, name: &str) {
        self.entries.lock().unwrap().remove(&path(name));
    }

    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        self.entries.lock().unwrap()[&path(name)].clone()
    }

    pub(crate) fn certificates(&self, name: &str) -> Vec<Certificate> {
        Certificate::from_pem(&self.content(name)).unwrap()
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<EntryPath, Vec<u8>> {
        self.entries.lock().unwrap().clone()
    }

    /// Writes everything below `root`.
    pub(crate) fn write_to(&self, root: &Path) {
        for (name, content) in self.snapshot() {
            let file = root.join(name.as_str());
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        }
    }
}

impl Store for MemoryStore {
    fn read(&self, path: &EntryPath) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(self
            .entries
            .lock()
            .unwrap()
            .get(path)
            .cloned()
            .map(Zeroizing::new))
    }

    fn list(&self) -> Result<Vec<EntryPath>, Error> {
        Ok(self.entries.lock().unwrap().keys().cloned().collect())
    }

    fn apply(
        &self,
        change: &Change,
        verify: &dyn Fn(&EntryPath, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // One change at a time.
        let mut entries = self.entries.lock().unwrap();
        change.still_expected(&|path| Ok(entries.get(path).cloned().map(Zeroizing::new)))?;
        let mut next = entries.clone();
        for (path, action) in change.entries() {
            match action {
                Action::Put { content, .. } => {
                    let mut content = content.to_vec();
                    if self.corrupt.lock().unwrap().as_ref() == Some(path) {
                        let middle = content.len() / 2;
                        content[middle] = if content[middle] == b'A' { b'B' } else { b'A' };
                    }
                    if let Some((swapped, other)) = &*self.swap.lock().unwrap()
                        && swapped == path
                    {
                        content.clone_from(other);
                    }
                    verify(path, &content)?;
                    next.insert(path.clone(), content);
                }
                Action::Remove => {
                    next.remove(path);
                }
            }
        }
        *entries = next;
        Ok(())
    }
}

/// A fresh PKI.
pub(crate) fn made() -> MemoryStore {
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, catalogue(), &clock()).unwrap();
    store
}

pub(crate) fn check(store: &MemoryStore, now: OffsetDateTime) -> Vec<Row> {
    Pki::open(store)
        .unwrap()
        .check(&diagnostic(), now, Thresholds::default())
        .unwrap()
}

pub(crate) fn row<'r>(rows: &'r [Row], file: &str) -> &'r Row {
    rows.iter()
        .find(|row| row.file == file && row.position == 0)
        .unwrap()
}

/// Runs a program that the test cannot do without.
pub(crate) fn run(program: &str, package: &str, arguments: &[&str], folder: &Path) -> Output {
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed (Debian package {package}): {error}"))
}

pub(crate) fn openssl(folder: &Path, arguments: &str) -> String {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = run("openssl", "openssl", &arguments, folder);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "openssl {}: {text}",
        arguments.join(" ")
    );
    text
}

pub(crate) fn certtool(folder: &Path, arguments: &str) -> String {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = run("certtool", "gnutls-bin", &arguments, folder);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "certtool {}: {text}",
        arguments.join(" ")
    );
    text
}
