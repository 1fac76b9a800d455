//! What revocation costs a handshake: with no list, and with one of 1 and of 100,000 serial
//! numbers, which must be alike.
//!
//! In memory, client and server in one thread; both ask the list. `again` is a peer that was seen
//! before, `first` one that was not: new configurations, whose chains are verified from the start
//! under a list whose signature is known.

mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fips_boundary::certs::key::KeyType;
use fips_boundary::tls::Version;
use support::{Client, Files, Pair};

const SIZES: [usize; 3] = [0, 1, 100_000];

fn revocation(criterion: &mut Criterion) {
    let boundary = support::enter();
    let ca = support::authority(&boundary, KeyType::P256);
    for version in [Version::Tls13, Version::Tls12] {
        let name = if version == Version::Tls13 {
            "tls13"
        } else {
            "tls12"
        };
        for kind in ["again", "first"] {
            let mut group = criterion.benchmark_group(format!("revocation/{name}/{kind}"));
            group.throughput(Throughput::Elements(1));
            for size in SIZES {
                let trust = support::trust_with_list(&ca, size);
                let pair = || {
                    let files = Files::below(&boundary, &ca, KeyType::P256);
                    let profile = support::in_version(version);
                    Pair::with_trust(&boundary, &profile, &files, &trust, Client::Mutual)
                };
                let seen = pair();
                seen.warm(false);
                group.bench_function(size.to_string(), |bencher| {
                    if kind == "again" {
                        bencher.iter(|| seen.handshake(false));
                    } else {
                        bencher.iter_batched(
                            &pair,
                            |pair| black_box(pair).handshake(false),
                            criterion::BatchSize::SmallInput,
                        );
                    }
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, revocation);
criterion_main!(benches);
