//! What the old key is good for once another signs.

use std::path::Path;

use fips_certs::pki::Status;
use fips_certs::pki::rotation::Start;
use fips_certs::{Clock, FixedClock, Pki, SystemClock};

use crate::common::{self, DAY, MemoryStore, boundary, check, diagnostic};
use crate::{FILE, LEAVES, NAME, all_well, confirm, next, rollback, start};

/// Whether OpenSSL takes the leaf in `file`, with what stands behind it, under `trusted`.
fn openssl_takes(root: &Path, trusted: &str, file: &str, at: time::OffsetDateTime) -> bool {
    let at = at.unix_timestamp().to_string();
    let arguments = [
        "verify",
        "-x509_strict",
        "-attime",
        &at,
        "-CAfile",
        trusted,
        "-untrusted",
        file,
        file,
    ];
    let output = common::run("openssl", "openssl", &arguments, root);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Refused for its path, not for something else.
    assert!(
        output.status.success()
            || said.contains("unable to get")
            || said.contains("self-signed certificate in")
            || said.contains("certificate has expired"),
        "{said}"
    );
    output.status.success()
}

#[test]
fn what_the_new_authority_says_of_the_old_one_ends_after_90_days() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let store = MemoryStore::default();
    let begin = SystemClock.now();
    let now = FixedClock::new(begin);
    Pki::init(&boundary(), &store, common::catalogue(), &now).unwrap();
    start(&store, &now);
    let cross = &store.certificates("fips/rotation/etcd/server-ca/old-by-new.crt")[0];
    let end = begin.replace_nanosecond(0).unwrap() + 90 * DAY;
    assert_eq!(cross.not_after(), end);
    next(&store, &now).unwrap();
    // A leaf of the old key, followed by that.
    std::fs::write(root.join("old-leaf.crt"), store.content(LEAVES[0])).unwrap();
    // A rotation that was left lying goes both ways, and tells what has ended.
    let late = FixedClock::new(begin + 100 * DAY);
    let ended = check(&store, late.now());
    let ended = ended.iter().filter(|row| row.status == Status::Expired);
    assert!(ended.count() > 0);
    rollback(&store, &late).unwrap();
    next(&store, &late).unwrap();
    confirm(&store, &late);
    next(&store, &late).unwrap();
    rollback(&store, &late).unwrap();
    next(&store, &late).unwrap();
    confirm(&store, &late);
    next(&store, &late).unwrap();
    all_well(&store, late.now());
    std::fs::write(root.join("new.crt"), store.content(FILE)).unwrap();
    // Retired: the one limit, and its end.
    for (days, taken) in [(0, true), (89, true), (91, false)] {
        let at = begin + days * DAY;
        assert_eq!(
            openssl_takes(root, "new.crt", "old-leaf.crt", at),
            taken,
            "{days}"
        );
    }
}

#[test]
fn a_new_authority_that_distrusts_the_old_one_never_vouches_for_it() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let store = MemoryStore::default();
    let now = FixedClock::new(SystemClock.now());
    Pki::init(&boundary(), &store, common::catalogue(), &now).unwrap();
    let mut how = Start::default();
    how.distrust_old = true;
    let pki = Pki::open(&store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    let outline = rotation.outline_start_with(&how, &diagnostic(), now.now());
    let written = outline.unwrap().written;
    let step = rotation.start_with(&boundary(), &how, &now).unwrap();
    assert!(
        step.remarks[0].contains("not to be trusted"),
        "{:?}",
        step.remarks
    );
    let made = store.snapshot();
    let made = made.keys().map(ToString::to_string);
    let made: Vec<String> = made
        .filter(|name| name.contains("/etcd/server-ca"))
        .collect();
    assert!(made.iter().any(|name| name.ends_with("new-by-old.crt")));
    for (name, wanted) in [("old-by-new.crt", false), ("new.key", true)] {
        let told = written.iter().any(|file| file.ends_with(name));
        let found = made.iter().any(|file| file.ends_with(name));
        assert_eq!((told, found), (wanted, wanted), "{name}");
    }
    let new = store.content("fips/rotation/etcd/server-ca/new.crt");
    std::fs::write(root.join("new.crt"), new).unwrap();
    std::fs::write(root.join("before.crt"), store.content(FILE)).unwrap();
    next(&store, &now).unwrap();
    std::fs::write(root.join("old-leaf.crt"), store.content(LEAVES[0])).unwrap();
    std::fs::write(root.join("both.crt"), store.content(FILE)).unwrap();
    all_well(&store, now.now());
    confirm(&store, &now);
    next(&store, &now).unwrap();
    std::fs::write(root.join("new-leaf.crt"), store.content(LEAVES[0])).unwrap();
    all_well(&store, now.now());
    confirm(&store, &now);
    next(&store, &now).unwrap();
    all_well(&store, now.now());
    for (trusted, leaf, taken) in [
        ("both.crt", "old-leaf.crt", true),
        ("new.crt", "old-leaf.crt", false),
        // The other way it helps as ever.
        ("before.crt", "new-leaf.crt", true),
        ("new.crt", "new-leaf.crt", true),
    ] {
        let found = openssl_takes(root, trusted, leaf, now.now());
        assert_eq!(found, taken, "{trusted} {leaf}");
    }
}
