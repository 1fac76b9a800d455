//! The keys of service accounts are rotated: who verifies takes both before the new one signs,
//! and until no token of the old one can be left.

mod common;

use std::time::Duration;

use common::{DAY, MemoryStore, START, boundary, check};
use fips_certs::catalogue::{Catalogue, Options, Program};
use fips_certs::pki::Status;
use fips_certs::pki::rotation::{Advance, Phase, Step};
use fips_certs::{Clock, Error, FixedClock, Pki, key};

fn made(program: Program) -> MemoryStore {
    let store = MemoryStore::default();
    let mut options = Options::new(program, "node-1");
    options.node_ips = vec!["192.0.2.10".parse().unwrap()];
    let catalogue = Catalogue::new(options).unwrap();
    Pki::init(&boundary(), &store, catalogue, &FixedClock::new(START)).unwrap();
    store
}

/// The public halves of a file's private keys.
fn keys(store: &MemoryStore, file: &str) -> Vec<Vec<u8>> {
    let keys = key::each_from_pem(&boundary(), &store.content(file)).unwrap();
    keys.iter().map(|key| key.public_key().to_vec()).collect()
}

/// The sections of a file of public keys, as those of its private keys would be written.
fn public(store: &MemoryStore, file: &str) -> Vec<String> {
    let text = String::from_utf8(store.content(file)).unwrap();
    let end = "-----END PUBLIC KEY-----\n";
    text.split_inclusive(end).map(ToOwned::to_owned).collect()
}

fn next(store: &MemoryStore, clock: &FixedClock) -> Result<Step, Error> {
    let pki = Pki::open(store).unwrap();
    let rotation = pki.key_rotation(None).unwrap();
    rotation.next(&boundary(), &Advance::default(), clock)
}

fn rollback(store: &MemoryStore, clock: &FixedClock) -> Result<Step, Error> {
    let pki = Pki::open(store).unwrap();
    pki.key_rotation(None).unwrap().rollback(&boundary(), clock)
}

fn confirm(store: &MemoryStore, clock: &FixedClock) {
    let pki = Pki::open(store).unwrap();
    let rotation = pki.key_rotation(None).unwrap();
    let open = rotation.journal().unwrap().unwrap().open();
    let open: Vec<String> = open.iter().map(|one| one.id.to_owned()).collect();
    rotation.confirm(&boundary(), &open, clock).unwrap();
}

fn start(store: &MemoryStore, clock: &FixedClock, longest: Option<Duration>) {
    let pki = Pki::open(store).unwrap();
    let rotation = pki.key_rotation(None).unwrap();
    rotation.start(&boundary(), longest, clock).unwrap();
}

fn all_well(store: &MemoryStore, clock: &FixedClock) {
    for row in check(store, clock.now()) {
        assert!(row.status <= Status::Warning, "{row:?}");
    }
}

#[test]
fn rke2_verifies_with_both_before_and_after_the_new_one_signs() {
    for program in [Program::Rke2, Program::K3s] {
        let (store, clock) = (made(program), FixedClock::new(START));
        let (set, current) = ("tls/service.key", "tls/service.current.key");
        let old = keys(&store, set);
        assert_eq!((old.len(), keys(&store, current)), (1, old.clone()));
        start(&store, &clock, None);
        assert_eq!(keys(&store, set), old);
        next(&store, &clock).unwrap();
        let both = keys(&store, set);
        assert_eq!((both.len(), &both[0]), (2, &old[0]));
        assert_eq!(keys(&store, current), old);
        all_well(&store, &clock);
        assert!(
            next(&store, &clock)
                .unwrap_err()
                .to_string()
                .contains("restart-apiserver")
        );
        confirm(&store, &clock);
        next(&store, &clock).unwrap();
        assert_eq!(keys(&store, set), [both[1].clone(), old[0].clone()]);
        assert_eq!(keys(&store, current), [both[1].clone()]);
        all_well(&store, &clock);
        // A year from the moment that everybody signs with the new one.
        clock.advance(DAY * 10);
        confirm(&store, &clock);
        clock.advance(DAY * 364);
        let refused = next(&store, &clock).unwrap_err().to_string();
        assert!(
            refused.contains("may be good until 2027-12-02"),
            "{refused}"
        );
        clock.advance(DAY);
        next(&store, &clock).unwrap();
        assert_eq!(keys(&store, set), [both[1].clone()]);
        confirm(&store, &clock);
        let pki = Pki::open(&store).unwrap();
        let status = pki.key_rotation(None).unwrap().status(clock.now()).unwrap();
        assert!(status.done, "{status:?}");
        let left = store
            .snapshot()
            .into_keys()
            .filter(|path| path.as_str().contains("rotation/"));
        let left: Vec<String> = left.map(|path| path.to_string()).collect();
        assert_eq!(left, ["fips/rotation/service.json"]);
    }
}

