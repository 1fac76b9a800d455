//! One crypto crate in the graph, one door to it: read from `cargo tree`, independently of
//! `deny.toml`.

use std::collections::BTreeSet;
use std::process::Command;

/// Crates that do cryptography, hash included, by themselves.
const FOREIGN: &[&str] = &[
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

fn tree(args: &[&str]) -> Vec<String> {
    let out = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--workspace",
            "--target",
            "all",
            "--all-features",
        ])
        .args(["--prefix", "none", "--format", "{p}"])
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "cargo tree: {stderr}");
    String::from_utf8(out.stdout)
        .expect("cargo prints UTF-8")
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

fn name(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

#[test]
fn no_second_crypto_crate_is_linked_or_runs_in_a_build() {
    let lines = tree(&["--edges", "normal,build"]);
    let names: BTreeSet<&str> = lines.iter().map(|line| name(line)).collect();
    assert!(
        names.contains("aws-lc-fips-sys"),
        "the list was read: {names:?}"
    );
    let foreign: Vec<_> = FOREIGN
        .iter()
        .filter(|name| names.contains(**name))
        .collect();
    assert!(
        foreign.is_empty(),
        "foreign crypto in the graph: {foreign:?}"
    );
}

#[test]
fn the_module_is_the_pinned_one_and_only_fips_core_names_it() {
    let all = tree(&["--edges", "normal,build"]);
    for pinned in ["aws-lc-rs v1.17.1", "aws-lc-fips-sys v0.13.11"] {
        let crate_name = name(pinned);
        let versions: BTreeSet<_> = all
            .iter()
            .filter(|line| name(line) == crate_name)
            .map(|line| line.trim_end_matches(" (*)"))
            .collect();
        assert_eq!(versions, BTreeSet::from([pinned]));
    }
    for (krate, allowed) in [
        ("aws-lc-rs", BTreeSet::from(["fips-core"])),
        (
            "aws-lc-fips-sys",
            BTreeSet::from(["aws-lc-rs", "fips-core"]),
        ),
    ] {
        let dependents = tree(&["--edges", "normal,build", "--invert", krate, "--depth", "1"]);
        let dependents: BTreeSet<_> = dependents
            .iter()
            .map(|line| name(line))
            .filter(|dependent| *dependent != krate)
            .collect();
        assert_eq!(dependents, allowed, "who depends on {krate}");
    }
}
