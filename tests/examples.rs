//! The example servers and clients run, with each other and with curl.
#![cfg(feature = "evaluation")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use fips_boundary::certs::catalogue::{Catalogue, Options, Program};
use fips_boundary::certs::pki::RenewalPolicy;
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock};
use fips_boundary::core::{Boundary, Diagnostic, Requirements};

/// Cargo builds examples beside the tests, but not when one test is asked for by name.
fn example(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    BUILT.call_once(|| {
        let mut build = Command::new(env!("CARGO"));
        build
            .args([
                "build",
                "--quiet",
                "--locked",
                "--examples",
                "--features",
                "evaluation",
            ])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the examples build");
    });
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    target.join(profile).join("examples").join(name)
}

/// A PKI and the arguments that its certificates make.
struct Files {
    _work: tempfile::TempDir,
    etcd: PathBuf,
}

impl Files {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let store = DirStore::create_or_open(work.path().join("server")).unwrap();
        let catalogue = Catalogue::new(Options::new(Program::Rke2, "localhost")).unwrap();
        Pki::init(&boundary, &store, catalogue, &SystemClock).unwrap();
        let etcd = work.path().join("server/tls/etcd");
        Self { _work: work, etcd }
    }

    fn arguments(&self, leaf: &str) -> [PathBuf; 3] {
        let file = |name: String| self.etcd.join(name);
        [
            file(format!("{leaf}.crt")),
            file(format!("{leaf}.key")),
            file("server-ca.crt".to_owned()),
        ]
    }
}

struct Server {
    child: Child,
    port: String,
    /// What it prints after its address.
    lines: Receiver<String>,
}

impl Server {
    fn start(name: &str, files: &Files) -> Self {
        let mut child = Command::new(example(name))
            .args(files.arguments("server-client"))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| {
                let address = line.strip_prefix("listening on ")?.to_owned();
                Some(address.rsplit_once(':')?.1.to_owned())
            })
            .expect("the server says where it listens");
        // Read on, so that the server can go on printing.
        let (sender, rest) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            port,
            lines: rest,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(out: &Output) -> String {
    format!(
        "{}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

fn client(name: &str, files: &Files, leaf: &str, port: &str) -> Output {
    Command::new(example(name))
        .args(files.arguments(leaf))
        .arg(format!("localhost:{port}"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn tokio_rustls_server_and_client() {
    let files = Files::new();
    let server = Server::start("mtls_server", &files);
    let out = client("mtls_client", &files, "client", &server.port);
    assert!(out.status.success(), "{}", text(&out));
    assert!(text(&out).contains("hello etcd-client"), "{}", text(&out));
    // At the connection's end, what it asked of the module.
    let ledger = loop {
        let line = server.lines.recv_timeout(Duration::from_secs(60)).unwrap();
        if line.contains("calls approved") {
            break line;
        }
    };
    assert!(
        ledger.contains(" 0 excepted, 0 failed, 0 dropped"),
        "{ledger}"
    );
}

#[test]
fn hyper_server_and_client() {
    let files = Files::new();
    let server = Server::start("hyper_server", &files);
    let out = client("hyper_client", &files, "client", &server.port);
    assert!(out.status.success(), "{}", text(&out));
    assert!(text(&out).contains("etcd-client"), "{}", text(&out));

    // curl is a peer that shares no code with us.
    let [cert, key, ca] = files.arguments("client");
    let out = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "20",
            "--cert",
        ])
        .arg(cert)
        .arg("--key")
        .arg(key)
        .arg("--cacert")
        .arg(ca)
        .arg(format!("https://localhost:{}/whoami", server.port))
        .output()
        .expect("curl (Debian package curl) is needed");
    assert!(out.status.success(), "{}", text(&out));
    assert!(text(&out).contains("etcd-client"), "{}", text(&out));

    // Without a client certificate nobody gets in.
    let [_, _, ca] = files.arguments("client");
    let out = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--fail",
            "--max-time",
            "20",
            "--cacert",
        ])
        .arg(ca)
        .arg(format!("https://localhost:{}/whoami", server.port))
        .output()
        .expect("curl (Debian package curl) is needed");
    assert!(!out.status.success(), "{}", text(&out));
}

/// curl asks in a loop while the certificate is renewed on the disk, and is answered each time.
#[test]
fn live_server_is_renewed_under_curl() {
    let files = Files::new();
    let server = Server::start("live_server", &files);
    let [cert, key, ca] = files.arguments("client");
    let ask = || {
        let out = Command::new("curl")
            .args(["--disable", "--silent", "--show-error", "--fail"])
            .args(["--noproxy", "*", "--max-time", "20", "--cert"])
            .arg(&cert)
            .arg("--key")
            .arg(&key)
            .arg("--cacert")
            .arg(&ca)
            .arg(format!("https://localhost:{}/", server.port))
            .output()
            .expect("curl (Debian package curl) is needed");
        assert!(out.status.success(), "{}", text(&out));
        text(&out)
    };
    let renew = || {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let store = DirStore::create_or_open(files.etcd.join("../..")).unwrap();
        let pki = Pki::open(&store).unwrap();
        let mut policy = RenewalPolicy::default();
        policy.force = true;
        policy.names = vec!["etcd/server-client".to_owned()];
        let plan = pki
            .renewals(&Diagnostic::new().unwrap(), SystemClock.now(), &policy)
            .unwrap();
        pki.renew(&boundary, &plan, &SystemClock).unwrap();
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    let until_generation = |number: u32| {
        let wanted = format!("generation {number},");
        loop {
            let answer = ask();
            if answer.contains(&wanted) {
                assert!(answer.contains("  the same"), "{answer}");
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{answer}");
        }
    };
    until_generation(1);
    for generation in 2..5 {
        renew();
        until_generation(generation);
    }
}
