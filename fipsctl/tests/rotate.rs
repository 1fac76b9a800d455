//! Rotating and recovering by command.

mod common;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Run, fipsctl};

const NAME: &str = "etcd/server-ca";

fn made(scratch: &Path) -> String {
    let dir = scratch.join("server").to_str().unwrap().to_owned();
    let run = fipsctl(["pki", "init", &dir, "--node-name", "node-1"]);
    assert_eq!(run.code, Some(0), "{run}");
    dir
}

fn rotate_ca(args: &[&str]) -> Run {
    fipsctl(["pki", "rotate-ca"].iter().chain(args))
}

/// Everything below a folder, by path.
fn files(root: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.file_name().unwrap().to_string_lossy().starts_with('.') {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_whole_rotation_by_command() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = made(scratch.path());
    let before = files(Path::new(&dir));
    for dry in [
        &["plan", &dir, NAME][..],
        &["start", &dir, NAME, "--dry-run"],
    ] {
        let run = rotate_ca(dry);
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stdout.contains("nothing in use changes"), "{run}");
    }
    let none = rotate_ca(&["next", &dir, NAME]);
    assert_eq!(none.code, Some(4), "{none}");
    assert!(none.stderr.contains("none was begun"), "{none}");
    assert_eq!(rotate_ca(&["start", &dir, "no-such"]).code, Some(2));
    assert!(files(Path::new(&dir)) == before);
    // A compromised key is certified by nobody.
    let distrusting = ["start", &dir, NAME, "--distrust-old"];
    let run = rotate_ca(&distrusting);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("not to be trusted"), "{run}");
    let crossed = |file: &Path| file.to_string_lossy().contains("old-by-new");
    assert!(!files(Path::new(&dir)).iter().any(|(file, _)| crossed(file)));
    assert_eq!(rotate_ca(&["rollback", &dir, NAME]).code, Some(0));

    assert_eq!(rotate_ca(&["start", &dir, NAME]).code, Some(0));
    assert!(files(Path::new(&dir)).iter().any(|(file, _)| crossed(file)));
    let status = rotate_ca(&["status", &dir]);
    assert!(
        status.code == Some(1) && status.stdout.contains("ready"),
        "{status}"
    );
    for (phase, last) in [
        ("trust-both", false),
        ("issue-from-new", false),
        ("retire", true),
    ] {
        let before = files(Path::new(&dir));
        let dry = rotate_ca(&["next", &dir, NAME, "--dry-run"]);
        assert!(dry.code == Some(0) && dry.stdout.contains(phase), "{dry}");
        assert!(files(Path::new(&dir)) == before);
        let run = rotate_ca(&["next", &dir, NAME]);
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stdout.contains(&format!("-> {phase}")), "{run}");
        let json = rotate_ca(&["status", &dir, NAME, "--output", "json"]);
        assert_eq!(json.code, Some(1), "{json}");
        let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json[0]["phase"], phase);
        let open = json[0]["open"].as_array().unwrap().iter();
        let open: Vec<&str> = open.map(|one| one["id"].as_str().unwrap()).collect();
        let blocked = rotate_ca(&["next", &dir, NAME]);
        assert_eq!(blocked.code, Some(4), "{blocked}");
        assert!(last || blocked.stderr.contains(open[0]), "{blocked}");
        let wrong = rotate_ca(&["confirm", &dir, NAME, open[1]]);
        assert!(
            wrong.code == Some(4) && wrong.stderr.contains(open[0]),
            "{wrong}"
        );
        let mut args: Vec<&str> = ["confirm", &dir, NAME].into_iter().chain(open).collect();
        let before = files(Path::new(&dir));
        args.push("--dry-run");
        let dry = rotate_ca(&args);
        assert_eq!(dry.code, Some(0), "{dry}");
        assert!(dry.stdout.contains("would confirm"), "{dry}");
        assert!(files(Path::new(&dir)) == before);
        args.pop();
        assert_eq!(rotate_ca(&args).code, Some(0));
    }
    let done = rotate_ca(&["status", &dir]);
    assert!(
        done.code == Some(0) && done.stdout.contains("done"),
        "{done}"
    );
    let back = rotate_ca(&["rollback", &dir, NAME]);
    assert!(
        back.code == Some(4) && back.stderr.contains("no way back"),
        "{back}"
    );
    // Made under evaluation: a warning each, and nothing worse.
    let check = fipsctl(["pki", "check", &dir]);
    assert!(
        !check.stdout.contains("DRIFTED") && !check.stdout.contains("TORN"),
        "{check}"
    );
    let audit = fipsctl(["pki", "recover", &dir, "--dry-run"]);
    assert_eq!(audit.code, Some(0), "{audit}");
}

