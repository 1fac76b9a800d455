//! Every command that changes a PKI, killed at its writes, renames and syncs by the kernel
//! (strace injects the signal), and run twice at once: the old set or the new, and the next
//! command goes on.
#![cfg(feature = "evaluation")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Run, fipsctl, run};

/// Small, with a leaf in each kind of place, and keys of tokens.
const CATALOGUE: &str = r#"
[[authority]]
name = "ca"
common_name = "example"
nochain = "ca.nochain.crt"

[[leaf]]
name = "web"
common_name = "web"
names = ["web.example.org"]
usages = "server"
issuer = "ca"

[[kubeconfig]]
name = "operator.conf"
path = "operator.conf"
authority = "ca"
leaf = "operator"
server = "https://api.example.org:6443"
cluster = "example"
context = "operator@example"
user = "operator"

[[leaf]]
name = "operator"
common_name = "operator"
usages = "client"
issuer = "ca"
kubeconfig = "operator.conf"

[[keys]]
name = "tokens"
path = "tokens.key"
current = "tokens.current.key"
key_type = "p256"
"#;

/// The calls that change a disk.
const CALLS: &str = "fsync,fdatasync,linkat,mkdirat,renameat,renameat2,unlinkat,write";

/// A command, those before it, and a file that is lost before it.
struct Case {
    before: &'static [&'static str],
    lost: Option<&'static str>,
    command: &'static str,
}

const fn case(before: &'static [&'static str], command: &'static str) -> Case {
    Case {
        before,
        lost: None,
        command,
    }
}

const INIT: &str = "pki init DIR --catalogue TOML";

const CASES: &[Case] = &[
    case(&[], INIT),
    case(&[INIT], "pki renew DIR --all"),
    case(&[INIT], "pki rotate DIR --name web"),
    case(&[INIT], "pki revoke DIR --name web --reason superseded"),
    case(&[INIT], "pki crl issue DIR --authority ca"),
    case(&[INIT], "pki token create DIR --ca ca.crt"),
    case(&[INIT], "pki export-csr DIR --ca ca --new-key --out OUT"),
    case(
        &[INIT],
        "pki issue DIR --ca ca --common-name alice --usage client --out OUT --key-out OUT.key",
    ),
    case(&[INIT], "pki rotate-ca start DIR ca"),
    case(
        &[INIT, "pki rotate-ca start DIR ca"],
        "pki rotate-ca next DIR ca --force",
    ),
    case(
        &[INIT, "pki rotate-ca start DIR ca"],
        "pki rotate-ca rollback DIR ca",
    ),
    case(&[INIT], "pki rotate-sa start DIR"),
    case(&[INIT], "pki key seal DIR ca --key-file KEY"),
    Case {
        before: &[INIT],
        lost: Some("web.key"),
        command: "pki recover DIR",
    },
    Case {
        before: &[INIT],
        lost: Some("fips"),
        command: "pki adopt DIR --catalogue TOML",
    },
];

/// A folder with what commands name.
struct Scene {
    folder: PathBuf,
}

impl Scene {
    fn words(&self, command: &str) -> Vec<String> {
        let place = |name: &str| self.folder.join(name).display().to_string();
        command
            .split(' ')
            .map(|word| {
                word.replace("DIR", &place("pki"))
                    .replace("TOML", &place("catalogue.toml"))
                    .replace("OUT", &place("out"))
                    .replace("KEY", &place("sealing-key"))
            })
            .collect()
    }

    fn fipsctl(&self, command: &str) -> Run {
        fipsctl(self.words(command))
    }

    /// Under strace, which does `inject` to it.
    fn traced(&self, command: &str, inject: &[&str]) -> (Run, String) {
        let log = self.folder.join("strace");
        let run = run(Command::new("strace")
            .args(["--follow-forks", "--quiet=all", "--output"])
            .arg(&log)
            .arg(format!("--trace={CALLS}"))
            .args(inject)
            .arg(env!("CARGO_BIN_EXE_fipsctl"))
            .args(self.words(command)));
        (run, fs::read_to_string(log).unwrap_or_default())
    }

    /// What a reader sees: the exit code of a check, and every file's name and content.
    fn state(&self) -> (Option<i32>, BTreeMap<PathBuf, Vec<u8>>) {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.join("pki")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if !name.starts_with('.') {
                    let content = fs::read(&path).unwrap();
                    let path = path.strip_prefix(&self.folder).unwrap();
                    // Named by a serial number, which differs each time.
                    let is_copy = path
                        .parent()
                        .is_some_and(|folder| folder.ends_with("issued"));
                    let named = if is_copy {
                        path.with_file_name("SERIAL")
                    } else {
                        path.to_owned()
                    };
                    files.insert(named, content);
                }
            }
        }
        (self.fipsctl("pki check DIR").code, files)
    }
}

