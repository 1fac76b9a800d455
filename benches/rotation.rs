//! What planning, checking and rotating many leaves costs, beside the floor of the rotation:
//! making as many keys and signatures.
//!
//! The store is a directory on disk, so the rotation has the time of its writes and syncs in
//! it. `ROTATION_LEAVES=100000 cargo bench --bench rotation --features evaluation` takes
//! each once with so many, and prints the times and the most memory that was in use.

#![allow(clippy::print_stdout, reason = "the large run is one measurement")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use fips_boundary::certs::catalogue::{Catalogue, Options, Place, Program};
use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::certs::pki::{Plan, RenewalPolicy, Thresholds};
use fips_boundary::certs::store::{Change, DirStore, EntryPath, Store};
use fips_boundary::certs::{Authority, Certificate, Clock, Pki, SystemClock};
use fips_boundary::core::{Boundary, Diagnostic, Requirements};

/// A control plane with many more client leaves.
struct Many {
    boundary: Boundary,
    diagnostic: Diagnostic,
    store: DirStore,
    catalogue: Catalogue,
    _folder: tempfile::TempDir,
}

impl Many {
    fn new(leaves: usize) -> Self {
        let boundary =
            Boundary::enter_for_evaluation(Requirements::strict()).expect("the gate opens");
        let folder = match std::env::var_os("ROTATION_FOLDER") {
            Some(place) => tempfile::tempdir_in(PathBuf::from(place)),
            None => tempfile::tempdir(),
        }
        .expect("a folder");
        let store = DirStore::create_or_open(folder.path().join("server")).expect("a store");
        let options = Options::new(Program::Rke2, "node-1");
        let mut catalogue = Catalogue::new(options).expect("a catalogue");
        Pki::init(&boundary, &store, catalogue.clone(), &SystemClock).expect("a PKI");
        // Adopted from here on: a record does not keep leaves that are added by hand.
        let record = EntryPath::new("fips/catalogue.json").expect("a path");
        let change = Change::new("forget the record").remove(record);
        store.apply(&change, &|_, _| Ok(())).expect("a change");
        let pattern = catalogue.leaf("client-admin").expect("a leaf").clone();
        for number in 0..leaves {
            let mut entry = pattern.clone();
            entry.name = format!("node-{number}");
            let stem = format!("nodes/{:02}/{number}", number % 100);
            entry.place = Place::Pair {
                certificate: EntryPath::new(format!("{stem}.crt")).expect("a path"),
                key: EntryPath::new(format!("{stem}.key")).expect("a path"),
            };
            catalogue = catalogue.with_leaf(entry).expect("a leaf");
        }
        Self {
            boundary,
            diagnostic: Diagnostic::new().expect("a module that may look"),
            store,
            catalogue,
            _folder: folder,
        }
    }

    fn plan(&self, everything: bool) -> Plan {
        let mut policy = RenewalPolicy::default();
        policy.force = everything;
        self.pki()
            .renewals(&self.diagnostic, SystemClock.now(), &policy)
            .expect("a plan")
    }

    fn pki(&self) -> Pki<'_> {
        match Pki::adopt(&self.store, self.catalogue.clone()) {
            Ok(pki) => pki,
            Err(_) => {
                // Renewed since: the record is there again, and in the way.
                let record = EntryPath::new("fips/catalogue.json").expect("a path");
                let change = Change::new("forget the record").remove(record);
                self.store.apply(&change, &|_, _| Ok(())).expect("a change");
                Pki::adopt(&self.store, self.catalogue.clone()).expect("a PKI")
            }
        }
    }

    fn check(&self) -> usize {
        self.pki()
            .check(&self.diagnostic, SystemClock.now(), Thresholds::default())
            .expect("rows")
            .len()
    }

    fn rotate(&self, plan: &Plan) -> usize {
        let report = self.pki().renew(&self.boundary, plan, &SystemClock);
        report.expect("a rotation").issued.len()
    }

    /// As many keys and signatures as a rotation makes, on as many threads.
    fn floor(&self, leaves: usize) {
        let file = |name: &str| {
            let path = EntryPath::new(name).expect("a path");
            self.store.read(&path).expect("a store").expect("a file")
        };
        let certificate = Certificate::from_pem(&file("tls/client-ca.crt")).expect("one");
        let key = key::from_pem(&self.boundary, &file("tls/client-ca.key")).expect("a key");
        let authority = Authority::load(certificate[0].clone(), key).expect("an authority");
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..leaves.div_ceil(threads) {
                        black_box(key::generate(&self.boundary, KeyType::P256).expect("a key"));
                        black_box(authority.signer().sign(&[0x30; 480]).expect("a signature"));
                    }
                });
            }
        });
    }
}

fn rotations(criterion: &mut Criterion) {
    for leaves in [100, 400] {
        let many = Many::new(leaves);
        many.rotate(&many.plan(false));
        let mut group = criterion.benchmark_group(format!("rotation/{leaves} leaves"));
        group.throughput(Throughput::Elements(leaves as u64));
        group.sample_size(10);
        group.bench_function("check", |bencher| bencher.iter(|| many.check()));
        group.bench_function("plan", |bencher| bencher.iter(|| many.plan(true)));
        group.bench_function("rotate", |bencher| {
            let plan = || many.plan(true);
            bencher.iter_batched(plan, |plan| many.rotate(&plan), BatchSize::PerIteration);
        });
        group.bench_function("floor", |bencher| bencher.iter(|| many.floor(leaves)));
        group.finish();
    }
}

/// Each once, with as many leaves as asked for.
fn large(leaves: usize) {
    let many = Many::new(leaves);
    println!("{leaves} leaves");
    let plan = timed("plan, all missing", || many.plan(false));
    timed("make them", || many.rotate(&plan));
    drop(plan);
    timed("check", || many.check());
    let plan = timed("plan, all of them", || many.plan(true));
    timed("rotate them", || many.rotate(&plan));
    timed("keys and signatures alone", || many.floor(leaves));
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = work();
    let took: Duration = begin.elapsed();
    println!(
        "{what}: {took:.1?}, most memory so far {} MiB",
        most_memory()
    );
    done
}

/// The peak of the resident memory, as the kernel counts it (proc(5), VmHWM).
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
        / 1024
}

criterion_group!(benches, rotations);

fn main() {
    if let Ok(leaves) = std::env::var("ROTATION_LEAVES") {
        return large(leaves.parse().expect("a number of leaves"));
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
