//! What a store takes, answers and refuses.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::store::Recovery;
use crate::store::folder::{MOST_ENTRY_BYTES, MOST_JOURNAL_BYTES};

#[test]
fn names_that_leave_the_store_or_hide_are_refused() {
    for good in ["a", "ca.crt", "etcd/server-ca.crt", "a/b/c/d", "a b", "é"] {
        assert_eq!(EntryPath::new(good).unwrap().as_str(), good);
    }
    let long = "x".repeat(256);
    let longer = vec!["x".repeat(200); 6].join("/");
    let deep = vec!["d"; 17].join("/");
    for bad in [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a/./b",
        "a//b",
        "a/",
        "a\0b",
        "a\nb",
        ".hidden",
        "a/.fips-journal",
        ".fips-secrets",
        &long,
        &longer,
        &deep,
    ] {
        let refused = EntryPath::new(bad);
        assert!(matches!(refused, Err(Error::Path { .. })), "{bad:?}");
    }
}

#[test]
fn a_change_is_made_and_read_back() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("a/b/pki");
    let store = DirStore::create_or_open(&root).unwrap();
    assert_eq!(store.recovery(), &Recovery::Clean);
    assert!(store.list().unwrap().is_empty());
    assert!(store.read(&path("ca.crt")).unwrap().is_none());
    assert!(store.read(&path("no/ca.crt")).unwrap().is_none());

    store.apply(&old_set(), &accept).unwrap();
    assert_eq!(contents(&store), expected(&[old_set()]));
    store.apply(&new_set(), &accept).unwrap();
    assert_eq!(contents(&store), expected(&[old_set(), new_set()]));
    assert_eq!(hidden(&root), [".fips-lock", ".fips-secrets"]);

    for folder in ["a", "a/b", "a/b/pki", "a/b/pki/etcd", "a/b/pki/new/deep"] {
        assert_eq!(mode(scratch.path().join(folder)), 0o700, "{folder}");
    }
    for (file, expected) in [
        ("ca.key", 0o600),
        ("ca.crt", 0o644),
        ("new/deep/admin.conf", 0o600),
    ] {
        assert_eq!(mode(root.join(file)), expected, "{file}");
    }
    assert!(!root.join("never").exists());
}

#[test]
fn verify_sees_every_new_entry_and_its_refusal_undoes_everything() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    let seen = std::cell::RefCell::new(Contents::new());
    let refuse = |path: &EntryPath, content: &[u8]| {
        seen.borrow_mut().insert(path.to_string(), content.to_vec());
        match seen.borrow().len() {
            4 => Err(Error::ReadOnly),
            _ => Ok(()),
        }
    };
    assert!(matches!(
        store.apply(&new_set(), &refuse),
        Err(Error::ReadOnly)
    ));
    assert_eq!(seen.take(), expected(&[new_set()]));
    assert_eq!(contents(&store), expected(&[old_set()]));
    assert_eq!(hidden(scratch.path()), [".fips-lock", ".fips-secrets"]);
    assert!(!scratch.path().join("new").exists());
}

#[test]
fn a_panic_in_verify_leaves_the_old_set() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.apply(&new_set(), &|_, _| panic!("a fault in the caller"))
    }));
    assert!(panicked.is_err());
    assert_eq!(contents(&store), expected(&[old_set()]));
    assert_eq!(hidden(scratch.path()), [".fips-lock", ".fips-secrets"]);
}

#[test]
fn an_empty_change_and_a_removal_of_nothing_touch_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    let before = fs::metadata(scratch.path()).unwrap().modified().unwrap();
    assert!(Change::new("nothing").is_empty());
    store.apply(&Change::new("nothing"), &accept).unwrap();
    let removal = Change::new("nothing there")
        .remove(path("a/b.crt"))
        .remove(path("c"));
    store.apply(&removal, &accept).unwrap();
    assert_eq!(
        fs::metadata(scratch.path()).unwrap().modified().unwrap(),
        before
    );
}

