//! Recovery from disk: expired, torn, overwritten, interrupted.

mod common;

use common::{DAY, MemoryStore, START, boundary, check, clock, diagnostic, made, row};
use fips_certs::pki::rotation::{Advance, Phase};
use fips_certs::pki::{Recovered, Remedy, Status};
use fips_certs::{Error, FixedClock, Pki};
use time::OffsetDateTime;

const CA: &str = "tls/etcd/server-ca.crt";
const CA_KEY: &str = "tls/etcd/server-ca.key";
const NAME: &str = "etcd/server-ca";
const LEAF: &str = "tls/etcd/server-client.crt";

fn recover(store: &MemoryStore, now: OffsetDateTime, new: &[&str]) -> Recovered {
    let new: Vec<String> = new.iter().map(ToString::to_string).collect();
    let pki = Pki::open(store).unwrap();
    // Looking says what doing does, and changes nothing.
    let before = store.snapshot();
    let told = pki.diagnose(&diagnostic(), now, &new).unwrap();
    assert_eq!(store.snapshot(), before);
    let done = pki
        .recover(&boundary(), &new, &FixedClock::new(now))
        .unwrap();
    assert_eq!(format!("{told:?}"), format!("{:?}", done.diagnosis));
    done
}

fn all_well(store: &MemoryStore, now: OffsetDateTime) {
    for row in check(store, now) {
        assert_eq!(row.status, Status::Ok, "{row:?}");
    }
}

fn remedy(done: &Recovered) -> &Remedy {
    assert_eq!(done.diagnosis.authorities.len(), 1, "{done:?}");
    &done.diagnosis.authorities[0].remedy
}

#[test]
fn what_is_well_is_left_alone() {
    let store = made();
    let before = store.snapshot();
    let done = recover(&store, START, &[]);
    assert!(done.renewed.is_none() && !done.diagnosis.needs_a_person());
    assert_eq!(store.snapshot(), before);
    let pki = Pki::open(&store).unwrap();
    let refused = pki
        .diagnose(&diagnostic(), START, &[NAME.to_owned()])
        .unwrap_err();
    assert!(refused.to_string().contains("rotate-ca"), "{refused}");
    let unknown = pki.diagnose(&diagnostic(), START, &["no-such".to_owned()]);
    assert!(matches!(unknown, Err(Error::UnknownEntry { .. })));
}

#[test]
fn leaves_that_ended_lost_their_key_or_begin_later_are_issued_anew() {
    let store = made();
    store.remove("tls/etcd/client.key");
    let done = recover(&store, START, &[]);
    assert_eq!(done.renewed.unwrap().issued.len(), 1);
    // Two years later every leaf has ended.
    let later = START + DAY * 730;
    let done = recover(&store, later, &[]);
    let count = common::catalogue().leaves().len();
    assert_eq!(done.renewed.unwrap().issued.len(), count);
    all_well(&store, later);
    // The clock had jumped: now they begin later, and are issued anew again.
    let done = recover(&store, START, &[]);
    assert_eq!(done.renewed.unwrap().issued.len(), count);
    all_well(&store, START);
    // Before the authorities begin nothing can be done but to set the clock.
    let early = START - DAY;
    let done = recover(&store, early, &[]);
    assert!(done.diagnosis.needs_a_person() && done.renewed.is_none());
    assert!(done.diagnosis.remarks[0].contains("clock"), "{done:?}");
}

#[test]
fn authorities_that_ended_are_replaced_when_asked_for() {
    let store = made();
    let later = START + DAY * 4000;
    let before = store.snapshot();
    let done = recover(&store, later, &[]);
    assert!(done.diagnosis.needs_a_person() && done.renewed.is_none());
    assert_eq!(store.snapshot(), before);
    let catalogue = common::catalogue();
    let names: Vec<&str> = catalogue
        .authorities()
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let done = recover(&store, later, &names);
    assert_eq!(done.replaced.len(), names.len());
    for step in &done.replaced {
        assert_eq!(step.phase, Some(Phase::Retire));
    }
    all_well(&store, later);
    // What has ended is not trusted on, and the reason is on record.
    assert_eq!(store.certificates(CA).len(), 1);
    let pki = Pki::open(&store).unwrap();
    let journal = pki.rotation(NAME).unwrap().journal().unwrap().unwrap();
    assert!(
        format!("{journal:?}").contains("it has ended"),
        "{journal:?}"
    );
}

