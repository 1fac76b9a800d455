//! A rotation that stops anywhere is before or after a step, never between, and goes on.

use std::fs;
use std::path::{Path, PathBuf};

use fips_core::Diagnostic;
use proptest::prelude::*;

use super::*;
use crate::catalogue::Catalogue;
use crate::pki::trial::{CATALOGUE, boundary, copy, files, scratch};
use crate::pki::{Status as Health, Thresholds};
use crate::store::tests::crashing::crashing;
use crate::store::{DirStore, Store};
use crate::{Clock, SystemClock};

const NAME: &str = "ca";

/// One thing that is done to a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Confirm,
    Next,
    Rollback,
    Start,
}

fn act(store: &dyn Store, act: Act) -> Result<(), Error> {
    let pki = Pki::open(store)?;
    let rotation = pki.rotation(NAME)?;
    let boundary = boundary();
    let advance = Advance {
        force: true,
        ..Advance::default()
    };
    match act {
        Act::Confirm => {
            let open = rotation.begun()?.open();
            let open: Vec<String> = open.iter().map(|one| one.id.to_owned()).collect();
            rotation.confirm(&boundary, &open, &SystemClock)
        }
        Act::Next => rotation.next(&boundary, &advance, &SystemClock),
        Act::Rollback => rotation.rollback(&boundary, &SystemClock),
        Act::Start => rotation.start(&boundary, &SystemClock),
    }
    .map(|_| ())
}

/// A PKI to which `acts` were done.
fn prepared(root: &Path, acts: &[Act]) -> PathBuf {
    let folder = root.join("prepared");
    let store = DirStore::create_or_open(&folder).unwrap();
    let catalogue = Catalogue::from_toml(CATALOGUE).unwrap();
    Pki::init(&boundary(), &store, catalogue, &SystemClock).unwrap();
    for one in acts {
        act(&store, *one).unwrap();
    }
    folder
}

/// Every pair fits, every chain holds, and the journal can be read; how far it is.
fn whole(root: &Path, context: &str) -> Option<Phase> {
    let store = DirStore::open(root).unwrap();
    let pki = Pki::open(&store).unwrap();
    let now = SystemClock.now();
    let diagnostic = Diagnostic::new().unwrap();
    for row in pki.check(&diagnostic, now, Thresholds::default()).unwrap() {
        assert_eq!(row.status, Health::Ok, "{context}: {row:?}");
    }
    let rotation = pki.rotation(NAME).unwrap();
    let journal = rotation.journal().unwrap()?;
    if journal.phase != Phase::Retire {
        let diagnostic = Diagnostic::new().unwrap();
        let held = rotation.held(rotation.authorities(&journal).unwrap(), &diagnostic);
        held.unwrap_or_else(|error| panic!("{context}: {error}"));
        let changed = rotation.changed_by_another(&journal).unwrap();
        assert_eq!(changed, Vec::<String>::new(), "{context}");
    }
    Some(journal.phase)
}

