//! Authorities whose keys are on a token or sealed, at the command line.
#![cfg(feature = "evaluation")]

#[allow(dead_code, reason = "each test takes what it needs")]
#[path = "../common/mod.rs"]
mod common;
mod rotated;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Run, run};

const LIBRARY: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "pin-of-the-token-0815";
const PASSPHRASE: &str = "a passphrase that seals authorities";

struct Scene {
    work: tempfile::TempDir,
    printed: std::cell::RefCell<String>,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            work: tempfile::tempdir().unwrap(),
            printed: std::cell::RefCell::default(),
        };
        fs::create_dir(scene.path("tokens")).unwrap();
        let tokens = format!(
            "directories.tokendir = {}\n",
            scene.path("tokens").display()
        );
        fs::write(scene.path("softhsm2.conf"), tokens).unwrap();
        let arguments = [
            "--init-token",
            "--free",
            "--label",
            "cp",
            "--so-pin",
            "so-pin",
        ];
        let output = Command::new("softhsm2-util")
            .args(arguments)
            .args(["--pin", PIN])
            .env("SOFTHSM2_CONF", scene.path("softhsm2.conf"))
            .output()
            .expect("softhsm2-util is needed (Debian package softhsm2)");
        assert!(output.status.success(), "{output:?}");
        for (name, secret) in [
            ("pin", PIN),
            ("passphrase", PASSPHRASE),
            ("wrong-pin", "wrong-0000"),
            ("other", "another passphrase"),
        ] {
            fs::write(scene.path(name), format!("{secret}\n")).unwrap();
            fs::set_permissions(scene.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Runs fipsctl in a shell, for its descriptors.
    fn shell(&self, line: &str) -> Run {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("\"$FIPSCTL\" {line}")])
            .current_dir(self.work.path())
            .env("FIPSCTL", env!("CARGO_BIN_EXE_fipsctl"))
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .env("CREDENTIALS_DIRECTORY", self.work.path());
        let run = run(&mut command);
        *self.printed.borrow_mut() += &run.to_string();
        run
    }

    fn done(&self, line: &str) -> Run {
        let run = self.shell(line);
        assert_eq!(run.code, Some(0), "{line}: {run}");
        run
    }

    fn failed(&self, line: &str, code: i32, why: &str) {
        let run = self.shell(line);
        assert_eq!(run.code, Some(code), "{line}: {run}");
        assert!(run.stderr.contains(why), "{line}: {run}");
    }

    fn key(&self, name: &str) -> String {
        fs::read_to_string(self.path("server/tls").join(name)).unwrap()
    }

    fn openssl_verifies(&self, ca: &str, leaf: &str) {
        let tls = self.path("server/tls");
        let output = Command::new("openssl")
            .args(["verify", "-x509_strict", "-CAfile", ca, leaf])
            .current_dir(tls)
            .output()
            .expect("openssl is needed (Debian package openssl)");
        assert!(output.status.success(), "{output:?}");
    }
}

fn uri(object: &str) -> String {
    format!("'pkcs11:token=cp;object={object}?module-path={LIBRARY}'")
}

