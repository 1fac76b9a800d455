//! `fipsctl pki issue|sign|export-csr|import` as a user runs them, with openssl at the other end.

#![cfg(feature = "evaluation")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use common::{Run, fipsctl, run};

/// Runs fipsctl in `folder`.
fn ctl(folder: &Path, line: &str) -> Run {
    run(Command::new(env!("CARGO_BIN_EXE_fipsctl"))
        .args(line.split_whitespace())
        .current_dir(folder))
}

#[track_caller]
fn done(folder: &Path, line: &str) -> Run {
    let run = ctl(folder, line);
    assert_eq!(run.code, Some(0), "{line}: {run}");
    run
}

#[track_caller]
fn openssl(folder: &Path, line: &str) -> String {
    let run = run(Command::new("openssl")
        .args(line.split_whitespace())
        .current_dir(folder));
    assert_eq!(
        run.code,
        Some(0),
        "openssl (Debian package openssl) {line}: {run}"
    );
    run.stdout + &run.stderr
}

fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    done(
        folder.path(),
        "pki init server --node-name node-1 --data-dir /data",
    );
    folder
}

fn kubelet_request(folder: &Path) {
    openssl(
        folder,
        "ecparam -name prime256v1 -genkey -noout -out kubelet.key",
    );
    openssl(
        folder,
        "req -new -key kubelet.key -subj /O=system:nodes/CN=system:node:node-1 -out kubelet.csr",
    );
}

/// Every file below `folder` with its content.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_request_is_signed_by_a_rule_or_refused_with_the_list() {
    let folder = made();
    let folder = folder.path();
    kubelet_request(folder);
    let sign = "pki sign server kubelet.csr --ca client-ca --rule kubelet-client --node node-1";

    let before = files(folder);
    let run = done(folder, &format!("{sign} --dry-run --output json"));
    assert!(run.stdout.contains("\"rule\": \"kubelet-client\""), "{run}");
    assert_eq!(files(folder), before);

    done(folder, &format!("{sign} --days 7 --out kubelet.crt"));
    openssl(
        folder,
        "verify -x509_strict -purpose sslclient -CAfile server/tls/client-ca.crt kubelet.crt",
    );
    let text = openssl(folder, "x509 -in kubelet.crt -noout -subject -pubkey");
    assert!(text.contains("O = system:nodes"), "{text}");
    assert!(
        text.contains(&openssl(folder, "pkey -in kubelet.key -pubout")),
        "{text}"
    );

    // Not over a file that is there.
    let run = ctl(folder, &format!("{sign} --out kubelet.crt"));
    assert_eq!(run.code, Some(2), "{run}");
    for (line, expected) in [
        (
            "--rule kubelet-client --node node-2",
            "the rule allows system:node:node-2",
        ),
        (
            "--rule kubelet-client --node node-1 --days 366",
            "366 days are asked for",
        ),
        (
            "--rule kubelet-serving --node node-1",
            "the rule is not for the authority \"client-ca\"",
        ),
    ] {
        for more in ["--dry-run", "--out other.crt"] {
            let run = ctl(
                folder,
                &format!("pki sign server kubelet.csr --ca client-ca {line} {more}"),
            );
            assert_eq!(run.code, Some(4), "{run}");
            assert!(run.stderr.contains(expected), "{run}");
        }
        assert!(!folder.join("other.crt").exists());
    }
    let log: String = files(&folder.join("server/fips/audit"))
        .into_iter()
        .map(|(_, content)| String::from_utf8(content).unwrap())
        .collect();
    assert_eq!(log.matches("\"refused\"").count(), 3, "{log}");

    let rules = "[[rule]]\nname = \"n\"\nauthorities = [\"client-ca\"]\n\
                 common-names = [\"system:node:*\"]\norganization = \"system:nodes\"\n\
                 usages = \"client\"\nmax-days = 30\n";
    fs::write(folder.join("rules.toml"), rules).unwrap();
    let by_file = "pki sign server kubelet.csr --ca client-ca --rules rules.toml";
    done(folder, &format!("{by_file} --out by-rules.crt"));
    fs::write(folder.join("rules.toml"), format!("{rules}typo = 1\n")).unwrap();
    let run = ctl(folder, &format!("{by_file} --out again.crt"));
    assert_eq!(run.code, Some(2), "{run}");
    assert!(
        run.stderr.contains("typo") && run.stderr.contains("rules.toml"),
        "{run}"
    );
}