/// Stops `step` after `acts` at each operation that changes the disk, and at some that look.
fn stop_everywhere(acts: &[Act], step: Act) {
    let root = scratch();
    let prepared = prepared(root.path(), acts);
    let before = files(&prepared);
    let phase_before = whole(&prepared, "before");

    let probe = root.path().join("probe");
    copy(&prepared, &probe);
    let (faults, store) = crashing(&probe, None);
    let store = store.unwrap();
    let opening = faults.count();
    act(&store, step).unwrap();
    drop(store);
    let after = files(&probe);
    let phase_after = whole(&probe, "after");

    let writing = faults.writing().into_iter().filter(|at| *at >= opening);
    let looking = (opening..faults.count()).step_by(23);
    let (mut old, mut new) = (0, 0);
    for at in writing.chain(looking) {
        let context = format!("{step:?} after {acts:?}, stopped at {at}");
        let folder = root.path().join("tried");
        copy(&prepared, &folder);
        let (_, store) = crashing(&folder, Some(at));
        let store = store.unwrap();
        // Whether it is told of success or failure: what is on disk is judged.
        let told = act(&store, step);
        drop(store);
        let found = files(&folder);
        let phase = whole(&folder, &context);
        if found == before {
            assert_eq!(phase, phase_before, "{context}");
            assert!(told.is_err(), "{context}");
            old += 1;
        } else {
            // Keys differ each time; the same files, in the same phase.
            assert!(found.keys().eq(after.keys()), "{context}: {found:?}");
            assert_eq!(phase, phase_after, "{context}");
            new += 1;
        }
        // It goes on from there, and back where there is a way.
        let store = DirStore::open(&folder).unwrap();
        if found == before {
            act(&store, step).unwrap_or_else(|error| panic!("{context}: {error}"));
        } else if phase.is_some_and(|phase| phase != Phase::Retire) {
            act(&store, Act::Rollback).unwrap_or_else(|error| panic!("{context}: {error}"));
        }
        drop(store);
        fs::remove_dir_all(&folder).unwrap();
    }
    assert!(
        old > 0 && new > 0,
        "{step:?} after {acts:?}: {old} old, {new} new"
    );
}

#[test]
fn a_start_that_stops_anywhere() {
    stop_everywhere(&[], Act::Start);
}

#[test]
fn trusting_both_that_stops_anywhere() {
    stop_everywhere(&[Act::Start], Act::Next);
}

#[test]
fn a_confirmation_that_stops_anywhere() {
    stop_everywhere(&[Act::Start, Act::Next], Act::Confirm);
}

#[test]
fn issuing_from_the_new_one_that_stops_anywhere() {
    stop_everywhere(&[Act::Start, Act::Next], Act::Next);
}

#[test]
fn retiring_that_stops_anywhere() {
    stop_everywhere(&[Act::Start, Act::Next, Act::Next], Act::Next);
}

#[test]
fn a_rollback_of_any_phase_that_stops_anywhere() {
    for nexts in 0..=2 {
        let acts: Vec<Act> = [Act::Start]
            .into_iter()
            .chain(std::iter::repeat_n(Act::Next, nexts))
            .collect();
        stop_everywhere(&acts, Act::Rollback);
    }
}

#[test]
fn a_second_process_is_kept_out() {
    let root = scratch();
    let prepared = prepared(root.path(), &[Act::Start]);
    let first = DirStore::open(&prepared).unwrap();
    let second = DirStore::open(&prepared);
    assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
    act(&first, Act::Next).unwrap();
    // Looking goes on beside it.
    let look = DirStore::open_read_only(&prepared).unwrap();
    let pki = Pki::open(&look).unwrap();
    let journal = pki.rotation(NAME).unwrap().journal().unwrap().unwrap();
    assert_eq!(journal.phase, Phase::TrustBoth);
}

/// A journal of an authority that went through some of its phases.
fn journal() -> Journal {
    let root = scratch();
    let prepared = prepared(root.path(), &[Act::Start, Act::Next, Act::Next]);
    let store = DirStore::open(&prepared).unwrap();
    Journal::read(&store, NAME).unwrap().unwrap()
}

#[test]
fn a_journal_is_read_as_it_was_written() {
    let journal = journal();
    let bytes = journal.to_json().unwrap();
    assert_eq!(Journal::parse(&bytes, NAME).unwrap(), journal);
    assert!(Journal::parse(&bytes, "another").is_err());
}

proptest! {
    #[test]
    fn a_journal_of_any_bytes_is_an_answer_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Journal::parse(&bytes, NAME).is_err());
    }

    #[test]
    fn a_journal_with_a_byte_changed_is_refused_or_still_one(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        static WRITTEN: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = WRITTEN.get_or_init(|| journal().to_json().unwrap()).clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(read) = Journal::parse(&bytes, NAME) {
            // A time or a name changed, but the form holds: written again it is the same.
            let again = Journal::parse(&read.to_json().unwrap(), NAME).unwrap();
            prop_assert_eq!(again, read);
        }
    }
}
