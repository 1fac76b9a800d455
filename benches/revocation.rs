//! What revocation costs a handshake: with no list, and with one of 1 and of 100,000 serial
//! numbers, which must be alike.
//!
//! In memory, client and server in one thread; both ask the list. `again` is a peer that was seen
//! before, `first` one that was not: new configurations, whose chains are verified from the start
//! under a list whose signature is known.

mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fips_boundary::certs::crl::{Register, Revocation, RevocationListParams, RevocationReason};
use fips_boundary::certs::key::KeyType;
use fips_boundary::certs::{Authority, Clock, SystemClock};
use fips_boundary::tls::{self, Trust, Version};
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
                let trust = trust(&ca, size);
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

/// The authority's trust, with a list of so many serial numbers; with none, without a list.
fn trust(ca: &Authority, size: usize) -> Trust {
    let trust = Trust::from_pem(ca.certificate().to_pem()).expect("it may be trusted");
    if size == 0 {
        return trust;
    }
    let mut register = register(ca, size);
    let list = RevocationListParams::default()
        .signed_by(&mut register, ca, &SystemClock)
        .expect("a list");
    let lists = tls::Revocation::from_der(vec![list.der().to_vec().into()]).expect("a list");
    trust.with_revocation(lists).expect("its own")
}

/// A register of so many revocations, read as from a file: adding one looks at all others.
fn register(ca: &Authority, size: usize) -> Register {
    let mut register = Register::new("bench");
    register.add(Revocation::of_serial(
        "00".to_owned(),
        ca.certificate(),
        RevocationReason::KeyCompromise,
        SystemClock.now(),
    ));
    let json = register.to_json().expect("JSON");
    let mut json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let entries = json["revocations"].as_array_mut().expect("a list");
    let one = entries.remove(0);
    entries.extend((0..size as u64).map(|number| {
        let mut entry = one.clone();
        entry["serial"] = format!("{:016X}", (1_u64 << 62) + number).into();
        entry
    }));
    Register::from_json("bench", json.to_string().as_bytes()).expect("a register")
}

criterion_group!(benches, revocation);
criterion_main!(benches);
