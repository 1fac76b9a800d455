//! While a rotation has two keys trusted, each has its list, and OpenSSL enforces both.

use std::path::Path;

use fips_certs::crl::{Register, RevocationList};
use fips_certs::pki::rotation::{Advance, Phase};
use fips_certs::pki::{Status, Target};
use fips_certs::store::Store;
use fips_certs::{Certificate, Clock, FixedClock, Pki, SystemClock};

use crate::common::{self, DAY, MemoryStore, boundary, check, diagnostic, row};
use crate::{LIST, REGISTER, entry, refresh, revoke, tried};

const NAME: &str = "etcd/server-ca";
const FILE: &str = "tls/etcd/server-ca.crt";
const NEW: &str = "fips/crl/etcd/server-ca.new.crl";
const OLD: &str = "fips/crl/etcd/server-ca.old.crl";

fn next(store: &MemoryStore, clock: &FixedClock) -> Option<Phase> {
    let pki = Pki::open(store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    let mut advance = Advance::default();
    advance.force = true;
    rotation.next(&boundary(), &advance, clock).unwrap().phase
}

/// What is there of `name`.
fn leaf(store: &MemoryStore, name: &str) -> Certificate {
    store
        .certificates(&format!("tls/etcd/{name}.crt"))
        .remove(0)
}

fn read(store: &MemoryStore, path: &str) -> Option<RevocationList> {
    let found = store.read(&common::path(path)).unwrap()?;
    Some(RevocationList::from_der(&found).unwrap())
}

/// Whether OpenSSL takes each leaf by the authority's file and every list that is there, in
/// either order of the lists.
fn openssl_says(store: &MemoryStore, leaves: &[(&Certificate, bool)]) {
    let folder = tempfile::tempdir().unwrap();
    let root: &Path = folder.path();
    store.write_to(root);
    let lists = [LIST, NEW, OLD].map(|list| format!("{list}.pem"));
    let mut given: Vec<String> = lists
        .iter()
        .filter(|list| root.join(list).exists())
        .map(|list| format!("-CRLfile {list}"))
        .collect();
    for _ in 0..2 {
        given.reverse();
        for (number, (leaf, good)) in leaves.iter().enumerate() {
            std::fs::write(root.join("leaf.pem"), leaf.to_pem()).unwrap();
            let lists = given.join(" ");
            let arguments = format!("verify -crl_check {lists} -CAfile {FILE} leaf.pem");
            let (taken, text) = tried("openssl", "openssl", &arguments, root);
            assert_eq!(taken, *good, "{number}: {text}");
            assert!(
                taken || text.contains("certificate revoked"),
                "{number}: {text}"
            );
        }
    }
}

/// Each list is good, and no other is there.
fn lists_are(store: &MemoryStore, now: time::OffsetDateTime, wanted: &[&str]) {
    let rows = Pki::open(store).unwrap().lists(&diagnostic(), now).unwrap();
    let found: Vec<&str> = rows.iter().map(|row| row.file.as_str()).collect();
    assert_eq!(found, wanted);
    for row in rows {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
    for path in [LIST, NEW, OLD] {
        for path in [path.to_owned(), format!("{path}.pem")] {
            let there = store.read(&common::path(&path)).unwrap().is_some();
            let named = wanted.contains(&path.trim_end_matches(".pem"));
            assert_eq!(there, named, "{path}");
        }
    }
}

#[test]
fn each_key_that_is_trusted_has_its_list() {
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, common::catalogue(), &SystemClock).unwrap();
    let now = FixedClock::new(SystemClock.now());
    let (first, second) = (leaf(&store, "client"), leaf(&store, "server-client"));
    let pki = Pki::open(&store).unwrap();
    pki.rotation(NAME)
        .unwrap()
        .start(&boundary(), &now)
        .unwrap();
    assert_eq!(next(&store, &now), Some(Phase::TrustBoth));
    // Nothing was revoked, so there is no list.
    lists_are(&store, now.now(), &[]);

    let report = revoke(&store, &[entry("etcd/client")], &now);
    assert_eq!(report.lists.len(), 2);
    lists_are(&store, now.now(), &[LIST, NEW]);
    openssl_says(&store, &[(&first, false), (&second, true)]);

    assert_eq!(next(&store, &now), Some(Phase::IssueFromNew));
    lists_are(&store, now.now(), &[LIST, OLD]);
    let (third, fourth) = (leaf(&store, "client"), leaf(&store, "server-client"));
    let both = [
        (&first, false),
        (&second, true),
        (&third, true),
        (&fourth, true),
    ];
    openssl_says(&store, &both);
    // Who reads one list and compares numbers alone goes on refusing.
    assert!(read(&store, LIST).unwrap().entry(&first.serial()).is_some());

    // By its certificate: the old key's. By a number that nothing in place has: either key's.
    let by_file = Target::Certificate(Box::new(second.clone()));
    let by_number = Target::Serial {
        serial: "0A0B".into(),
        authority: Some(NAME.into()),
    };
    revoke(&store, &[by_file, by_number, entry("etcd/client")], &now);
    lists_are(&store, now.now(), &[LIST, OLD]);
    openssl_says(
        &store,
        &[
            (&first, false),
            (&second, false),
            (&third, false),
            (&fourth, true),
        ],
    );
    let (active, old) = (read(&store, LIST).unwrap(), read(&store, OLD).unwrap());
    assert!(active.entry("0A0B").is_some() && old.entry("0A0B").is_some());
    assert!(old.entry(&second.serial()).is_some() && old.entry(&third.serial()).is_none());
    let rows = check(&store, now.now());
    assert_eq!(row(&rows, "tls/etcd/client.crt").status, Status::Revoked);
    assert_eq!(row(&rows, "tls/etcd/server-client.crt").status, Status::Ok);

    // Both are refreshed, and taken over into a register that was lost.
    now.advance(DAY * 4);
    assert_eq!(refresh(&store, &now).lists.len(), 2);
    lists_are(&store, now.now(), &[LIST, OLD]);
    assert!(refresh(&store, &now).lists.is_empty());
    store.remove(REGISTER);
    assert_eq!(refresh(&store, &now).lists.len(), 2);
    let old = read(&store, OLD).unwrap();
    assert!(old.entry(&first.serial()).is_some() && old.entry(&second.serial()).is_some());
    now.set(SystemClock.now());

    // Back: what the new key issued is still trusted, and its list beside.
    let rotation = Pki::open(&store).unwrap();
    let rotation = rotation.rotation(NAME).unwrap();
    rotation.rollback(&boundary(), &now).unwrap();
    lists_are(&store, now.now(), &[LIST, NEW]);
    openssl_says(
        &store,
        &[
            (&first, false),
            (&second, false),
            (&third, false),
            (&fourth, true),
        ],
    );
    rotation.rollback(&boundary(), &now).unwrap();
    lists_are(&store, now.now(), &[LIST]);
    openssl_says(&store, &[(&first, false), (&second, false)]);
}

#[test]
fn the_old_list_goes_when_the_old_key_is_retired() {
    let store = MemoryStore::default();
    Pki::init(&boundary(), &store, common::catalogue(), &SystemClock).unwrap();
    let now = FixedClock::new(SystemClock.now());
    let first = leaf(&store, "client");
    revoke(&store, &[entry("etcd/client")], &now);
    let pki = Pki::open(&store).unwrap();
    pki.rotation(NAME)
        .unwrap()
        .start(&boundary(), &now)
        .unwrap();
    lists_are(&store, now.now(), &[LIST]);
    next(&store, &now);
    lists_are(&store, now.now(), &[LIST, NEW]);
    next(&store, &now);
    lists_are(&store, now.now(), &[LIST, OLD]);
    assert_eq!(next(&store, &now), Some(Phase::Retire));
    lists_are(&store, now.now(), &[LIST]);
    openssl_says(&store, &[(&leaf(&store, "client"), true)]);
    assert_eq!(read(&store, LIST).unwrap().entries().count(), 0);
    // The register forgets nothing.
    let register = Register::from_json(NAME, &store.content(REGISTER)).unwrap();
    assert!(register.has(&first.serial()));
    // What the retired key issued is of nobody here any more.
    let gone = Target::Certificate(Box::new(first));
    let reason = fips_certs::crl::RevocationReason::Superseded;
    let refused = pki.revocations(&diagnostic(), now.now(), &[gone], reason);
    assert!(refused.unwrap_err().to_string().contains("retired"));
}
