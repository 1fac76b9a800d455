//! `fipsctl serve` and `fipsctl connect` with each other and with real peers.
#![cfg(feature = "evaluation")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{fipsctl, run};

const BIN: &str = env!("CARGO_BIN_EXE_fipsctl");

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(tls: &Path, connections: u32) -> Self {
        Self::start_with(tls, connections, &[])
    }

    fn start_with(tls: &Path, connections: u32, more: &[&str]) -> Self {
        let mut child = Command::new(BIN)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--connections",
                &connections.to_string(),
            ])
            .arg("--cert")
            .arg(tls.join("etcd/server-client.crt"))
            .arg("--key")
            .arg(tls.join("etcd/server-client.key"))
            .arg("--ca")
            .arg(tls.join("etcd/server-ca.crt"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        // Read byte by byte, so that the rest stays in the pipe.
        let stdout = child.stdout.as_mut().unwrap();
        let mut byte = [0];
        while stdout.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.push(char::from(byte[0]));
        }
        let address = line
            .strip_prefix("listening on ")
            .expect("an address")
            .to_owned();
        Self { child, address }
    }

    /// What it printed, after it ended by itself.
    fn end(mut self) -> (String, String) {
        let mut stdout = String::new();
        let mut stderr = String::new();
        BufReader::new(self.child.stdout.take().unwrap())
            .read_to_string(&mut stdout)
            .unwrap();
        for line in BufReader::new(self.child.stderr.take().unwrap()).lines() {
            stderr.push_str(&line.unwrap());
            stderr.push('\n');
        }
        assert_eq!(
            self.child.wait().unwrap().code(),
            Some(0),
            "{stdout}{stderr}"
        );
        (stdout, stderr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pki() -> (tempfile::TempDir, PathBuf) {
    let work = tempfile::tempdir().unwrap();
    let server = work.path().join("server");
    let run = fipsctl([
        "pki".as_ref(),
        "init".as_ref(),
        "--node-name".as_ref(),
        "localhost".as_ref(),
        server.as_os_str(),
    ]);
    assert_eq!(run.code, Some(0), "{run}");
    let tls = server.join("tls");
    (work, tls)
}

fn connect(tls: &Path, address: &str, leaf: &str, more: &[&str]) -> common::Run {
    run(Command::new(BIN)
        .args(["connect", address, "--cert"])
        .arg(tls.join(format!("{leaf}.crt")))
        .arg("--key")
        .arg(tls.join(format!("{leaf}.key")))
        .arg("--ca")
        .arg(tls.join("etcd/server-ca.crt"))
        .args(more))
}

#[test]
fn both_ends_print_what_was_negotiated_and_with_whom() {
    let (_work, tls) = pki();
    let server = Server::start(&tls, 2);
    let run = connect(
        &tls,
        &server.address,
        "etcd/client",
        &["--message", "one line"],
    );
    assert_eq!(run.code, Some(0), "{run}");
    for part in [
        "TLS 1.3",
        "TLS_AES_128_GCM_SHA256",
        "secp256r1",
        "CN=etcd-server",
        "echo: one line",
        "calls approved, 0 excepted, 0 failed, 0 dropped",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run}");
    }
    let run = connect(&tls, &server.address, "etcd/client", &["--output", "json"]);
    assert_eq!(run.code, Some(0), "{run}");
    let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["session"]["version"], "TLS 1.3");
    assert_eq!(json["session"]["peer"]["common_name"], "etcd-server");
    let ledger = &json["ledger"];
    assert_eq!(ledger["approved_only"], true, "{ledger}");
    assert!(ledger["approved"].as_u64() > Some(0), "{ledger}");
    assert_eq!(ledger["dropped"], 0, "{ledger}");
    let (stdout, _) = server.end();
    assert_eq!(stdout.matches("CN=etcd-client").count(), 2, "{stdout}");
    let line = "calls approved, 0 excepted, 0 failed, 0 dropped";
    assert_eq!(stdout.matches(line).count(), 2, "{stdout}");
}

#[test]
fn a_client_of_another_authority_or_usage_is_refused_on_both_ends() {
    let (_work, tls) = pki();
    let server = Server::start(&tls, 2);
    // Of the client CA, not of etcd's.
    let run = connect(&tls, &server.address, "client-admin", &[]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("alert"), "{run}");
    // The server's name is not the one asked for.
    let run = connect(
        &tls,
        &server.address,
        "etcd/client",
        &["--server-name", "other.example"],
    );
    assert_eq!(run.code, Some(4), "{run}");
    let (stdout, stderr) = server.end();
    assert_eq!(stdout, "", "somebody was let in");
    assert_eq!(stderr.matches("handshake failed").count(), 2, "{stderr}");
}

