//! `fipsctl pki` on kubeadm's layout, on a catalogue of one's own, and on trees without a record.
#![cfg(feature = "evaluation")]

mod common;

use std::fs;
use std::path::Path;

use common::{Run, fipsctl};

const OWN: &str = "\
[[authority]]
name = \"ca\"
common_name = \"own-ca\"

[[leaf]]
name = \"web\"
service = \"front\"
common_name = \"web\"
names = [\"web.example.org\"]
usages = \"server\"
issuer = \"ca\"
";

fn on(dir: &Path, command: &str, arguments: &[&str]) -> Run {
    let mut all = vec!["pki", command, dir.to_str().unwrap()];
    all.extend(arguments);
    fipsctl(all)
}

/// Few RSA keys: those of service accounts, too, are on a curve.
const KUBEADM: &[&str] = &[
    "--layout",
    "kubeadm",
    "--node-name",
    "cp-1",
    "--node-ip",
    "192.0.2.10",
    "--key-type",
    "p256",
];

fn json(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

#[test]
fn a_dry_run_lists_every_file_that_the_run_then_writes() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.toml");
    fs::write(&own, OWN).unwrap();
    let own = ["--catalogue", own.to_str().unwrap()];
    let rke2 = [
        "--layout",
        "rke2",
        "--key-type",
        "p256",
        "--data-dir",
        "/var/lib/rancher/rke2",
    ];
    for (name, layout, count) in [("k", KUBEADM, 28), ("o", &own, 5), ("r", &rke2, 60)] {
        let dir = folder.path().join(name);
        let arguments = [layout, &["--dry-run", "--output", "json"]].concat();
        let run = on(&dir, "init", &arguments);
        assert_eq!(run.code, Some(0), "{run}");
        let mut planned: Vec<String> = json(&run)
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["file"].as_str().unwrap().to_owned())
            .collect();
        planned.sort();
        assert!(!dir.exists());

        let run = on(&dir, "init", &[layout, &["--output", "json"]].concat());
        assert_eq!(run.code, Some(0), "{run}");
        let mut written: Vec<String> = json(&run)["written"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file.as_str().unwrap().to_owned())
            .collect();
        written.retain(|file| !file.starts_with("fips/audit/"));
        written.sort();
        assert_eq!(planned, written);
        assert_eq!(written.len(), count, "{written:?}");
        let run = on(&dir, "check", &[]);
        assert_eq!(run.code, Some(0), "{run}");
    }
}

