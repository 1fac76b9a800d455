//! `pki audit` and `pki token` as a user runs them, on a real folder.
#![cfg(feature = "evaluation")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Run, fipsctl};

fn made() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("server").to_str().unwrap().to_owned();
    let run = fipsctl(["pki", "init", &dir, "--node-name", "node-1"]);
    assert_eq!(run.code, Some(0), "{run}");
    (folder, dir)
}

fn json(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

#[test]
fn the_log_of_a_pki_is_shown_and_verified_and_what_was_done_to_it_is_found() {
    let (_folder, dir) = made();
    let head = fipsctl(["pki", "audit", "head", &dir]);
    assert_eq!(head.code, Some(0), "{head}");
    let noted = head.stdout.trim_end();
    let whole = fipsctl(["pki", "audit", "verify", &dir, "--expect-head", noted]);
    assert_eq!(whole.code, Some(0), "{whole}");
    assert!(
        whole.stdout.starts_with("the log is whole: 21 lines"),
        "{whole}"
    );

    let run = fipsctl(["pki", "renew", &dir, "--name", "client-admin"]);
    assert_eq!(run.code, Some(0), "{run}");
    let verify = || fipsctl(["pki", "audit", "verify", &dir, "--expect-head", noted]);
    assert_eq!(verify().code, Some(0), "{}", verify());

    let show = fipsctl(["pki", "audit", "show", &dir, "--event", "renewed"]);
    assert_eq!(show.code, Some(0), "{show}");
    assert_eq!(show.stdout.lines().count(), 2, "{show}");
    assert!(show.stdout.contains("client-admin"), "{show}");
    let show = |args: &[&str]| {
        let all = ["pki", "audit", "show", &dir, "--output", "json"];
        let run = fipsctl(all.iter().chain(args));
        assert_eq!(run.code, Some(0), "{run}");
        json(&run).as_array().unwrap().clone()
    };
    let admin = show(&["--name", "client-admin"]);
    assert_eq!(admin.len(), 2);
    let first = admin[0]["serial"].as_str().unwrap();
    assert_eq!(admin[1]["old-serial"].as_str(), Some(first));
    // Made, and replaced.
    assert_eq!(show(&["--serial", &first.to_lowercase()]).len(), 2);
    assert!(show(&["--event", "revoked"]).is_empty());

    // The last file cut off.
    let last = Path::new(&dir).join("fips/audit/00000002.jsonl");
    let kept = fs::read(&last).unwrap();
    fs::remove_file(&last).unwrap();
    let found = verify();
    assert_eq!(found.code, Some(1), "{found}");
    assert!(found.stdout.contains("HEAD MISMATCH"), "{found}");
    assert!(found.stdout.contains("NOT LOGGED"), "{found}");
    // Nothing is done on top of it.
    let run = fipsctl(["pki", "renew", &dir, "--name", "client-admin"]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(
        run.stderr.contains("audit log cannot be continued"),
        "{run}"
    );
    // Control characters in it reach no terminal.
    let text = String::from_utf8(kept).unwrap();
    fs::write(
        &last,
        text.replace("\"event\":\"renewed\"", "\"event\":\"\\u001b[2J\""),
    )
    .unwrap();
    let found = verify();
    assert_eq!(found.code, Some(1), "{found}");
    assert!(
        found.stdout.contains("ALTERED") && !found.stdout.contains('\x1b'),
        "{found}"
    );
    let nowhere = tempfile::tempdir().unwrap();
    let nowhere = nowhere.path().to_str().unwrap();
    for command in ["head", "show", "verify"] {
        let run = fipsctl(["pki", "audit", command, nowhere]);
        assert_eq!(run.code, Some(4), "{run}");
        assert!(run.stderr.contains("is not there"), "{run}");
    }
}

#[test]
fn a_token_is_printed_once_and_judged_from_a_file_or_standard_input() {
    let (folder, dir) = made();
    let dry = fipsctl(["pki", "token", "create", &dir, "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{dry}");
    assert!(!Path::new(&dir).join("fips/tokens.json").exists());
    let made = fipsctl([
        "pki",
        "token",
        "create",
        &dir,
        "--uses",
        "1",
        "--description",
        "for cp2",
    ]);
    assert_eq!(made.code, Some(0), "{made}");
    let token = made.stdout.trim_end();
    // The pin, by another program.
    let mut sum = Command::new("sha256sum");
    let sum = common::run(sum.arg(Path::new(&dir).join("tls/server-ca.crt")));
    let sum = &sum.stdout[..64];
    assert!(token.starts_with(&format!("K10{sum}::node:")), "{made}");
    assert_eq!(dry.stdout, format!("pin {sum}\n"));
    let secret = &token[token.len() - 32..];
    assert!(!made.stderr.contains(secret));

    let list = fipsctl(["pki", "token", "list", &dir, "--output", "json"]);
    assert!(!list.stdout.contains(secret), "{list}");
    let listed = json(&list);
    assert_eq!(listed[0]["state"], "valid");
    assert_eq!(listed[0]["description"], "for cp2");
    let id = listed[0]["id"].as_str().unwrap();

    let verify = |text: &str| {
        let file = folder.path().join("token");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fipsctl"));
        let run = command
            .args(["pki", "token", "verify", &dir])
            .stdin(Stdio::from(fs::File::open(&file).unwrap()))
            .output()
            .unwrap();
        (run.status.code(), String::from_utf8(run.stdout).unwrap())
    };
    let (code, stdout) = verify(&made.stdout);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(
        stdout.contains("VALID") && !stdout.contains(secret),
        "{stdout}"
    );
    for (text, why) in [
        ("", "is empty"),
        (secret, "no pin"),
        ("K10::node:x", "no pin"),
        (
            &*token.replace(secret, &"0".repeat(32)),
            "no token of the list",
        ),
        (
            &*token.replace(sum, &"0".repeat(64)),
            "is not that of the CA",
        ),
        ("\u{1b}[2J", "control character"),
    ] {
        let (code, stdout) = verify(text);
        assert_eq!(code, Some(1), "{text:?}: {stdout}");
        assert!(
            stdout.contains(why) && !stdout.contains('\x1b'),
            "{text:?}: {stdout}"
        );
    }

    // From a file, which must be its owner's alone.
    let file = folder.path().join("token");
    fs::write(&file, token).unwrap();
    let from_file = || {
        let file = file.to_str().unwrap();
        fipsctl(["pki", "token", "verify", &dir, "--token-file", file])
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let run = from_file();
    assert!(
        run.code == Some(4) && run.stderr.contains("chmod 0600"),
        "{run}"
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(from_file().code, Some(0));

    let dry = fipsctl(["pki", "token", "revoke", &dir, id, "--dry-run"]);
    assert!(dry.code == Some(0) && dry.stdout.contains("VALID"), "{dry}");
    let revoked = fipsctl(["pki", "token", "revoke", &dir, id]);
    assert!(
        revoked.code == Some(0) && revoked.stdout.contains("REVOKED"),
        "{revoked}"
    );
    let run = from_file();
    assert!(
        run.code == Some(1) && run.stdout.contains("was revoked"),
        "{run}"
    );
    let unknown = fipsctl(["pki", "token", "revoke", &dir, "x"]);
    assert!(
        unknown.code == Some(2) && unknown.stderr.contains(id),
        "{unknown}"
    );

    // All of it is in the log, and the secret is in no file.
    let log = fipsctl(["pki", "audit", "show", &dir, "--name", id]);
    assert!(
        log.stdout.contains("token-created") && log.stdout.contains("token-revoked"),
        "{log}"
    );
    let whole = fipsctl(["pki", "audit", "verify", &dir]);
    assert_eq!(whole.code, Some(0), "{whole}");
    let mut grep = Command::new("grep");
    let grep = common::run(grep.args(["-r", secret, &dir]));
    assert_eq!(grep.code, Some(1), "{grep}");
}

/// A CA rotates: every good token is made again, and both are good until the old one ends.
#[test]
fn tokens_are_made_again_for_a_new_authority() {
    let (folder, dir) = made();
    let create = fipsctl(["pki", "token", "create", &dir]);
    let old = create.stdout.trim_end().to_owned();
    for step in ["start", "next", "next"] {
        let mut args = vec!["pki", "rotate-ca", step, &dir, "server-ca"];
        if step == "next" {
            args.push("--force");
        }
        let run = fipsctl(args);
        assert_eq!(run.code, Some(0), "{run}");
    }
    let dry = fipsctl([
        "pki",
        "token",
        "reissue",
        &dir,
        "--dry-run",
        "--output",
        "json",
    ]);
    assert_eq!(json(&dry).as_array().unwrap().len(), 1, "{dry}");
    let made = fipsctl(["pki", "token", "reissue", &dir, "--output", "json"]);
    assert_eq!(made.code, Some(0), "{made}");
    let new = json(&made)[0]["token"].as_str().unwrap().to_owned();
    assert_ne!(new[..60], old[..60]);
    // Nothing is left to be made again.
    let again = fipsctl(["pki", "token", "reissue", &dir, "--output", "json"]);
    assert!(json(&again).as_array().unwrap().is_empty(), "{again}");
    for token in [old, new] {
        let file = folder.path().join("token");
        fs::write(&file, token).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let file = file.to_str().unwrap();
        let judged = fipsctl(["pki", "token", "verify", &dir, "--token-file", file]);
        assert_eq!(judged.code, Some(0), "{judged}");
    }
}
