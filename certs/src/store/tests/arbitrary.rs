//! Any changes, stopped anywhere, and any damage to the journal: the old set or the new, or a
//! refusal, never a mix.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rustix::io::Errno;

use super::crash::{disk, fast_folder, prepared, trace};
use super::faults::{Fault, Faults};
use super::*;
use crate::store::Action;
use crate::store::disk::Operation;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Few names, so that changes meet: one is also a directory of another, some are secret.
fn name() -> impl Strategy<Value = EntryPath> {
    prop_oneof![
        6 => "[ab](/[ab]){0,2}(\\.key)?",
        1 => "[a-c ]{1,3}é/[^./\\pC]{1,5}",
    ]
    .prop_map(|name| path(&name))
}

/// What becomes of an entry: removed, or written with that content, secret or not.
type Put = Option<(bool, Vec<u8>)>;

fn change() -> impl Strategy<Value = Vec<(EntryPath, Put)>> {
    let content = prop::collection::vec(any::<u8>(), 0..40);
    // A key put as public is refused, which is to be met now and then.
    let put = (prop::bool::weighted(0.8), content);
    let entry = (name(), prop::option::weighted(0.7, put));
    prop::collection::vec(entry, 0..5)
}

fn to_change(entries: &[(EntryPath, Put)]) -> Change {
    let change = Change::new("any \"change\"\n");
    entries
        .iter()
        .cloned()
        .fold(change, |change, (path, put)| match put {
            Some((secret, content)) => {
                let secrecy = if secret {
                    Secrecy::Secret
                } else {
                    Secrecy::Public
                };
                change.put(path, secrecy, content)
            }
            None => change.remove(path),
        })
}

/// Whether `change` can be made in the store at `root`: no key in the open, no directory in a
/// file's place nor a file in a directory's.
fn fits(root: &Path, change: &Change) -> bool {
    let put = |path: &str| {
        let mut entries = change.entries();
        entries
            .any(|(other, action)| other.as_str() == path && matches!(action, Action::Put { .. }))
    };
    !change.entries().any(|(path, action)| {
        let secrecy = match action {
            Action::Put { secrecy, .. } => Some(*secrecy),
            Action::Remove => None,
        };
        let open = path.is_key() && secrecy == Some(Secrecy::Public);
        let below_a_file = path
            .ancestors()
            .skip(1)
            .any(|folder| root.join(folder).is_file() || (secrecy.is_some() && put(folder)));
        open || below_a_file || root.join(path.as_str()).is_dir()
    })
}

fn after(contents: &Contents, change: &Change) -> Contents {
    let mut contents = contents.clone();
    for (path, action) in change.entries() {
        match action {
            Action::Put { content, .. } => {
                contents.insert(path.to_string(), content.to_vec());
            }
            Action::Remove => {
                contents.remove(path.as_str());
            }
        }
    }
    contents
}

/// Every file below `folder`, hidden ones too, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let content = fs::read(&path).unwrap();
            found.insert(path, content);
        }
    }
    found
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn any_changes_stopped_anywhere_leave_the_old_or_the_new_set(
        changes in prop::collection::vec(change(), 1..5),
        at in any::<prop::sample::Index>(),
        fault in prop::sample::select(&[
            Fault::Crash,
            Fault::Once(Errno::IO),
            Fault::WritesFrom(Errno::ROFS),
        ][..]),
        again in 0..80_usize,
    ) {
        let changes: Vec<Change> = changes.iter().map(|entries| to_change(entries)).collect();
        // Once without a fault: what fits is made, what does not changes nothing.
        let scratch = fast_folder();
        let probe = Arc::new(Faults::none());
        let store = DirStore::open_on(scratch.path(), disk(&probe)).unwrap();
        let mut expected = Contents::new();
        for change in &changes {
            let fits = fits(scratch.path(), change);
            prop_assert_eq!(store.apply(change, &accept).is_ok(), fits, "{:?}", change);
            if fits {
                expected = after(&expected, change);
            }
        }
        let operations = probe.trace().len();
        prop_assert_eq!(contents(&store), expected);
        drop(store);

        let scratch = fast_folder();
        let faults = Arc::new(Faults::at(at.index(operations), fault));
        let mut expected = Contents::new();
        if let Ok(store) = DirStore::open_on(scratch.path(), disk(&faults)) {
            for change in &changes {
                let fits = fits(scratch.path(), change);
                match store.apply(change, &accept) {
                    Ok(()) => expected = after(&expected, change),
                    // What was decided is finished later, and nothing else can be changed before.
                    Err(Error::Unfinished { .. }) => {
                        expected = after(&expected, change);
                        break;
                    }
                    Err(error) => {
                        prop_assert!(!fits || faults.trace().len() > at.index(operations), "{error}");
                    }
                }
            }
        }
        // The first opening may stop as well.
        let stopped = Arc::new(Faults::at(again, Fault::Crash));
        drop(DirStore::open_on(scratch.path(), disk(&stopped)));
        let store = DirStore::open(scratch.path()).unwrap();
        prop_assert_eq!(contents(&store), expected);
        let left = hidden(scratch.path());
        prop_assert!(left.iter().all(|name| [".fips-lock", ".fips-secrets"].contains(&&**name)), "{left:?}");
    }
}