#[test]
fn kubeadm_keeps_the_public_halves_of_both() {
    let (store, clock) = (made(Program::Kubeadm), FixedClock::new(START));
    let (set, halves) = ("pki/sa.key", "pki/sa.pub");
    let (old, old_half) = (keys(&store, set), public(&store, halves));
    start(&store, &clock, Some(Duration::from_secs(3600)));
    next(&store, &clock).unwrap();
    assert_eq!(keys(&store, set), old);
    let both = public(&store, halves);
    assert_eq!((both.len(), &both[0]), (2, &old_half[0]));
    all_well(&store, &clock);
    confirm(&store, &clock);
    next(&store, &clock).unwrap();
    assert_ne!(keys(&store, set), old);
    assert_eq!(
        public(&store, halves),
        [both[1].clone(), old_half[0].clone()]
    );
    all_well(&store, &clock);
    confirm(&store, &clock);
    assert!(next(&store, &clock).is_err());
    clock.advance(Duration::from_secs(3600));
    next(&store, &clock).unwrap();
    assert_eq!(public(&store, halves), [both[1].clone()]);
}

#[test]
fn each_step_can_be_taken_back_until_the_old_key_is_gone() {
    for program in [Program::Rke2, Program::Kubeadm] {
        let (store, clock) = (made(program), FixedClock::new(START));
        let used = |store: &MemoryStore| {
            let mut used = store.snapshot();
            used.retain(|path, _| !path.as_str().starts_with("fips/"));
            used
        };
        let before = used(&store);
        start(&store, &clock, None);
        next(&store, &clock).unwrap();
        let both = used(&store);
        confirm(&store, &clock);
        next(&store, &clock).unwrap();
        let step = rollback(&store, &clock).unwrap();
        assert_eq!(step.phase, Some(Phase::TrustBoth));
        assert_eq!(used(&store), both);
        rollback(&store, &clock).unwrap();
        assert_eq!(used(&store), before);
        rollback(&store, &clock).unwrap();
        assert_eq!(used(&store), before);
        assert!(
            !store
                .snapshot()
                .keys()
                .any(|path| path.as_str().contains("rotation"))
        );
        assert!(next(&store, &clock).is_err());
    }
}

#[test]
fn a_set_that_another_changed_is_left_alone() {
    let (store, clock) = (made(Program::Kubeadm), FixedClock::new(START));
    start(&store, &clock, None);
    next(&store, &clock).unwrap();
    confirm(&store, &clock);
    let good = store.content("pki/sa.pub");
    store.set("pki/sa.pub", public(&store, "pki/sa.pub")[0].clone());
    let before = store.snapshot();
    assert!(next(&store, &clock).is_err());
    assert!(rollback(&store, &clock).is_err());
    assert_eq!(store.snapshot(), before);
    store.set("pki/sa.pub", good);
    // A staged key that is another's.
    let kept = store.content("fips/rotation/sa/new.key");
    store.set("fips/rotation/sa/new.key", store.content("pki/sa.key"));
    assert!(
        next(&store, &clock)
            .unwrap_err()
            .to_string()
            .contains("not the key")
    );
    store.set("fips/rotation/sa/new.key", kept);
    next(&store, &clock).unwrap();
    let pki = Pki::open(&store).unwrap();
    assert!(matches!(
        pki.key_rotation(Some("ca")),
        Err(Error::UnknownEntry { .. })
    ));
}
