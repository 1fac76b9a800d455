//! One writer at a time, and its readers.

use std::sync::Arc;

use super::*;

#[test]
fn a_second_opening_in_this_process_is_refused_until_the_first_is_dropped() {
    let scratch = tempfile::tempdir().unwrap();
    let first = DirStore::create_or_open(scratch.path()).unwrap();
    let place = scratch.path().to_owned();
    let second = std::thread::spawn(move || DirStore::open(place))
        .join()
        .unwrap();
    let error = second.unwrap_err();
    let number = std::process::id().to_string();
    assert!(
        matches!(&error, Error::Locked { holder, .. } if holder.contains(&number)),
        "{error}"
    );
    // Reading needs no lock.
    DirStore::open_read_only(scratch.path()).unwrap();
    drop(first);
    DirStore::open(scratch.path()).unwrap();
}

#[test]
fn a_second_process_is_refused_and_told_who_holds_the_lock() {
    if let Some(folder) = child_folder() {
        let _store = DirStore::open(folder).unwrap();
        say_ready();
        // Until the parent kills us.
        let _ = std::io::stdin().read_line(&mut String::new());
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let name = "concurrent::a_second_process_is_refused_and_told_who_holds_the_lock";
    let mut child = start(child(name, scratch.path()));
    let error = DirStore::open(scratch.path()).unwrap_err();
    let holder = format!("process {}", child.id());
    assert!(error.to_string().contains(&holder), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    DirStore::open(scratch.path()).unwrap();
}

#[test]
fn a_holder_that_cannot_be_told_is_not_guessed() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    let lock = scratch.path().join(".fips-lock");
    assert_eq!(mode(&lock), 0o600);
    drop(store);
    // A lock file whose text is not a process number names no one.
    let held = fs::File::options().write(true).open(&lock).unwrap();
    fs::write(&lock, "\u{1b}[31mroot").unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = DirStore::open(scratch.path()).unwrap_err();
    assert!(matches!(&error, Error::Locked { holder, .. } if holder == "another process"));
}

#[test]
fn threads_that_share_a_store_see_whole_sets_only() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Arc::new(DirStore::create_or_open(scratch.path()).unwrap());
    let set = |number: usize| {
        Change::new("both")
            .put(path("a"), Secrecy::Public, number.to_string().into_bytes())
            .put(
                path("b/c"),
                Secrecy::Public,
                number.to_string().into_bytes(),
            )
    };
    store.apply(&set(0), &accept).unwrap();
    let writers = [1, 2].map(|writer| {
        let store = Arc::clone(&store);
        std::thread::spawn(move || {
            for number in 0..20 {
                store.apply(&set(writer * 100 + number), &accept).unwrap();
            }
        })
    });
    while !writers.iter().all(std::thread::JoinHandle::is_finished) {
        assert_eq!(store.list().unwrap().len(), 2);
        store.read(&path("a")).unwrap().unwrap();
    }
    for writer in writers {
        writer.join().unwrap();
    }
    let found = contents(&store);
    assert_eq!(found["a"], found["b/c"]);
}

#[test]
fn a_change_that_rests_on_what_is_no_more_so_is_not_made() {
    let scratch = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(scratch.path()).unwrap();
    let put = |content: &[u8]| Change::new("one").put(path("a"), Secrecy::Public, content.to_vec());
    let first = put(b"1").expect(path("a"), None);
    store.apply(&first, &accept).unwrap();
    for (change, refused) in [
        (first, "a"),
        (put(b"2").expect(path("a"), Some(b"0")), "a"),
        (put(b"2").expect(path("b/c"), Some(b"1")), "b/c"),
        (
            put(b"2")
                .expect(path("a"), Some(b"1"))
                .expect(path("d"), Some(b"")),
            "d",
        ),
    ] {
        let error = store.apply(&change, &accept).unwrap_err();
        assert!(
            matches!(&error, Error::Changed { path } if path.as_str() == refused),
            "{error}"
        );
        assert_eq!(contents(&store)["a"], b"1");
        assert_eq!(hidden(scratch.path()), [".fips-lock"]);
    }
    let second = put(b"2")
        .expect(path("a"), Some(b"1"))
        .expect(path("b/c"), None);
    store.apply(&second, &accept).unwrap();
    assert_eq!(contents(&store)["a"], b"2");
}

#[test]
fn of_threads_that_count_up_none_loses_a_count() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Arc::new(DirStore::create_or_open(scratch.path()).unwrap());
    let count = || {
        let found = store.read(&path("count")).unwrap();
        let number: u32 = match &found {
            Some(found) => String::from_utf8_lossy(found).parse().unwrap(),
            None => 0,
        };
        let next = (number + 1).to_string().into_bytes();
        let change = Change::new("count up")
            .put(path("count"), Secrecy::Public, next)
            .expect(path("count"), found.as_deref().map(Vec::as_slice));
        store.apply(&change, &accept)
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    while let Err(error) = count() {
                        assert!(matches!(error, Error::Changed { .. }), "{error}");
                    }
                }
            });
        }
    });
    assert_eq!(contents(&store)["count"], b"20");
}
