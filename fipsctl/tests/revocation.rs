//! Revoking, and looking: `pki revoke`, `crl`, `show`, `verify` and `lint` as a user runs them.
#![cfg(feature = "evaluation")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Run, fipsctl};

fn run(folder: &Path, arguments: &str, code: i32) -> Run {
    let arguments: Vec<String> = arguments
        .split_whitespace()
        .map(|word| word.replace("DIR", &folder.join("server").display().to_string()))
        .collect();
    let run = fipsctl(&arguments);
    assert_eq!(run.code, Some(code), "{arguments:?}: {run}");
    run
}

fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "pki init DIR --node-name node-1", 0);
    folder
}

/// Each file with its content.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_leaf_is_revoked_seen_and_made_anew() {
    let folder = made();
    let folder = folder.path();
    let before = content(folder);
    let dry = run(folder, "pki revoke DIR --name client-admin --dry-run", 0);
    assert!(
        dry.stdout.contains("would be revoked") && dry.stderr.contains("dry run"),
        "{dry}"
    );
    run(folder, "pki crl refresh DIR --dry-run", 0);
    run(
        folder,
        "pki crl issue DIR --authority client-ca --dry-run",
        0,
    );
    let show = run(folder, "pki crl show DIR", 0);
    assert!(
        show.stdout.contains("no authority has a revocation list"),
        "{show}"
    );
    assert_eq!(content(folder), before);

    let revoked = run(
        folder,
        "pki revoke DIR --name client-admin --reason key-compromise",
        0,
    );
    assert!(
        revoked.stdout.contains("fips/crl/client-ca.crl"),
        "{revoked}"
    );
    assert!(revoked.stderr.contains("pki renew"), "{revoked}");
    let check = run(folder, "pki check DIR", 1);
    assert!(
        check.stdout.contains("REVOKED tls/client-admin.crt"),
        "{check}"
    );
    let verify = run(folder, "pki verify DIR", 1);
    assert!(verify.stdout.contains("CertRevoked"), "{verify}");
    let list = run(
        folder,
        "pki crl show DIR/fips/crl/client-ca.crl.pem --output json",
        0,
    );
    assert!(
        list.stdout.contains("\"reason\": \"key-compromise\""),
        "{list}"
    );
    let good = run(folder, "pki crl verify DIR DIR/fips/crl/client-ca.crl", 0);
    assert_eq!(good.stdout, "good, issued by client-ca\n");
    let again = run(folder, "pki revoke DIR --name client-admin", 0);
    assert!(again.stdout.contains("already, at"), "{again}");
    assert!(again.stdout.contains("no list was issued"), "{again}");

    let renewed = run(folder, "pki renew DIR", 0);
    assert!(renewed.stdout.contains("it was revoked at"), "{renewed}");
    for command in ["pki check DIR", "pki verify DIR", "pki crl verify DIR"] {
        run(folder, command, 0);
    }
    let due = run(folder, "pki crl refresh DIR", 0);
    assert!(due.stdout.contains("no list was issued"), "{due}");
    let issued = run(
        folder,
        "pki crl issue DIR --authority client-ca --output yaml",
        0,
    );
    assert!(issued.stdout.contains("listed: 1"), "{issued}");

    // A list of another PKI is refused.
    let other = made();
    let list = other.path().join("server/fips/crl/client-ca.crl");
    run(other.path(), "pki revoke DIR --name client-admin", 0);
    let refused = run(folder, &format!("pki crl verify DIR {}", list.display()), 1);
    assert!(refused.stdout.starts_with("REFUSED: "), "{refused}");
}

#[test]
fn what_makes_no_sense_is_said() {
    let folder = made();
    let folder = folder.path();
    for (arguments, code) in [
        ("pki revoke DIR", 2),
        ("pki revoke DIR --name client-admin --reason hold", 2),
        (
            "pki revoke DIR --name client-admin --authority client-ca",
            2,
        ),
        ("pki revoke DIR --name nobody", 2),
        ("pki revoke DIR --serial 0A0B", 4),
        ("pki revoke DIR --serial xyz --authority client-ca", 4),
        ("pki revoke DIR --file /nowhere", 4),
        ("pki revoke DIR --file DIR/tls/client-ca.crt", 4),
        ("pki crl issue DIR", 2),
        ("pki crl issue DIR --authority nobody", 2),
        ("pki crl show DIR/tls/client-ca.crt", 4),
        ("pki crl show /nowhere", 4),
        ("pki show DIR nobody", 2),
        ("pki show DIR/tls/client-ca.crt name", 2),
        ("pki show DIR/tls/client-ca.key", 4),
        ("pki verify /nowhere", 4),
        ("pki lint", 2),
        ("pki lint /nowhere", 4),
        ("pki lint --explain nothing", 2),
        ("pki lint DIR/tls/client-ca.key", 1),
    ] {
        let run = run(folder, arguments, code);
        let told = if code == 1 { &run.stdout } else { &run.stderr };
        assert!(
            !told.is_empty() && !run.stderr.contains("panicked"),
            "{arguments}: {run}"
        );
    }
}

