//! Cargo features that are on in the workspace's own graph. They add up over a program: what
//! another crate of it turns on is met by the configurations themselves (see `fields`).

use crate::source::{self, assert_all_judged};

/// Each feature of rustls: whether it is on, and why.
const RUSTLS: &[(&str, bool, &str)] = &[
    ("aws-lc-rs", false, "a second, non-FIPS module"),
    ("aws_lc_rs", false, "a second, non-FIPS module"),
    (
        "brotli",
        false,
        "fills the lists of certificate compression",
    ),
    (
        "custom-provider",
        true,
        "states that there is no provider of rustls's",
    ),
    ("default", false, "brings aws_lc_rs and prefer-post-quantum"),
    (
        "fips",
        false,
        "asks for a module that is not on a certificate",
    ),
    ("hashbrown", false, "nothing needs it"),
    ("log", false, "nothing needs it"),
    ("logging", false, "hellos and tickets would reach a log"),
    (
        "prefer-post-quantum",
        false,
        "X25519MLKEM768, of rustls's provider",
    ),
    ("read_buf", false, "nightly Rust alone"),
    ("ring", false, "another crypto crate"),
    ("rustversion", false, "nightly Rust alone"),
    (
        "std",
        true,
        "connections over streams, the clock, tickets that rotate",
    ),
    (
        "tls12",
        true,
        "profiles name TLS 1.2, with extended master secret",
    ),
    ("zlib", false, "fills the lists of certificate compression"),
];

/// Each feature of the path validation.
const WEBPKI: &[(&str, bool, &str)] = &[
    ("alloc", true, "needed by std"),
    ("aws-lc-rs", false, "another crypto crate"),
    ("aws-lc-rs-fips", false, "another build of the module"),
    ("aws-lc-rs-unstable", false, "ML-DSA of another module"),
    ("default", false, "no more than std"),
    ("ring", false, "another crypto crate"),
    ("std", true, "errors that are std's"),
];

#[test]
fn features_of_rustls_and_of_path_validation() {
    for (name, table) in [("rustls", RUSTLS), ("rustls-webpki", WEBPKI)] {
        let package = source::package(name);
        let known = package["features"].as_object().unwrap();
        let known = known.keys().cloned().collect();
        assert_all_judged(name, known, table.iter().map(|row| row.0).collect());

        let nodes = source::metadata()["resolve"]["nodes"].as_array().unwrap();
        let node = nodes
            .iter()
            .find(|node| node["id"] == package["id"])
            .unwrap();
        let on: Vec<_> = node["features"]
            .as_array()
            .unwrap()
            .iter()
            .map(|feature| feature.as_str().unwrap())
            .collect();
        for (feature, wanted, why) in table {
            assert_eq!(on.contains(feature), *wanted, "{name}, {feature}: {why}");
        }
    }
}

#[test]
fn nothing_of_rustls_is_compiled_that_a_feature_would_add() {
    // As this test's own rustls sees it.
    assert!(rustls::compress::default_cert_compressors().is_empty());
    assert!(rustls::compress::default_cert_decompressors().is_empty());
    assert_eq!(rustls::ALL_VERSIONS.len(), 2);
}