#[test]
fn a_pki_with_one_authority_on_a_token_and_the_others_sealed() {
    let scene = Scene::new();
    let (server_ca, elsewhere) = (
        uri("server-ca"),
        uri("server-ca").replace("cp", "elsewhere"),
    );
    scene.done(&format!("pki key generate {server_ca} --dry-run"));
    let generate = format!("pki key generate {server_ca}");
    scene.failed(
        &format!("{generate} --pin-fd 3 3<wrong-pin"),
        4,
        "the PIN is wrong",
    );
    scene.failed(&generate, 4, "none was given");
    scene.done(&format!("{generate} --pin-fd 3 3<pin"));
    scene.failed(&format!("{generate} --pin-fd 3 3<pin"), 4, "there already");

    // What is missing leaves no PKI behind.
    let init = |uri: &str| format!("pki init server --node-name n1 --ca-key server-ca={uri}");
    let sealing = format!("{} --seal-ca-keys", init(&server_ca));
    scene.failed(
        &format!("{sealing} --pin-fd 3 3<pin"),
        4,
        "nobody named a passphrase",
    );
    scene.failed(
        &format!("{sealing} --passphrase-fd 3 3<passphrase"),
        4,
        "none was given",
    );
    scene.failed(
        &format!("{} --pin-fd 3 3<pin", init(&elsewhere)),
        4,
        "no such token",
    );
    scene.failed(
        &format!("{} --pin-fd 3 3<pin --key-type p384", init(&server_ca)),
        4,
        "the catalogue asks for p384",
    );
    assert!(!scene.path("server/tls").exists());
    let both = "--pin-credential pin --passphrase-fd 4 4<passphrase";
    let made = scene.done(&format!("{sealing} {both}"));
    assert!(!made.stdout.contains("server-ca.key"), "{made}");

    assert!(!scene.path("server/tls/server-ca.key").exists());
    for name in ["client-ca.key", "request-header-ca.key", "etcd/peer-ca.key"] {
        let key = scene.key(name);
        assert!(
            key.starts_with("-----BEGIN FIPS SEALED PRIVATE KEY-----"),
            "{name}"
        );
        let mode = fs::metadata(scene.path("server/tls").join(name)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
    scene.openssl_verifies("server-ca.crt", "serving-kube-apiserver.crt");
    scene.openssl_verifies("client-ca.crt", "client-admin.crt");
    // Looking needs neither PIN nor passphrase, and finds nothing torn.
    let checked = scene.done("pki check server --output json");
    assert!(checked.stdout.contains("PKCS#11 token cp"), "{checked}");
    assert!(!checked.stdout.contains("TORN"), "{checked}");

    let serving = "pki renew server --name serving-kube-apiserver";
    let before = scene.key("serving-kube-apiserver.key");
    scene.failed(serving, 4, "none was given");
    scene.failed(
        &format!("{serving} --pin-fd 3 3<wrong-pin"),
        4,
        "the PIN is wrong",
    );
    assert_eq!(before, scene.key("serving-kube-apiserver.key"));
    scene.done(&format!("{serving} --pin-fd 3 3<pin"));
    assert_ne!(before, scene.key("serving-kube-apiserver.key"));
    scene.openssl_verifies("server-ca.crt", "serving-kube-apiserver.crt");

    let admin = "pki renew server --name client-admin";
    scene.failed(admin, 4, "is sealed");
    scene.failed(&format!("{admin} --passphrase-fd 3 3<other"), 4, "");
    scene.done(&format!("{admin} --passphrase-credential passphrase"));
    scene.done(&format!("pki renew server --all {both}"));
    scene.openssl_verifies("client-ca.crt", "client-admin.crt");
    scene.failed(
        "pki renew server --all --pin-fd 3 --passphrase-fd 3 3<pin",
        2,
        "a descriptor each",
    );
    // Lists are signed by the same keys.
    let list = "pki crl issue server --authority server-ca";
    scene.failed(list, 4, "none was given");
    scene.done(&format!("{list} --pin-fd 3 3<pin"));
    scene.done(&format!("pki revoke server --name client-admin {both}"));
    scene.done("pki crl verify server");
    scene.done(&format!("pki renew server --name client-admin {both}"));
    // The token is gone: nothing changes.
    fs::rename(scene.path("tokens"), scene.path("away")).unwrap();
    scene.failed(
        &format!("pki renew server --all {both}"),
        4,
        "PKCS#11 token cp",
    );
    fs::rename(scene.path("away"), scene.path("tokens")).unwrap();
    scene.done("pki check server");

    secrets_do_not_show(&scene);
}

#[test]
fn keys_are_sealed_and_unsealed_later() {
    let scene = Scene::new();
    scene.done("pki init server --node-name n1");
    let open = scene.key("client-ca.key");
    let seal = "pki key seal server client-ca";
    scene.failed(seal, 4, "nobody named a passphrase");
    let dry = scene.done(&format!("{seal} --dry-run"));
    assert_eq!(dry.stdout, "sealed tls/client-ca.key\n");
    assert_eq!(open, scene.key("client-ca.key"));
    scene.done(&format!("{seal} --passphrase-fd 3 3<passphrase"));
    assert!(scene.key("client-ca.key").contains("FIPS SEALED"));
    scene.failed(
        &format!("{seal} --passphrase-fd 3 3<passphrase"),
        4,
        "sealed already",
    );
    scene.failed(
        "pki key seal server nobody --passphrase-fd 3 3<passphrase",
        2,
        "client-ca",
    );
    scene.done("pki check server");
    scene.failed("pki renew server --name client-admin", 4, "is sealed");
    // A new key is sealed as the old one is: nothing is made without what seals it.
    scene.failed(
        "pki rotate-ca start server client-ca",
        4,
        "nobody named a passphrase",
    );
    assert!(!scene.path("server/fips/rotation").exists());
    let request = "pki export-csr server --ca client-ca";
    scene.failed(
        &format!("{request} --new-key --out new.csr"),
        4,
        "nobody named a passphrase",
    );
    assert!(!scene.path("server/fips/requests").exists());
    // What signs without a new key opens the sealed one.
    let opened = "--passphrase-fd 3 3<passphrase";
    scene.done(&format!("{request} --out own.csr {opened}"));
    scene.done(&format!(
        "pki issue server --ca client-ca --common-name alice --usage client --out alice.crt {opened}"
    ));
    scene.done(&format!("pki recover server {opened}"));
    scene.done(&format!(
        "pki node server node-2 --node-ip 192.0.2.2 --out agent {opened}"
    ));
    // And none changes its form while a rotation has another of the form it had.
    scene.done("pki rotate-ca start server server-ca");
    scene.done(&format!("pki rotate-ca start server client-ca {opened}"));
    for (form, name) in [("seal", "server-ca"), ("unseal", "client-ca")] {
        scene.failed(
            &format!("pki key {form} server {name} {opened}"),
            4,
            "rotation is under way",
        );
    }
    scene.done("pki rotate-ca rollback server server-ca");
    scene.done("pki rotate-ca rollback server client-ca");
    scene.done("pki renew server --name client-admin --passphrase-fd 3 3<passphrase");

    let unseal = "pki key unseal server client-ca";
    let sealed = scene.key("client-ca.key");
    scene.failed(&format!("{unseal} --passphrase-fd 3 3<other"), 4, "");
    assert_eq!(sealed, scene.key("client-ca.key"));
    scene.done(&format!("{unseal} --passphrase-fd 3 3<passphrase"));
    assert_eq!(
        open,
        scene.key("client-ca.key"),
        "the same key, as it was written"
    );
    scene.failed(
        &format!("{unseal} --passphrase-fd 3 3<passphrase"),
        4,
        "not sealed",
    );
    scene.done("pki renew server --name client-admin");
    let log: String = fs::read_dir(scene.path("server/fips/audit"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(
        log.contains("\"key-sealed\"") && log.contains("\"key-unsealed\""),
        "{log}"
    );
    secrets_do_not_show(&scene);
}

#[test]
fn secrets_in_a_command_line_are_no_option() {
    let scene = Scene::new();
    let with_pin = uri("ca").replace("?", "?pin-value=hush-hush&");
    for line in [
        format!("pki key generate {with_pin}"),
        format!("pki init server --ca-key server-ca={with_pin}"),
    ] {
        scene.failed(&line, 2, "pin-value, a PIN for all to read");
    }
    assert!(!scene.printed.borrow().contains("hush"));
    for line in [
        "pki key generate pkcs11:token=a",
        "pki init server --ca-key server-ca",
        "pki init server --pin 1234",
        "pki init server --passphrase hush",
        "pki init server --pin-fd 3 --pin-credential pin",
        "pki renew server --passphrase-fd 3 --passphrase-credential a",
        "pki key",
        "pki key seal server",
    ] {
        scene.failed(line, 2, "");
    }
    let nobody = uri("ca");
    scene.failed(
        &format!("pki init server --node-name n1 --ca-key nobody={nobody}"),
        2,
        "it has: client-ca",
    );
    fs::set_permissions(scene.path("pin"), fs::Permissions::from_mode(0o644)).unwrap();
    scene.failed(
        &format!("pki key generate {nobody} --pin-fd 3 3<pin"),
        4,
        "run chmod 0600 on it",
    );
}

/// Neither in what was printed nor in a file below the PKI's folder.
fn secrets_do_not_show(scene: &Scene) {
    let mut everything = scene.printed.borrow().clone();
    let mut folders = vec![scene.path("server")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                everything += &read(&path);
            }
        }
    }
    assert!(everything.len() > 1000);
    for secret in [PIN, PASSPHRASE] {
        assert!(!everything.contains(secret), "{everything}");
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}
