//! Whatever is done to the log is found.

use super::*;

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
