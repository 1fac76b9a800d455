//! What reading the service indicator costs: one pair of readings, one scope, one observed call
//! inside and outside of scopes; and the share of it all in a full TLS 1.3 handshake, which is
//! printed last.

#![allow(clippy::print_stdout, reason = "the share is computed, not sampled")]

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use fips_boundary::certs::key::KeyType;
use fips_boundary::core::digest::{Algorithm, digest};
use fips_boundary::core::indicator::{Ledger, counter};
use fips_boundary::tls::Version;
use support::{Client, Pair};

fn readings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("indicator");
    group.bench_function("pair of readings", |bencher| bencher.iter(pair));
    let ledger = Ledger::new();
    group.bench_function("scope", |bencher| {
        bencher.iter(|| ledger.record(|| black_box(())))
    });

    // The cheapest observed call.
    let observed = || digest(Algorithm::Sha256, black_box(b"")).expect("a digest");
    group.bench_function("digest, no scope", |bencher| bencher.iter(observed));
    group.bench_function("digest, one scope", |bencher| {
        ledger.record(|| bencher.iter(observed));
    });
    group.bench_function("digest, two scopes", |bencher| {
        Ledger::new().record(|| ledger.record(|| bencher.iter(observed)));
    });
    group.finish();
}

fn handshakes(criterion: &mut Criterion) {
    let boundary = support::enter();
    let pair = Pair::new(&boundary, Version::Tls13, KeyType::P256, Client::Mutual);
    pair.warm(false);
    let mut group = criterion.benchmark_group("indicator/tls13/full/mutual/p256");
    group.bench_function("no scope", |bencher| bencher.iter(|| pair.handshake(false)));
    let ledger = Ledger::new();
    group.bench_function("one scope", |bencher| {
        ledger.record(|| bencher.iter(|| pair.handshake(false)));
    });
    group.finish();
}

/// One pair of readings, as around every call.
fn pair() -> bool {
    let before = counter();
    black_box(counter() != before)
}

/// The calls of one handshake, from its ledger, times the cost of a pair of readings.
fn share(client: Client) {
    let boundary = support::enter();
    let connection = Pair::new(&boundary, Version::Tls13, KeyType::P256, client);
    connection.warm(false);
    let ledger = Ledger::new();
    ledger.record(|| connection.handshake(false));
    let calls = ledger.summary().total().approved;

    let handshake = median(200, || {
        connection.handshake(false);
    });
    let readings = median(1000, || {
        for _ in 0..calls {
            pair();
        }
    });
    println!(
        "full TLS 1.3 handshake, {}, P-256, both sides: {calls} calls, {readings:?} of \
         {handshake:?} in readings: {:.2} %",
        client.name(),
        readings.as_secs_f64() / handshake.as_secs_f64() * 100.0
    );
}

fn median(rounds: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[rounds / 2]
}

criterion_group!(benches, readings, handshakes);

fn main() {
    benches();
    share(Client::Anonymous);
    share(Client::Mutual);
    Criterion::default().configure_from_args().final_summary();
}
