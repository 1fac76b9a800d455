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
use fips_boundary::tls::{Group, Profile, Suite};
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
    let mut parts = case.splitn(3, '-');
    let (Some(kind), Some(group)) = (parts.next(), parts.next()) else {
        panic!("CASE is KIND-GROUP or KIND-GROUP-LEVER");
    };
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
    let resumed = match kind {
        "full" => false,
        "resumed" => true,
        "floor" => return floor(Client::Mutual.shown()),
        "floor_resumed" => return floor(0),
        other => panic!("no case {other}"),
    };

    let files = Files::read(folder).expect("the certificates");
    let profile = support::over(group);
    let made = |profile: &Profile| Pair::with_files(boundary, profile, &files, Client::Mutual);
    let handshakes = |pair: Pair| {
        pair.warm(resumed);
        measure::nanoseconds(count, || {
            pair.handshake(resumed);
        })
    };
    // What the levers of docs/performance.md give: each is let go, one at a time.
    match parts.next() {
        None => handshakes(made(&profile)),
        Some(list) if list.starts_with("list") => {
            let size = list["list".len()..].parse().expect("listSIZE");
            let ca = support::authority(boundary, KeyType::P256);
            let files = Files::below(boundary, &ca, KeyType::P256);
            let trust = support::trust_with_list(&ca, size);
            handshakes(Pair::with_trust(
                boundary,
                &profile,
                &files,
                &trust,
                Client::Mutual,
            ))
        }
        Some("first") => measure::nanoseconds_with(
            count,
            || made(&profile),
            |pair| {
                pair.handshake(resumed);
            },
        ),
        Some("sha384") => {
            let suites = [Suite::Aes256GcmSha384];
            handshakes(made(&profile.narrow_suites(&suites).expect("it is named")))
        }
        Some("tickets") => handshakes(made(&profile).with_tickets(2)),
        Some(other) => panic!("no lever {other}"),
    }
}
