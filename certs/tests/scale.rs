//! Many leaves: what planning, checking and rotating do grows with their number and no faster,
//! counted in calls of the store and of the module; what one change holds is bounded.

mod common;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{MemoryStore, START, boundary, catalogue, clock, diagnostic};
use fips_certs::catalogue::{Catalogue, Place};
use fips_certs::pki::rotation::Advance;
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
    changes: AtomicUsize,
    /// The changes after which it fails, when it does.
    fails_after: Option<usize>,
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
        let before = self.changes.fetch_add(1, Ordering::Relaxed);
        if self.fails_after.is_some_and(|most| before >= most) {
            return Err(Error::Io {
                path: "tls".into(),
                action: "write",
                source: std::io::ErrorKind::StorageFull.into(),
            });
        }
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

impl Counting {
    fn stays_bounded(&self) {
        let largest = self.largest.load(Ordering::Relaxed);
        let heaviest = self.heaviest.load(Ordering::Relaxed);
        // A thousand leaves of two files, the log and the record.
        assert!(largest <= 2010, "a change of {largest} entries");
        assert!(heaviest < 8 << 20, "a change of {heaviest} bytes");
    }
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

    store.stays_bounded();
    // A step of an authority's rotation is one change, whatever it writes.
    let rotation = pki.rotation("client-ca").unwrap();
    rotation.start(&boundary(), &clock()).unwrap();
    let mut advance = Advance::default();
    advance.force = true;
    let next = || rotation.next(&boundary(), &advance, &clock());
    let [trust_both, issue, retire] = [(); 3].map(|()| {
        let (step, cost) = store.cost(next);
        assert!(step.unwrap().report.written.len() > count);
        cost
    });
    vec![
        ("plan what is missing", first_plan),
        ("make it", make),
        ("check", check),
        ("plan all", second_plan),
        ("rotate", rotate),
        ("trust both authorities", trust_both),
        ("issue from the new one", issue),
        ("retire the old one", retire),
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

/// A table of `count` leaves, the last of which stands in a kubeconfig.
fn table(count: usize) -> Catalogue {
    let mut text = "[[authority]]\nname = \"ca\"\ncommon_name = \"ca\"\n".to_owned();
    for index in 1..count {
        text += &format!(
            "[[leaf]]\nname = \"leaf-{index}\"\ncommon_name = \"leaf-{index}\"\n\
             usages = \"client\"\nissuer = \"ca\"\n"
        );
    }
    text += r#"
[[leaf]]
name = "admin"
common_name = "admin"
usages = "client"
issuer = "ca"
kubeconfig = "admin.conf"

[[kubeconfig]]
name = "admin.conf"
path = "admin.conf"
authority = "ca"
leaf = "admin"
server = "https://127.0.0.1:6443"
cluster = "c"
context = "c"
user = "admin"

[[keys]]
name = "service-account"
path = "sa.key"
key_type = "p256"
"#;
    Catalogue::from_toml(&text).unwrap()
}

#[test]
fn a_long_table_is_made_in_changes_of_a_thousand() {
    let count = 2100;
    let store = Counting::default();
    let (pki, report) = Pki::init(&boundary(), &store, table(count), &clock()).unwrap();
    store.stays_bounded();
    assert_eq!(store.changes.load(Ordering::Relaxed), 3);
    assert_eq!(report.issued.len(), 1 + count);
    let rows = pki.check(&diagnostic(), START, Thresholds::default());
    assert!(rows.unwrap().iter().all(|row| row.status == Status::Ok));
    // Nothing was made that the table does not say, and nothing twice.
    let (own, made): (Vec<_>, Vec<_>) = store
        .list()
        .unwrap()
        .into_iter()
        .partition(|path| path.as_str().starts_with("fips/"));
    assert_eq!(made.len(), 2 + 2 * (count - 1) + 1 + 1);
    // The log and the record alone are written with each change.
    assert!(store.written.load(Ordering::Relaxed) <= made.len() + 3 * own.len());
}

#[test]
fn what_a_stopped_init_left_is_made_by_renew() {
    let count = 1100;
    for fails_after in 0..2 {
        let store = Counting {
            fails_after: Some(fails_after),
            ..Counting::default()
        };
        let error = Pki::init(&boundary(), &store, table(count), &clock()).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        if fails_after == 0 {
            assert_eq!(store.inner.list().unwrap(), []);
            continue;
        }
        let store = store.inner;
        // Asked again, it makes nothing anew of what is there.
        let error = Pki::init(&boundary(), &store, table(count), &clock()).unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
        let before = store.snapshot();
        let pki = Pki::open(&store).unwrap();
        let policy = RenewalPolicy::default();
        let plan = pki.renewals(&diagnostic(), START, &policy).unwrap();
        // The kubeconfig is missing, too.
        assert_eq!(plan.renewals.len(), count + 1 - 1000 * fails_after);
        pki.renew(&boundary(), &plan, &clock()).unwrap();
        let rows = pki.check(&diagnostic(), START, Thresholds::default());
        assert!(rows.unwrap().iter().all(|row| row.status == Status::Ok));
        let after = store.snapshot();
        for (path, content) in before {
            if !path.as_str().starts_with("fips/") {
                assert!(after[&path] == content, "{path} was made anew");
            }
        }
    }
}

/// The most leaves that are read and not given yet: 256 for each thread, of 16 at most.
fn most_ahead() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZeroUsize::get)
        .min(16)
        * 256
}

