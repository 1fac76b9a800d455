//! What is written, and when.

use super::*;

#[test]
fn a_log_tells_what_was_done_and_holds() {
    let store = log();
    let report = verify(&store);
    assert_eq!(report.findings, []);
    assert_eq!((report.entries, report.segments), (7, 4));
    assert_eq!(report.certificates, 2);
    let head = audit::head(&store).unwrap();
    assert_eq!(Some(&head.hash), report.hash.as_ref());
    assert_eq!(Some(&head.log), report.log.as_ref());
    assert_eq!((head.entries, head.segment), (7, 4));

    let entries = audit::entries(&store).unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| entry.event.name()).collect();
    assert_eq!(
        kinds,
        [
            "log-begun",
            "issued",
            "issued",
            "rotation-step",
            "rotation-step",
            "rotation-step",
            "refused"
        ]
    );
    let certificate = &store.certificates("one.crt")[0];
    let issued = &entries[1];
    assert_eq!(issued.number, 2);
    assert_eq!(issued.name, "one");
    assert_eq!(issued.time, START);
    assert_eq!(issued.subject.as_deref(), Some(certificate.subject()));
    assert_eq!(issued.issuer.as_deref(), Some(certificate.issuer()));
    assert_eq!(issued.serial, Some(certificate.serial()));
    assert_eq!(issued.not_after, Some(certificate.not_after()));
    assert_eq!(issued.boundary.opening, Opened::Evaluation);
    assert!(issued.boundary.module.contains("AWS-LC FIPS"));
    assert!(issued.program.starts_with("fips-certs "));
    assert_eq!(entries[4].old_serial.as_deref(), Some("0A"));
    assert_eq!(
        entries[6].reason.as_deref(),
        Some("\u{1b}[2J\"\n: RSA-1024")
    );
}

/// The chain is what it says, by another program's SHA-256.
#[test]
fn sha256sum_follows_the_chain() {
    let store = log();
    let folder = tempfile::tempdir().unwrap();
    store.write_to(folder.path());
    let mut previous: Option<String> = None;
    for segment in segments(&store) {
        for line in String::from_utf8(store.content(segment.as_str()))
            .unwrap()
            .lines()
        {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(entry["previous"].as_str(), previous.as_deref());
            std::fs::write(folder.path().join("line"), line).unwrap();
            let sum = common::run("sha256sum", "coreutils", &["line"], folder.path());
            let sum = String::from_utf8(sum.stdout).unwrap();
            previous = sum.split(' ').next().map(str::to_owned);
        }
    }
    assert_eq!(previous, Some(audit::head(&store).unwrap().hash));
}

#[test]
fn heads_are_noted_in_one_form() {
    let hash = "0123456789abcdef".repeat(4);
    for text in [
        hash.clone(),
        format!("1:{hash}"),
        format!("18446744073709551615:{hash}"),
    ] {
        assert_eq!(text.parse::<Noted>().unwrap().to_string(), text);
    }
    let upper = hash.to_uppercase();
    for text in [
        "",
        ":",
        "1:",
        &hash[1..],
        &upper,
        &format!("0:{hash}"),
        &format!("01:{hash}"),
        &format!("+1:{hash}"),
        &format!("-1:{hash}"),
        &format!(":{hash}"),
        &format!("1:1:{hash}"),
        &format!("{hash}\n"),
        &format!("18446744073709551616:{hash}"),
    ] {
        assert!(text.parse::<Noted>().is_err(), "{text:?}");
    }
}

#[test]
fn what_is_there_when_a_log_begins_is_its_beginning() {
    let store = MemoryStore::default();
    let (one, two) = (root("one"), root("two"));
    store.set("chain.crt", one.to_pem() + &two.to_pem());
    store.set("same.crt", one.to_pem());
    assert_eq!(
        faults(&store),
        [Fault::HeadMissing, Fault::NotLogged, Fault::NotLogged]
    );
    issue(&store, "three");
    assert_eq!(faults(&store), []);
    let entries = audit::entries(&store).unwrap();
    let found: Vec<_> = entries.iter().map(|e| (e.event, &*e.name)).collect();
    assert_eq!(
        found,
        [
            (EventKind::LogBegun, "audit"),
            (EventKind::Found, "chain.crt"),
            (EventKind::Found, "chain.crt"),
            (EventKind::Issued, "three"),
        ]
    );
}

#[test]
fn a_folder_without_log_and_certificates_is_an_error_not_a_clean_log() {
    let store = MemoryStore::default();
    let error = audit::verify(&diagnostic(), &store, None).unwrap_err();
    assert!(matches!(error, Error::NoAuditLog { .. }), "{error}");
    assert!(matches!(
        audit::entries(&store),
        Err(Error::NoAuditLog { .. })
    ));
    assert!(matches!(audit::head(&store), Err(Error::NoAuditLog { .. })));
}

