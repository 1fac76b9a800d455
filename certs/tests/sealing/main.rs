//! Sealed streams, envelopes and what k3s stored: what opens, and that nothing else does.

mod damage;
mod stored;
mod vectors;

use std::io::Read;

use fips_certs::Error;
use fips_certs::sealing::{self, Binding, CHUNK, FileKey, Passphrase, SealingFault, Secret};
use fips_core::indicator::Ledger;
use fips_core::{Boundary, Requirements};
use proptest::prelude::*;

/// The fewest iterations: tests try many headers.
const FEW: u32 = 1000;

fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

fn passphrase(text: &str) -> Secret {
    let passphrase = Passphrase::new(text.as_bytes().to_vec()).unwrap();
    passphrase.with_iterations(FEW).unwrap().into()
}

fn file_key() -> Secret {
    FileKey::generate(&boundary()).unwrap().into()
}

fn binding() -> Binding {
    let binding = Binding::new("etcd-snapshot").unwrap();
    binding.with_cluster("cluster-7").unwrap()
}

/// Bytes that repeat with no power of two.
fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn seal(secret: &Secret, plain: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    let totals = sealing::seal(&boundary(), &binding(), secret, plain, &mut sealed).unwrap();
    assert_eq!(totals.plain, plain.len() as u64);
    assert_eq!(totals.sealed, sealed.len() as u64);
    sealed
}

/// What came out, and the fault.
fn open(secret: &Secret, binding: &Binding, sealed: &[u8]) -> (Vec<u8>, Result<(), Error>) {
    let mut plain = Vec::new();
    let answer = sealing::open(&boundary(), binding, secret, sealed, &mut plain);
    (plain, answer.map(drop))
}

#[track_caller]
fn fault(secret: &Secret, binding: &Binding, sealed: &[u8]) -> SealingFault {
    match open(secret, binding, sealed).1 {
        Err(Error::Sealing(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn streams_of_every_shape_come_back() {
    for secret in [passphrase("a long passphrase"), file_key()] {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5] {
            let plain = data(length);
            let sealed = seal(&secret, &plain);
            // A full chunk is never the last.
            let chunks = length / CHUNK + 1;
            let header = 8 + 2 + 1 + 1 + 1 + 13 + 1 + 9 + 28;
            let key = match secret {
                Secret::Passphrase(_) => 20,
                _ => 40,
            };
            assert_eq!(sealed.len(), header + key + chunks * (12 + 28) + length);
            let (opened, answer) = open(&secret, &binding(), &sealed);
            answer.unwrap();
            assert!(opened == plain, "{length}");
        }
    }
}

#[test]
fn the_same_data_never_gives_the_same_bytes() {
    for secret in [passphrase("a long passphrase"), file_key()] {
        let (one, other) = (seal(&secret, b"data"), seal(&secret, b"data"));
        assert_eq!(one.len(), other.len());
        // Past the names: salt or wrapped key, proof, chunk.
        assert_ne!(one[36..56], other[36..56]);
        assert_ne!(one[one.len() - 32..], other[other.len() - 32..]);
    }
}

#[test]
fn every_call_of_the_module_is_an_approved_one() {
    for secret in [passphrase("a long passphrase"), file_key()] {
        let ledger = Ledger::new();
        ledger.record(|| {
            let sealed = seal(&secret, &data(CHUNK + 1));
            open(&secret, &binding(), &sealed).1.unwrap();
        });
        let summary = ledger.summary();
        assert!(summary.approved_only(), "{summary}");
        assert!(summary.total().approved >= 8, "{summary}");
    }
}

/// Gives its bytes in pieces of one length, with interruptions.
struct Pieces<'a> {
    rest: &'a [u8],
    length: usize,
    interrupted: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let length = self.length.min(bytes.len());
        self.rest.by_ref().take(length as u64).read(bytes)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_data_comes_back_however_it_is_read(
        plain in proptest::collection::vec(any::<u8>(), 0..4000),
        copies in 1usize..150,
        purpose in "[!-~]{1,255}",
        cluster in proptest::option::of("[!-~]{1,255}"),
        length in 1000usize..300_000,
    ) {
        let plain = plain.repeat(copies);
        let mut binding = Binding::new(purpose).unwrap();
        if let Some(cluster) = cluster {
            binding = binding.with_cluster(cluster).unwrap();
        }
        let (boundary, secret) = (boundary(), file_key());
        let mut sealed = Vec::new();
        let pieces = |rest| Pieces { rest, length, interrupted: false };
        sealing::seal(&boundary, &binding, &secret, pieces(&plain), &mut sealed).unwrap();
        let header = sealing::Header::inspect(&sealed[..]).unwrap();
        prop_assert_eq!(header.binding(), &binding);
        let mut opened = Vec::new();
        sealing::open(&boundary, &binding, &secret, pieces(&sealed), &mut opened).unwrap();
        prop_assert!(opened == plain);
    }
}