#[test]
fn the_debug_form_of_a_change_shows_no_content() {
    let secret = b"hunter2".to_vec();
    let change = Change::new("r")
        .put(path("a.key"), Secrecy::Secret, secret)
        .remove(path("b"));
    assert_eq!(
        format!("{change:?}"),
        r#"Change { reason: "r", entries: {EntryPath("a.key"): Put { secrecy: Secret, .. }, EntryPath("b"): Remove} }"#
    );
}

#[test]
fn a_secret_others_can_read_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    // One by its name, one by the record.
    for name in ["ca.key", "gone.token"] {
        for loose in [0o640, 0o604, 0o644, 0o620, 0o660] {
            set_mode(scratch.path().join(name), loose);
            let error = store.read(&path(name)).unwrap_err();
            assert!(matches!(error, Error::Mode { allowed: 0o600, found, .. } if found == loose));
            assert!(error.to_string().contains("chmod 0600"), "{error}");
        }
        set_mode(scratch.path().join(name), 0o400);
        assert!(store.read(&path(name)).unwrap().is_some());
    }
    // Put again as public, the record lets go of it.
    let open = Change::new("publish").put(path("gone.token"), Secrecy::Public, b"open".to_vec());
    store.apply(&open, &accept).unwrap();
    assert_eq!(mode(scratch.path().join("gone.token")), 0o644);
    assert!(store.read(&path("gone.token")).unwrap().is_some());
    // A certificate others can write to is no certificate of ours.
    set_mode(scratch.path().join("ca.crt"), 0o664);
    assert!(matches!(
        store.read(&path("ca.crt")),
        Err(Error::Mode { .. })
    ));
}

#[test]
fn a_folder_others_can_write_to_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    set_mode(scratch.path().join("etcd"), 0o770);
    assert!(matches!(
        store.read(&path("etcd/peer.crt")),
        Err(Error::Mode { .. })
    ));
    assert!(matches!(
        store.apply(&new_set(), &accept),
        Err(Error::Mode { .. })
    ));
    set_mode(scratch.path().join("etcd"), 0o700);
    assert_eq!(contents(&store), expected(&[old_set()]));
    drop(store);
    set_mode(scratch.path(), 0o777);
    assert!(matches!(
        DirStore::open(scratch.path()),
        Err(Error::Mode { .. })
    ));
}

#[test]
fn a_public_key_file_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    let change = Change::new("wrong").put(path("ca.key"), Secrecy::Public, b"key".to_vec());
    assert!(matches!(
        store.apply(&change, &accept),
        Err(Error::Path { .. })
    ));
    assert_eq!(hidden(scratch.path()), [".fips-lock"]);
}

#[test]
fn links_and_other_non_files_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let outside = scratch.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), b"not ours").unwrap();
    let root = scratch.path().join("pki");
    let store = DirStore::create_or_open(&root).unwrap();
    symlink(outside.join("file"), root.join("file.crt")).unwrap();
    symlink("nowhere", root.join("dangling.crt")).unwrap();
    symlink(&outside, root.join("folder")).unwrap();
    fs::create_dir(root.join("directory.crt")).unwrap();
    let fifo = Command::new("mkfifo").arg(root.join("fifo.crt")).status();
    assert!(fifo.expect("the program mkfifo is needed").success());
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket.crt")).unwrap();

    for name in [
        "file.crt",
        "dangling.crt",
        "folder/file",
        "directory.crt",
        "fifo.crt",
        "socket.crt",
    ] {
        let read = store.read(&path(name)).unwrap_err();
        assert!(matches!(read, Error::NotAFile { .. }), "{name}: {read}");
        let put = Change::new("over it").put(path(name), Secrecy::Public, b"x".to_vec());
        let put = store.apply(&put, &accept).unwrap_err();
        assert!(matches!(put, Error::NotAFile { .. }), "{name}: {put}");
    }
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"not ours");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    // Seen, so that nobody wonders; not walked into.
    let listed: Vec<_> = store
        .list()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        listed,
        [
            "dangling.crt",
            "fifo.crt",
            "file.crt",
            "folder",
            "socket.crt"
        ]
    );
    let below = Change::new("x").put(path("dangling.crt/x"), Secrecy::Public, b"x".to_vec());
    assert!(store.apply(&below, &accept).is_err());
    // The store's own names are no way out either.
    symlink(outside.join("file"), root.join(".fips-journal")).unwrap();
    drop(store);
    assert!(matches!(DirStore::open(&root), Err(Error::NotAFile { .. })));
}

