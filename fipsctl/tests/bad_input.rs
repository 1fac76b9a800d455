//! Bad input for every command: a clear error, the agreed exit code, nothing lost.
#![cfg(feature = "evaluation")]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Run, fipsctl, run};

const BIN: &str = env!("CARGO_BIN_EXE_fipsctl");

/// A PKI of its own for a test.
struct Tree {
    _work: tempfile::TempDir,
    server: PathBuf,
}

impl Tree {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let server = work.path().join("server");
        let run = run(Command::new(BIN)
            // An RSA key takes its time.
            .args([
                "pki",
                "init",
                "--node-name",
                "localhost",
                "--key-type",
                "p256",
            ])
            .arg(&server));
        assert_eq!(run.code, Some(0), "{run}");
        Self {
            _work: work,
            server,
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.server.join(file)
    }

    fn pki(&self, args: &[&str]) -> Run {
        let (command, rest) = args.split_first().unwrap();
        run(Command::new(BIN)
            .args(["pki", command])
            .arg(&self.server)
            .args(rest))
    }

    /// Mode and content of every file but the lock, which names its last holder.
    fn snapshot(&self) -> Snapshot {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.server.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                if metadata.is_dir() {
                    folders.push(path);
                } else if !path.ends_with(".fips-lock") {
                    files.insert(path.clone(), (metadata.mode(), fs::read(&path).unwrap()));
                }
            }
        }
        Snapshot(files)
    }
}

#[derive(PartialEq)]
struct Snapshot(BTreeMap<PathBuf, (u32, Vec<u8>)>);

impl Snapshot {
    /// Fails with the names of what differs, and no content: keys are among it.
    #[track_caller]
    fn assert_same(&self, before: &Self, context: &str) {
        let names = self.0.keys().chain(before.0.keys());
        let changed: Vec<_> = names
            .filter(|name| self.0.get(*name) != before.0.get(*name))
            .collect();
        assert!(changed.is_empty(), "{context}: changed: {changed:?}");
    }
}

/// Spoils the file at a path.
type Spoil = fn(&Path);

