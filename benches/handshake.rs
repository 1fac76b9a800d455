//! What a handshake costs, and how near that is to the primitives it cannot do without.
//!
//! In memory, client and server in one thread: one figure is the CPU time of both sides. Each
//! handshake stands beside its floor, the sum of the primitives it performs, measured in the
//! same run: only the ratio of the two means something on a busy machine.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::core::agreement::{Curve, EphemeralKey};
use fips_boundary::core::signing::{PrivateKey, Scheme};
use fips_boundary::core::{Boundary, verification};
use fips_boundary::tls::Version;
use support::{Client, Pair};

fn handshakes(criterion: &mut Criterion) {
    let boundary = support::enter();
    for (key_type, key_name) in [(KeyType::P256, "p256"), (KeyType::P384, "p384")] {
        for (version, version_name) in [(Version::Tls13, "tls13"), (Version::Tls12, "tls12")] {
            for client in [Client::Anonymous, Client::Mutual] {
                for resumed in [false, true] {
                    let kind = if resumed { "resumed" } else { "full" };
                    let mut group = criterion.benchmark_group(format!(
                        "{version_name}/{kind}/{}/{key_name}",
                        client.name()
                    ));
                    group.throughput(Throughput::Elements(1));

                    let pair = Pair::new(&boundary, version, key_type, client);
                    pair.warm(resumed);
                    group.bench_function("handshake", |bencher| {
                        bencher.iter(|| pair.handshake(resumed));
                    });

                    // A resumed TLS 1.2 handshake performs no public-key primitive.
                    if let Some(floor) = Floor::new(&boundary, version, key_type, client, resumed) {
                        group.bench_function("floor", |bencher| bencher.iter(|| floor.run()));
                    }
                    group.finish();
                }
            }
        }
    }
}

/// The public-key primitives that a handshake performs, both sides together.
struct Floor {
    curve: Curve,
    key: PrivateKey,
    scheme: Scheme,
    signature: Vec<u8>,
    signatures: u32,
    verifications: u32,
}

impl Floor {
    fn new(
        boundary: &Boundary,
        version: Version,
        key_type: KeyType,
        client: Client,
        resumed: bool,
    ) -> Option<Self> {
        if resumed && version == Version::Tls12 {
            return None;
        }
        let key = key::generate(boundary, key_type).expect("a key");
        let scheme = key.algorithm().schemes()[0];
        let signature = key.sign(scheme, b"transcript").expect("a signature");
        // Each side that shows a certificate signs once; the other verifies that signature
        // and the one certificate below the trust anchor.
        let shown = match (resumed, client) {
            (true, _) => 0,
            (false, Client::Anonymous) => 1,
            (false, Client::Mutual) => 2,
        };
        Some(Self {
            // The group is P-256 whatever the certificates' keys are: it is the profile's first.
            curve: Curve::P256,
            key,
            scheme,
            signature,
            signatures: shown,
            verifications: 2 * shown,
        })
    }

    fn run(&self) {
        let client = EphemeralKey::generate(self.curve).expect("a key");
        let server = EphemeralKey::generate(self.curve).expect("a key");
        let (client_share, server_share) =
            (client.public_key().to_vec(), server.public_key().to_vec());
        server.agree(&client_share).expect("a secret");
        client.agree(&server_share).expect("a secret");
        for _ in 0..self.signatures {
            self.key
                .sign(self.scheme, b"transcript")
                .expect("a signature");
        }
        for _ in 0..self.verifications {
            verification::verify(
                self.scheme,
                self.key.public_key(),
                b"transcript",
                &self.signature,
            )
            .expect("it verifies");
        }
    }
}

criterion_group!(benches, handshakes);
criterion_main!(benches);
