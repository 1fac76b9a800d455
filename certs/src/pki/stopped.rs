//! Whatever changes a PKI, stopped or failed at each operation that changes the disk, leaves the
//! set before it or the set after it, and can be done again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use fips_core::Diagnostic;
use rustix::io::Errno;

use super::rotation::Advance;
use super::trial::{CATALOGUE, boundary, copy, files, scratch};
use super::{Pki, RenewalPolicy, Target, Thresholds};
use crate::audit;
use crate::catalogue::Catalogue;
use crate::crl::{RevocationListParams, RevocationReason};
use crate::error::Error;
use crate::store::tests::crashing::{crashing, failing};
use crate::store::{DirStore, Store};
use crate::token::{NodePassword, NodePasswords, Role, TokenParams, Tokens};
use crate::{Clock, SystemClock};

/// What is done to a PKI.
type Act = fn(&DirStore) -> Result<(), Error>;
/// What is done to its files before.
type Before = fn(&Path);

fn diagnostic() -> Diagnostic {
    Diagnostic::new().unwrap()
}

fn catalogue() -> Catalogue {
    Catalogue::from_toml(CATALOGUE).unwrap()
}

fn init(store: &DirStore) -> Result<(), Error> {
    Pki::init(&boundary(), store, catalogue(), &SystemClock).map(|_| ())
}

fn adopt(store: &DirStore) -> Result<(), Error> {
    let mut pki = Pki::adopt(store, catalogue())?;
    pki.take_over(&boundary(), &SystemClock).map(|_| ())
}

fn renew(store: &DirStore) -> Result<(), Error> {
    let pki = Pki::open(store)?;
    let policy = RenewalPolicy {
        force: true,
        ..RenewalPolicy::default()
    };
    let plan = pki.renewals(&diagnostic(), SystemClock.now(), &policy)?;
    pki.renew(&boundary(), &plan, &SystemClock).map(|_| ())
}

fn revoke(store: &DirStore) -> Result<(), Error> {
    let pki = Pki::open(store)?;
    let (now, targets) = (SystemClock.now(), [Target::Entry("web".into())]);
    let reason = RevocationReason::CessationOfOperation;
    let plan = pki.revocations(&diagnostic(), now, &targets, reason)?;
    let params = RevocationListParams::default();
    pki.revoke(&boundary(), &plan, &params, &SystemClock)
        .map(|_| ())
}

fn next_list(store: &DirStore) -> Result<(), Error> {
    let params = RevocationListParams::default();
    Pki::open(store)?
        .refresh_lists(&boundary(), &["ca".into()], &params, &SystemClock)
        .map(|_| ())
}

fn token(store: &DirStore) -> Result<(), Error> {
    let params = TokenParams::new(Role::Agent, Duration::from_secs(3600))?;
    let ca = store.read(&crate::store::EntryPath::new("ca.crt")?)?;
    let ca = ca.unwrap_or_default();
    Tokens::new(store)
        .create(&boundary(), &params, &ca, &SystemClock)
        .map(|_| ())
}

fn revoke_tokens(store: &DirStore) -> Result<(), Error> {
    let tokens = Tokens::new(store);
    for token in tokens.list(SystemClock.now())? {
        tokens.revoke(&boundary(), &token.id, &SystemClock)?;
    }
    Ok(())
}

fn bind_node(store: &DirStore) -> Result<(), Error> {
    let password = NodePassword::generate(&boundary())?;
    NodePasswords::new(store)
        .bind(&boundary(), "node-1", &password, &SystemClock)
        .map(|_| ())
}

fn request(store: &DirStore) -> Result<(), Error> {
    Pki::open(store)?
        .export_request(&boundary(), "ca", true, &SystemClock)
        .map(|_| ())
}

fn refusal(store: &DirStore) -> Result<(), Error> {
    let why = Error::ReadOnly;
    Pki::open(store)?.log_refusal(&boundary(), "web", &why, SystemClock.now())
}

fn recover(store: &DirStore) -> Result<(), Error> {
    Pki::open(store)?
        .recover(&boundary(), &[], &SystemClock)
        .map(|_| ())
}

fn start_keys(store: &DirStore) -> Result<(), Error> {
    let pki = Pki::open(store)?;
    let rotation = pki.key_rotation(None)?;
    let longest = Some(Duration::from_secs(1));
    rotation
        .start(&boundary(), longest, &SystemClock)
        .map(|_| ())
}

fn next_keys(store: &DirStore) -> Result<(), Error> {
    let pki = Pki::open(store)?;
    let advance = Advance {
        force: true,
        ..Advance::default()
    };
    let rotation = pki.key_rotation(None)?;
    rotation
        .next(&boundary(), &advance, &SystemClock)
        .map(|_| ())
}