fn copy(from: &Path, to: &Path) {
    let done = run(Command::new("cp").arg("-a").arg(from).arg(to));
    assert_eq!(done.code, Some(0), "{done}");
}

fn prepared(root: &Path, case: &Case) -> Scene {
    let scene = Scene {
        folder: root.join("prepared"),
    };
    fs::create_dir(&scene.folder).unwrap();
    fs::write(scene.folder.join("catalogue.toml"), CATALOGUE).unwrap();
    let key = scene.fipsctl("seal --new-key KEY");
    assert_eq!(key.code, Some(0), "{key}");
    for command in case.before {
        let done = scene.fipsctl(command);
        assert!(matches!(done.code, Some(0 | 1)), "{command}: {done}");
    }
    if let Some(lost) = case.lost {
        let lost = scene.folder.join("pki").join(lost);
        if lost.is_dir() {
            fs::remove_dir_all(lost).unwrap();
        } else {
            fs::remove_file(lost).unwrap();
        }
    }
    scene
}

/// How often each call was made.
fn counts(log: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        // With threads a number stands before the call; a resumed one is counted once.
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        if let Some((name, _)) = call.split_once('(')
            && CALLS.split(',').any(|known| known == name)
        {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}

fn kill_everywhere(case: &Case) {
    let root = tempfile::tempdir().unwrap();
    let scene = prepared(root.path(), case);
    let before = scene.state();
    let tried = |name: &str| {
        let folder = root.path().join(name);
        copy(&scene.folder, &folder);
        Scene { folder }
    };
    let probe = tried("probe");
    let (done, log) = probe.traced(case.command, &[]);
    assert!(matches!(done.code, Some(0 | 1)), "{}: {done}", case.command);
    let after = probe.state();
    let mut killed = 0;
    for (call, count) in counts(&log) {
        let mut at = vec![1, count.div_ceil(2), count];
        at.dedup();
        for at in at {
            let context = format!("{} at {call} {at} of {count}", case.command);
            let scene = tried("tried");
            let inject = format!("--inject={call}:signal=KILL:when={at}");
            let (run, _) = scene.traced(case.command, &[&inject]);
            killed += usize::from(run.code.is_none() || run.code == Some(137));
            // Opening with the lock brings the folder to one of the two sets.
            let next = scene.fipsctl("pki crl refresh DIR");
            let (code, files) = scene.state();
            let is_old = files == before.1;
            let is_new = files.keys().eq(after.1.keys()) && code == after.0;
            assert!(
                is_old || is_new,
                "{context}: {code:?} {:?}\n{next}",
                files.keys()
            );
            if is_old {
                assert_eq!(code, before.0, "{context}");
                let _ = fs::remove_file(scene.folder.join("out"));
                let _ = fs::remove_file(scene.folder.join("out.key"));
                let again = scene.fipsctl(case.command);
                assert!(matches!(again.code, Some(0 | 1)), "{context}: {again}");
            }
            fs::remove_dir_all(&scene.folder).unwrap();
        }
    }
    assert!(killed > 3, "{}: {killed} killed", case.command);
}

#[test]
fn making_a_pki() {
    CASES[..1].iter().for_each(kill_everywhere);
}

#[test]
fn leaves_and_lists() {
    CASES[1..5].iter().for_each(kill_everywhere);
}

#[test]
fn tokens_and_requests() {
    CASES[5..8].iter().for_each(kill_everywhere);
}

#[test]
fn rotations() {
    CASES[8..12].iter().for_each(kill_everywhere);
}

#[test]
fn keys_recovery_and_foreign_trees() {
    CASES[12..].iter().for_each(kill_everywhere);
}

/// Of two at once one does its work; the other waits for nothing and says who holds the folder,
/// or comes after it.
#[test]
fn two_at_once() {
    for case in CASES.iter().skip(1) {
        let root = tempfile::tempdir().unwrap();
        let scene = prepared(root.path(), case);
        let command = || {
            Command::new(env!("CARGO_BIN_EXE_fipsctl"))
                .args(scene.words(case.command))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let both = [command(), command()].map(|child| child.wait_with_output().unwrap());
        let mut done = 0;
        for output in &both {
            let told = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0 | 1) => done += 1,
                // Locked, or what the first made is there already.
                Some(4) => assert!(
                    [
                        "locked by",
                        "exist",
                        "under way",
                        "sealed",
                        "done",
                        "changed"
                    ]
                    .iter()
                    .any(|word| told.contains(word)),
                    "{}: {told}",
                    case.command
                ),
                code => panic!("{}: {code:?} {told}", case.command),
            }
        }
        assert!(done >= 1, "{}: {both:?}", case.command);
        let log = scene.fipsctl("pki audit verify DIR");
        assert_eq!(log.code, Some(0), "{}: {log}", case.command);
    }
}
