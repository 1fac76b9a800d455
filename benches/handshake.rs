//! What a handshake costs, and how near that is to the primitives it cannot do without.
//!
//! In memory, client and server in one thread: one figure is the CPU time of both sides. Each
//! handshake stands beside its floor, the sum of the primitives it performs, measured in the
//! same run: only the ratio of the two means something on a busy machine.

mod support;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fips_boundary::certs::key::KeyType;
use fips_boundary::tls::{Group, Suite, Version};
use support::{Client, Files, Floor, Pair};

/// Versions, certificates' keys and who shows a certificate, over P-256.
fn handshakes(criterion: &mut Criterion) {
    let boundary = support::enter();
    for (key_type, key_name) in [(KeyType::P256, "p256"), (KeyType::P384, "p384")] {
        for (version, version_name) in [(Version::Tls13, "tls13"), (Version::Tls12, "tls12")] {
            for client in [Client::Anonymous, Client::Mutual] {
                let pair = Pair::new(&boundary, version, key_type, client);
                let name = |kind| format!("{version_name}/{kind}/{}/{key_name}", client.name());
                // The group is P-256 whatever the certificates' keys are: the profile's first.
                let floor = |shown| Floor::new(&boundary, Group::P256, key_type, shown);
                compare(
                    criterion,
                    &name("full"),
                    &pair,
                    false,
                    Some(&floor(client.shown())),
                );
                // A resumed TLS 1.2 handshake performs no public-key primitive.
                let resumed = (version == Version::Tls13).then(|| floor(0));
                compare(criterion, &name("resumed"), &pair, true, resumed.as_ref());
            }
        }
    }
}

/// Mutual TLS 1.3 over groups that are turned on by choice.
fn groups(criterion: &mut Criterion) {
    let boundary = support::enter();
    for group in [Group::MlKem768, Group::SecP256r1MlKem768] {
        let pair = Pair::with_profile(
            &boundary,
            &support::over(group),
            KeyType::P256,
            Client::Mutual,
        );
        for (resumed, kind) in [(false, "full"), (true, "resumed")] {
            let name = format!("tls13/{kind}/mutual/p256/{group}");
            let shown = if resumed { 0 } else { Client::Mutual.shown() };
            let floor = Floor::new(&boundary, group, KeyType::P256, shown);
            compare(criterion, &name, &pair, resumed, Some(&floor));
        }
    }
}

/// What the levers of `docs/performance.md` give that can be let go: each is, one at a time.
fn levers(criterion: &mut Criterion) {
    let boundary = support::enter();
    let profile = support::over(Group::P256);
    let sha384 = profile
        .clone()
        .narrow_suites(&[Suite::Aes256GcmSha384])
        .expect("the profile names it");
    let files = Files::new(&boundary, KeyType::P256);
    let made = |profile| Pair::with_files(&boundary, profile, &files, Client::Mutual);
    for (resumed, kind) in [(false, "full"), (true, "resumed")] {
        let mut group = criterion.benchmark_group(format!("levers/tls13/{kind}/mutual/p256"));
        group.throughput(Throughput::Elements(1));
        for (name, pair) in [
            ("none let go", made(&profile)),
            ("AES-256 and SHA-384", made(&sha384)),
            ("two tickets", made(&profile).with_tickets(2)),
        ] {
            pair.warm(resumed);
            group.bench_function(name, |bencher| bencher.iter(|| pair.handshake(resumed)));
        }
        if !resumed {
            group.bench_function("new configurations", |bencher| {
                bencher.iter_batched(
                    || made(&profile),
                    |pair| black_box(pair).handshake(false),
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

/// One handshake beside its floor.
fn compare(
    criterion: &mut Criterion,
    name: &str,
    pair: &Pair,
    resumed: bool,
    floor: Option<&Floor>,
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    pair.warm(resumed);
    group.bench_function("handshake", |bencher| {
        bencher.iter(|| pair.handshake(resumed));
    });
    if let Some(floor) = floor {
        group.bench_function("floor", |bencher| bencher.iter(|| floor.run()));
    }
    group.finish();
}

criterion_group!(benches, handshakes, groups, levers);
criterion_main!(benches);
