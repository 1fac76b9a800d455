//! The sealed file of a fleet's ticket keys, at the command line.
#![cfg(feature = "evaluation")]

#[allow(dead_code, reason = "each test takes what it needs")]
mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::{Run, run};

const BIN: &str = env!("CARGO_BIN_EXE_fipsctl");

/// A folder with two key files and two passphrases.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.done("seal --new-key key");
        desk.done("seal --new-key other");
        for (name, text) in [
            ("passphrase", "a passphrase of some words"),
            ("wrong", "another passphrase"),
        ] {
            let path = desk.0.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        desk
    }

    /// Runs a line of shell in the folder, after the name of fipsctl.
    fn run(&self, line: &str) -> Run {
        run(Command::new("sh")
            .args(["-c", &format!("\"$0\" {line}"), BIN])
            .current_dir(self.0.path()))
    }

    #[track_caller]
    fn done(&self, line: &str) -> Run {
        let run = self.run(line);
        assert_eq!(run.code, Some(0), "{line}: {run}");
        run
    }

    #[track_caller]
    fn failed(&self, line: &str, code: i32, word: &str) {
        let run = self.run(line);
        assert_eq!(run.code, Some(code), "{line}: {run}");
        assert!(run.stderr.contains(word), "{line}: {word:?}: {run}");
        assert!(run.stdout.is_empty(), "{line}: {run}");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.0.path().join(name), content).unwrap();
    }

    fn mode(&self, name: &str) -> u32 {
        let metadata = fs::metadata(self.0.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o7777
    }

    fn names(&self) -> usize {
        fs::read_dir(self.0.path()).unwrap().count()
    }
}

#[test]
fn made_shown_and_rotated_under_a_key_file_and_a_passphrase() {
    let desk = Desk::new();
    for (file, secret) in [
        ("keyed", "--key-file key"),
        ("worded", "--passphrase-fd 3 3<passphrase"),
    ] {
        let line = |command: &str| format!("tickets {command} {file} --fleet api {secret}");
        desk.done(&line("new"));
        assert_eq!(desk.mode(file), 0o600);
        let run = desk.done(&line("show"));
        assert!(
            run.stdout
                .contains("fleet api, generation 1; made under EVALUATION"),
            "{run}"
        );
        // What is there is not made anew.
        let first = desk.read(file);
        desk.failed(&line("new"), 4, "exists");
        assert_eq!(desk.read(file), first);

        let before = desk.names();
        desk.done(&line("rotate --dry-run"));
        assert_eq!(desk.read(file), first);
        for generation in [2, 3] {
            let run = desk.done(&line("rotate"));
            assert!(
                run.stdout.contains(&format!("generation {generation}")),
                "{run}"
            );
            assert_eq!(desk.mode(file), 0o600);
        }
        let run = desk.done(&line("show --output json"));
        let shown: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(shown["generation"], 3);
        assert_eq!(shown["fleet"], "api");
        assert_eq!(shown["evaluation"], true);
        assert_eq!(desk.names(), before, "nothing is left beside");
    }
    desk.done("tickets new dry --fleet api --key-file key --dry-run");
    assert!(!desk.0.path().join("dry").exists());
}

#[test]
fn nothing_but_the_right_secret_and_fleet_opens_it() {
    let desk = Desk::new();
    desk.done("tickets new file --fleet api --key-file key");
    let whole = desk.read("file");
    for command in ["show", "rotate"] {
        let line = |rest: &str| format!("tickets {command} file {rest}");
        desk.failed(&line("--fleet api --key-file other"), 4, "another key");
        desk.failed(&line("--fleet web --key-file key"), 4, "cluster web");
        desk.failed(
            &line("--fleet api --passphrase-fd 3 3<wrong"),
            4,
            "key file",
        );
        desk.failed(&line("--fleet api"), 2, "--key-file");
        desk.failed(&line("--key-file key"), 2, "--fleet");
        desk.failed(&line("--fleet 'two words' --key-file key"), 4, "visible");
        assert_eq!(desk.read("file"), whole, "{command}");
    }
    desk.failed("tickets show none --fleet api --key-file key", 4, "none");
}

#[test]
fn torn_and_changed_files_are_refused_and_stay() {
    let desk = Desk::new();
    desk.done("tickets new file --fleet api --key-file key");
    let whole = desk.read("file");
    let mut torn: Vec<Vec<u8>> = [0, 1, whole.len() / 2, whole.len() - 10]
        .map(|length| whole[..length].to_vec())
        .to_vec();
    for place in [40, whole.len() / 2, whole.len() - 40] {
        let mut bent = whole.clone();
        bent[place] = if bent[place] == b'A' { b'B' } else { b'A' };
        torn.push(bent);
    }
    torn.push([&whole[..], &whole].concat());
    torn.push(vec![b'x'; 1 << 20]);
    for content in torn {
        desk.write("file", &content);
        for command in ["show", "rotate"] {
            let line = format!("tickets {command} file --fleet api --key-file key");
            let run = desk.run(&line);
            assert_eq!(run.code, Some(4), "{} bytes: {run}", content.len());
        }
        assert_eq!(desk.read("file"), content);
    }
    // Another kind of envelope, and one of other content.
    desk.write("data", b"not keys");
    desk.done("bootstrap seal data --cluster api --key-file key --output-file boot");
    desk.failed(
        "tickets show boot --fleet api --key-file key",
        4,
        "FIPS SEALED TICKET KEYS",
    );
    let text = String::from_utf8(desk.read("boot")).unwrap();
    desk.write(
        "relabelled",
        text.replace("BOOTSTRAP DATA", "TICKET KEYS").as_bytes(),
    );
    desk.failed(
        "tickets show relabelled --fleet api --key-file key",
        4,
        "ticket-keys",
    );
}

#[test]
fn nothing_is_rotated_twice_at_once() {
    let desk = Desk::new();
    desk.done("tickets new file --fleet api --key-file key");
    let runs = "for n in 1 2 3 4 5 6 7 8; do \"$0\" tickets rotate file --fleet api --key-file key \
                >out$n 2>&1 & done; wait";
    let shell = run(Command::new("sh")
        .args(["-c", runs, BIN])
        .current_dir(desk.0.path()));
    assert_eq!(shell.code, Some(0), "{shell}");
    // As many generations as rotations that say they were done.
    let done = (1..=8)
        .filter(|n| {
            desk.read(&format!("out{n}"))
                .windows(7)
                .any(|word| word == b"rotated")
        })
        .count();
    assert!(done >= 1);
    let run = desk.done("tickets show file --fleet api --key-file key");
    assert!(
        run.stdout.contains(&format!("generation {},", done + 1))
            || run.stdout.contains(&format!("generation {};", done + 1)),
        "{done}: {run}"
    );
}
