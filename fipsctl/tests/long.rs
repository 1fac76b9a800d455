//! A PKI longer than what is printed at once.
#![cfg(feature = "evaluation")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Run, fipsctl};
use serde_json::Value;

const LEAVES: usize = 1100;

#[track_caller]
fn ended(code: i32, args: &[&str]) -> Run {
    let run = fipsctl(args);
    assert_eq!(run.code, Some(code), "{args:?}: {}", run.stderr);
    run
}

fn file(index: usize) -> String {
    format!("leaf-{index}.crt")
}

/// The first column of each line, below the header that stands there once.
#[track_caller]
fn column<'t>(text: &'t str, header: &str) -> Vec<&'t str> {
    let first = |line: &'t str| line.split_whitespace().next().unwrap_or_default();
    let mut lines = text.lines();
    assert_eq!(lines.next().map(first), Some(header));
    let column: Vec<&str> = lines.map(first).collect();
    assert!(!column.contains(&header), "a second header");
    column
}

/// The files of the catalogue in its order, each `times` times.
fn expected(times: usize) -> Vec<String> {
    let leaves = (0..LEAVES).flat_map(|index| vec![file(index); times]);
    std::iter::once("ca.crt".to_owned()).chain(leaves).collect()
}

fn files(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["file"].as_str().unwrap())
        .collect()
}

/// Reads the first line of what a command prints, no more, and waits for its end.
fn first_line(args: &[&str]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fipsctl"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = String::new();
    let mut reader = BufReader::with_capacity(16, child.stdout.take().unwrap());
    reader.read_line(&mut stdout).unwrap();
    drop(reader);
    let out = child.wait_with_output().unwrap();
    Run {
        code: out.status.code(),
        stdout,
        stderr: String::from_utf8(out.stderr).unwrap(),
    }
}

#[test]
fn a_long_pki_is_printed_whole_and_once() {
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name).to_str().unwrap().to_owned();
    let (dir, table) = (path("pki"), path("table.toml"));
    let mut text = "[[authority]]\nname = \"ca\"\ncommon_name = \"ca\"\n".to_owned();
    for index in 0..LEAVES {
        text += &format!(
            "[[leaf]]\nname = \"leaf-{index}\"\ncommon_name = \"leaf-{index}\"\n\
             usages = \"client\"\nissuer = \"ca\"\n"
        );
    }
    fs::write(&table, text).unwrap();

    let planned = ended(
        0,
        &["pki", "init", &dir, "--catalogue", &table, "--dry-run"],
    );
    let both = (0..LEAVES).flat_map(|index| [file(index), format!("leaf-{index}.key")]);
    let all = ["ca.crt", "ca.key"]
        .map(str::to_owned)
        .into_iter()
        .chain(both);
    let all = all.chain(["fips/catalogue.json".to_owned()]);
    assert_eq!(column(&planned.stdout, "FILENAME"), all.collect::<Vec<_>>());

    let made = ended(0, &["pki", "init", &dir, "--catalogue", &table]);
    let made = column(&made.stdout, "FILENAME");
    let (count, made) = made.split_last().unwrap();
    assert_eq!(made, expected(1));
    assert_eq!(*count, (3 + 2 * LEAVES).to_string());

    checked(&dir);
    verified(&dir);
    forced(&dir);
    nobody_reads(&dir);
    remarked(&dir);
}

fn checked(dir: &str) {
    // A leaf and its authority behind it.
    let text = ended(0, &["pki", "check", dir]).stdout;
    assert_eq!(column(&text, "FILENAME"), expected(2));
    assert!(text.lines().skip(1).all(|line| line.ends_with("  OK")));
    let json = ended(0, &["pki", "check", dir, "--output", "json"]).stdout;
    let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(files(&rows), expected(2));
    let yaml = ended(0, &["pki", "check", dir, "--output", "yaml"]).stdout;
    let rows: Vec<Value> = serde_yaml_ng::from_str(&yaml).unwrap();
    assert_eq!(files(&rows), expected(2));
    // Each block that is drawn is a table of its own.
    let drawn = ended(0, &["pki", "check", dir, "--output", "table"]).stdout;
    let count = |part: &str| drawn.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count("FILENAME"), (1 + 2 * LEAVES).div_ceil(1000));
    assert_eq!(count(" OK "), 1 + 2 * LEAVES);
}

fn verified(dir: &str) {
    // Its pair and its path; of the authority its pair and its chain.
    let asked = 2 + 2 * LEAVES;
    let text = ended(0, &["pki", "verify", dir]).stdout;
    assert!(text.ends_with(&format!("\n{asked} questions, 0 failed\n")));
    assert_eq!(column(&text, "FILENAME").len(), asked + 1);
    let json = ended(0, &["pki", "verify", dir, "--output", "json"]).stdout;
    let verdicts: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(files(&verdicts)[1..], expected(2));
}

fn forced(dir: &str) {
    let names: Vec<String> = (0..LEAVES).map(|index| format!("leaf-{index}")).collect();
    let text = ended(0, &["pki", "rotate", dir, "--all", "--dry-run"]).stdout;
    assert_eq!(column(&text, "NAME"), names);
    for (format, read) in [
        (
            "json",
            (|text| serde_json::from_str(text).unwrap()) as fn(&str) -> Value,
        ),
        ("yaml", |text| serde_yaml_ng::from_str(text).unwrap()),
    ] {
        let text = ended(
            0,
            &["pki", "renew", dir, "--all", "--dry-run", "-o", format],
        )
        .stdout;
        let document = read(&text);
        let renewals = document["plan"]["renewals"].as_array().unwrap();
        let found: Vec<&str> = renewals
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names);
    }
}

/// What is found is the exit code, whether somebody reads it or not.
fn nobody_reads(dir: &str) {
    let key = Path::new(dir).join("leaf-1050.key");
    let kept = fs::read(&key).unwrap();
    for code in [0, 1] {
        if code == 1 {
            fs::remove_file(&key).unwrap();
        }
        for (command, format, first) in [("check", "text", "FILENAME"), ("verify", "json", "[")] {
            let run = first_line(&["pki", command, dir, "--output", format]);
            assert_eq!(run.code, Some(code), "{run}");
            assert!(run.stdout.starts_with(first), "{run}");
            assert!(!run.stderr.contains("standard output"), "{run}");
            assert!(!run.stderr.contains("panicked"), "{run}");
        }
    }
    fs::write(&key, kept).unwrap();
    private(&key);
}

/// As the store asks of keys.
fn private(key: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
}

fn remarked(dir: &str) {
    for index in [7, 1007] {
        fs::remove_file(Path::new(dir).join(format!("leaf-{index}.key"))).unwrap();
    }
    let text = ended(1, &["pki", "check", dir]).stdout;
    let lines: Vec<&str> = text.lines().collect();
    let (rows, reasons) = lines.split_at(2 + 2 * LEAVES);
    assert_eq!(rows.iter().filter(|row| row.ends_with("  TORN")).count(), 2);
    assert_eq!(
        reasons,
        [7, 1007].map(|index| format!("TORN leaf-{index}.crt: leaf-{index}.key is missing"))
    );
}
