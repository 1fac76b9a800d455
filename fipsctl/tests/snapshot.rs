//! A snapshot of a real etcd: saved, sealed, opened, restored, and read back.
#![cfg(feature = "evaluation")]

#[allow(dead_code, reason = "each test takes what it needs")]
mod common;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::Run;

/// How long etcd may take to answer on a slow machine.
const START: Duration = Duration::from_secs(60);

/// One member on loopback, ended with this value.
struct Etcd {
    process: Child,
    client: String,
}

impl Etcd {
    fn start(work: &Path, data: &str) -> Self {
        // Both are held until both are known.
        let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [client, peer] = held
            .each_ref()
            .map(|port| format!("http://{}", port.local_addr().unwrap()));
        drop(held);
        let log = File::create(work.join(format!("{data}.log"))).unwrap();
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "etcd", "--name", "m0"])
            .arg("--data-dir")
            .arg(work.join(data))
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("m0={peer}")])
            .args(["--logger", "zap", "--log-outputs", "stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("etcd (Debian package etcd-server) and setpriv (util-linux) are needed");
        let mut etcd = Self { process, client };
        let began = Instant::now();
        while etcd.ctl(&["endpoint", "health"]).code != Some(0) {
            let log = || fs::read_to_string(work.join(format!("{data}.log"))).unwrap();
            assert_eq!(etcd.process.try_wait().unwrap(), None, "{}", log());
            assert!(began.elapsed() < START, "{}", log());
            thread::sleep(Duration::from_millis(50));
        }
        etcd
    }

    fn ctl(&self, args: &[&str]) -> Run {
        let mut command = etcdctl();
        common::run(command.args(["--endpoints", &self.client]).args(args))
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn etcdctl() -> Command {
    let found = Command::new("etcdctl").arg("version").output();
    assert!(
        found.is_ok(),
        "etcdctl (Debian package etcd-client) is needed"
    );
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3");
    command
}

#[track_caller]
fn done(run: Run) -> Run {
    assert_eq!(run.code, Some(0), "{run}");
    run
}

#[test]
fn a_sealed_snapshot_of_a_real_etcd_comes_back_with_every_key() {
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name).to_str().unwrap().to_owned();
    let value = |number: usize| format!("value of {number}: {}", "x".repeat(number * 100));
    let etcd = Etcd::start(work.path(), "old");
    for number in 0..20 {
        let key = format!("/registry/{number}");
        done(etcd.ctl(&["put", &key, &value(number)]));
    }
    done(etcd.ctl(&["snapshot", "save", &path("snapshot")]));
    drop(etcd);

    let cluster = ["--purpose", "etcd-snapshot", "--cluster", "prod-1"];
    let key = path("key");
    done(common::fipsctl(["seal", "--new-key", &key]));
    let fipsctl = |command: &str, from: &str, to: &str| {
        let (from, to) = (path(from), path(to));
        let named = [command, &from, "--output-file", &to, "--key-file", &key];
        common::fipsctl([&named[..], &cluster].concat())
    };
    done(fipsctl("seal", "snapshot", "sealed"));
    let sealed = fs::read(path("sealed")).unwrap();
    for plain in ["value of", "/registry/"] {
        assert!(
            !sealed
                .windows(plain.len())
                .any(|bytes| bytes == plain.as_bytes())
        );
    }
    done(fipsctl("open", "sealed", "opened"));
    let same = fs::read(path("snapshot")).unwrap() == fs::read(path("opened")).unwrap();
    assert!(same, "the snapshot as it was saved");

    done(common::run(
        etcdctl()
            .args(["snapshot", "restore", &path("opened"), "--name", "m0"])
            .args(["--data-dir", &path("new")])
            .args(["--initial-cluster", "m0=http://127.0.0.1:1"])
            .args(["--initial-advertise-peer-urls", "http://127.0.0.1:1"]),
    ));
    let etcd = Etcd::start(work.path(), "new");
    for number in 0..20 {
        let key = format!("/registry/{number}");
        let run = done(etcd.ctl(&["get", &key, "--print-value-only"]));
        assert_eq!(run.stdout, value(number) + "\n");
    }
}
