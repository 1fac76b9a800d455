//! The audit log: written with what it tells of, and whatever is done to it is found.

#[path = "../common/mod.rs"]
mod common;
mod damage;
mod written;

use common::{DAY, MemoryStore, START, boundary, diagnostic, path};
use fips_certs::audit::{self, Entry, Event, EventKind, Fault, Noted, Opened, Report};
use fips_certs::catalogue::{Catalogue, Options, Program};
use fips_certs::key::{self, KeyType};
use fips_certs::store::{Change, DirStore, EntryPath, Secrecy, Store};
use fips_certs::{AuthorityParams, Certificate, Error, FixedClock, Pki, Subject};
use proptest::prelude::*;

const HEAD: &str = "fips/audit/head.json";

fn root(name: &str) -> Certificate {
    let key = key::generate(&boundary(), KeyType::P256).unwrap();
    AuthorityParams::new(Subject::new(name).unwrap(), DAY)
        .self_signed(key, &FixedClock::new(START))
        .unwrap()
        .certificate()
        .clone()
}

fn apply(store: &dyn Store, change: Change, events: Vec<Event>) -> Result<(), Error> {
    let change = audit::append(&boundary(), store, change, events, START)?;
    store.apply(&change, &|_, _| Ok(()))
}

fn issue(store: &dyn Store, name: &str) -> Certificate {
    let certificate = root(name);
    let event = Event::new(EventKind::Issued, name)
        .with_certificate(&certificate)
        .unwrap();
    let change = Change::new("issue").put(
        path(&format!("{name}.crt")),
        Secrecy::Public,
        certificate.to_pem().into_bytes(),
    );
    apply(store, change, vec![event]).unwrap();
    certificate
}

/// A log of four files: two certificates, a step of three lines, a refusal.
fn log() -> MemoryStore {
    let store = MemoryStore::default();
    issue(&store, "one");
    issue(&store, "two");
    let step = |number: u32| {
        Event::new(EventKind::RotationStep, "server-ca")
            .with_reason(format!("step {number}"))
            .with_old_serial("0A")
    };
    apply(&store, Change::new("three"), (1..=3).map(step).collect()).unwrap();
    let refusal = Event::new(EventKind::Refused, "a.csr").with_reason("\u{1b}[2J\"\n: RSA-1024");
    apply(&store, Change::new("refusal"), vec![refusal]).unwrap();
    store
}

fn verify(store: &dyn Store) -> Report {
    audit::verify(&diagnostic(), store, None).unwrap()
}

fn faults(store: &dyn Store) -> Vec<Fault> {
    let found = verify(store).findings;
    found.iter().map(|finding| finding.fault).collect()
}

fn segments(store: &MemoryStore) -> Vec<EntryPath> {
    let entries = store.snapshot().into_keys();
    entries
        .filter(|path| path.as_str().ends_with(".jsonl"))
        .collect()
}

/// The same log with `content` at `name`.
fn with(store: &MemoryStore, name: &str, content: impl Into<Vec<u8>>) -> MemoryStore {
    let copy = MemoryStore::default();
    for (path, content) in store.snapshot() {
        copy.set(path.as_str(), content);
    }
    copy.set(name, content);
    copy
}
