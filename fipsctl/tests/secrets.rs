//! Nothing that fipsctl prints, at its most talkative, shows a private key.
#![cfg(feature = "evaluation")]

#[allow(dead_code, reason = "each test takes what it needs")]
mod common;
#[path = "../../tests/shown/finder.rs"]
mod finder;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Run;
use finder::Finder;
use fips_boundary::certs::key;
use fips_boundary::core::{Boundary, Requirements};

/// A PKI, its secrets, and everything that was printed about it.
struct Scene {
    work: tempfile::TempDir,
    printed: Vec<String>,
    secrets: Vec<Vec<u8>>,
}

impl Scene {
    fn server(&self) -> PathBuf {
        self.work.path().join("server")
    }

    fn tls(&self, name: &str) -> String {
        self.server().join("tls").join(name).display().to_string()
    }

    fn pair(&self, leaf: &str) -> (String, String) {
        (
            self.tls(&format!("{leaf}.crt")),
            self.tls(&format!("{leaf}.key")),
        )
    }

    /// A command that says all it can.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fipsctl"));
        command
            .args(arguments)
            .arg("-vv")
            .env("RUST_BACKTRACE", "1")
            .env("RUST_LOG", "trace")
            .env("SSLKEYLOGFILE", self.work.path().join("keylog"));
        command
    }

    fn run(&mut self, arguments: &[&str], code: i32) {
        let run: Run = common::run(&mut self.command(arguments));
        assert_eq!(run.code, Some(code), "{arguments:?}: {run}");
        self.printed.push(run.to_string());
    }

    /// Learns the keys of the PKI as they are now.
    fn learn(&mut self) {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let mut folders = vec![self.server()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "key") {
                    let der = key::from_pem(&boundary, &fs::read(&path).unwrap())
                        .unwrap()
                        .to_pkcs8()
                        .unwrap();
                    // PKCS#8 of a key on P-256: the scalar is this OCTET STRING. Of an RSA key, a
                    // part of the numbers that only its holder knows.
                    let secret = if der[34..36] == [0x04, 0x20] {
                        36..68
                    } else {
                        assert!(der.len() > 1100, "{}: {}", path.display(), der.len());
                        der.len() - 256..der.len() - 192
                    };
                    self.secrets.push(der[secret].to_vec());
                }
            }
        }
    }

    /// Serves one connection and makes it, with further arguments for the client.
    fn talk(&mut self, more: &[&str]) {
        let ca = self.tls("etcd/server-ca.crt");
        let (cert, key) = self.pair("etcd/server-client");
        let mut server = self
            .command(&["serve", "--listen", "127.0.0.1:0", "--connections", "1"])
            .args(["--cert", &cert, "--key", &key, "--ca", &ca])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(server.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        let arguments = fs::read(format!("/proc/{}/cmdline", server.id())).unwrap();
        self.printed
            .push(String::from_utf8_lossy(&arguments).into_owned());

        let (cert, key) = self.pair("etcd/client");
        let connect = [
            "connect", &address, "--cert", &cert, "--key", &key, "--ca", &ca,
        ];
        self.run(&[&connect, more].concat(), 0);
        stdout.read_to_string(&mut line).unwrap();
        let rest = server.wait_with_output().unwrap();
        line += &String::from_utf8_lossy(&rest.stderr);
        assert!(rest.status.success(), "{line}");
        self.printed.push(line);
    }
}

fn put(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn no_command_prints_a_private_key() {
    let mut scene = Scene {
        work: tempfile::tempdir().unwrap(),
        printed: Vec::new(),
        secrets: Vec::new(),
    };
    let server = scene.server();
    let dir = server.to_str().unwrap();
    let node = ["--node-name", "localhost"];
    scene.run(&[&["pki", "init", dir, "--dry-run"][..], &node].concat(), 0);
    scene.run(
        &[&["pki", "init", dir, "--output", "json"][..], &node].concat(),
        0,
    );
    scene.learn();
    scene.run(&["status"], 0);
    for format in ["json", "table", "text", "yaml"] {
        scene.run(&["pki", "check", dir, "--output", format], 0);
        scene.run(
            &[
                "pki",
                "renew",
                dir,
                "--dry-run",
                "--all",
                "--output",
                format,
            ],
            0,
        );
    }
    scene.talk(&[]);
    scene.talk(&["--output", "json"]);

    // A key that is torn, open to others, another's, or in the place of a certificate.
    let path = server.join("tls/etcd/client.key");
    let key = fs::read(&path).unwrap();
    let other = fs::read(server.join("tls/etcd/server-client.key")).unwrap();
    let (cert, ca) = (
        scene.tls("etcd/client.crt"),
        scene.tls("etcd/server-ca.crt"),
    );
    let key_path = path.to_str().unwrap();
    let mut wrong = key.clone();
    wrong[60] = b'!';
    for (content, mode) in [
        (&key[..key.len() - 30], 0o600),
        (&key[..key.len() / 2], 0o600),
        (&wrong[..], 0o600),
        (&key[..], 0o644),
        (&other[..], 0o600),
    ] {
        put(&path, content, mode);
        scene.run(&["pki", "check", dir, "--output", "json"], 1);
        scene.run(&["pki", "renew", dir, "--dry-run"], 0);
        for command in [
            &["serve", "--listen", "127.0.0.1:0"][..],
            &["connect", "127.0.0.1:1"],
        ] {
            let tls = ["--cert", &cert, "--key", key_path, "--ca", &ca];
            scene.run(&[command, &tls].concat(), 4);
        }
    }
    put(&path, &key, 0o600);
    for (cert, ca) in [(key_path, &*ca), (&*cert, key_path)] {
        let tls = ["--cert", cert, "--key", key_path, "--ca", ca];
        scene.run(&[&["connect", "127.0.0.1:1"][..], &tls].concat(), 4);
    }
    scene.run(&["pki", "renew", dir, "--all"], 0);
    scene.learn();
    scene.talk(&[]);

    assert!(
        !scene.work.path().join("keylog").exists(),
        "session secrets"
    );
    let finder = Finder::new(scene.secrets.iter().map(Vec::as_slice));
    assert!(
        finder.find(std::str::from_utf8(&key).unwrap()).is_some(),
        "the key's own file is found"
    );
    for printed in &scene.printed {
        assert_eq!(finder.find(printed), None, "{printed}");
    }
}
