//! What Cargo makes of manifests.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeSet;
use std::process::{Command, Output};

/// Crates that do cryptography, hash included, by themselves.
pub(crate) const FOREIGN: &[&str] = &[
    "aead",
    "aes",
    "aes-gcm",
    "argon2",
    "aws-lc-sys",
    "bcrypt",
    "blake2",
    "blake3",
    "boring",
    "boring-sys",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "crypto-common",
    "curve25519-dalek",
    "des",
    "digest",
    "ecdsa",
    "ed25519-dalek",
    "elliptic-curve",
    "hkdf",
    "hmac",
    "k256",
    "md-5",
    "md5",
    "ml-kem",
    "native-tls",
    "openssl",
    "openssl-sys",
    "p256",
    "p384",
    "p521",
    "pbkdf2",
    "poly1305",
    "rand",
    "rand_chacha",
    "rand_core",
    "ring",
    "rsa",
    "s2n-tls",
    "scrypt",
    "sha-1",
    "sha1",
    "sha1_smol",
    "sha2",
    "sha3",
    "x25519-dalek",
];

/// The name in a line of `cargo tree --prefix none --format {p}`.
pub(crate) fn name(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

/// Which of the foreign crates `lines` name.
pub(crate) fn foreign(lines: &[String]) -> Vec<&'static str> {
    let names: BTreeSet<&str> = lines.iter().map(|line| name(line)).collect();
    let known = FOREIGN.iter().copied();
    known.filter(|foreign| names.contains(foreign)).collect()
}

/// `cargo tree` with what is linked or runs in a build, for every target, one crate a line.
pub(crate) fn cargo_tree() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["tree", "--edges", "normal,build", "--target", "all"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Its lines.
#[track_caller]
pub(crate) fn lines(command: &mut Command) -> Vec<String> {
    let out: Output = command.output().expect("cargo runs");
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?}: {stderr}");
    let lines = String::from_utf8(out.stdout).expect("cargo prints UTF-8");
    let lines = lines.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}
