//! `fipsctl agent`: with a service manager's socket, signals, and the unit file.

#![cfg(feature = "evaluation")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{fipsctl, run};

fn made(folder: &Path) -> String {
    let dir = folder.join("server").display().to_string();
    let init = fipsctl(["pki", "init", &dir, "--node-name", "node-1"]);
    assert_eq!(init.code, Some(0), "{init}");
    dir
}

fn config(folder: &Path, text: &str) -> String {
    let path = folder.join("agent.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("/bin/kill").args(["-s", name, &id]).status();
        assert!(
            sent.expect("kill is missing: apt-get install procps")
                .success()
        );
    }

    fn end(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

/// Reads what the service manager is told until a message holds `word`.
fn heard(socket: &UnixDatagram, word: &str) -> String {
    let end = Instant::now() + Duration::from_secs(30);
    let mut all = String::new();
    let mut buffer = [0; 4096];
    while Instant::now() < end {
        if let Ok(length) = socket.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            all.push_str(&text);
            if text.contains(word) {
                return text;
            }
        }
    }
    panic!("{word:?} was never said: {all}");
}

#[test]
fn the_service_manager_hears_when_it_is_ready_and_that_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    let dir = made(folder.path());
    let socket_path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&socket_path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let config = config(folder.path(), &format!("dir = {dir:?}"));
    let status = || fipsctl(["agent", "status", &dir, "--output", "json"]);
    assert!(status().stdout.contains("\"kept\": false"));

    let mut agent = Running(
        Command::new(env!("CARGO_BIN_EXE_fipsctl"))
            .args(["agent", "run", "--config", &config])
            .env("NOTIFY_SOCKET", &socket_path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    heard(&socket, "READY=1");
    heard(&socket, "STATUS=");
    heard(&socket, "WATCHDOG=1");
    let kept = status();
    assert!(kept.stdout.contains("\"kept\": true"), "{kept}");
    assert_eq!(kept.code, Some(0), "{kept}");

    let second = fipsctl(["agent", "run", "--config", &config]);
    assert_eq!(second.code, Some(4), "{second}");
    let id = agent.0.id().to_string();
    assert!(second.stderr.contains(&id), "{second}");

    // A leaf goes missing; the next look is an hour away, but for the signal.
    let file = Path::new(&dir).join("tls/etcd/client.crt");
    std::fs::remove_file(&file).unwrap();
    agent.signal("HUP");
    let told = heard(&socket, "1 renewed");
    assert!(file.exists(), "{told}");
    assert_eq!(fipsctl(["pki", "check", &dir]).code, Some(0));

    agent.signal("TERM");
    heard(&socket, "STOPPING=1");
    assert_eq!(agent.end(), Some(0));
    assert!(status().stdout.contains("\"kept\": false"));
}

#[test]
fn a_sealed_authority_signs_with_the_services_credential() {
    let folder = tempfile::tempdir().unwrap();
    let dir = made(folder.path());
    let secret = folder.path().join("ca-passphrase");
    std::fs::write(&secret, "a passphrase of more than fourteen bytes\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let with_credential = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fipsctl"));
        command
            .args(args)
            .env("CREDENTIALS_DIRECTORY", folder.path());
        command
    };
    let name = "etcd/server-ca";
    let credential = "--passphrase-credential";
    let seal = [
        "pki",
        "key",
        "seal",
        &dir,
        name,
        credential,
        "ca-passphrase",
    ];
    let sealed = run(&mut with_credential(&seal));
    assert_eq!(sealed.code, Some(0), "{sealed}");
    std::fs::remove_file(Path::new(&dir).join("tls/etcd/client.key")).unwrap();

    let keys = "[keys]\npassphrase_credential = 'ca-passphrase'";
    let missing = config(folder.path(), &format!("dir = {dir:?}\n{keys}"));
    // Without the folder of credentials it does not start.
    let none = fipsctl(["agent", "run", "--config", &missing]);
    assert_eq!(none.code, Some(4), "{none}");
    assert!(none.stderr.contains("CREDENTIALS_DIRECTORY"), "{none}");

    let socket_path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&socket_path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut command = with_credential(&["agent", "run", "--config", &missing]);
    command
        .env("NOTIFY_SOCKET", &socket_path)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut agent = Running(command.spawn().unwrap());
    heard(&socket, "1 renewed");
    agent.signal("TERM");
    assert_eq!(agent.end(), Some(0));
    let key = std::fs::read_to_string(Path::new(&dir).join("tls/etcd/server-ca.key")).unwrap();
    assert!(key.contains("FIPS SEALED"), "{key}");
}

#[test]
fn a_dry_run_says_what_is_due_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = made(folder.path());
    let config = config(folder.path(), &format!("dir = {dir:?}"));
    let file = Path::new(&dir).join("tls/etcd/client.key");
    std::fs::remove_file(&file).unwrap();
    let dry = fipsctl(["agent", "run", "--config", &config, "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{dry}");
    assert!(dry.stdout.contains("etcd/client"), "{dry}");
    assert!(!file.exists());
    let status = fipsctl(["agent", "status", &dir]);
    assert_eq!(status.code, Some(1), "{status}");
    for word in ["TORN", "etcd/client", "....", "no agent keeps"] {
        assert!(status.stdout.contains(word), "{word}: {status}");
    }
}

#[test]
fn a_wrong_configuration_is_usage_and_a_missing_folder_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let with = |text: &str| {
        let config = config(folder.path(), text);
        fipsctl(["agent", "run", "--config", &config])
    };
    let unknown = with("dir = '/nowhere'\nchek_every = '1h'");
    assert_eq!(unknown.code, Some(2), "{unknown}");
    for word in ["agent.toml", "chek_every", "line 2"] {
        assert!(unknown.stderr.contains(word), "{word}: {unknown}");
    }
    let missing = with("dir = '/nowhere/at/all'");
    assert_eq!(missing.code, Some(4), "{missing}");
    assert!(missing.stderr.contains("/nowhere/at/all"), "{missing}");
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_finds_closed() {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/systemd/fips-agent@.service");
    let unit = std::fs::read_to_string(source).unwrap();
    // The program lies elsewhere here.
    let unit = unit.replace("/usr/local/bin/fipsctl", env!("CARGO_BIN_EXE_fipsctl"));
    let path = folder.path().join("fips-agent@rke2.service");
    std::fs::write(&path, unit).unwrap();
    let analyze = |args: &[&str]| {
        run(Command::new("systemd-analyze")
            .args(args)
            .arg(&path)
            .env("SYSTEMD_COLORS", "0"))
    };
    let verify = analyze(&["verify", "--man=no", "--recursive-errors=no"]);
    assert_eq!(verify.code, Some(0), "{verify}");
    assert_eq!(verify.stderr.trim(), "", "{verify}");
    // Exposure in tenths: 9.6 is a service without any protection.
    let security = analyze(&["security", "--offline=true", "--threshold=30"]);
    assert_eq!(security.code, Some(0), "{security}");
}
