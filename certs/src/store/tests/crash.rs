//! A crash or a failure at every operation leaves the old or the new set.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::faults::{Fault, Faults, writes};
use super::*;
use crate::store::Recovery;
use crate::store::disk::{Disk, Operation};

pub(super) fn disk(faults: &Arc<Faults>) -> Disk {
    Disk {
        faults: Some(Arc::clone(faults)),
    }
}

/// Opens the store after a crash; whether it holds the new set, or else the old.
fn is_new(root: &Path, context: &str) -> bool {
    let store = DirStore::open(root).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = contents(&store);
    let new = found == expected(&[old_set(), new_set()]);
    assert!(
        new || found == expected(&[old_set()]),
        "{context}: {found:?}"
    );
    assert_eq!(hidden(root), [".fips-lock", ".fips-secrets"], "{context}");
    // The record of secrets is of the same set.
    let secret = if new {
        "new/deep/admin.conf"
    } else {
        "gone.token"
    };
    let record = fs::read_to_string(root.join(".fips-secrets")).unwrap();
    assert!(record.contains(secret), "{context}: {record}");
    new
}

/// A folder in memory where there is one: thousands of syncs of a real disk take too long, and
/// these tests see the order of the syncs, not their effect.
pub(super) fn fast_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub(super) fn prepared() -> tempfile::TempDir {
    let scratch = fast_folder();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    scratch
}

/// How many operations opening takes, and what the change does after it.
pub(super) fn trace() -> (usize, Vec<(Operation, std::path::PathBuf)>) {
    let scratch = prepared();
    let faults = Arc::new(Faults::none());
    let store = DirStore::open_on(scratch.path(), disk(&faults)).unwrap();
    let opening = faults.trace().len();
    store.apply(&new_set(), &accept).unwrap();
    (opening, faults.trace())
}

#[test]
fn a_fault_at_any_operation_of_a_change_leaves_the_old_or_the_new_set() {
    let (opening, trace) = trace();
    for kind in [
        Operation::Create,
        Operation::MakeDirectory,
        Operation::Rename,
        Operation::Sync,
        Operation::Unlink,
        Operation::Write,
    ] {
        assert!(
            trace[opening..]
                .iter()
                .any(|(operation, _)| *operation == kind),
            "{kind:?}"
        );
    }
    let faults = [
        Fault::Crash,
        Fault::Once(Errno::NOSPC),
        Fault::Once(Errno::IO),
        Fault::Once(Errno::MFILE),
        Fault::WritesFrom(Errno::ROFS),
        Fault::WritesFrom(Errno::NOSPC),
    ];
    for fault in faults {
        let (mut old, mut new, mut unfinished) = (0, 0, 0);
        for (at, operation) in trace.iter().enumerate().skip(opening) {
            let context = format!("{fault:?} at {at}, {operation:?}");
            let scratch = prepared();
            let faults = Arc::new(Faults::at(at, fault));
            let store = DirStore::open_on(scratch.path(), disk(&faults)).unwrap();
            let outcome = store.apply(&new_set(), &accept);
            if matches!(fault, Fault::Once(_)) {
                // The disk is well again: the same process sees one whole set.
                let found = contents(&store);
                let whole = [expected(&[old_set()]), expected(&[old_set(), new_set()])];
                assert!(whole.contains(&found), "{context}");
            }
            drop(store);
            // An answer is kept: done is done, undone is undone.
            let is_new = is_new(scratch.path(), &context);
            match outcome {
                Ok(()) => assert!(is_new, "{context}"),
                Err(Error::Unfinished { .. }) => {
                    assert!(is_new, "{context}");
                    unfinished += 1;
                }
                Err(error) => assert!(!is_new, "{context}: {error}"),
            }
            if is_new { new += 1 } else { old += 1 }
        }
        // Both sides of the commit point were met.
        assert!(old > 0 && new > 0, "{fault:?}: {old} old, {new} new");
        let lasting = !matches!(fault, Fault::Once(_));
        assert_eq!(
            unfinished > 0,
            lasting,
            "{fault:?}: {unfinished} unfinished"
        );
    }
}

/// A store whose change stopped with the journal written, and one that stopped before.
fn interrupted(committed: bool) -> tempfile::TempDir {
    let (_, trace) = trace();
    let commit = trace
        .iter()
        .position(|(operation, path)| {
            *operation == Operation::Rename && path.ends_with(".fips-journal")
        })
        .unwrap();
    let scratch = prepared();
    let faults = Faults::at(commit + usize::from(committed), Fault::Crash);
    let store = DirStore::open_on(scratch.path(), disk(&Arc::new(faults))).unwrap();
    store.apply(&new_set(), &accept).unwrap_err();
    scratch
}

#[test]
fn a_fault_at_any_operation_of_the_recovery_is_recovered_from() {
    for committed in [false, true] {
        let probe = Arc::new(Faults::none());
        let scratch = interrupted(committed);
        drop(DirStore::open_on(scratch.path(), disk(&probe)).unwrap());
        for fault in [
            Fault::Crash,
            Fault::Once(Errno::IO),
            Fault::WritesFrom(Errno::ROFS),
        ] {
            for at in 0..probe.trace().len() {
                let context = format!("{fault:?} at {at}, {:?}", probe.trace()[at]);
                let scratch = interrupted(committed);
                let faults = Arc::new(Faults::at(at, fault));
                let _ = DirStore::open_on(scratch.path(), disk(&faults));
                assert_eq!(is_new(scratch.path(), &context), committed, "{context}");
            }
        }
    }
}