/// Change and lines are one: what is refused when read back leaves no line either.
#[test]
fn what_is_undone_is_not_logged_and_two_at_once_are_both_logged() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirStore::create_or_open(folder.path()).unwrap();
    issue(&store, "one");
    let step = |name: &str| Event::new(EventKind::RotationStep, name);
    let make = |name: &str| {
        let change = Change::new("x").put(path(name), Secrecy::Public, b"x".to_vec());
        audit::append(&boundary(), &store, change, [step(name)], START).unwrap()
    };
    let refuse = |path: &EntryPath, _: &[u8]| match path.as_str() {
        "no" => Err(Error::Certificate { why: "no".into() }),
        _ => Ok(()),
    };
    store.apply(&make("no"), &refuse).unwrap_err();
    assert_eq!(verify(&store).entries, 2);
    assert_eq!(verify(&store).findings, []);

    let (first, second) = (make("first"), make("second"));
    store.apply(&first, &refuse).unwrap();
    let error = store.apply(&second, &refuse).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    store.apply(&make("second"), &refuse).unwrap();

    // Threads that share the store, each trying again.
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..3 {
                    let event = || vec![step(&format!("{thread}.{number}"))];
                    while let Err(error) = apply(store, Change::new("x"), event()) {
                        assert!(matches!(error, Error::Changed { .. }), "{error}");
                    }
                }
            });
        }
    });
    let report = verify(&store);
    assert_eq!(report.findings, []);
    assert_eq!(report.entries, 2 + 2 + 12);
}

#[test]
fn very_many_lines_of_one_change_go_on_in_the_next_file() {
    let store = MemoryStore::default();
    let events = (0..12_000).map(|number| {
        Event::new(EventKind::Renewed, format!("leaf {number}")).with_reason("r".repeat(300))
    });
    apply(&store, Change::new("many"), events.collect()).unwrap();
    let report = verify(&store);
    assert_eq!(report.findings, []);
    assert_eq!(report.entries, 12_001);
    assert_eq!(report.segments, 2);
    for path in segments(&store) {
        assert!(store.content(path.as_str()).len() <= 4 * 1024 * 1024);
    }
    // Adding to it costs what is added.
    let change = audit::append(
        &boundary(),
        &store,
        Change::new("x"),
        [Event::new(EventKind::Refused, "x")],
        START,
    )
    .unwrap();
    assert_eq!(change.entries().count(), 2);
}

#[test]
fn a_clock_set_back_is_told_and_no_finding() {
    let store = log();
    let event = Event::new(EventKind::Refused, "later");
    let earlier = START - DAY;
    let change = audit::append(&boundary(), &store, Change::new("x"), [event], earlier).unwrap();
    store.apply(&change, &|_, _| Ok(())).unwrap();
    let report = verify(&store);
    assert_eq!((report.findings, report.set_back), (vec![], vec![8]));
}

#[test]
fn nothing_to_log_leaves_a_change_as_it_is() {
    let store = MemoryStore::default();
    let change = Change::new("x").put(path("x"), Secrecy::Public, b"x".to_vec());
    let change = audit::append(&boundary(), &store, change, [], START).unwrap();
    assert_eq!(change.entries().count(), 1);
}

#[test]
fn every_kind_is_called_by_the_name_it_has_in_the_log() {
    for kind in EventKind::ALL {
        assert_eq!(
            serde_json::to_string(kind).unwrap(),
            format!("\"{}\"", kind.name())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the words are, the line is one line, and reads back as what was said.
    #[test]
    fn any_words_are_one_line_and_read_back(name in ".{0,40}", reason in any::<String>()) {
        let store = MemoryStore::default();
        let event = Event::new(EventKind::Refused, &name).with_reason(&reason);
        apply(&store, Change::new("x"), vec![event]).unwrap();
        let entries = audit::entries(&store).unwrap();
        prop_assert_eq!(entries.len(), 2);
        prop_assert_eq!(&entries[1].name, &name);
        prop_assert_eq!(entries[1].reason.as_ref(), Some(&reason));
        prop_assert_eq!(verify(&store).findings, vec![]);
    }

    /// No bytes are read as a line but those that it is written as.
    #[test]
    fn a_line_that_is_read_is_written_alike(line in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(entry) = Entry::from_line(&line) {
            prop_assert_eq!(entry.to_line().unwrap(), line);
        }
    }

    /// Any number of changed bytes anywhere in the log.
    #[test]
    fn changed_bytes_are_found(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255u8), 1..5)
    ) {
        static LOG: std::sync::LazyLock<MemoryStore> = std::sync::LazyLock::new(log);
        let names: Vec<String> = segments(&LOG)
            .iter()
            .map(ToString::to_string)
            .chain([HEAD.to_owned()])
            .collect();
        let copy = with(&LOG, HEAD, LOG.content(HEAD));
        for (at, bits) in changes {
            let lengths: Vec<usize> = names.iter().map(|name| LOG.content(name).len()).collect();
            let mut at = at.index(lengths.iter().sum());
            let file = lengths
                .iter()
                .position(|length| {
                    let here = at < *length;
                    if !here {
                        at -= length;
                    }
                    here
                })
                .unwrap();
            let mut content = copy.content(&names[file]);
            content[at] ^= bits;
            copy.set(&names[file], content);
        }
        let same = names.iter().all(|name| copy.content(name) == LOG.content(name));
        prop_assert_eq!(verify(&copy).findings.is_empty(), same);
    }
}
