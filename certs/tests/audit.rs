//! The audit log: written with what it tells of, and whatever is done to it is found.

mod common;

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

/// Every byte of every file of the log, each changed in one bit, and in the one that is the case
/// of a letter.
#[test]
fn every_changed_byte_is_found() {
    let store = log();
    // What the certificates tell is another test's.
    store.remove("one.crt");
    store.remove("two.crt");
    let mut count = 0;
    for name in segments(&store).iter().map(EntryPath::as_str).chain([HEAD]) {
        let content = store.content(name);
        for at in 0..content.len() {
            for bit in [1 << (at % 8), 0x20] {
                let mut changed = content.clone();
                changed[at] ^= bit;
                store.set(name, changed);
                assert_ne!(
                    verify(&store).findings,
                    [],
                    "{name}: byte {at}, bit {bit:#x}"
                );
                count += 1;
            }
        }
        store.set(name, content);
    }
    assert!(count > 3000, "{count}");
    assert_eq!(verify(&store).findings, []);
}

#[test]
fn every_cut_of_a_file_is_found() {
    let store = log();
    for name in segments(&store).iter().map(EntryPath::as_str).chain([HEAD]) {
        let content = store.content(name);
        for end in 0..content.len() {
            store.set(name, &content[..end]);
            assert_ne!(verify(&store).findings, [], "{name}: {end} bytes");
        }
        store.set(name, content);
    }
}

#[test]
fn every_removed_repeated_or_moved_line_is_found() {
    let store = log();
    let all: Vec<(EntryPath, Vec<u8>)> = segments(&store)
        .into_iter()
        .flat_map(|path| {
            let content = store.content(path.as_str());
            let lines = content.split_inclusive(|byte| *byte == b'\n');
            let lines: Vec<_> = lines.map(<[u8]>::to_vec).collect();
            lines.into_iter().map(move |line| (path.clone(), line))
        })
        .collect();
    let broken = |lines: &[(EntryPath, Vec<u8>)], what: &str| {
        let copy = with(&store, HEAD, store.content(HEAD));
        for path in segments(&store) {
            let of = lines.iter().filter(|(place, _)| *place == path);
            let content: Vec<u8> = of.flat_map(|(_, line)| line.clone()).collect();
            copy.set(path.as_str(), content);
        }
        assert_ne!(verify(&copy).findings, [], "{what}");
    };
    for one in 0..all.len() {
        let mut lines = all.clone();
        lines.remove(one);
        broken(&lines, &format!("without {one}"));
        for other in 0..all.len() {
            let mut lines = all.clone();
            lines.insert(other, (all[other].0.clone(), all[one].1.clone()));
            broken(&lines, &format!("{one} again before {other}"));
            if one != other {
                let mut lines = all.clone();
                lines[one].1.clone_from(&all[other].1);
                lines[other].1.clone_from(&all[one].1);
                broken(&lines, &format!("{one} and {other} swapped"));
            }
        }
    }
}

#[test]
fn every_removed_renamed_repeated_or_swapped_file_is_found() {
    let store = log();
    let all = segments(&store);
    let contents = |path: &EntryPath| store.content(path.as_str());
    for one in &all {
        let copy = with(&store, HEAD, store.content(HEAD));
        copy.remove(one.as_str());
        assert_ne!(verify(&copy).findings, [], "without {one}");
        for name in ["fips/audit/00000005.jsonl", "fips/audit/00000009.jsonl"] {
            copy.set(name, contents(one));
            assert_ne!(verify(&copy).findings, [], "{one} renamed {name}");
            let copy = with(&store, name, contents(one));
            assert_ne!(verify(&copy).findings, [], "{one} again as {name}");
        }
        for other in all.iter().filter(|other| *other != one) {
            let copy = with(&store, one.as_str(), contents(other));
            assert_ne!(verify(&copy).findings, [], "{other} in the place of {one}");
            copy.set(other.as_str(), contents(one));
            assert_ne!(verify(&copy).findings, [], "{other} and {one} swapped");
        }
    }
    for name in [
        "fips/audit/x",
        "fips/audit/1.jsonl",
        "fips/audit/00000001.jsonl.bak",
    ] {
        let copy = with(&store, name, "words");
        assert_eq!(faults(&copy), [Fault::UnknownFile], "{name}");
    }
}

/// Each kind of damage is called by its name, and no more is made of it.
#[test]
fn findings_say_what_and_where() {
    let store = log();
    let name = "fips/audit/00000003.jsonl";
    let text = String::from_utf8(store.content(name)).unwrap();
    let place = |store: &MemoryStore| {
        let found = verify(store).findings;
        let found = found.iter().map(|f| (f.fault, f.file.clone(), f.line));
        found.collect::<Vec<_>>()
    };
    // A believable change of line 2: line 3 does not follow.
    let changed = text.replacen("step 2", "step 4", 1);
    assert_eq!(
        place(&with(&store, name, changed)),
        [(Fault::BrokenChain, name.to_owned(), Some(3))]
    );
    // An unknown field.
    let changed = text.replacen("{\"number\":5", "{\"more\":1,\"number\":5", 1);
    assert_eq!(
        place(&with(&store, name, changed)),
        [(Fault::Altered, name.to_owned(), Some(2))]
    );
    // The same, written otherwise.
    let changed = text.replacen("{\"number\":5,", "{ \"number\":5,", 1);
    assert_eq!(
        place(&with(&store, name, changed)),
        [(Fault::Altered, name.to_owned(), Some(2))]
    );
    let copy = with(&store, name, text);
    copy.remove(HEAD);
    assert_eq!(place(&copy), [(Fault::HeadMissing, HEAD.to_owned(), None)]);
    let copy = with(&store, HEAD, store.content(HEAD));
    copy.remove("fips/audit/00000004.jsonl");
    assert_eq!(place(&copy), [(Fault::HeadMismatch, HEAD.to_owned(), None)]);
}