/// What may happen to a file.
const SPOILT: [(&str, Spoil); 6] = [
    ("empty", |path| fs::write(path, b"").unwrap()),
    ("truncated", |path| {
        let content = fs::read(path).unwrap();
        fs::write(path, &content[..content.len() / 3]).unwrap();
    }),
    ("wrong type", |path| fs::write(path, [0xff; 300]).unwrap()),
    ("a directory", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("removed", |path| fs::remove_file(path).unwrap()),
    ("a link", |path| {
        let aside = path.with_extension("aside");
        fs::rename(path, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, path).unwrap();
    }),
];

#[test]
fn check_finds_each_spoilt_file_and_renew_mends_what_it_can() {
    for (how, spoil) in SPOILT {
        for file in ["tls/etcd/client.crt", "tls/etcd/client.key"] {
            let tree = Tree::new();
            spoil(&tree.path(file));
            let run = tree.pki(&["check"]);
            assert_eq!(run.code, Some(1), "{how} {file}: {run}");
            assert!(run.stdout.contains("TORN"), "{how} {file}: {run}");

            let before = tree.snapshot();
            let run = tree.pki(&["renew", "--dry-run"]);
            assert_eq!(run.code, Some(0), "{how} {file}: {run}");
            assert!(run.stdout.contains("etcd/client"), "{how} {file}: {run}");
            tree.snapshot().assert_same(&before, "a dry run");

            let run = tree.pki(&["renew"]);
            if ["a directory", "a link"].contains(&how) {
                // Not a plain file: whoever put it there must say what becomes of it.
                assert_eq!(run.code, Some(4), "{how} {file}: {run}");
                assert!(run.stderr.contains(file), "{how} {file}: {run}");
                tree.snapshot().assert_same(&before, "a refusal");
            } else {
                assert_eq!(run.code, Some(0), "{how} {file}: {run}");
                let run = tree.pki(&["check"]);
                assert_eq!(run.code, Some(0), "{how} {file}: {run}");
            }
        }
    }
}

#[test]
fn a_torn_authority_blocks_its_leaves_and_says_so() {
    let tree = Tree::new();
    fs::write(tree.path("tls/etcd/server-ca.key"), b"").unwrap();
    let before = tree.snapshot();
    let run = tree.pki(&["renew", "--name", "etcd/client"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("NOT RENEWED etcd/client"), "{run}");
    tree.snapshot().assert_same(&before, "a blocked renewal");
}

#[test]
fn a_loose_mode_is_found_and_the_remedy_named() {
    let tree = Tree::new();
    let key = tree.path("tls/etcd/client.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let run = tree.pki(&["check"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("chmod 0600"), "{run}");

    let run = fipsctl([
        "connect".as_ref(),
        "127.0.0.1:1".as_ref(),
        "--cert".as_ref(),
        tree.path("tls/etcd/client.crt").as_os_str(),
        "--key".as_ref(),
        key.as_os_str(),
        "--ca".as_ref(),
        tree.path("tls/etcd/server-ca.crt").as_os_str(),
    ]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("chmod"), "{run}");

    fs::set_permissions(&tree.server, Permissions::from_mode(0o777)).unwrap();
    let run = tree.pki(&["renew", "--all"]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("chmod"), "{run}");
}

#[test]
fn a_spoilt_record_is_an_error_and_nothing_is_guessed() {
    let cases: [(&str, Spoil); 4] = [
        ("empty", |path| fs::write(path, b"").unwrap()),
        ("truncated", |path| {
            let content = fs::read(path).unwrap();
            fs::write(path, &content[..content.len() / 3]).unwrap();
        }),
        ("unknown field", |path| {
            let content = fs::read_to_string(path).unwrap();
            fs::write(path, content.replacen('{', "{\"surprise\": 1,", 1)).unwrap();
        }),
        ("removed", |path| fs::remove_file(path).unwrap()),
    ];
    for (how, spoil) in cases {
        let tree = Tree::new();
        spoil(&tree.path("fips/catalogue.json"));
        let before = tree.snapshot();
        for command in [
            &["check"][..],
            &["renew"],
            &["renew", "--all", "--dry-run"],
            &["init"],
        ] {
            let run = tree.pki(command);
            assert_eq!(run.code, Some(4), "{how} {command:?}: {run}");
            assert!(run.stderr.len() > 40, "{how} {command:?}: {run}");
        }
        tree.snapshot().assert_same(&before, how);
    }
}

#[test]
fn days_or_a_part_of_the_life_alone_decide() {
    let tree = Tree::new();
    for (options, due) in [
        (&[][..], false),
        (&["--within-days", "400"], true),
        (&["--within-days", "300"], false),
        (&["--within-fraction", "1"], true),
        (&["--within-fraction", "0.5"], false),
        (&["--within-days", "400", "--within-fraction", "0.5"], false),
    ] {
        let run = tree.pki(&[&["renew", "--dry-run"], options].concat());
        assert_eq!(run.code, Some(0), "{options:?}: {run}");
        let nothing = run.stdout.contains("nothing is due");
        assert_eq!(nothing, !due, "{options:?}: {run}");
    }
}

#[test]
fn a_lost_copy_of_an_authority_is_mended() {
    let tree = Tree::new();
    fs::remove_file(tree.path("tls/client-ca.nochain.crt")).unwrap();
    assert_eq!(tree.pki(&["check"]).code, Some(1));
    let run = tree.pki(&["renew"]);
    assert_eq!(run.code, Some(0), "{run}");
    let run = tree.pki(&["check"]);
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn folders_that_are_none() {
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("file");
    fs::write(&file, b"x").unwrap();
    let absent = work.path().join("absent");
    for path in [&file, &absent] {
        for command in ["check", "renew"] {
            let run = run(Command::new(BIN).args(["pki", command]).arg(path));
            assert_eq!(run.code, Some(4), "{command} {path:?}: {run}");
            assert!(run.stderr.contains(path.to_str().unwrap()), "{run}");
        }
    }
    for dry in [&["--dry-run"][..], &[]] {
        let run = run(Command::new(BIN)
            .args(["pki", "init", "--node-name", "n", "--data-dir", "/d"])
            .arg(&file)
            .args(dry));
        assert_eq!(run.code, Some(4), "{run}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"x");
    assert!(!absent.exists());
    let nowhere = run(Command::new(BIN)
        .args(["pki", "init", "--node-name", "n"])
        .arg(&absent));
    assert_eq!(
        nowhere.code,
        Some(2),
        "kubeconfigs would point nowhere: {nowhere}"
    );
    assert!(nowhere.stderr.contains("--data-dir"), "{nowhere}");
    assert!(!absent.exists());
}

/// fipsctl without root's right to read everything, whoever runs the tests.
fn unprivileged() -> Command {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return Command::new(BIN);
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", BIN]);
    command
}

#[test]
fn what_cannot_be_read_is_named() {
    let forbid = |path: &Path| fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();

    let tree = Tree::new();
    forbid(&tree.path("tls/etcd/client.key"));
    let found = run(unprivileged().args(["pki", "check"]).arg(&tree.server));
    assert_eq!(found.code, Some(1), "{found}");
    assert!(
        found.stdout.contains("TORN tls/etcd/client.crt")
            && found.stdout.contains("Permission denied"),
        "{found}"
    );
    let connected = run(unprivileged()
        .args(["connect", "127.0.0.1:1", "--cert"])
        .arg(tree.path("tls/etcd/client.crt"))
        .arg("--key")
        .arg(tree.path("tls/etcd/client.key"))
        .arg("--ca")
        .arg(tree.path("tls/etcd/server-ca.crt")));
    assert_eq!(connected.code, Some(4), "{connected}");
    assert!(connected.stderr.contains("client.key"), "{connected}");
    assert!(
        connected.stderr.contains("Permission denied"),
        "{connected}"
    );

    forbid(&tree.path("fips/catalogue.json"));
    for command in ["check", "renew"] {
        let refused = run(unprivileged().args(["pki", command]).arg(&tree.server));
        assert_eq!(refused.code, Some(4), "{command}: {refused}");
        assert!(refused.stderr.contains("fips/catalogue.json"), "{refused}");
    }

    forbid(&tree.server);
    for command in ["check", "renew", "init"] {
        let refused = run(unprivileged().args(["pki", command]).arg(&tree.server));
        assert_eq!(refused.code, Some(4), "{command}: {refused}");
        assert!(refused.stderr.contains("Permission denied"), "{refused}");
    }
    fs::set_permissions(&tree.server, Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn an_option_that_cannot_be_leaves_no_folder() {
    let work = tempfile::tempdir().unwrap();
    let server = work.path().join("server");
    for options in [
        &["--node-name", "Not A Name"][..],
        &["--node-name", "n", "--san", "bad name"],
        &["--node-name", "n", "--cluster-domain", "-"],
        &["--node-name", "n", "--ca-days", "10", "--leaf-days", "20"],
    ] {
        for dry in [&["--dry-run"][..], &[]] {
            let run = run(Command::new(BIN)
                .args(["pki", "init"])
                .arg(&server)
                .args(options)
                .args(dry));
            assert_eq!(run.code, Some(2), "{options:?}: {run}");
            assert!(!server.exists(), "{options:?}");
        }
    }
}

#[test]
fn two_writers_at_once_and_the_second_is_told() {
    let tree = Tree::new();
    let lock = OpenOptions::new()
        .read(true)
        .write(true)
        .open(tree.path(".fips-lock"))
        .unwrap();
    lock.lock().unwrap();
    let run = tree.pki(&["renew", "--all"]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("locked"), "{run}");
    // Looking needs no lock.
    let run = tree.pki(&["check"]);
    assert_eq!(run.code, Some(0), "{run}");
}

/// A small tmpfs in a mount namespace of its own, so that neither root nor sudo is needed.
#[test]
fn a_full_disk_leaves_the_old_set() {
    let script = r#"
set -eu
mount -t tmpfs -o size=600k,mode=0700 tmpfs "$WORK"
"$BIN" pki init "$WORK/server" --node-name localhost >/dev/null
sum() { (cd "$WORK/server" && find . -type f ! -name .fips-lock | sort | xargs sha256sum); }
sum >"$OUT/before"
# What is left is filled to the last byte.
dd if=/dev/zero of="$WORK/fill" bs=1k 2>/dev/null || true
code=0
"$BIN" pki renew "$WORK/server" --all >"$OUT/stdout" 2>"$OUT/stderr" || code=$?
sum >"$OUT/after"
code2=0
"$BIN" pki init "$WORK/other/server" --node-name localhost >/dev/null 2>"$OUT/stderr2" || code2=$?
find "$WORK/other" -type f -name '*.key' >"$OUT/halves" 2>/dev/null || true
rm "$WORK/fill"
"$BIN" pki check "$WORK/server" >/dev/null
"$BIN" pki renew "$WORK/server" --all >/dev/null
"$BIN" pki check "$WORK/server" >/dev/null
echo "$code $code2" >"$OUT/codes"
"#;
    let work = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let run = run(Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .env("WORK", work.path())
        .env("OUT", out.path())
        .env("BIN", BIN));
    assert_eq!(
        run.code,
        Some(0),
        "unshare (Debian package util-linux) with user namespaces is needed: {run}"
    );
    let read = |name| fs::read_to_string(out.path().join(name)).unwrap();
    assert_eq!(read("codes"), "4 4\n");
    for name in ["stderr", "stderr2"] {
        assert!(read(name).contains("No space left"), "{}", read(name));
    }
    assert_eq!(read("before"), read("after"));
    assert_eq!(read("halves"), "", "keys of a PKI that was not made");
}

#[test]
fn serve_and_connect_refuse_files_they_cannot_use() {
    let tree = Tree::new();
    let good = [
        tree.path("tls/etcd/server-client.crt"),
        tree.path("tls/etcd/server-client.key"),
        tree.path("tls/etcd/server-ca.crt"),
    ];
    let spoilt = tree.path("spoilt");
    for index in 0..good.len() {
        for (how, spoil) in SPOILT {
            if how == "a link" {
                // Kubernetes mounts secrets as links: these files are read through them.
                continue;
            }
            let _ = fs::remove_file(&spoilt);
            let _ = fs::remove_dir(&spoilt);
            fs::copy(&good[index], &spoilt).unwrap();
            fs::set_permissions(&spoilt, Permissions::from_mode(0o600)).unwrap();
            spoil(&spoilt);
            let mut files = good.clone();
            files[index] = spoilt.clone();
            for command in [
                &["serve", "--listen", "127.0.0.1:0"][..],
                &["connect", "127.0.0.1:1"],
            ] {
                let run = run(Command::new(BIN)
                    .args(command)
                    .arg("--cert")
                    .arg(&files[0])
                    .arg("--key")
                    .arg(&files[1])
                    .arg("--ca")
                    .arg(&files[2]));
                assert_eq!(run.code, Some(4), "{command:?}, {how}: {run}");
                assert!(run.stderr.contains("spoilt"), "{command:?}, {how}: {run}");
                assert!(
                    !run.stderr.contains("refused (os error"),
                    "it connected: {run}"
                );
            }
        }
    }
    // A key of another certificate.
    let run = run(Command::new(BIN)
        .args(["connect", "127.0.0.1:1", "--cert"])
        .arg(&good[0])
        .arg("--key")
        .arg(tree.path("tls/etcd/client.key"))
        .arg("--ca")
        .arg(&good[2]));
    assert_eq!(run.code, Some(4), "{run}");
    assert!(!run.stderr.contains("os error"), "it connected: {run}");
    for address in ["no-port", "127.0.0.1:99999", ":1", "[::1:1"] {
        let run = run_connect(address, &good, &[]);
        assert_eq!(run.code, Some(2), "{address}: {run}");
    }
    let run = run_connect("127.0.0.1:1", &good, &["--profile", "fips"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("sp800_52r2"), "{run}");
}

fn run_connect(address: &str, files: &[PathBuf; 3], more: &[&str]) -> Run {
    run(Command::new(BIN)
        .args(["connect", address, "--cert"])
        .arg(&files[0])
        .arg("--key")
        .arg(&files[1])
        .arg("--ca")
        .arg(&files[2])
        .args(more))
}

#[test]
fn output_that_cannot_be_written_is_a_failure_and_a_closed_pipe_is_none() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = Command::new(BIN)
        .arg("status")
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(4));

    // The reader is gone before the first byte comes.
    let tree = Tree::new();
    let script = r#"set -o pipefail; (sleep 0.5; "$BIN" pki check "$SERVER") | exec true"#;
    let run = run(Command::new("bash")
        .args(["-c", script])
        .env("BIN", BIN)
        .env("SERVER", &tree.server));
    assert_eq!(run.code, Some(0), "{run}");
    assert!(!run.stderr.contains("panicked"), "{run}");
}
