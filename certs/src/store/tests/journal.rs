//! Journals that do not fit, and files that are not the store's.

use super::*;
use crate::store::Recovery;
use crate::store::journal::{Journal, Step, StepAction, is_staged_name, sha256, staged_name};

const STAGED: &str = ".fips-staged-1-1";

/// A folder with the old set, the journal given and the staged file it may name.
fn prepared(journal: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    fs::write(scratch.path().join(STAGED), b"staged").unwrap();
    fs::write(scratch.path().join(".fips-journal"), journal).unwrap();
    set_mode(scratch.path().join(".fips-journal"), 0o600);
    scratch
}

fn journal(entries: &str) -> String {
    let digest = sha256(format!(r#"[2,"by hand",[{entries}]]"#).as_bytes()).unwrap();
    format!(r#"{{"version":2,"sha256":"{digest}","reason":"by hand","entries":[{entries}]}}"#)
}

fn rename(to: &str, content: &[u8]) -> String {
    let sha256 = sha256(content).unwrap();
    format!(r#"{{"path":"{to}","remove":false,"sha256":"{sha256}","staged":"{STAGED}"}}"#)
}

#[test]
fn a_journal_that_does_not_fit_is_refused_and_nothing_is_touched() {
    let good = rename("ca.crt", b"staged");
    let digest = sha256(b"staged").unwrap();
    let cases = [
        ("", "EOF"),
        ("{}", "missing field"),
        (
            &*journal("").replace("version\":2", "version\":1"),
            "version 1",
        ),
        (&*journal("").replace('}', r#","more":1}"#), "unknown field"),
        // A name as good as the one that was written.
        (
            &*journal(&good).replace("ca.crt", "cb.crt"),
            "it was damaged",
        ),
        (
            &*journal(&good).replace("by hand", "by sand"),
            "it was damaged",
        ),
        (
            &*journal(&good.replace('}', r#","more":1}"#)),
            "unknown field",
        ),
        (&*journal(&format!("{good},{good}")), "twice"),
        (
            &*journal(&good.replace("ca.crt", "../ca.crt")),
            "begins with a dot",
        ),
        (
            &*journal(&good.replace("ca.crt", ".fips-lock")),
            "begins with a dot",
        ),
        (
            &*journal(&good.replace(STAGED, "ca.key")),
            "not a staged file",
        ),
        (
            &*journal(&good.replace(STAGED, "../x")),
            "not a staged file",
        ),
        (&*journal(&good.replace(&digest, "ab")), "SHA-256"),
        (&*journal(&good.replace("false", "true")), "neither"),
        (&*journal(r#"{"path":"ca.crt","remove":false}"#), "neither"),
        // What is on the disk is not what the journal says.
        (
            &*journal(&rename("ca.crt", b"other")),
            "does not have the content",
        ),
        (
            &*journal(&good.replace(STAGED, ".fips-staged-1-2")),
            "is gone",
        ),
        (&*journal(&rename("nowhere/ca.crt", b"staged")), "is gone"),
        // The first step would do; the second does not.
        (
            &*journal(&format!(
                r#"{{"path":"gone.crt","remove":true}},{}"#,
                rename("ca.crt", b"other")
            )),
            "does not have the content",
        ),
    ];
    for (text, why) in cases {
        let scratch = prepared(text);
        let error = DirStore::open(scratch.path()).unwrap_err();
        assert!(matches!(error, Error::Journal { .. }), "{text}: {error}");
        assert!(error.to_string().contains(why), "{text}: {error}");
        assert_eq!(
            hidden(scratch.path()),
            [".fips-journal", ".fips-lock", ".fips-secrets", STAGED],
            "{text}"
        );
        // A person looked and removed the journal.
        fs::remove_file(scratch.path().join(".fips-journal")).unwrap();
        let store = DirStore::open(scratch.path()).unwrap();
        assert_eq!(store.recovery(), &Recovery::Undone { count: 1 });
        assert_eq!(contents(&store), expected(&[old_set()]));
    }
}

#[test]
fn a_journal_others_can_read_or_write_is_refused() {
    let scratch = prepared(&journal(&rename("ca.crt", b"staged")));
    set_mode(scratch.path().join(".fips-journal"), 0o644);
    assert!(matches!(
        DirStore::open(scratch.path()),
        Err(Error::Mode { .. })
    ));
}

#[test]
fn a_journal_by_hand_is_carried_out() {
    let removal = r#"{"path":"gone.crt","remove":true},{"path":"no/such.crt","remove":true}"#;
    let scratch = prepared(&journal(&format!(
        "{},{removal}",
        rename("ca.crt", b"staged")
    )));
    let store = DirStore::open(scratch.path()).unwrap();
    let reason = "by hand".to_owned();
    assert_eq!(store.recovery(), &Recovery::Finished { count: 3, reason });
    assert_eq!(
        store.read(&path("ca.crt")).unwrap().unwrap().as_slice(),
        b"staged"
    );
    assert!(store.read(&path("gone.crt")).unwrap().is_none());
}

#[test]
fn what_is_written_is_what_is_read() {
    let scratch = tempfile::tempdir().unwrap();
    let journal = Journal {
        reason: "quotes \" and\nlines".to_owned(),
        steps: vec![
            Step {
                path: path("a/b.crt"),
                action: StepAction::Rename {
                    sha256: sha256(b"abc").unwrap(),
                    staged: staged_name(7),
                },
            },
            Step {
                path: EntryPath::record(),
                action: StepAction::Remove,
            },
        ],
    };
    fs::write(
        scratch.path().join(".fips-journal"),
        journal.to_bytes().unwrap(),
    )
    .unwrap();
    set_mode(scratch.path().join(".fips-journal"), 0o600);
    let root = scratch.path();
    let root = crate::store::folder::Folder::open_root(root, Default::default()).unwrap();
    let read = Journal::read(&root).unwrap().unwrap();
    assert_eq!(format!("{read:?}"), format!("{journal:?}"));
    assert_eq!(read.count(), 1);
}

#[test]
fn only_files_of_our_making_are_taken_for_staged_ones() {
    assert!(is_staged_name(&staged_name(0)));
    for name in [
        ".fips-staged-",
        ".fips-staged-1",
        ".fips-staged-1-",
        ".fips-staged-a-1",
        "x",
    ] {
        assert!(!is_staged_name(name), "{name}");
    }
    let scratch = tempfile::tempdir().unwrap();
    let strange = [".fips-staged-note", ".gitignore", ".fips-staged-1-x"];
    for name in strange {
        fs::write(scratch.path().join(name), b"a person's").unwrap();
    }
    fs::create_dir_all(scratch.path().join(".git/objects")).unwrap();
    fs::write(scratch.path().join(".git").join(STAGED), b"not ours").unwrap();
    let store = DirStore::open(scratch.path()).unwrap();
    assert_eq!(store.recovery(), &Recovery::Clean);
    assert!(store.list().unwrap().is_empty());
    assert!(
        strange
            .iter()
            .all(|name| scratch.path().join(name).exists())
    );
    assert!(scratch.path().join(".git").join(STAGED).exists());
}

#[test]
fn a_damaged_record_of_secrets_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    for damaged in [
        "",
        "{}",
        r#"{"version":2,"secrets":[]}"#,
        r#"{"version":1,"secrets":[],"x":0}"#,
    ] {
        fs::write(scratch.path().join(".fips-secrets"), damaged).unwrap();
        assert!(
            matches!(store.read(&path("ca.crt")), Err(Error::Io { .. })),
            "{damaged}"
        );
        assert!(store.apply(&new_set(), &accept).is_err(), "{damaged}");
    }
}
