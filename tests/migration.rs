//! docs/migrate-from-rustls.md: each block of it is resolved as a user's Cargo does it, without
//! our lock file, so that it cannot say what is not so.

mod graph;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use graph::{cargo_tree, foreign, lines, name};

const DOCUMENT: &str = include_str!("../docs/migrate-from-rustls.md");

/// What stands above a block.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    /// It links these foreign crates.
    Brings(Vec<String>),
    /// It does not resolve, and Cargo says this.
    Fails(Vec<String>),
    /// It resolves, with one crypto crate.
    Works,
}

/// Each block of a manifest, with what the document says of it.
fn blocks() -> Vec<(String, Claim)> {
    let mut found: Vec<(String, Claim)> = Vec::new();
    let mut above = "";
    let mut rest = DOCUMENT.lines();
    while let Some(line) = rest.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<_> = rest.by_ref().take_while(|line| *line != "```").collect();
            match language {
                "toml" => found.push((text.join("\n"), claim(above))),
                "text" => {
                    assert_eq!(above, "<!-- says -->");
                    let (_, before) = found.last_mut().expect("a manifest before its error");
                    let said = text.iter().map(|line| (*line).to_owned()).collect();
                    assert_eq!(before, &Claim::Fails(Vec::new()));
                    *before = Claim::Fails(said);
                }
                _ => {}
            }
        }
        above = line;
    }
    found
}

fn claim(comment: &str) -> Claim {
    let inside = comment
        .strip_prefix("<!-- ")
        .and_then(|comment| comment.strip_suffix(" -->"));
    match inside.and_then(|inside| inside.split_once(": ")) {
        Some(("brings", crates)) => Claim::Brings(crates.split(", ").map(str::to_owned).collect()),
        Some(("resolves", "no")) => Claim::Fails(Vec::new()),
        Some(("resolves", "yes")) => Claim::Works,
        _ => panic!("a manifest without a claim above it: {comment:?}"),
    }
}

/// A user's package with `dependencies`, ours among them from their folders.
fn package(work: &Path, dependencies: &str) {
    let root = env!("CARGO_MANIFEST_DIR");
    let patches: String = [
        ("boundary", ""),
        ("certs", "/certs"),
        ("core", "/fips-core"),
        ("tls", "/fips-tls"),
    ]
    .map(|(crate_name, folder)| format!("fips-{crate_name} = {{ path = \"{root}{folder}\" }}\n"))
    .concat();
    fs::create_dir_all(work.join("src")).unwrap();
    fs::write(work.join("src/lib.rs"), "").unwrap();
    fs::write(
        work.join("Cargo.toml"),
        format!(
            "[package]\nname = \"control-plane\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
             [dependencies]\n{dependencies}\n[patch.crates-io]\n{patches}[workspace]\n"
        ),
    )
    .unwrap();
}

fn tree(work: &Path, dependencies: &str) -> Command {
    package(work, dependencies);
    let mut command = cargo_tree();
    command.current_dir(work);
    command
}

#[test]
fn every_block_resolves_as_the_document_says() {
    let blocks = blocks();
    let mut kinds = [0; 3];
    for (dependencies, claim) in &blocks {
        let work = tempfile::tempdir().unwrap();
        let mut command = tree(work.path(), dependencies);
        match claim {
            Claim::Brings(crates) => {
                kinds[0] += 1;
                let found = foreign(&lines(&mut command));
                for expected in crates {
                    assert!(found.contains(&&**expected), "{dependencies}: {found:?}");
                }
            }
            Claim::Fails(said) => {
                kinds[1] += 1;
                let out: Output = command.output().unwrap();
                let stderr = String::from_utf8_lossy(&out.stderr);
                assert!(!out.status.success(), "{dependencies}");
                assert!(!said.is_empty(), "the error of {dependencies}");
                for line in said {
                    assert!(stderr.contains(line.as_str()), "{line} in {stderr}");
                }
            }
            Claim::Works => {
                kinds[2] += 1;
                let lines = lines(&mut command);
                assert_eq!(foreign(&lines), [""; 0], "{dependencies}");
                let modules: BTreeSet<_> = lines
                    .iter()
                    .filter(|line| name(line).starts_with("aws-lc"))
                    .map(|line| line.trim_end_matches(" (*)"))
                    .collect();
                assert_eq!(
                    modules,
                    BTreeSet::from(["aws-lc-fips-sys v0.13.11", "aws-lc-rs v1.17.1"]),
                    "{dependencies}"
                );
            }
        }
    }
    assert!(
        kinds.iter().all(|count| *count > 1),
        "each kind was read: {kinds:?}"
    );
    // One for each adapter.
    let of_no_crate = BTreeSet::from(["evaluation".to_owned(), "live".to_owned()]);
    for feature in features("fips-tls").difference(&of_no_crate) {
        let alone = format!("features = [\"{feature}\"]");
        let several = format!("\"{feature}\",");
        assert!(
            blocks.iter().any(|(text, claim)| *claim == Claim::Works
                && (text.contains(&alone) || text.contains(&several))),
            "no line for {feature}"
        );
    }
}

/// What the document's commands find, on a package as it was before.
#[test]
fn the_commands_name_the_crate() {
    let work = tempfile::tempdir().unwrap();
    package(work.path(), "hyper-rustls = \"0.27\"");
    let out = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--edges",
            "features,normal,build",
            "--invert",
            "aws-lc-rs",
        ])
        .current_dir(work.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(text.contains("hyper-rustls feature \"default\""), "{text}");
    assert!(DOCUMENT.contains("cargo tree --edges features,normal,build --invert aws-lc-rs "));
}

fn features(package: &str) -> BTreeSet<String> {
    let folder = match package {
        "fips-boundary" => ".",
        "fips-certs" => "certs",
        other => other,
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    assert_eq!(manifest["package"]["name"].as_str(), Some(package));
    let features = manifest["features"].as_table().unwrap();
    let on: Vec<_> = features
        .get("default")
        .and_then(toml::Value::as_array)
        .map_or_else(Vec::new, |on| {
            on.iter().filter_map(|on| on.as_str()).collect()
        });
    let live = ["fips-boundary", "fips-tls"].contains(&package);
    assert_eq!(
        on,
        if live { vec!["live"] } else { Vec::new() },
        "{package}"
    );
    let all = features.keys().filter(|feature| *feature != "default");
    all.cloned().collect()
}

#[test]
fn the_table_of_features_is_that_of_the_manifests() {
    let packages = ["fips-boundary", "fips-certs", "fips-core", "fips-tls"];
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages {
        for feature in features(package) {
            expected
                .entry(feature)
                .or_default()
                .insert(package.to_owned());
        }
    }
    let (_, section) = DOCUMENT.split_once("\n## Features\n").unwrap();
    let mut found = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let crates = cells[1].split(", ").map(str::to_owned).collect();
        found.insert(cells[0].trim_matches('`').to_owned(), crates);
        assert!(!cells[2].is_empty());
    }
    assert_eq!(found, expected);

    // The crate's own documentation has each of its own.
    let docs = include_str!("../fips-tls/src/lib.rs");
    let (_, section) = docs.split_once("//! # Features\n").unwrap();
    let listed: BTreeSet<_> = section
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .filter_map(|line| line.strip_prefix("//! * `")?.split_once('`'))
        .map(|(feature, _)| feature.to_owned())
        .collect();
    assert_eq!(listed, features("fips-tls"));
}
