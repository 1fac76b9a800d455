//! Sealing and opening at the command line: nothing is left behind, nothing secret is shown,
//! memory stays the same.
#![cfg(feature = "evaluation")]

#[allow(dead_code, reason = "each test takes what it needs")]
mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use common::{Run, fipsctl, run};

const BIN: &str = env!("CARGO_BIN_EXE_fipsctl");
const PASSPHRASE: &str = "a passphrase of some words";

/// A folder with a key file, a passphrase and some data.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let run = fipsctl(["seal", "--new-key", &desk.path("key")]);
        assert_eq!(run.code, Some(0), "{run}");
        desk.secret("passphrase", &format!("{PASSPHRASE}\n"));
        desk.secret("wrong", "another passphrase\n");
        let data: Vec<u8> = (0..600_000).map(|at| (at % 251) as u8).collect();
        fs::write(desk.path("data"), data).unwrap();
        desk
    }

    /// A file that its owner alone may read: from others no secret is taken.
    fn secret(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs a line of shell in the folder, with fipsctl as `$0`.
    fn shell(&self, line: &str) -> Run {
        run(Command::new("sh")
            .args(["-c", line, BIN])
            .current_dir(self.0.path()))
    }

    #[track_caller]
    fn done(&self, line: &str) -> Run {
        let run = self.shell(line);
        assert_eq!(run.code, Some(0), "{line}: {run}");
        run
    }

    #[track_caller]
    fn failed(&self, line: &str, code: i32, word: &str) {
        let run = self.shell(line);
        assert_eq!(run.code, Some(code), "{line}: {run}");
        assert!(run.stderr.contains(word), "{line}: {run}");
        for secret in [PASSPHRASE, "another passphrase"] {
            assert!(!run.to_string().contains(secret), "{line}: {run}");
        }
    }
}