#[test]
fn an_authority_without_its_key_is_replaced_and_trusted_on() {
    let store = made();
    let old = store.certificates(CA)[0].clone();
    store.remove(CA_KEY);
    let done = recover(&store, START, &[]);
    assert!(matches!(remedy(&done), Remedy::ByHand(what) if what.contains("--new-ca")));
    let done = recover(&store, START, &[NAME]);
    assert_eq!(done.replaced[0].phase, Some(Phase::IssueFromNew));
    all_well(&store, START);
    let trust = store.certificates(CA);
    assert!(trust[0] != old && trust.contains(&old));
    let pki = Pki::open(&store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    let back = rotation.rollback(&boundary(), &clock()).unwrap_err();
    assert!(back.to_string().contains("no way back"), "{back}");
    let mut advance = Advance::default();
    advance.force = true;
    rotation.next(&boundary(), &advance, &clock()).unwrap();
    assert_eq!(store.certificates(CA).len(), 1);
    all_well(&store, START);
}

#[test]
fn a_certificate_that_another_file_holds_is_put_back() {
    for source in ["tls/etcd/server-ca.nochain.crt", LEAF] {
        let store = made();
        let good = store.content(CA);
        if source == LEAF {
            store.remove("tls/etcd/server-ca.nochain.crt");
        }
        store.remove(CA);
        let done = recover(&store, START, &[]);
        assert!(matches!(remedy(&done), Remedy::RestoreCertificate(_)));
        assert_eq!(store.content(CA), good);
        all_well(&store, START);
    }
}

#[test]
fn what_came_here_by_mistake_brings_nothing_of_its_own() {
    // Another authority's certificate over this one's.
    let store = made();
    let good = store.content(CA);
    store.set(CA, store.content("tls/etcd/peer-ca.crt"));
    let done = recover(&store, START, &[]);
    assert!(
        matches!(remedy(&done), Remedy::RestoreCertificate(from) if from.contains("server-ca"))
    );
    assert_eq!(store.content(CA), good);
    all_well(&store, START);
    // Another authority's key over this one's.
    let store = made();
    store.set(CA_KEY, store.content("tls/etcd/peer-ca.key"));
    let done = recover(&store, START, &[]);
    assert!(matches!(remedy(&done), Remedy::ByHand(_)));
    assert_eq!(
        store.content(CA),
        store.content("tls/etcd/server-ca.nochain.crt")
    );
    assert_eq!(row(&check(&store, START), CA).status, Status::Torn);
}

#[test]
fn what_a_rotation_left_is_put_back() {
    let store = made();
    let pki = Pki::open(&store).unwrap();
    let rotation = pki.rotation(NAME).unwrap();
    rotation.start(&boundary(), &clock()).unwrap();
    let mut advance = Advance::default();
    advance.force = true;
    rotation.next(&boundary(), &advance, &clock()).unwrap();
    let both = store.content(CA);
    // Somebody took the new trust out again.
    store.set(CA, store.content("tls/etcd/server-ca.nochain.crt"));
    assert!(rotation.next(&boundary(), &advance, &clock()).is_err());
    let done = recover(&store, START, &[]);
    assert_eq!(remedy(&done), &Remedy::RestoreTrust);
    assert_eq!(store.content(CA), both);
    rotation.next(&boundary(), &advance, &clock()).unwrap();
    // The old pair from a backup, over the new one.
    store.set(
        CA_KEY,
        store.content("fips/rotation/etcd/server-ca/old.key"),
    );
    let done = recover(&store, START, &[]);
    assert!(
        matches!(remedy(&done), Remedy::RestoreCertificate(_)),
        "{done:?}"
    );
    let old = &store.certificates("fips/rotation/etcd/server-ca/before.crt")[0];
    assert_eq!(&store.certificates(CA)[0], old);
    // It signs again, and both are trusted still.
    assert!(
        check(&store, START)
            .iter()
            .all(|row| row.status == Status::Ok)
    );
    assert!(store.certificates(CA).len() > 1);
}
