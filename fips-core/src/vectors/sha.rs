//! SHA-2: CAVP's byte-oriented messages and Monte Carlo chains (SHAVS §6).

use super::{Class, Counts, Set, cavp, run};
use crate::digest::{Algorithm, Context, digest};

pub(super) const SETS: &[Set] = &[
    Set {
        name: "CAVP SHA-256 short, long",
        expected: Counts::of(129, 0, 0),
        run: |counts| messages(counts, "SHA256", Algorithm::Sha256),
    },
    Set {
        name: "CAVP SHA-384 short, long",
        expected: Counts::of(257, 0, 0),
        run: |counts| messages(counts, "SHA384", Algorithm::Sha384),
    },
    Set {
        name: "CAVP SHA-512 short, long",
        expected: Counts::of(257, 0, 0),
        run: |counts| messages(counts, "SHA512", Algorithm::Sha512),
    },
    Set {
        name: "CAVP SHA-256 Monte Carlo",
        expected: Counts::of(100, 0, 0),
        run: |counts| monte_carlo(counts, "SHA256", Algorithm::Sha256),
    },
    Set {
        name: "CAVP SHA-384 Monte Carlo",
        expected: Counts::of(100, 0, 0),
        run: |counts| monte_carlo(counts, "SHA384", Algorithm::Sha384),
    },
    Set {
        name: "CAVP SHA-512 Monte Carlo",
        expected: Counts::of(100, 0, 0),
        run: |counts| monte_carlo(counts, "SHA512", Algorithm::Sha512),
    },
];

#[test]
fn sha() {
    run(SETS);
}

fn messages(counts: &mut Counts, prefix: &str, algorithm: Algorithm) {
    for kind in ["ShortMsg", "LongMsg"] {
        for block in cavp::read(&format!("hashes/SHA2/{prefix}{kind}.rsp")) {
            // A message of no bits is written as one byte.
            let message = &block.bytes("Msg")[..block.number("Len") / 8];
            let expected = block.bytes("MD");
            assert_eq!(digest(algorithm, message).unwrap().as_ref(), expected);
            let mut context = Context::new(algorithm);
            for piece in message.chunks(1000) {
                context.update(piece);
            }
            assert_eq!(context.finish().unwrap().as_ref(), expected);
            counts.add(Class::Applied);
        }
    }
}

fn monte_carlo(counts: &mut Counts, prefix: &str, algorithm: Algorithm) {
    let mut blocks = cavp::read(&format!("hashes/SHA2/{prefix}Monte.rsp")).into_iter();
    let mut seed = blocks.next().expect("the seed").bytes("Seed");
    for (index, block) in blocks.enumerate() {
        assert_eq!(block.number("COUNT"), index);
        let mut last = [seed.clone(), seed.clone(), seed];
        for _ in 0..1000 {
            let next = digest(algorithm, &last.concat()).unwrap().as_ref().to_vec();
            last.rotate_left(1);
            last[2] = next;
        }
        [_, _, seed] = last;
        assert_eq!(seed, block.bytes("MD"), "{prefix}, chain {index}");
        counts.add(Class::Applied);
    }
}