#[test]
fn one_leaf_is_issued_with_a_key_made_here_or_for_one_elsewhere() {
    let folder = made();
    let folder = folder.path();
    let issue = "pki issue server --ca server-ca --common-name web --san web.example.org \
                 --san 192.0.2.7 --usage server --days 30";
    let before = files(folder);
    done(folder, &format!("{issue} --dry-run"));
    assert_eq!(files(folder), before);

    let run = done(folder, &format!("{issue} --out web.crt --output yaml"));
    assert!(run.stdout.contains("- web.key"), "{run}");
    let mode = folder
        .join("web.key")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    openssl(
        folder,
        "verify -x509_strict -purpose sslserver -verify_hostname web.example.org \
         -CAfile server/tls/server-ca.crt web.crt",
    );
    // None is lost on its way: a copy stays with the PKI.
    let serial = openssl(folder, "x509 -in web.crt -noout -serial");
    let serial = serial.trim().trim_start_matches("serial=").to_owned();
    let copy = fs::read(folder.join(format!("server/fips/issued/{serial}.crt"))).unwrap();
    assert!(fs::read(folder.join("web.crt")).unwrap().starts_with(&copy));

    let public = openssl(folder, "pkey -in web.key -pubout");
    assert!(openssl(folder, "x509 -in web.crt -noout -pubkey").contains(&public));

    openssl(
        folder,
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out own.key",
    );
    openssl(folder, "pkey -in own.key -pubout -out own.pub");
    done(
        folder,
        &format!("{issue} --public-key own.pub --out own.crt"),
    );
    assert!(!folder.join("own.key.key").exists());
    openssl(
        folder,
        "verify -x509_strict -CAfile server/tls/server-ca.crt own.crt",
    );
    kubelet_request(folder);
    done(
        folder,
        &format!("{issue} --csr kubelet.csr --out of-csr.crt"),
    );
    // Key of the request, words of the command line.
    let text = openssl(folder, "x509 -in of-csr.crt -noout -subject");
    assert!(
        text.contains("CN = web") && !text.contains("system"),
        "{text}"
    );

    openssl(folder, "genpkey -algorithm ED25519 -out ed.key");
    openssl(folder, "pkey -in ed.key -pubout -out ed.pub");
    for (line, code, expected) in [
        ("--public-key ed.pub --out ed.crt", 4, "Ed25519"),
        (
            "--public-key own.key --out ed.crt",
            4,
            "where a PUBLIC KEY is expected",
        ),
        ("--out web.crt", 2, "exists already"),
    ] {
        let run = ctl(folder, &format!("{issue} {line}"));
        assert_eq!(run.code, Some(code), "{run}");
        assert!(run.stderr.contains(expected), "{run}");
    }
    let run = ctl(
        folder,
        &issue
            .replace("server-ca", "no-ca")
            .replace("web", "w")
            .to_string(),
    );
    assert_eq!(run.code, Some(2), "{run}");
    // A leaf that cannot be issued leaves no key behind.
    let unknown = format!("{} --out left.crt", issue.replace("server-ca", "no-ca"));
    let run = ctl(folder, &unknown);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(
        run.stderr.contains("client-ca") && !folder.join("left.key").exists(),
        "{run}"
    );
}

const CA: &str = "basicConstraints=critical,CA:TRUE,pathlen:1\nkeyUsage=critical,keyCertSign,cRLSign\n\
                  subjectKeyIdentifier=hash\n";

/// An offline root in `folder`, made and used by openssl alone.
fn offline_root(folder: &Path) {
    fs::write(
        folder.join("root.cnf"),
        format!("[req]\nprompt=no\ndistinguished_name=dn\n[dn]\nCN=root\n[ext]\n{CA}"),
    )
    .unwrap();
    openssl(
        folder,
        "req -x509 -config root.cnf -extensions ext -newkey ec -pkeyopt \
         ec_paramgen_curve:P-384 -sha384 -nodes -keyout root.key -days 5000 -out root.crt",
    );
}

