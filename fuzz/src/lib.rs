//! Fuzz targets over everything in fips-core and fips-tls that reads bytes from outside, and the
//! sealed formats of fips-certs.
//!
//! One binary holds them all, so that the module and the instrumented crates are linked once;
//! `scripts/fuzz` chooses by the environment variable `FUZZ_TARGET`.

#![forbid(unsafe_code)]

pub mod attacker;
pub mod fixtures;
pub mod input;
pub mod pki;
pub mod targets;
pub mod text;
pub mod wire;

use std::path::Path;
use std::{fs, io};

/// A target: reads bytes, and panics where something does not hold.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// One execution.
    pub run: fn(&[u8]),
    /// Inputs to begin from: genuine ones, and near misses.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    targets::ALL
        .iter()
        .chain([&targets::BROKEN])
        .find(|target| target.name == name)
        .copied()
}

/// Writes every target's seeds into `corpus/TARGET/seed-NN`, and what they are made from first.
///
/// # Errors
///
/// That of the file system.
pub fn write_seeds() -> io::Result<()> {
    fixtures::boundary();
    pki::write_missing()?;
    for target in targets::ALL {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target.name);
        fs::create_dir_all(&dir)?;
        for (index, seed) in (target.seeds)().iter().enumerate() {
            fs::write(dir.join(format!("seed-{index:02}")), seed)?;
        }
    }
    Ok(())
}