/// The operation that makes the journal, and how many there are to the end of the change.
static COMMIT: LazyLock<(usize, usize)> = LazyLock::new(|| {
    let (_, trace) = trace();
    let commit = trace.iter().position(|(operation, path)| {
        *operation == Operation::Rename && path.ends_with(".fips-journal")
    });
    let end = trace.iter().position(|(operation, path)| {
        *operation == Operation::Unlink && path.ends_with(".fips-journal")
    });
    (commit.unwrap(), end.unwrap())
});

/// A store whose change stopped somewhere between the commit and the end of the journal.
fn interrupted(at: prop::sample::Index) -> tempfile::TempDir {
    let scratch = prepared();
    let (commit, end) = *COMMIT;
    let at = commit + 1 + at.index(end - commit);
    let faults = Arc::new(Faults::at(at, Fault::Crash));
    let store = DirStore::open_on(scratch.path(), disk(&faults)).unwrap();
    store.apply(&new_set(), &accept).unwrap_err();
    scratch
}

/// Damage to a file.
#[derive(Clone, Debug)]
enum Damage {
    All(Vec<u8>),
    Cut(prop::sample::Index),
    Put(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Lose(prop::sample::Index, usize),
    /// One word of the file in another's place.
    Word(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(&b"abcdef0123456789./ \"{}"[..])
    ];
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Damage::All),
        1 => at().prop_map(Damage::Cut),
        4 => (at(), byte.clone()).prop_map(|(at, byte)| Damage::Put(at, byte)),
        1 => (at(), prop::collection::vec(byte, 1..5)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (at(), 1..60_usize).prop_map(|(at, count)| Damage::Lose(at, count)),
        3 => (at(), at()).prop_map(|(at, from)| Damage::Word(at, from)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damage: &[Damage]) -> Vec<u8> {
    for damage in damage {
        if bytes.is_empty() {
            break;
        }
        let of = |at: &prop::sample::Index| at.index(bytes.len());
        match damage {
            Damage::All(other) => bytes.clone_from(other),
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Damage::Put(at, byte) => {
                let at = of(at);
                bytes[at] = *byte;
            }
            Damage::Insert(at, new) => {
                let at = of(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Damage::Lose(at, count) => {
                let at = of(at);
                let end = bytes.len().min(at + count);
                bytes.drain(at..end);
            }
            Damage::Word(at, from) => {
                let mut words: Vec<_> = bytes.split(|byte| *byte == b'"').collect();
                let from = words[from.index(words.len())];
                let at = at.index(words.len());
                words[at] = from;
                bytes = words.join(&b'"');
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(config(400))]

    /// A journal that names other entries would make a set that nobody wrote.
    #[test]
    fn a_damaged_journal_is_refused_and_touches_nothing_or_says_the_same(
        at in any::<prop::sample::Index>(),
        damage in prop::collection::vec(damage(), 1..3),
    ) {
        let scratch = interrupted(at);
        let journal = scratch.path().join(".fips-journal");
        let bytes = damaged(fs::read(&journal).unwrap(), &damage);
        fs::write(&journal, &bytes).unwrap();
        let before = files(scratch.path());
        match DirStore::open(scratch.path()) {
            Ok(store) => prop_assert_eq!(contents(&store), expected(&[old_set(), new_set()])),
            Err(error) => {
                prop_assert!(matches!(error, Error::Journal { .. }), "{error}");
                prop_assert_eq!(files(scratch.path()), before);
            }
        }
    }
}
