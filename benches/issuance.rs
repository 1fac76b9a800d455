//! What issuing a leaf costs, and how near that is to what it cannot do without: making a key
//! and one signature.
//!
//! Each stands beside its floor, measured in the same run: only the ratio of the two means
//! something on a busy machine.

#![allow(clippy::print_stdout, reason = "the ratio is computed, not sampled")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group};
use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::certs::{
    Authority, AuthorityParams, Certificate, LeafParams, Subject, SystemClock, Usages,
};
use fips_boundary::core::{Boundary, Requirements};

const DAY: Duration = Duration::from_secs(86_400);

/// The bytes of a leaf that are signed, more or less.
const SIGNED: [u8; 480] = [0x30; 480];

/// An authority of one type that issues leaves of another.
struct Case {
    boundary: Boundary,
    authority: Authority,
    leaf_type: KeyType,
    params: LeafParams,
    name: String,
}

impl Case {
    fn all() -> Vec<Self> {
        let types = [
            (KeyType::P256, KeyType::P256),
            (KeyType::P384, KeyType::P384),
            (KeyType::Rsa2048, KeyType::P256),
        ];
        types
            .into_iter()
            .map(|(authority, leaf)| Self::new(authority, leaf))
            .collect()
    }

    fn new(authority_type: KeyType, leaf_type: KeyType) -> Self {
        let boundary =
            Boundary::enter_for_evaluation(Requirements::strict()).expect("the gate opens");
        let key = key::generate(&boundary, authority_type).expect("a key");
        let authority = AuthorityParams::new(Subject::new("ca").expect("a name"), DAY * 3650)
            .self_signed(key, &SystemClock)
            .expect("an authority");
        let names = ["kubernetes", "localhost", "127.0.0.1", "::1", "node-1"];
        let names = names.map(|name| name.parse().expect("a name"));
        let subject = Subject::new("kube-apiserver").expect("a name");
        Self {
            boundary,
            authority,
            leaf_type,
            params: LeafParams::new(subject, Usages::Server, DAY * 365).with_names(names),
            name: format!("{authority_type} issues {leaf_type}"),
        }
    }

    fn issue(&self) -> Certificate {
        let key = key::generate(&self.boundary, self.leaf_type).expect("a key");
        self.params
            .signed_by(&key, &self.authority, &SystemClock)
            .expect("a leaf")
    }

    fn floor(&self) -> Vec<u8> {
        black_box(key::generate(&self.boundary, self.leaf_type).expect("a key"));
        self.authority.signer().sign(&SIGNED).expect("a signature")
    }
}

fn leaves(criterion: &mut Criterion) {
    for case in Case::all() {
        let mut group = criterion.benchmark_group(format!("issuance/{}", case.name));
        group.throughput(Throughput::Elements(1));
        group.bench_function("leaf", |bencher| bencher.iter(|| case.issue()));
        group.bench_function("floor", |bencher| bencher.iter(|| case.floor()));
        group.finish();
    }
}

/// The two in turn, so that what disturbs one disturbs the other; the medians are compared.
fn ratios() {
    for case in Case::all() {
        let (mut leaf, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            leaf.push(timed(|| {
                black_box(case.issue());
            }));
            floor.push(timed(|| {
                black_box(case.floor());
            }));
        }
        let (leaf, floor) = (median(leaf), median(floor));
        println!(
            "{}: a leaf {leaf:?}, key generation and signature {floor:?}: {:.2} times",
            case.name,
            leaf.as_secs_f64() / floor.as_secs_f64()
        );
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

criterion_group!(benches, leaves);

fn main() {
    // As a test (`cargo test --benches`) each is run once.
    benches();
    Criterion::default().configure_from_args().final_summary();
    if std::env::args().any(|argument| argument == "--bench") {
        ratios();
    }
}
