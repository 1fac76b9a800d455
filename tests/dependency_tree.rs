//! One crypto crate in the graph, one door to it: read from `cargo tree`, independently of
//! `deny.toml`.

mod graph;

use std::collections::BTreeSet;

use graph::{cargo_tree, foreign, lines, name};

fn tree(args: &[&str]) -> Vec<String> {
    let mut command = cargo_tree();
    command.args(["--locked", "--workspace", "--all-features"]);
    lines(command.args(args))
}

#[test]
fn no_second_crypto_crate_is_linked_or_runs_in_a_build() {
    let lines = tree(&[]);
    assert!(
        lines.iter().any(|line| name(line) == "aws-lc-fips-sys"),
        "the list was read: {lines:?}"
    );
    assert_eq!(foreign(&lines), [""; 0], "foreign crypto in the graph");
}

/// Each feature of its own crates, the crate it is for, and one that it must not compile.
const ADAPTERS: &[(&str, &str, &str)] = &[
    ("axum", "axum", "tonic"),
    ("etcd", "etcd-client", "kube"),
    ("hyper", "hyper-util", "axum"),
    ("kube", "kube", "tonic"),
    ("live", "arc-swap", "tokio"),
    ("prometheus", "prometheus-client", "tokio"),
    ("reqwest", "reqwest", "axum"),
    ("tokio", "tokio-rustls", "hyper"),
    ("tonic", "tonic", "etcd-client"),
];

#[test]
fn each_adapter_alone_brings_its_crate_and_no_crypto() {
    let of = |feature: Option<&str>| {
        let mut command = cargo_tree();
        command.args(["--locked", "--package", "fips-tls", "--no-default-features"]);
        lines(command.args(feature.map(|feature| format!("--features={feature}"))))
    };
    let has = |lines: &[String], wanted: &str| lines.iter().any(|line| name(line) == wanted);
    let none = of(None);
    for (feature, of_its_own, other) in ADAPTERS {
        assert!(!has(&none, of_its_own), "{of_its_own} without its feature");
        let lines = of(Some(feature));
        assert_eq!(foreign(&lines), [""; 0], "with {feature}");
        assert!(has(&lines, of_its_own), "{feature} is for {of_its_own}");
        assert!(!has(&lines, other), "{feature} brings {other}");
    }
    // Every feature but these has a row.
    let manifest = include_str!("../fips-tls/Cargo.toml");
    let manifest: toml::Table = toml::from_str(manifest).unwrap();
    let features = manifest["features"].as_table().unwrap().keys();
    let mut known: BTreeSet<_> = ADAPTERS.iter().map(|row| row.0).collect();
    known.extend(["default", "evaluation"]);
    assert_eq!(features.map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[test]
fn the_module_is_the_pinned_one_and_only_fips_core_names_it() {
    let all = tree(&[]);
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
        let dependents = tree(&["--invert", krate, "--depth", "1"]);
        let dependents: BTreeSet<_> = dependents
            .iter()
            .map(|line| name(line))
            .filter(|dependent| *dependent != krate)
            .collect();
        assert_eq!(dependents, allowed, "who depends on {krate}");
    }
}