#[test]
fn the_new_commands_have_help_with_an_example() {
    for command in [
        "pki crl issue",
        "pki crl refresh",
        "pki crl show",
        "pki crl verify",
        "pki lint",
        "pki revoke",
        "pki show",
        "pki verify",
    ] {
        let run = run(Path::new("."), &format!("{command} --help"), 0);
        assert!(run.stdout.contains(&format!("fipsctl {command}")), "{run}");
        assert!(run.stdout.contains("Example"), "{run}");
    }
}

/// A certificate that does not change: RSA of 2048 bits by OpenSSL, valid 2026-11-24 to 2036.
const FIXED: &str = include_str!("fixed.pem");

const FIXED_IN_WORDS: &str = include_str!("fixed.txt");

#[test]
fn a_certificate_in_words_from_a_file_and_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("fixed.pem"), FIXED).unwrap();
    let file = folder.path().join("fixed.pem").display().to_string();
    let shown = run(folder.path(), &format!("pki show {file}"), 0);
    assert_eq!(shown.stdout, FIXED_IN_WORDS);
    let mut child = Command::new(env!("CARGO_BIN_EXE_fipsctl"))
        .args(["pki", "show", "-", "--output", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), FIXED.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("\"sha256\""),
        "{text}"
    );
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found[0]["names"][0], "localhost");
}

/// The tree, with what differs from run to run (dates, stamps) taken out.
#[test]
fn the_tree_is_drawn_with_authorities_leaves_and_kubeconfigs() {
    let folder = made();
    run(folder.path(), "pki revoke DIR --name etcd/client", 0);
    let shown = run(folder.path(), "pki show DIR", 0);
    let lines: Vec<String> = shown
        .stdout
        .lines()
        .skip(1)
        .map(|line| {
            let (branch, said) = line.split_once("── ").unwrap();
            format!("{branch}── {}", said.split("  ").next().unwrap())
        })
        .collect();
    let text = lines.join("\n");
    for part in [
        "├── client-ca\n",
        "│   ├── client-admin\n│   │   └── admin.kubeconfig\n",
        "├── etcd/server-ca\n│   ├── fips/crl/etcd/server-ca.crl\n│   ├── etcd/client\n",
        "├── etcd/peer-ca\n│   └── etcd/peer-server-client\n",
        "├── service\n",
    ] {
        assert!(text.contains(part), "{part}: {shown}");
    }
    assert!(
        shown
            .stdout
            .contains("etcd/client  CN=etcd-client  REVOKED"),
        "{shown}"
    );
    let json = run(folder.path(), "pki show DIR --output json", 0);
    let tree: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(tree[0]["entry"], "client-ca");
    assert!(tree[0]["below"].as_array().unwrap().len() >= 2);
    // An entry in words: the leaf, and its chain.
    let words = run(folder.path(), "pki show DIR etcd/server-client", 0);
    assert!(
        words.stdout.starts_with("subject         CN=etcd-server\n"),
        "{words}"
    );
    assert_eq!(words.stdout.matches("SHA-256").count(), 2, "{words}");
}

#[test]
fn what_is_broken_in_a_tree_is_told_with_the_reason() {
    let folder = made();
    let folder = folder.path();
    let tls = |name: &str| folder.join("server/tls").join(name);
    let good = fs::read(tls("client-admin.key")).unwrap();
    fs::copy(tls("etcd/client.key"), tls("client-admin.key")).unwrap();
    let torn = run(folder, "pki verify DIR", 1);
    assert!(
        torn.stdout
            .contains("the key is not that of the certificate"),
        "{torn}"
    );
    fs::write(tls("client-admin.key"), good).unwrap();
    run(folder, "pki verify DIR", 0);
    // A leaf of another authority, and a server's authority that is another PKI's.
    let other = made();
    let stranger = other.path().join("server/tls/server-ca.crt");
    fs::copy(stranger, tls("server-ca.crt")).unwrap();
    let foreign = run(folder, "pki verify DIR --output json", 1);
    let found: serde_json::Value = serde_json::from_str(&foreign.stdout).unwrap();
    let failed: Vec<&str> = found
        .as_array()
        .unwrap()
        .iter()
        .filter(|verdict| !verdict["failed"].is_null())
        .map(|verdict| verdict["question"].as_str().unwrap())
        .collect();
    for question in ["kubeconfig", "pair", "server"] {
        assert!(failed.contains(&question), "{foreign}");
    }
}

#[test]
fn lint_finds_nothing_in_ours_and_explains_its_rules() {
    let folder = made();
    let clean = run(folder.path(), "pki lint DIR", 0);
    assert!(
        clean.stdout.ends_with(" certificates, 0 findings\n"),
        "{clean}"
    );
    let rules = run(folder.path(), "pki lint --explain all", 0);
    assert_eq!(rules.stdout.lines().count(), 45 + 1, "{rules}");
    let one = run(
        folder.path(),
        "pki lint --explain key-usage-ec-encipherment",
        0,
    );
    assert!(one.stdout.contains("RFC 8813 §3"), "{one}");
    let fixed = folder.path().join("fixed.pem");
    fs::write(&fixed, FIXED).unwrap();
    let found = run(
        folder.path(),
        &format!("pki lint {} --output json", fixed.display()),
        1,
    );
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    let ids: Vec<&str> = found[0]["certificates"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["path-length-missing", "key-usage-authority"]);
}

