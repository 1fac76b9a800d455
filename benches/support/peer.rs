//! This crate's part in `make bench-peers` (see `scripts/bench-peers`).
//!
//!     bench_peer certificates FOLDER
//!     bench_peer CASE FOLDER COUNT
//!
//! The first writes the certificates that all peers load, the second prints what one of COUNT
//! handshakes takes, in nanoseconds of CPU time, client and server together.

#![allow(clippy::print_stdout, reason = "one number for the script")]

#[path = "measure.rs"]
mod measure;
#[path = "mod.rs"]
mod support;

use std::path::Path;

use fips_boundary::certs::key::KeyType;
use fips_boundary::core::Boundary;
use fips_boundary::tls::Group;
use support::{Client, Files, Floor, Pair};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let boundary = support::enter();
    match arguments[..] {
        ["certificates", folder] => Files::new(&boundary, KeyType::P256)
            .write(Path::new(folder))
            .expect("the folder takes them"),
        [case, folder, count] => {
            let count = count.parse().expect("COUNT is a number");
            println!("{}", measured(&boundary, case, Path::new(folder), count));
        }
        _ => panic!("usage: bench_peer certificates FOLDER | CASE FOLDER COUNT"),
    }
}

fn measured(boundary: &Boundary, case: &str, folder: &Path, count: u32) -> i64 {
    let (kind, group) = case.split_once('-').expect("KIND-GROUP");
    let group = match group {
        "mlkem768" => Group::MlKem768,
        "p256" => Group::P256,
        "secp256r1mlkem768" => Group::SecP256r1MlKem768,
        other => panic!("no group {other}"),
    };
    let floor = |shown| {
        let floor = Floor::new(boundary, group, KeyType::P256, shown);
        measure::nanoseconds(count, || floor.run())
    };
    let handshake = |resumed| {
        let files = Files::read(folder).expect("the certificates");
        let pair = Pair::with_files(boundary, &support::over(group), &files, Client::Mutual);
        pair.warm(resumed);
        measure::nanoseconds(count, || {
            pair.handshake(resumed);
        })
    };
    match kind {
        "full" => handshake(false),
        "resumed" => handshake(true),
        "floor" => floor(Client::Mutual.shown()),
        "floor_resumed" => floor(0),
        other => panic!("no case {other}"),
    }
}
