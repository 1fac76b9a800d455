//! The fuzzer: `FUZZ_TARGET=name` chooses the target; `list` prints the names, `seeds` writes
//! the seed corpora. Called by scripts/fuzz.

#![no_main]

use std::process::exit;
use std::sync::OnceLock;

use fips_boundary_fuzz::{Target, target, targets, write_seeds};

static TARGET: OnceLock<Target> = OnceLock::new();

fn choose() {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    match name.as_str() {
        "list" => {
            for target in targets::ALL {
                println!("{}", target.name);
            }
            exit(0);
        }
        "seeds" => match write_seeds() {
            Ok(()) => exit(0),
            Err(error) => {
                eprintln!("fuzz: seeds: {error}");
                exit(4);
            }
        },
        name => match target(name) {
            Some(target) => _ = TARGET.set(target),
            None => {
                eprintln!(
                    "fuzz: FUZZ_TARGET={name:?} is no target: `scripts/fuzz list` names them"
                );
                exit(2);
            }
        },
    }
}

libfuzzer_sys::fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.run)(data);
    }
});