#[test]
fn a_file_and_a_folder_of_one_name_are_refused_before_the_commit() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    let change = Change::new("both")
        .put(path("a"), Secrecy::Public, b"file".to_vec())
        .put(path("a/b"), Secrecy::Public, b"below".to_vec());
    assert!(matches!(
        store.apply(&change, &accept),
        Err(Error::NotAFile { .. })
    ));
    assert!(store.list().unwrap().is_empty());
    assert_eq!(hidden(scratch.path()), [".fips-lock"]);
}

#[test]
fn a_huge_entry_is_refused_either_way() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    let huge = vec![0; MOST_ENTRY_BYTES + 1];
    let change = Change::new("huge").put(path("huge"), Secrecy::Public, huge);
    match store.apply(&change, &accept) {
        Err(Error::TooLarge { path, .. }) => assert_eq!(path, scratch.path().join("huge")),
        other => panic!("{other:?}"),
    }
    assert_eq!(hidden(scratch.path()), [".fips-lock"]);
    let file = fs::File::create(scratch.path().join("huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert!(matches!(
        store.read(&path("huge")),
        Err(Error::TooLarge { .. })
    ));
    let empty = Change::new("empty").put(path("huge"), Secrecy::Public, Vec::new());
    store.apply(&empty, &accept).unwrap();
    assert_eq!(store.read(&path("huge")).unwrap().unwrap().len(), 0);
}

#[test]
fn a_change_that_no_journal_holds_is_refused_before_it_is_decided() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    let reason = "r".repeat(MOST_JOURNAL_BYTES);
    let change = Change::new(reason).put(path("tls/a"), Secrecy::Public, b"a".to_vec());
    match store.apply(&change, &accept) {
        Err(Error::ChangeTooLong { entries, .. }) => assert_eq!(entries, 1),
        _ => panic!("it is taken, or refused for something else"),
    }
    assert!(store.list().unwrap().is_empty());
    assert_eq!(hidden(scratch.path()), [".fips-lock"]);
}

#[test]
fn a_store_opened_for_reading_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    assert!(matches!(
        DirStore::open(scratch.path().join("none")),
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound
    ));
    fs::write(scratch.path().join("file"), b"").unwrap();
    let file = scratch.path().join("file");
    assert!(matches!(
        DirStore::create_or_open(&file),
        Err(Error::NotADirectory { .. })
    ));
    let reader = DirStore::open_read_only(scratch.path()).unwrap();
    assert!(matches!(
        reader.apply(&old_set(), &accept),
        Err(Error::ReadOnly)
    ));
    assert!(hidden(scratch.path()).is_empty());
}

#[test]
fn a_store_moved_while_open_stays_the_same_store() {
    let scratch = tempfile::tempdir().unwrap();
    let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
    let store = DirStore::create_or_open(&first).unwrap();
    store.apply(&old_set(), &accept).unwrap();
    fs::rename(&first, &second).unwrap();
    fs::create_dir(&first).unwrap();
    store.apply(&new_set(), &accept).unwrap();
    assert_eq!(fs::read_dir(&first).unwrap().count(), 0);
    drop(store);
    let store = DirStore::open(&second).unwrap();
    assert_eq!(contents(&store), expected(&[old_set(), new_set()]));
}