#[test]
fn a_service_is_renewed_alone_and_an_unknown_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("kubernetes");
    let run = on(&dir, "init", KUBEADM);
    assert_eq!(run.code, Some(0), "{run}");
    let all = ["--all", "--service", "etcd", "--output", "json"];
    let run = on(&dir, "renew", &all);
    assert_eq!(run.code, Some(0), "{run}");
    let report = json(&run);
    let names: Vec<&str> = report["report"]["issued"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issued| issued["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["etcd/server", "etcd/peer", "etcd/healthcheck-client"]
    );
    let run = on(&dir, "renew", &["--all", "--service", "etdc"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("it has: admin, apiserver"), "{run}");
    let before = fs::read(dir.join("admin.conf")).unwrap();
    let run = on(&dir, "renew", &["--all", "--service", "admin"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_ne!(fs::read(dir.join("admin.conf")).unwrap(), before);
}

#[test]
fn a_tree_without_a_record_is_checked_by_its_layout_and_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("kubernetes");
    let run = on(&dir, "init", KUBEADM);
    assert_eq!(run.code, Some(0), "{run}");
    fs::remove_dir_all(dir.join("fips")).unwrap();

    let run = on(&dir, "check", &[]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("pki adopt"), "{run}");
    let run = on(&dir, "check", KUBEADM);
    assert_eq!(run.code, Some(0), "{run}");
    // Another address of the node: drift, by name.
    let other: Vec<&str> = KUBEADM
        .iter()
        .map(|word| {
            if *word == "192.0.2.10" {
                "192.0.2.11"
            } else {
                word
            }
        })
        .collect();
    let run = on(&dir, "check", &other);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(
        run.stdout.contains("DRIFTED") && run.stdout.contains("192.0.2.11"),
        "{run}"
    );
    let run = on(&dir, "adopt", &[]);
    assert_eq!(run.code, Some(2), "{run}");
    let run = on(&dir, "check", &["--node-ip", "192.0.2.10"]);
    assert_eq!(run.code, Some(2), "{run}");

    let run = on(&dir, "adopt", &[KUBEADM, &["--dry-run"]].concat());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(!dir.join("fips").exists());
    let run = on(&dir, "adopt", KUBEADM);
    assert_eq!(run.code, Some(0), "{run}");
    let run = on(&dir, "check", &[]);
    assert_eq!(run.code, Some(0), "{run}");
    let run = on(&dir, "adopt", KUBEADM);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("exists already"), "{run}");
    // What cannot sign is not taken over.
    fs::remove_dir_all(dir.join("fips")).unwrap();
    fs::copy(dir.join("pki/sa.key"), dir.join("pki/etcd/ca.key")).unwrap();
    let run = on(&dir, "adopt", KUBEADM);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(
        run.stderr.contains("etcd/ca") && !dir.join("fips").exists(),
        "{run}"
    );
}

/// kubeadm makes folders 0755 and its public key 0600; a key that others may read is refused
/// with the command that mends it.
#[test]
fn modes_are_taken_as_kubeadm_makes_them_and_told_when_they_are_loose() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("kubernetes");
    assert_eq!(on(&dir, "init", KUBEADM).code, Some(0));
    fs::remove_dir_all(dir.join("fips")).unwrap();
    let set = |path: &str, mode| {
        fs::set_permissions(dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    for path in ["", "pki", "pki/etcd"] {
        set(path, 0o755);
    }
    set("pki/sa.pub", 0o600);
    let run = on(&dir, "check", KUBEADM);
    assert_eq!(run.code, Some(0), "{run}");
    for (path, mode) in [("pki/etcd/ca.key", 0o644), ("pki/ca.crt", 0o664)] {
        set(path, mode);
        let run = on(&dir, "check", KUBEADM);
        assert_eq!(run.code, Some(1), "{run}");
        let told = run.stdout.lines().find(|line| line.contains("chmod"));
        assert!(told.is_some_and(|line| line.contains(path)), "{run}");
        set(path, 0o600);
    }
}

#[test]
fn senseless_layouts_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("server");
    let flawed = folder.path().join("flawed.toml");
    fs::write(
        &flawed,
        OWN.replace("issuer = \"ca\"", "issuer = \"other\""),
    )
    .unwrap();
    let flawed = flawed.to_str().unwrap();
    for (arguments, word) in [
        (&["--layout", "minikube"][..], "invalid value"),
        (
            &["--layout", "kubeadm", "--node-name", "cp-1"],
            "address of the node",
        ),
        (
            &["--layout", "kubeadm", "--encryption", "aesgcm"],
            "--encryption",
        ),
        (&["--layout", "rke2", "--endpoint", "a:1"], "--endpoint"),
        (&["--encryption", "secretbox"], "invalid value"),
        (&["--catalogue", flawed], "line 5"),
        (
            &["--catalogue", flawed, "--layout", "rke2"],
            "cannot be used with",
        ),
        (
            &["--catalogue", flawed, "--node-ip", "10.0.0.1"],
            "cannot be used with",
        ),
    ] {
        let run = on(&dir, "init", arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {run}");
        assert!(run.stderr.contains(word), "{arguments:?}: {run}");
        assert!(!dir.exists());
    }
    let run = on(&dir, "init", &["--catalogue", "/nowhere.toml"]);
    assert_eq!(run.code, Some(4), "{run}");
}

#[test]
fn a_nodes_tree_is_made_checked_and_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let server = folder.path().join("server");
    let run = on(
        &server,
        "init",
        &["--node-name", "cp-1", "--key-type", "p256"],
    );
    assert_eq!(run.code, Some(0), "{run}");
    let agent = folder.path().join("agent");
    let out = [
        "worker-1",
        "--node-ip",
        "192.0.2.21",
        "--out",
        agent.to_str().unwrap(),
    ];
    let run = on(&server, "node", &[&out[..], &["--dry-run"]].concat());
    assert_eq!(run.code, Some(0), "{run}");
    assert!(
        run.stdout.contains("kubeproxy.kubeconfig") && !agent.exists(),
        "{run}"
    );

    let run = on(&server, "node", &out);
    assert_eq!(run.code, Some(0), "{run}");
    let mut files: Vec<String> = fs::read_dir(&agent)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "fips")
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "client-ca.crt",
            "client-kube-proxy.crt",
            "client-kube-proxy.key",
            "client-kubelet.crt",
            "client-kubelet.key",
            "client-rke2-controller.crt",
            "client-rke2-controller.key",
            "kubelet.kubeconfig",
            "kubeproxy.kubeconfig",
            "rke2controller.kubeconfig",
            "server-ca.crt",
            "serving-kubelet.crt",
            "serving-kubelet.key",
        ]
    );
    let run = on(&agent, "check", &[]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(
        run.stdout
            .contains("CN=system:node:worker-1,O=system:nodes"),
        "{run}"
    );
    // The authorities' keys are not here: nothing can be renewed from here alone.
    let run = on(&agent, "renew", &["--all"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("not kept in this folder"), "{run}");
    let before = fs::read(agent.join("client-kubelet.crt")).unwrap();
    let run = on(&server, "node", &out);
    assert_eq!(run.code, Some(0), "{run}");
    assert_ne!(fs::read(agent.join("client-kubelet.crt")).unwrap(), before);
    assert_eq!(on(&agent, "check", &[]).code, Some(0));
    // Another node's tree is not written over.
    let other = ["worker-2", "--out", agent.to_str().unwrap()];
    let run = on(&server, "node", &other);
    assert_eq!(run.code, Some(4), "{run}");
    let run = on(&agent, "node", &other);
    assert_eq!(run.code, Some(2), "{run}");
}

#[test]
fn single_entries_differ_where_asked_and_lint_looks_into_kubeconfigs() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("kubernetes");
    let more = [
        "--api-port",
        "7443",
        "--entry-days",
        "admin.conf=30",
        "--entry-key",
        "apiserver=p384",
    ];
    let run = on(&dir, "init", &[KUBEADM, &more].concat());
    assert_eq!(run.code, Some(0), "{run}");
    let admin = fs::read_to_string(dir.join("admin.conf")).unwrap();
    assert!(admin.contains(":7443"), "{admin}");
    let rows = json(&on(&dir, "check", &["--output", "json"]));
    let of = |name: &str| {
        let mut rows = rows.as_array().unwrap().iter();
        rows.find(|row| row["entry"] == name).unwrap().clone()
    };
    assert_eq!(of("admin.conf")["residual"], "29 days");
    assert_eq!(of("apiserver")["key"], "ECDSA P-384");

    let linted = on(&dir, "lint", &["--output", "json"]);
    assert_eq!(linted.code, Some(0), "{linted}");
    assert!(linted.stdout.contains("admin.conf"), "{linted}");

    for (option, value, word) in [
        ("--entry-days", "nobody=30", "nobody"),
        ("--entry-days", "admin", "NAME=VALUE"),
        ("--entry-key", "admin=ed25519", "p256"),
        ("--api-port", "0", "1.."),
    ] {
        let dir = folder.path().join("none");
        let run = on(&dir, "init", &[KUBEADM, &[option, value]].concat());
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains(word), "{word}: {run}");
        assert!(!dir.exists());
    }
}