#[test]
fn an_offline_root_signs_what_is_exported() {
    let folder = made();
    let folder = folder.path();
    offline_root(folder);
    for more in ["", "--new-key"] {
        let _ = fs::remove_file(folder.join("ca.csr"));
        done(
            folder,
            &format!("pki export-csr server --ca server-ca {more} --dry-run"),
        );
        assert!(!folder.join("ca.csr").exists());
        done(
            folder,
            &format!("pki export-csr server --ca server-ca {more} --out ca.csr"),
        );
        assert!(openssl(folder, "req -in ca.csr -noout -verify").contains("verify OK"));
        openssl(
            folder,
            "x509 -req -in ca.csr -CA root.crt -CAkey root.key -copy_extensions copy -days 3000 \
             -sha384 -out ca.crt",
        );
        let read = |file: &str| fs::read(folder.join(file)).unwrap();
        fs::write(
            folder.join("chain.crt"),
            [read("ca.crt"), read("root.crt")].concat(),
        )
        .unwrap();

        let before = files(folder);
        let run = ctl(folder, "pki import server server-ca ca.crt --dry-run");
        assert_eq!(run.code, Some(4), "{run}");
        assert!(run.stderr.contains("no root"), "{run}");
        done(folder, "pki import server server-ca chain.crt --dry-run");
        assert_eq!(files(folder), before);
        let run = done(folder, "pki import server server-ca chain.crt");
        assert!(
            run.stdout.contains("tls/serving-kube-apiserver.crt"),
            "{run}"
        );
        done(folder, "pki check server");
        openssl(
            folder,
            "verify -x509_strict -purpose sslserver -CAfile root.crt -untrusted \
             server/tls/serving-kube-apiserver.crt server/tls/serving-kube-apiserver.crt",
        );
    }
}

#[test]
fn an_authority_whose_key_is_elsewhere_has_its_leaves_requested() {
    let folder = made();
    let folder = folder.path();
    offline_root(folder);
    let run = done(
        folder,
        "pki import server client-ca root.crt --external-key",
    );
    assert!(
        run.stdout
            .contains("REQUESTED client-admin: have fips/requests/client-admin.csr"),
        "{run}"
    );
    assert!(!folder.join("server/tls/client-ca.key").exists());
    // They are findings until they are there; a renewal says that they wait.
    let run = ctl(folder, "pki renew server");
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("WAITS client-admin"), "{run}");

    fs::write(
        folder.join("leaf.cnf"),
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n\
         subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
    )
    .unwrap();
    let requests = folder.join("server/fips/requests");
    let mut names: Vec<String> = fs::read_dir(&requests)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == "csr"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 2, "{names:?}");
    for name in &names {
        openssl(
            folder,
            &format!(
                "x509 -req -in server/fips/requests/{name}.csr -CA root.crt -CAkey root.key \
                 -extfile leaf.cnf -days 90 -sha384 -out leaf.crt"
            ),
        );
        done(folder, &format!("pki import server {name} leaf.crt"));
    }
    done(folder, "pki check server");
    openssl(
        folder,
        "verify -x509_strict -purpose sslclient -CAfile root.crt server/tls/client-admin.crt",
    );
}

#[test]
fn wrong_usage_is_exit_2_and_help_has_examples() {
    for args in [
        &["pki", "sign", "x", "y", "--ca", "z", "--out", "o"][..],
        &[
            "pki",
            "sign",
            "x",
            "y",
            "--ca",
            "z",
            "--rule",
            "kubelet-client",
            "--out",
            "o",
        ],
        &[
            "pki", "sign", "x", "y", "--ca", "z", "--rule", "other", "--out", "o",
        ],
        &[
            "pki",
            "issue",
            "x",
            "--ca",
            "z",
            "--common-name",
            "c",
            "--usage",
            "server",
            "--out",
            "o",
        ],
        &[
            "pki",
            "issue",
            "x",
            "--ca",
            "z",
            "--common-name",
            "c",
            "--usage",
            "client",
        ],
        &["pki", "export-csr", "x", "--ca", "z"],
        &["pki", "import", "x", "y"],
    ] {
        let run = fipsctl(args);
        assert_eq!(run.code, Some(2), "{args:?}: {run}");
        assert!(
            run.stdout.is_empty() && !run.stderr.is_empty(),
            "{args:?}: {run}"
        );
    }
    for command in ["issue", "sign", "export-csr", "import"] {
        let run = fipsctl(["pki", command, "--help"]);
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stdout.contains("Examples:"), "{run}");
        assert!(
            run.stdout.contains(&format!("fipsctl pki {command} ")),
            "{run}"
        );
    }
}