/// kubeadm's kubeconfigs embed what others name as files.
#[test]
fn kubeadms_tree_is_drawn_verified_and_its_kubeconfigs_shown() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let init = "pki init DIR --layout kubeadm --node-name cp-1 --node-ip 10.0.0.1";
    run(folder, init, 0);
    let good = run(folder, "pki verify DIR", 0);
    for name in [
        "admin",
        "super-admin",
        "controller-manager",
        "scheduler",
        "kubelet",
    ] {
        let asked = good.stdout.lines().filter(|line| {
            line.starts_with(&format!("{name}.conf "))
                && ["pair", "client", "kubeconfig"]
                    .iter()
                    .any(|word| line.contains(word))
        });
        assert_eq!(asked.count(), 3, "{name}: {good}");
    }
    let tree = run(folder, "pki show DIR", 0);
    assert!(
        tree.stdout.contains("── admin.conf  CN=kubernetes-admin"),
        "{tree}"
    );
    assert!(
        tree.stdout.contains("── etcd/healthcheck-client  "),
        "{tree}"
    );
    // The user's certificate by its entry, and with its authority from the file.
    let entry = run(folder, "pki show DIR admin.conf", 0);
    let file = run(folder, "pki show DIR/admin.conf", 0);
    for words in ["CN=kubernetes-admin", "CN=kubernetes"] {
        assert!(file.stdout.contains(words), "{file}");
    }
    assert!(
        file.stdout.contains(entry.stdout.trim_end()),
        "{entry}{file}"
    );
    for secret in ["PRIVATE", "key-data"] {
        assert!(!file.stdout.contains(secret), "{file}");
    }

    let conf = folder.join("server/admin.conf");
    let whole = fs::read_to_string(&conf).unwrap();
    let line = |text: &str, key: &str| {
        let found = text.lines().find(|line| line.contains(key)).unwrap();
        found.to_owned()
    };
    let other = fs::read_to_string(folder.join("server/kubelet.conf")).unwrap();
    let front = fs::read(folder.join("server/pki/front-proxy-ca.crt")).unwrap();
    let authority = "certificate-authority-data: ";
    let replaced = line(&whole, authority);
    let start = replaced.split(authority).next().unwrap();
    let strange = format!("{start}{authority}{}", data_encoding::BASE64.encode(&front));
    for (bad, question) in [
        // Another authority, another user's key, another server.
        (whole.replace(&replaced, &strange), "kubeconfig"),
        (
            whole.replace(
                &line(&whole, "client-key-data"),
                &line(&other, "client-key-data"),
            ),
            "pair",
        ),
        (
            whole.replace("https://10.0.0.1", "https://10.0.0.2"),
            "kubeconfig",
        ),
    ] {
        assert_ne!(bad, whole);
        fs::write(&conf, bad).unwrap();
        let told = run(folder, "pki verify DIR", 1);
        let line = told
            .stdout
            .lines()
            .find(|line| line.contains("FAILED"))
            .unwrap();
        assert!(
            line.starts_with("admin.conf") && line.contains(question),
            "{told}"
        );
    }
    fs::write(&conf, "apiVersion: v1\nkind: Config\n").unwrap();
    run(folder, "pki verify DIR", 1);
    let empty = run(folder, "pki show DIR/admin.conf", 4);
    assert!(empty.stderr.contains("kubeconfig"), "{empty}");
}

#[test]
fn a_renewal_issues_the_lists_that_are_due() {
    let folder = made();
    let folder = folder.path();
    run(
        folder,
        "pki crl issue DIR --authority client-ca --authority server-ca",
        0,
    );
    let none = run(folder, "pki renew DIR", 0);
    assert!(!none.stdout.contains("revocation list"), "{none}");
    fs::remove_file(folder.join("server/fips/crl/client-ca.crl.pem")).unwrap();
    let dry = run(folder, "pki renew DIR --dry-run", 0);
    assert!(dry.stdout.contains("revocation list of client-ca"), "{dry}");
    assert!(!folder.join("server/fips/crl/client-ca.crl.pem").exists());
    // A register that cannot be read is its authority's alone.
    fs::write(folder.join("server/fips/revoked/server-ca.json"), "{}").unwrap();
    let told = run(folder, "pki renew DIR", 1);
    assert!(
        told.stdout
            .contains("revocation list fips/crl/client-ca.crl: "),
        "{told}"
    );
    assert!(
        told.stdout.contains("LIST NOT ISSUED server-ca: "),
        "{told}"
    );
    assert!(folder.join("server/fips/crl/client-ca.crl.pem").exists());
}
