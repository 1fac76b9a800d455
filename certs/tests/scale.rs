//! Many leaves: what planning, checking and rotating do grows with their number and no faster,
//! counted in calls of the store and of the module; what one change holds is bounded.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{MemoryStore, START, boundary, catalogue, clock, diagnostic};
use fips_certs::catalogue::{Catalogue, Place};
use fips_certs::pki::{RenewalPolicy, Status, Thresholds};
use fips_certs::store::{Action, Change, EntryPath, Store};
use fips_certs::{Error, Pki};
use fips_core::indicator::Ledger;
use zeroize::Zeroizing;

/// Counts what is asked of a store.
#[derive(Default)]
struct Counting {
    inner: MemoryStore,
    reads: AtomicUsize,
    lists: AtomicUsize,
    written: AtomicUsize,
    /// Entries and bytes of the largest change.
    largest: AtomicUsize,
    heaviest: AtomicUsize,
}

impl Store for Counting {
    fn read(&self, path: &EntryPath) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read(path)
    }

    fn list(&self) -> Result<Vec<EntryPath>, Error> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        self.inner.list()
    }

    fn apply(
        &self,
        change: &Change,
        verify: &dyn Fn(&EntryPath, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let bytes = change.entries().map(|(_, action)| match action {
            Action::Put { content, .. } => content.len(),
            Action::Remove => 0,
        });
        self.heaviest.fetch_max(bytes.sum(), Ordering::Relaxed);
        let count = change.entries().count();
        self.largest.fetch_max(count, Ordering::Relaxed);
        self.written.fetch_add(count, Ordering::Relaxed);
        self.inner.apply(change, verify)
    }
}

/// What one step took.
#[derive(Debug)]
struct Cost {
    reads: usize,
    lists: usize,
    written: usize,
    calls: u64,
}

impl Counting {
    fn cost<T>(&self, work: impl FnOnce() -> T) -> (T, Cost) {
        let counters = [&self.reads, &self.lists, &self.written];
        for counter in counters {
            counter.store(0, Ordering::Relaxed);
        }
        let ledger = Ledger::new();
        let done = ledger.record(work);
        let [reads, lists, written] = counters.map(|counter| counter.load(Ordering::Relaxed));
        let calls = ledger.summary().total().approved;
        let cost = Cost {
            reads,
            lists,
            written,
            calls,
        };
        (done, cost)
    }
}

fn with_leaves(count: usize) -> Catalogue {
    let mut catalogue = catalogue();
    let pattern = catalogue.leaf("client-admin").unwrap().clone();
    for index in 0..count {
        let mut entry = pattern.clone();
        entry.name = format!("leaf-{index}");
        entry.place = Place::Pair {
            certificate: common::path(&format!("tls/leaf-{index}.crt")),
            key: common::path(&format!("tls/leaf-{index}.key")),
        };
        catalogue = catalogue.with_leaf(entry).unwrap();
    }
    catalogue
}

/// Plans, makes, checks, plans and rotates `count` leaves; what each took, by name.
fn costs(count: usize) -> Vec<(&'static str, Cost)> {
    let store = Counting::default();
    Pki::init(&boundary(), &store.inner, catalogue(), &clock()).unwrap();
    store.inner.remove("fips/catalogue.json");
    let pki = Pki::adopt(&store, with_leaves(count)).unwrap();
    let plan = |force| {
        let mut policy = RenewalPolicy::default();
        policy.force = force;
        pki.renewals(&diagnostic(), START, &policy).unwrap()
    };
    let (missing, first_plan) = store.cost(|| plan(false));
    assert_eq!(missing.renewals.len(), count);
    let (made, make) = store.cost(|| pki.renew(&boundary(), &missing, &clock()).unwrap());
    assert_eq!(made.issued.len(), count);
    let check = || pki.check(&diagnostic(), START, Thresholds::default());
    let (rows, check) = store.cost(|| check().unwrap());
    assert!(rows.iter().all(|row| row.status == Status::Ok));
    let (all, second_plan) = store.cost(|| plan(true));
    assert!(all.renewals.len() > count);
    let (rotated, rotate) = store.cost(|| pki.renew(&boundary(), &all, &clock()).unwrap());
    assert!(rotated.issued.len() > count);

    let largest = store.largest.into_inner();
    let heaviest = store.heaviest.into_inner();
    // A thousand leaves of two files, the log and the record.
    assert!(largest <= 2010, "a change of {largest} entries");
    assert!(heaviest < 8 << 20, "a change of {heaviest} bytes");
    vec![
        ("plan what is missing", first_plan),
        ("make it", make),
        ("check", check),
        ("plan all", second_plan),
        ("rotate", rotate),
    ]
}

#[test]
fn twice_the_leaves_are_twice_the_work() {
    for ((what, small), (_, large)) in costs(600).into_iter().zip(costs(1200)) {
        let told = format!("{what}: {small:?} for 600 leaves, {large:?} for 1200");
        assert!(large.lists <= 1 + small.lists, "{told}");
        for (small, large) in [
            (small.reads as f64, large.reads as f64),
            (small.written as f64, large.written as f64),
            (small.calls as f64, large.calls as f64),
        ] {
            // Less than twice where a part is the same for both.
            assert!(large <= small * 2.02, "{told}");
        }
        // What is missing has been read, what is there was verified, too.
        let done = match what {
            "plan what is missing" => large.reads,
            _ => usize::try_from(large.calls).unwrap(),
        };
        assert!(done > 1200, "{told}");
    }
}