#[test]
fn who_was_revoked_is_refused_on_both_ends_by_name() {
    let (work, tls) = pki();
    let server = work.path().join("server");
    let list = server.join("fips/crl/etcd/server-ca.crl");
    let list = list.to_str().unwrap();
    let pki = |command: &str| {
        let words = command.split(' ').map(std::ffi::OsStr::new);
        let run = fipsctl(
            std::iter::once("pki".as_ref())
                .chain(words)
                .chain([server.as_os_str()]),
        );
        assert_eq!(run.code, Some(0), "{run}");
    };
    let (client, key) = (tls.join("etcd/client.crt"), tls.join("etcd/client.key"));
    let kept = tls.join("etcd/kept.crt");
    std::fs::copy(&client, &kept).unwrap();
    std::fs::copy(&key, tls.join("etcd/kept.key")).unwrap();
    pki("revoke --name etcd/client");
    pki("renew");
    let serving = Server::start_with(&tls, 3, &["--crl", list]);
    let run = connect(&tls, &serving.address, "etcd/client", &["--crl", list]);
    assert_eq!(run.code, Some(0), "{run}");
    let run = connect(&tls, &serving.address, "etcd/kept", &[]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("CertificateRevoked"), "{run}");
    pki("revoke --name etcd/server-client");
    let run = connect(&tls, &serving.address, "etcd/client", &["--crl", list]);
    assert_eq!(run.code, Some(4), "{run}");
    for part in ["CN=etcd-server", "is revoked", "RFC 5280"] {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
    let (stdout, stderr) = serving.end();
    assert_eq!(stdout.matches("CN=etcd-client").count(), 1, "{stdout}");
    assert!(stderr.contains("CN=etcd-client"), "{stderr}");
    assert!(stderr.contains("is revoked"), "{stderr}");

    // A file that is no list ends the command before it listens.
    let run = connect(
        &tls,
        "127.0.0.1:9",
        "etcd/client",
        &["--crl", tls.join("etcd/client.crt").to_str().unwrap()],
    );
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("BEGIN X509 CRL"), "{run}");
}

#[test]
fn serve_shows_what_was_renewed_since() {
    let (work, tls) = pki();
    let serving = Server::start(&tls, 1000);
    let serial = || {
        let run = connect(&tls, &serving.address, "etcd/client", &["--output", "json"]);
        assert_eq!(run.code, Some(0), "{run}");
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        json["session"]["peer"]["serial"].to_string()
    };
    let first = serial();
    assert_eq!(serial(), first);
    let server = work.path().join("server");
    let run = fipsctl([
        "pki".as_ref(),
        "rotate".as_ref(),
        "--name".as_ref(),
        "etcd/server-client".as_ref(),
        server.as_os_str(),
    ]);
    assert_eq!(run.code, Some(0), "{run}");
    // By an event at once, or at the next look.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while serial() == first {
        assert!(std::time::Instant::now() < deadline, "still the old one");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn who_is_not_allowed_is_refused_by_name_on_both_ends() {
    let (work, tls) = pki();
    let rules = |name: &str| {
        let file = work.path().join(name);
        std::fs::write(&file, format!("[[allow]]\ncommon_name = \"{name}\"\n")).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (client, server, other) = (rules("etcd-client"), rules("etcd-server"), rules("other"));
    let serving = Server::start_with(&tls, 2, &["--allow", &client]);
    let run = connect(&tls, &serving.address, "etcd/client", &["--allow", &server]);
    assert_eq!(run.code, Some(0), "{run}");
    let run = connect(&tls, &serving.address, "etcd/client", &["--allow", &other]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("CN=etcd-server"), "{run}");
    drop(serving);

    let serving = Server::start_with(&tls, 1, &["--allow", &other]);
    let run = connect(&tls, &serving.address, "etcd/client", &[]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("AccessDenied"), "{run}");
    let (stdout, stderr) = serving.end();
    assert_eq!(stdout, "", "somebody was let in");
    assert!(stderr.contains("CN=etcd-client"), "{stderr}");

    std::fs::write(&other, "[[allow]]\ncommen-name = \"x\"\n").unwrap();
    let run = connect(&tls, "127.0.0.1:9", "etcd/client", &["--allow", &other]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("commen-name"), "{run}");
}

#[test]
fn openssl_talks_to_serve() {
    let (_work, tls) = pki();
    for (version, excepted) in [
        ("-tls1_3", " approved, 0 excepted, 0 failed, 0 dropped"),
        (
            "-tls1_2",
            " approved, 3 excepted (key expansion 1, client finished 1, server finished 1), \
             0 failed, 0 dropped",
        ),
    ] {
        let server = Server::start(&tls, 1);
        let run = run(Command::new("sh")
            .arg("-c")
            .arg(format!(
                "(echo through openssl; sleep 1) | openssl s_client -connect {} {version} -brief \
                 -verify_return_error -CAfile etcd/server-ca.crt -cert etcd/client.crt \
                 -key etcd/client.key 2>&1",
                server.address
            ))
            .current_dir(&tls));
        assert!(
            run.stdout.contains("through openssl"),
            "openssl (Debian package openssl) is needed: {run}"
        );
        let (stdout, _) = server.end();
        assert!(stdout.contains("CN=etcd-client"), "{stdout}");
        assert!(stdout.contains(excepted), "{stdout}");
    }
}