/// The end cut off and the head made to fit: the certificate of the cut part tells.
#[test]
fn a_cut_with_a_head_that_fits_is_found_by_a_living_certificate_or_a_noted_head() {
    let store = MemoryStore::default();
    issue(&store, "one");
    let before = store.content(HEAD);
    issue(&store, "two");
    let noted = audit::head(&store).unwrap().noted();
    let cut = || {
        let copy = with(&store, HEAD, before.clone());
        copy.remove("fips/audit/00000002.jsonl");
        copy
    };
    let found = verify(&cut()).findings;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].fault, &*found[0].file),
        (Fault::NotLogged, "two.crt")
    );
    assert!(found[0].detail.contains("CN=two"), "{}", found[0].detail);

    // Its certificate gone too: nothing within the folder tells, a noted head does.
    let copy = cut();
    copy.remove("two.crt");
    assert_eq!(faults(&copy), []);
    let expected = |store: &MemoryStore, noted: &str| -> Vec<Fault> {
        let noted: Noted = noted.parse().unwrap();
        let report = audit::verify(&diagnostic(), store, Some(&noted)).unwrap();
        report.findings.iter().map(|found| found.fault).collect()
    };
    let text = noted.to_string();
    let hash = text.split_once(':').unwrap().1;
    assert_eq!(expected(&copy, &text), [Fault::NotAnExtension]);
    assert_eq!(expected(&copy, hash), [Fault::NotAnExtension]);
    // An extension holds, as long as it grows.
    issue(&store, "three");
    assert_eq!(expected(&store, &text), []);
    assert_eq!(expected(&store, hash), []);
    assert_eq!(
        expected(&store, &format!("2:{hash}")),
        [Fault::NotAnExtension]
    );
    // Another log of the same events is none.
    let other = MemoryStore::default();
    for name in ["one", "two", "three"] {
        other.set(
            &format!("{name}.crt"),
            store.content(&format!("{name}.crt")),
        );
    }
    apply(
        &other,
        Change::new("begin"),
        vec![Event::new(EventKind::Refused, "x")],
    )
    .unwrap();
    assert_eq!(faults(&other), []);
    assert_eq!(expected(&other, &text), [Fault::NotAnExtension]);
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

/// A certificate that lives in a file none logged: also one with a known serial number.
#[test]
fn a_certificate_that_nobody_logged_is_found_wherever_it_stands() {
    let store = log();
    let stranger = root("one");
    store.set("new/deep/x.crt", stranger.to_pem());
    assert_eq!(faults(&store), [Fault::NotLogged]);
    store.remove("new/deep/x.crt");
    // Behind a known one, as trust that is only added.
    let known = store.certificates("one.crt")[0].to_pem();
    store.set("one.crt", known.clone() + &stranger.to_pem());
    assert_eq!(faults(&store), [Fault::NotLogged]);
    store.set("one.crt", known);
    store.set("garbage.crt", "words");
    assert_eq!(faults(&store), [Fault::Unreadable]);
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

/// Where the log is cut or broken at its end, nothing is written on, and nothing else changes.
#[test]
fn a_log_that_is_broken_at_its_end_stops_the_change() {
    type Spoil = fn(&MemoryStore);
    let spoil: [(&str, Spoil); 6] = [
        ("head removed", |store| store.remove(HEAD)),
        ("head of words", |store| store.set(HEAD, "words")),
        ("end removed", |store| {
            store.remove("fips/audit/00000004.jsonl")
        }),
        ("end emptied", |store| {
            store.set("fips/audit/00000004.jsonl", "")
        }),
        ("end changed", |store| {
            let text = String::from_utf8(store.content("fips/audit/00000004.jsonl")).unwrap();
            store.set("fips/audit/00000004.jsonl", text.replace("1024", "4096"));
        }),
        ("a file after the end", |store| {
            store.set("fips/audit/00000005.jsonl", "words");
        }),
    ];
    for (what, spoil) in spoil {
        let store = log();
        spoil(&store);
        let before = store.snapshot();
        let change = Change::new("x").put(path("x"), Secrecy::Public, b"x".to_vec());
        let event = Event::new(EventKind::Refused, "x");
        let error = apply(&store, change, vec![event]).unwrap_err();
        assert!(matches!(error, Error::Audit { .. }), "{what}: {error}");
        assert_eq!(store.snapshot(), before, "{what}");
    }
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

/// kubeadm's clients stand inside kubeconfigs: those are compared with the log, too.
#[test]
fn a_certificate_inside_a_kubeconfig_is_compared_with_the_log() {
    let made = || {
        let store = MemoryStore::default();
        let mut options = Options::new(Program::Kubeadm, "node-1");
        options.node_ips = vec!["192.0.2.1".parse().unwrap()];
        let catalogue = Catalogue::new(options).unwrap();
        let clock = FixedClock::new(START);
        Pki::init(&boundary(), &store, catalogue, &clock).unwrap();
        store
    };
    let (store, other) = (made(), made());
    let whole = verify(&store);
    assert_eq!(whole.findings, [], "{whole:?}");
    store.set("admin.conf", other.content("admin.conf"));
    let report = verify(&store);
    assert_eq!(report.findings.len(), 1, "{report:?}");
    let finding = format!("{:?}", report.findings[0]);
    assert!(finding.contains("admin.conf"), "{finding}");
    assert_eq!(report.certificates, whole.certificates);
}