fn roll_keys_back(store: &DirStore) -> Result<(), Error> {
    let pki = Pki::open(store)?;
    let rotation = pki.key_rotation(None)?;
    rotation.rollback(&boundary(), &SystemClock).map(|_| ())
}

/// Every row's status, and that the log is whole. `None` where there is no PKI yet.
fn state(root: &Path, context: &str) -> Option<Vec<(String, String)>> {
    let store = DirStore::open(root).unwrap();
    let pki = match Pki::open(&store) {
        Ok(pki) => pki,
        Err(Error::NoPki { .. }) => return None,
        Err(error) => panic!("{context}: {error}"),
    };
    let log = audit::verify(&diagnostic(), &store, None).unwrap();
    assert!(log.findings.is_empty(), "{context}: {:?}", log.findings);
    let rows = pki
        .check(&diagnostic(), SystemClock.now(), Thresholds::default())
        .unwrap();
    let status = rows
        .iter()
        .map(|row| (row.file.clone(), row.status.to_string()));
    Some(status.collect())
}

/// Does `done`, then tries `act` stopped and failed at each operation that changes the disk.
fn everywhere(done: &[Act], spoil: Before, act: Act) {
    let root = scratch();
    let prepared = root.path().join("prepared");
    let store = DirStore::create_or_open(&prepared).unwrap();
    for one in done {
        one(&store).unwrap();
    }
    drop(store);
    spoil(&prepared);
    let (before, state_before) = (files(&prepared), state(&prepared, "before"));

    let probe = root.path().join("probe");
    copy(&prepared, &probe);
    let (faults, store) = crashing(&probe, None);
    let store = store.unwrap();
    let opening = faults.count();
    act(&store).unwrap();
    drop(store);
    let (after, state_after) = (files(&probe), state(&probe, "after"));
    assert_ne!(before, after);

    let (mut old, mut new) = (0, 0);
    let errors = [
        (Errno::NOSPC, true),
        (Errno::IO, false),
        (Errno::MFILE, false),
        (Errno::ROFS, true),
    ];
    for (turn, at) in faults.writing().into_iter().enumerate() {
        if at < opening {
            continue;
        }
        let (errno, full) = errors[turn % errors.len()];
        for stopped in [true, false] {
            let context = format!("at {at}, stopped: {stopped}, else {errno:?}");
            let folder = root.path().join("tried");
            copy(&prepared, &folder);
            let store = if stopped {
                crashing(&folder, Some(at)).1.unwrap()
            } else {
                failing(&folder, at, errno, full)
            };
            // Whether it is told of success or failure: what is on disk is judged.
            let told = act(&store);
            drop(store);
            let found = files(&folder);
            let state = state(&folder, &context);
            if found == before {
                assert_eq!(state, state_before, "{context}");
                assert!(told.is_err(), "{context}");
                old += 1;
                // It can be done again.
                let store = DirStore::open(&folder).unwrap();
                act(&store).unwrap_or_else(|error| panic!("{context}: {error}"));
            } else {
                // Keys and serial numbers differ each time; the same files, in the same state.
                assert!(
                    found.keys().eq(after.keys()),
                    "{context}: {:?}",
                    found.keys()
                );
                assert_eq!(state, state_after, "{context}");
                new += 1;
            }
            fs::remove_dir_all(&folder).unwrap();
        }
    }
    assert!(old > 0 && new > 0, "{old} old, {new} new");
}

fn as_it_is(_: &Path) {}

#[test]
fn making_a_pki() {
    everywhere(&[], as_it_is, init);
}

#[test]
fn taking_over_a_tree() {
    everywhere(
        &[init],
        |root| fs::remove_dir_all(root.join("fips")).unwrap(),
        adopt,
    );
}

#[test]
fn renewing() {
    everywhere(&[init], as_it_is, renew);
}

#[test]
fn revoking() {
    everywhere(&[init], as_it_is, revoke);
}

#[test]
fn the_next_revocation_list() {
    everywhere(&[init, revoke], as_it_is, next_list);
}

#[test]
fn a_token_and_its_revocation() {
    everywhere(&[init], as_it_is, token);
    everywhere(&[init, token], as_it_is, revoke_tokens);
}

#[test]
fn a_nodes_password() {
    everywhere(&[init], as_it_is, bind_node);
}

#[test]
fn a_request_and_a_refusal() {
    everywhere(&[init], as_it_is, request);
    everywhere(&[init], as_it_is, refusal);
}

#[test]
fn rotating_the_keys_of_tokens() {
    everywhere(&[init], as_it_is, start_keys);
    everywhere(&[init, start_keys], as_it_is, next_keys);
    everywhere(&[init, start_keys, next_keys], as_it_is, next_keys);
    everywhere(&[init, start_keys, next_keys], as_it_is, roll_keys_back);
}

#[test]
fn recovering() {
    everywhere(
        &[init],
        |root| fs::remove_file(root.join("web.key")).unwrap(),
        recover,
    );
}