#[test]
fn every_way_in_and_out_comes_back() {
    let desk = Desk::new();
    for secret in [
        "--key-file key",
        "--passphrase-fd 3 3<passphrase",
        "--passphrase-credential passphrase",
    ] {
        let line = |command: &str| format!("CREDENTIALS_DIRECTORY=. \"$0\" {command} {secret}");
        desk.done(&line("seal data --force --output-file sealed"));
        desk.done(&(line("seal") + " <data >piped"));
        assert_ne!(desk.read("sealed"), desk.read("piped"));
        for sealed in ["sealed", "piped"] {
            let opened = line(&format!("open {sealed} --force --output-file opened"));
            let run = desk.done(&opened);
            assert!(run.stdout.contains("600000 bytes"), "{run}");
            assert!(desk.read("opened") == desk.read("data"));
            desk.done(&(line("open -") + &format!(" <{sealed} >opened")));
            assert!(desk.read("opened") == desk.read("data"));
            desk.done(&line(&format!("open {sealed} --verify")));
        }
        for name in ["opened", "sealed"] {
            let mode = fs::metadata(desk.path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{name}");
        }
    }
    let run = desk.done("\"$0\" open sealed --inspect --output json");
    let header: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(header["purpose"], "file");
    assert_eq!(header["key"], "passphrase, 600000 iterations");
    assert_eq!(header["evaluation"], true);
}

#[test]
fn what_does_not_open_leaves_nothing_and_says_why() {
    let desk = Desk::new();
    desk.done("\"$0\" seal data --output-file sealed --key-file key --purpose a --cluster c");
    desk.done("\"$0\" seal data --output-file by-phrase --passphrase-fd 3 3<passphrase");
    desk.done("\"$0\" seal --new-key other");
    let sealed = desk.read("sealed");
    let put = |name: &str, bytes: &[u8]| fs::write(desk.path(name), bytes).unwrap();
    put("cut", &sealed[..sealed.len() - 1]);
    put("half", &sealed[..300_000]);
    put("more", &[&sealed[..], b"x"].concat());
    let mut bent = sealed.clone();
    bent[500_000] ^= 1;
    put("bent", &bent);
    desk.secret("none", "");
    desk.secret("short", "short\n");
    let before = desk.names();
    let mine = "--key-file key --purpose a --cluster c";
    for (arguments, code, word) in [
        (format!("cut {mine}"), 4, "cut off"),
        (format!("half {mine}"), 4, "cut off"),
        (format!("more {mine}"), 4, "appended"),
        (format!("bent {mine}"), 4, "chunk 1 does not authenticate"),
        (format!("none {mine}"), 4, "not sealed"),
        (format!("data {mine}"), 4, "not sealed"),
        (format!("missing {mine}"), 4, "missing"),
        (
            "sealed --key-file other --purpose a --cluster c".into(),
            4,
            "another key",
        ),
        (
            "sealed --key-file key --cluster c".into(),
            4,
            "sealed as `a`",
        ),
        ("sealed --key-file key --purpose a".into(), 4, "cluster c"),
        (
            "by-phrase --passphrase-fd 3 3<wrong".into(),
            4,
            "passphrase does not open",
        ),
        ("by-phrase --key-file key".into(), 4, "under a passphrase"),
        ("sealed --key-file data".into(), 4, "0600"),
        ("sealed --passphrase-fd 3 3<none".into(), 2, "empty"),
        ("sealed --passphrase-fd 3 3<short".into(), 4, "14"),
        ("sealed --passphrase-fd 3 3<data".into(), 2, "chmod 0600"),
        ("sealed --passphrase-fd 3".into(), 2, "not open"),
        ("sealed".into(), 2, "--key-file"),
        ("- --passphrase-fd 0 <passphrase".into(), 2, "taken"),
        (
            "sealed --passphrase-credential ../key".into(),
            2,
            "credential",
        ),
        (
            "sealed --passphrase-credential key".into(),
            2,
            "CREDENTIALS_DIRECTORY",
        ),
    ] {
        desk.failed(
            &format!("\"$0\" open {arguments} --output-file opened"),
            code,
            word,
        );
        assert_eq!(desk.names(), before, "{arguments}");
    }
    // To standard output: a genuine beginning, and the code.
    let run = run(Command::new(BIN)
        .args(["open", "half", "--key-file", "key", "--purpose", "a"])
        .args(["--cluster", "c"])
        .stdout(Stdio::null())
        .current_dir(desk.0.path()));
    assert_eq!(run.code, Some(4), "{run}");
}

#[test]
fn files_and_keys_are_not_written_over_and_a_dry_run_writes_nothing() {
    let desk = Desk::new();
    let key = desk.read("key");
    desk.failed("\"$0\" seal --new-key key", 4, "exists");
    assert_eq!(desk.read("key"), key);
    fs::write(desk.path("there"), "old").unwrap();
    let before = desk.names();
    for command in ["seal data", "bootstrap seal passphrase --cluster c"] {
        let line = format!("\"$0\" {command} --key-file key --output-file there");
        desk.failed(&line, 4, "exists");
        desk.failed(&format!("{line} --dry-run"), 4, "exists");
        assert_eq!(desk.read("there"), b"old");
        desk.done(&format!(
            "\"$0\" {command} --key-file key --output-file new --dry-run"
        ));
        assert_eq!(desk.names(), before);
    }
    desk.failed(
        "\"$0\" seal data --key-file key --output-file /dev/null --force",
        4,
        "regular",
    );
    desk.done("\"$0\" seal data --key-file key --output-file there --force");
    let run = desk.done("\"$0\" open there --key-file key --output-file new --dry-run");
    assert!(run.stdout.contains("would open"), "{run}");
    assert_eq!(desk.names(), before);
}

/// Killed in the middle of opening to a file: nothing is there, not even a part.
#[test]
fn a_killed_opening_leaves_no_plaintext() {
    let desk = Desk::new();
    desk.done("\"$0\" seal data --output-file sealed --key-file key");
    let sealed = desk.read("sealed");
    let before = desk.names();
    for signal in ["INT", "KILL"] {
        let mut child = Command::new(BIN)
            .args(["open", "--key-file", "key", "--output-file", "opened"])
            .current_dir(desk.0.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Two chunks, and then it waits. They are written once a pipe's worth of the rest is read.
        stdin.write_all(&sealed[..sealed.len() - 1]).unwrap();
        let id = child.id();
        let written = || {
            let folder = format!("/proc/{id}/fd");
            fs::read_dir(folder).unwrap().flatten().any(|entry| {
                fs::read_link(entry.path()).is_ok_and(|to| {
                    to.starts_with(desk.0.path())
                        && fs::metadata(entry.path()).is_ok_and(|file| file.len() >= 262_144)
                })
            })
        };
        while !written() {
            assert_eq!(child.try_wait().unwrap(), None);
            thread::yield_now();
        }
        let kill = Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert!(!child.wait().unwrap().success());
        assert_eq!(desk.names(), before, "{signal}");
    }
}

/// Far more data than address space.
#[test]
fn memory_does_not_grow_with_the_data() {
    const DATA: u64 = 128 << 20;
    let desk = Desk::new();
    // In KiB: less than the data. What a small file needs is shown by its passing.
    let limit = "ulimit -v 120000; exec \"$0\"";
    let start = |command: &str, stdin: Stdio| {
        Command::new("sh")
            .args(["-c", &format!("{limit} {command} --key-file key"), BIN])
            .current_dir(desk.0.path())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut seal = start("seal", Stdio::piped());
    let mut open = start("open", seal.stdout.take().unwrap().into());
    let mut stdin = seal.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        std::io::copy(&mut std::io::repeat(7).take(DATA), &mut stdin).unwrap();
    });
    let mut piece = vec![0; 1 << 20];
    let (mut total, mut stdout) = (0, open.stdout.take().unwrap());
    loop {
        let read = stdout.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        assert!(piece[..read].iter().all(|byte| *byte == 7));
        total += read as u64;
    }
    writer.join().unwrap();
    for child in [seal, open] {
        let out = child.wait_with_output().unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
    assert_eq!(total, DATA);

    // The limit bites: what takes the data whole is refused its memory.
    let hungry = Command::new("sh")
        .args([
            "-c",
            "ulimit -v 120000; head -c 128M /dev/zero | tail -c 128M | wc -c",
        ])
        .output()
        .unwrap();
    assert!(!hungry.stderr.is_empty(), "tail holds it all, and says so");
}

#[test]
fn bootstrap_data_is_sealed_opened_and_imported() {
    let desk = Desk::new();
    let folder = |name: &str| -> PathBuf { Path::new(&desk.path(name)).to_owned() };
    fs::write(folder("json"), br#"{"ServerCA":"..."}"#).unwrap();
    let phrase = "--passphrase-fd 3 3<passphrase";
    desk.done(&format!(
        "\"$0\" bootstrap seal json --cluster c {phrase} >envelope"
    ));
    let text = String::from_utf8(desk.read("envelope")).unwrap();
    assert!(
        text.starts_with("-----BEGIN FIPS SEALED BOOTSTRAP DATA-----\n"),
        "{text}"
    );
    desk.done(&format!(
        "\"$0\" bootstrap open envelope --cluster c --output-file back {phrase}"
    ));
    assert_eq!(desk.read("back"), desk.read("json"));
    desk.failed(
        &format!("\"$0\" bootstrap open envelope --cluster d {phrase}"),
        4,
        "cluster d",
    );
    desk.failed(
        "\"$0\" bootstrap open envelope --cluster c --passphrase-fd 3 3<wrong",
        4,
        "passphrase",
    );

    // As k3s stored it, by another implementation (certs/tests/sealing/vectors.py).
    let vectors = include_str!("../../certs/tests/sealing/vectors.txt");
    let line = vectors
        .lines()
        .find_map(|line| line.strip_prefix("k3s-short "));
    let stored = data_encoding::BASE64
        .decode(line.unwrap().as_bytes())
        .unwrap();
    fs::write(folder("stored"), stored).unwrap();
    desk.secret("token", "secret\n");
    let import = "\"$0\" bootstrap import-k3s stored --cluster c --k3s-token-fd 4";
    let run = desk.done(&format!("{import} --output-file new {phrase} 4<token"));
    assert!(
        run.stderr.contains("1 excepted (k3s bootstrap import 1)"),
        "{run}"
    );
    let run = desk.done(&format!("\"$0\" bootstrap open new --cluster c {phrase}"));
    assert_eq!(run.stdout, r#"{"ClientCA":"..."}"#);
    desk.failed(&format!("{import} {phrase} 4<wrong"), 4, "token");
    let mut file = File::create(folder("stored")).unwrap();
    file.write_all(b"no such form").unwrap();
    desk.failed(&format!("{import} {phrase} 4<token"), 4, "form k3s");
}
