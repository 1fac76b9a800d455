//! Revocation lists: ours enforced by independent programs, theirs read and judged here.

#[path = "../common/mod.rs"]
mod common;
mod enforced;
mod foreign;
mod register;
mod revoking;
mod rotation;

use std::path::Path;

use common::{MemoryStore, boundary, diagnostic, run};
use fips_certs::crl::{RevocationList, RevocationListParams, RevocationReason};
use fips_certs::pki::{RevocationReport, Target};
use fips_certs::store::Store;
use fips_certs::{Clock, Pki, SystemClock};

pub(crate) const LIST: &str = "fips/crl/etcd/server-ca.crl";
pub(crate) const REGISTER: &str = "fips/revoked/etcd/server-ca.json";

pub(crate) fn entry(name: &str) -> Target {
    Target::Entry(name.to_owned())
}

pub(crate) fn revoke(store: &dyn Store, targets: &[Target], clock: &dyn Clock) -> RevocationReport {
    let pki = Pki::open(store).unwrap();
    let reason = RevocationReason::KeyCompromise;
    let plan = pki
        .revocations(&diagnostic(), clock.now(), targets, reason)
        .unwrap();
    pki.revoke(&boundary(), &plan, &RevocationListParams::default(), clock)
        .unwrap()
}

pub(crate) fn refresh(store: &dyn Store, clock: &dyn Clock) -> RevocationReport {
    Pki::open(store)
        .unwrap()
        .refresh_lists(&boundary(), &[], &RevocationListParams::default(), clock)
        .unwrap()
}

pub(crate) fn list(store: &MemoryStore) -> RevocationList {
    RevocationList::from_der(&store.content(LIST)).unwrap()
}

/// A PKI made now, written to `folder`, of which etcd's client is revoked.
pub(crate) fn revoked_now(folder: &Path) -> MemoryStore {
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, common::catalogue(), &SystemClock).unwrap();
    revoke(&store, &[entry("etcd/client")], &SystemClock);
    store.write_to(folder);
    store
}

/// Runs a program and answers whether it succeeded, and what it said.
pub(crate) fn tried(
    program: &str,
    package: &str,
    arguments: &str,
    folder: &Path,
) -> (bool, String) {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let output = run(program, package, &arguments, folder);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}