#[test]
fn keys_of_service_accounts_by_command() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = made(scratch.path());
    let rotate_sa = |args: &[&str]| fipsctl(["pki", "rotate-sa"].iter().chain(args));
    let plan = rotate_sa(&["plan", &dir]);
    assert!(
        plan.code == Some(0) && plan.stdout.contains("verify with both"),
        "{plan}"
    );
    assert_eq!(
        rotate_sa(&["start", &dir, "--longest-token", "1h"]).code,
        Some(0)
    );
    assert_eq!(rotate_sa(&["next", &dir]).code, Some(0));
    assert_eq!(
        rotate_sa(&["confirm", &dir, "servers", "restart-apiserver"]).code,
        Some(0)
    );
    let run = rotate_sa(&["next", &dir]);
    assert!(
        run.code == Some(0) && run.stdout.contains("never expire"),
        "{run}"
    );
    let early = rotate_sa(&["next", &dir, "--force"]);
    assert!(
        early.code == Some(4) && early.stderr.contains("may be good until"),
        "{early}"
    );
    assert_eq!(rotate_sa(&["rollback", &dir]).code, Some(0));
    let status = rotate_sa(&["status", &dir]);
    assert!(
        status.code == Some(1) && status.stdout.contains("trust-both"),
        "{status}"
    );
}

#[test]
fn leaves_by_name_by_component_and_all() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = made(scratch.path());
    let rotate = |args: &[&str]| {
        fipsctl(
            ["pki", "rotate", &dir]
                .iter()
                .copied()
                .chain(args.iter().copied()),
        )
    };
    assert_eq!(rotate(&[]).code, Some(2));
    assert_eq!(rotate(&["--all", "--name", "etcd/client"]).code, Some(2));
    assert_eq!(rotate(&["--name", "no-such"]).code, Some(2));
    assert_eq!(rotate(&["--service", "no-such"]).code, Some(2));
    let leaf = Path::new(&dir).join("tls/etcd/client.crt");
    let before = fs::read(&leaf).unwrap();
    assert_eq!(rotate(&["--service", "etcd", "--dry-run"]).code, Some(0));
    assert_eq!(fs::read(&leaf).unwrap(), before);
    for args in [
        &["--name", "etcd/client"][..],
        &["--service", "etcd"],
        &["--all"],
    ] {
        let before = fs::read(&leaf).unwrap();
        let run = rotate(args);
        assert_eq!(run.code, Some(0), "{run}");
        assert_ne!(fs::read(&leaf).unwrap(), before, "{args:?}");
    }
}

#[test]
fn recovery_by_command() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = made(scratch.path());
    let file = |name: &str| Path::new(&dir).join(name);
    fs::remove_file(file("tls/etcd/client.key")).unwrap();
    fs::remove_file(file("tls/etcd/peer-ca.key")).unwrap();
    let dry = fipsctl(["pki", "recover", &dir, "--dry-run"]);
    assert!(
        dry.code == Some(1) && dry.stdout.contains("LEFT TO DO"),
        "{dry}"
    );
    assert!(!file("tls/etcd/client.key").exists());
    let run = fipsctl(["pki", "recover", &dir]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(file("tls/etcd/client.key").exists() && !file("tls/etcd/peer-ca.key").exists());
    let refused = fipsctl(["pki", "recover", &dir, "--new-ca", NAME]);
    assert!(
        refused.code == Some(4) && refused.stderr.contains("rotate-ca"),
        "{refused}"
    );
    let run = fipsctl(["pki", "recover", &dir, "--new-ca", "etcd/peer-ca"]);
    assert_eq!(run.code, Some(0), "{run}");
    let status = rotate_ca(&["status", &dir]);
    assert!(status.stdout.contains("etcd/peer-ca"), "{status}");
}

/// Killed at different moments, a step is done or not, and the next run says which.
#[test]
fn a_killed_step_is_done_or_not() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = made(scratch.path());
    assert_eq!(rotate_ca(&["start", &dir, NAME]).code, Some(0));
    let mut killed = 0;
    for attempt in 0..12_u32 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fipsctl"))
            .args(["pki", "rotate-ca", "next", &dir, NAME, "--force"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(u64::from(4 * attempt)));
        let _ = child.kill();
        if child.wait().unwrap().signal().is_some() {
            killed += 1;
        }
        // The next one finishes or undoes what was left, and goes back where there is a way.
        let back = rotate_ca(&["rollback", &dir, NAME]);
        assert_eq!(back.code, Some(0), "{back}");
        let check = fipsctl(["pki", "check", &dir]);
        assert!(
            !check.stdout.contains("DRIFTED") && !check.stdout.contains("TORN"),
            "{check}"
        );
        if back.stdout.contains("given up") {
            assert_eq!(rotate_ca(&["start", &dir, NAME]).code, Some(0));
        }
    }
    assert!(killed > 0, "none was killed: it takes no time at all");
}