#[test]
fn opening_says_what_it_found_and_did() {
    let finished = interrupted(true);
    let pending = DirStore::open_read_only(finished.path()).unwrap();
    let (count, reason) = (6, "new set".to_owned());
    assert_eq!(
        pending.recovery(),
        &Recovery::Pending {
            count,
            reason: reason.clone()
        }
    );
    let store = DirStore::open(finished.path()).unwrap();
    assert_eq!(store.recovery(), &Recovery::Finished { count, reason });
    drop(store);
    assert_eq!(
        DirStore::open(finished.path()).unwrap().recovery(),
        &Recovery::Clean
    );

    let undone = interrupted(false);
    // Four entries, the record and the journal.
    let store = DirStore::open(undone.path()).unwrap();
    assert_eq!(store.recovery(), &Recovery::Undone { count: 6 });
}

#[test]
fn what_a_power_cut_could_lose_is_synced_before_it_is_relied_on() {
    let (opening, trace) = trace();
    let trace = &trace[opening..];
    let commit = trace
        .iter()
        .position(|(_, path)| path.ends_with(".fips-journal"))
        .unwrap();
    let commit = trace[commit..]
        .iter()
        .position(|(operation, _)| *operation == Operation::Rename)
        .unwrap()
        + commit;
    let root = trace[commit].1.parent().unwrap();
    let synced = |part: &[(Operation, std::path::PathBuf)], path: &Path| {
        part.iter()
            .any(|(operation, synced)| *operation == Operation::Sync && synced == path)
    };
    let at = |wanted: Operation| {
        let numbered = trace.iter().enumerate();
        numbered.filter(move |(_, (operation, _))| *operation == wanted)
    };
    // Before the commit: each staged file, and each directory with a new name in it.
    for (created, (_, path)) in at(Operation::Create) {
        assert!(created < commit, "{path:?}");
        assert!(synced(&trace[created..commit], path), "{path:?}");
        let is_journal = !trace[created..commit - 1]
            .iter()
            .any(|(operation, other)| *operation == Operation::Create && other != path);
        let parent = path.parent().unwrap();
        assert!(
            is_journal || synced(&trace[created..commit], parent),
            "{path:?}"
        );
    }
    for (made, (_, path)) in at(Operation::MakeDirectory) {
        assert!(
            synced(&trace[made..commit], path.parent().unwrap()),
            "{path:?}"
        );
    }
    // Between the commit and the first rename into place: the journal's name.
    let first = commit
        + 1
        + trace[commit + 1..]
            .iter()
            .position(|(o, _)| *o == Operation::Rename)
            .unwrap();
    assert!(synced(&trace[commit..first], root));
    // Between the renames and the end of the journal: each directory renamed in.
    let (last, _) = at(Operation::Unlink)
        .find(|(_, (_, p))| p.ends_with(".fips-journal"))
        .unwrap();
    for (moved, (_, path)) in at(Operation::Rename).filter(|(moved, _)| *moved > commit) {
        assert!(
            moved < last && synced(&trace[moved..last], path.parent().unwrap()),
            "{path:?}"
        );
    }
    assert!(synced(&trace[last..], root));
    assert!(trace[..commit].iter().all(|(o, _)| *o != Operation::Unlink));
    assert!(trace.iter().filter(|(o, _)| writes(*o)).count() > 20);
}

/// The sets that the killed child writes in turn.
fn round(number: usize) -> Change {
    let content = |name: &str| format!("{name} of round {number}").into_bytes();
    let kept = ["ca.crt", "etcd/peer.crt", "etcd/server/leaf.crt"].into_iter();
    let change = kept.fold(Change::new(format!("round {number}")), |change, name| {
        change.put(path(name), Secrecy::Public, content(name))
    });
    let change = change.put(path("ca.key"), Secrecy::Secret, content("ca.key"));
    // One entry comes and goes.
    match number % 2 {
        0 => change.put(path("even.token"), Secrecy::Secret, content("even.token")),
        _ => change.remove(path("even.token")),
    }
}

#[test]
fn killed_at_random_moments() {
    if let Some(folder) = child_folder() {
        let store = DirStore::open(folder).unwrap();
        let first = store.read(&path("ca.crt")).unwrap().unwrap();
        let first = String::from_utf8(first.to_vec()).unwrap();
        let first: usize = first.rsplit(' ').next().unwrap().parse().unwrap();
        say_ready();
        for number in first + 1.. {
            store.apply(&round(number), &accept).unwrap();
        }
    }
    let scratch = fast_folder();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&round(0), &accept).unwrap();
    drop(store);
    let mut numbers = Vec::new();
    let mut recoveries = [0; 3];
    for kill in 0_u64..60 {
        let name = "crash::killed_at_random_moments";
        let mut child = start(child(name, scratch.path()));
        // The scheduler adds its own share of chance.
        std::thread::sleep(Duration::from_micros(kill * 7_919 % 20_000));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(
            status.signal(),
            Some(9),
            "the child ended by itself: {status}"
        );
        let store = DirStore::open(scratch.path()).unwrap();
        recoveries[match store.recovery() {
            Recovery::Clean => 0,
            Recovery::Finished { .. } => 1,
            _ => 2,
        }] += 1;
        let found = contents(&store);
        let text = String::from_utf8(found["ca.crt"].clone()).unwrap();
        let number: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(found, expected(&[round(number)]), "kill {kill}");
        let leftover = hidden(scratch.path());
        assert_eq!(leftover, [".fips-lock", ".fips-secrets"], "kill {kill}");
        numbers.push(number);
    }
    assert!(numbers.is_sorted(), "a change was lost: {numbers:?}");
    let [clean, finished, undone] = recoveries;
    assert!(
        finished > 0 && undone > 0,
        "{clean} clean, {finished} finished, {undone} undone"
    );
}
