//! What a handshake costs by the number of identities the server has by name, which must be the
//! same for 1 and for 10,000; and what memory each takes.
//!
//! In memory, client and server in one thread; the client asks for the last name. Each identity
//! has a key and a certificate of its own.

#![allow(clippy::print_stdout, reason = "it tells the memory")]

mod support;

use std::fs;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::certs::{Authority, LeafParams, Subject, SubjectAltName, SystemClock, Usages};
use fips_boundary::core::Boundary;
use fips_boundary::tls::{ClientConfig, Identities, Identity, Profile, ServerConfig, Trust};
use support::Pair;

const SIZES: [usize; 2] = [1, 10_000];

fn names(criterion: &mut Criterion) {
    let boundary = support::enter();
    let ca = support::authority(&boundary, KeyType::P256);
    let trust = Trust::from_pem(ca.certificate().to_pem()).expect("it may be trusted");
    let client = ClientConfig::builder(&boundary, Profile::default())
        .with_trust(trust)
        .build()
        .expect("a client");
    let mut group = criterion.benchmark_group("sni");
    group.throughput(Throughput::Elements(1));
    for size in SIZES {
        let before = resident();
        let mut identities = Identities::new();
        for number in 1..size {
            let name = format!("n{number}.test");
            let own = identity(&boundary, &ca, &name);
            identities = identities.with(own).expect("a name of its own");
        }
        let last = identity(&boundary, &ca, "localhost");
        let server = ServerConfig::builder(&boundary, Profile::default())
            .with_identities(identities.with(last).expect("a name of its own"))
            .without_client_authentication()
            .build()
            .expect("a server");
        let grown = resident().saturating_sub(before);
        println!("sni/{size}: {grown} KiB more resident");
        let pair = Pair::of(server.rustls(), client.rustls());
        pair.warm(false);
        group.bench_function(size.to_string(), |bencher| {
            bencher.iter(|| pair.handshake(false));
        });
    }
    group.finish();
}

fn identity(boundary: &Boundary, ca: &Authority, name: &str) -> Identity {
    let key = key::generate(boundary, KeyType::P256).expect("a key");
    let day = Duration::from_secs(86_400);
    let subject = Subject::new("peer").expect("a subject");
    let certificate = LeafParams::new(subject, Usages::Server, day)
        .with_names([SubjectAltName::dns(name).expect("a name")])
        .signed_by(&key, ca, &SystemClock)
        .expect("a certificate");
    let key = key::to_pem(&key).expect("PEM");
    Identity::from_pem(boundary, certificate.to_pem(), key.as_bytes()).expect("an identity")
}

/// Of this process, in KiB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("proc is there");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words.and_then(|word| word.parse().ok()).expect("a number")
}

criterion_group!(benches, names);
criterion_main!(benches);