/// Of leaves that are missing, which is soon seen.
#[test]
fn rows_are_given_while_others_are_not_read_yet() {
    let count = 10_000;
    let store = Counting::default();
    Pki::init(&boundary(), &store.inner, table(1), &clock()).unwrap();
    store.inner.remove("fips/catalogue.json");
    let pki = Pki::adopt(&store, table(count)).unwrap();
    let check = |sink: &mut dyn FnMut(String) -> Result<(), Error>| {
        pki.check_each(&diagnostic(), START, Thresholds::default(), |row| {
            sink(row.file)
        })
    };
    let verify = |sink: &mut dyn FnMut(String) -> Result<(), Error>| {
        pki.verify_each(&diagnostic(), START, |verdict| sink(verdict.file))
    };
    type Look<'l> = &'l dyn Fn(&mut dyn FnMut(String) -> Result<(), Error>) -> Result<(), Error>;
    for (what, look) in [("check", &check as Look<'_>), ("verify", &verify)] {
        let (files, all) = store.cost(|| {
            let mut files = Vec::new();
            look(&mut |file| {
                // Two files of each leaf, asked for twice; a few are the authority's.
                let most = 4 * (files.len() + most_ahead()) + 40;
                let reads = store.reads.load(Ordering::Relaxed);
                assert!(reads <= most, "{what}: {reads} reads at {}", files.len());
                files.push(file);
                Ok(())
            })
            .unwrap();
            files
        });
        let mut leaves = files.iter().filter(|file| file.starts_with("leaf-"));
        for index in 1..count {
            assert_eq!(leaves.next(), Some(&format!("leaf-{index}.crt")), "{what}");
        }
        assert_eq!(leaves.next(), None, "{what}");

        let (ended, some) = store.cost(|| {
            look(&mut |file| match file.as_str() {
                "leaf-1.crt" => Err(Error::ReadOnly),
                _ => Ok(()),
            })
        });
        assert!(matches!(ended, Err(Error::ReadOnly)), "{what}: {ended:?}");
        let told = format!("{what}: {some:?} to the first, {all:?} to the last");
        assert!(some.reads <= 4 * most_ahead() + 40, "{told}");
        assert!(2 * some.reads < all.reads, "{told}");
    }
}

#[test]
fn what_is_given_one_by_one_is_the_whole() {
    let store = MemoryStore::default();
    let (pki, _) = Pki::init(&boundary(), &store, table(20), &clock()).unwrap();
    store.remove("leaf-3.key");
    for (from, to) in [
        ("leaf-4.crt", "unknown.crt"),
        ("leaf-5.crt", "leaf-6.crt"),
        ("leaf-5.key", "leaf-6.key"),
    ] {
        store.set(to, store.content(from));
    }
    let mut rows = Vec::new();
    let checked = pki.check_each(&diagnostic(), START, Thresholds::default(), |row| {
        rows.push(format!("{row:?}"));
        Ok::<_, Error>(())
    });
    checked.unwrap();
    let whole = pki.check(&diagnostic(), START, Thresholds::default());
    let whole: Vec<String> = whole
        .unwrap()
        .iter()
        .map(|row| format!("{row:?}"))
        .collect();
    assert_eq!(rows, whole);
    assert!(rows.iter().any(|row| row.contains("unknown.crt")));

    let mut verdicts = Vec::new();
    let verified = pki.verify_each(&diagnostic(), START, |verdict| {
        verdicts.push(verdict);
        Ok::<_, Error>(())
    });
    verified.unwrap();
    assert_eq!(verdicts, pki.verify(&diagnostic(), START).unwrap());
    let failed: Vec<String> = verdicts
        .into_iter()
        .filter_map(|verdict| Some(format!("{}: {}", verdict.file, verdict.failed?)))
        .collect();
    assert_eq!(
        failed,
        [
            "leaf-3.crt: leaf-3.key is missing",
            "leaf-6.crt: leaf-5 has the same key",
            "admin.conf: no server's leaf of ca holds for 127.0.0.1",
        ]
    );
}
