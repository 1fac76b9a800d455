//! Both of etcd's authorities are rotated under a real cluster of three, while a client writes.
//!
//! etcd reads a replaced leaf at the next handshake and a replaced trusted-CA file only at its
//! start, so members restart one at a time where what they trust changes, and never otherwise.

mod common;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A write must be acknowledged within this time, over whichever member answers.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);

/// How long a member may take to be healthy on a slow machine.
const HEALTHY: Duration = Duration::from_secs(60);

const SERVER_CA: &str = "etcd/server-ca";
const PEER_CA: &str = "etcd/peer-ca";

#[test]
fn no_write_is_lost_while_the_authorities_of_etcd_are_rotated() {
    let scratch = tempfile::tempdir().unwrap();
    let server = scratch.path().join("server");
    let dir = server.to_str().unwrap();
    fipsctl(&[
        "init",
        dir,
        "--node-name",
        "localhost",
        "--node-ip",
        "127.0.0.1",
    ]);
    let mut cluster = Cluster::start(&server, scratch.path());
    cluster.wait_healthy();

    let writer = Writer::start(cluster.client());
    let old_client = keep(&server, scratch.path(), "client");
    rotate(dir, SERVER_CA, &mut cluster, &writer);
    let old_peer = keep(&server, scratch.path(), "peer-server-client");
    rotate(dir, PEER_CA, &mut cluster, &writer);

    let books = writer.stop();
    assert!(books.written > 20, "{books:?}");
    assert_eq!(books.failed, Vec::<String>::new(), "{books:?}");
    let client = cluster.client();
    let read = client.run(&["get", "--prefix", "rotation/", "--keys-only"]);
    let keys = String::from_utf8_lossy(&read.stdout);
    let found = keys.lines().filter(|line| !line.is_empty()).count();
    assert_eq!(found, books.written, "every acknowledged write can be read");

    // What the old authorities signed opens nothing any more; what the new ones signed does.
    for port in &cluster.client_ports {
        let url = format!("https://127.0.0.1:{port}/health");
        let ca = server.join("tls/etcd/server-ca.crt");
        let new = server.join("tls/etcd/client");
        assert_refused(&curl(&url, &ca, &old_client), "an old client");
        assert_taken(&curl(&url, &ca, &new));
    }
    for port in &cluster.peer_ports {
        let url = format!("https://127.0.0.1:{port}/members");
        let ca = server.join("tls/etcd/peer-ca.crt");
        let new = server.join("tls/etcd/peer-server-client");
        assert_refused(&curl(&url, &ca, &old_peer), "an old peer");
        assert_taken(&curl(&url, &ca, &new));
    }
    // And nobody who trusts the new ones takes an old server.
    let old_ca = scratch.path().join("old-server-ca.crt");
    let url = format!("https://127.0.0.1:{}/health", cluster.client_ports[0]);
    let trusts_old = curl(&url, &old_ca, &server.join("tls/etcd/client"));
    assert!(!trusts_old.status.success(), "{trusts_old:?}");
}

/// From the start to the retirement of the old authority.
fn rotate(dir: &str, name: &str, cluster: &mut Cluster, writer: &Writer) {
    let step = |args: &[&str]| {
        let args: Vec<&str> = ["rotate-ca"].iter().chain(args).copied().collect();
        fipsctl(&args)
    };
    let confirm = |checkpoints: &[&str]| {
        let args: Vec<&str> = ["rotate-ca", "confirm", dir, name]
            .iter()
            .chain(checkpoints)
            .copied()
            .collect();
        fipsctl(&args);
    };
    let restarted: &[&str] = if name == SERVER_CA {
        &["restart-etcd", "restart-etcd-clients"]
    } else {
        &["restart-etcd"]
    };
    step(&["start", dir, name]);
    let told = step(&["next", dir, name]);
    assert!(told.contains("restart-etcd"), "{told}");
    let blocked = common::fipsctl(["pki", "rotate-ca", "next", dir, name]);
    assert_eq!(blocked.code, Some(4), "{blocked}");
    confirm(&["servers"]);
    cluster.restart_one_by_one(writer);
    confirm(restarted);

    let served = cluster.served(name);
    step(&["next", dir, name]);
    // No restart: the next handshake shows the new leaf.
    let new_leaf = cluster.serial_on_disk(name);
    for (port, old) in cluster.ports(name).iter().zip(&served) {
        assert_ne!(*old, new_leaf);
        assert_eq!(cluster.served_at(name, *port), new_leaf);
    }
    writer.wait_for(3);
    confirm(&["servers", "leaves"]);

    step(&["next", dir, name]);
    confirm(&["servers"]);
    cluster.restart_one_by_one(writer);
    confirm(restarted);
    let status = common::fipsctl(["pki", "rotate-ca", "status", dir, name]);
    assert_eq!(status.code, Some(0), "{status}");
    assert!(status.stdout.contains("done"), "{status}");
}

/// Runs `fipsctl pki …`, which must succeed, and answers with what it printed.
fn fipsctl(args: &[&str]) -> String {
    let args: Vec<&str> = ["pki"].iter().chain(args).copied().collect();
    let run = common::fipsctl(&args);
    assert_eq!(run.code, Some(0), "{args:?}: {run}");
    run.stdout
}

/// Keeps a leaf and its key, and the authorities' files, as they are now; the stem of the pair.
fn keep(server: &Path, scratch: &Path, leaf: &str) -> PathBuf {
    let kept = scratch.join(format!("old-{leaf}"));
    for end in ["crt", "key"] {
        let from = server.join(format!("tls/etcd/{leaf}.{end}"));
        fs::copy(from, kept.with_extension(end)).unwrap();
    }
    if leaf == "client" {
        let from = server.join("tls/etcd/server-ca.crt");
        fs::copy(from, scratch.join("old-server-ca.crt")).unwrap();
    }
    kept
}

/// The certificate was refused, by an alert.
fn assert_refused(output: &Output, who: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{who} was let in");
    assert!(told.contains("alert"), "{who}: {told}");
}

fn assert_taken(output: &Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}

fn curl(url: &str, ca: &Path, pair: &Path) -> Output {
    run(
        Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--fail",
                "--max-time",
                "10",
                "--http1.1",
            ])
            // In TLS 1.3 a client's handshake is over before the server judges its certificate.
            .args(["--tls-max", "1.2", "--cacert"])
            .arg(ca)
            .arg("--cert")
            .arg(pair.with_extension("crt"))
            .arg("--key")
            .arg(pair.with_extension("key"))
            .arg(url),
        "curl",
    )
}

fn run(command: &mut Command, package: &str) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?} (Debian package {package}): {error}"))
}

/// etcdctl, with the files of the tree as they are when it runs.
#[derive(Clone)]
struct Client {
    tls: PathBuf,
    endpoints: String,
}

impl Client {
    fn run(&self, args: &[&str]) -> Output {
        run(
            Command::new("etcdctl")
                .env("ETCDCTL_API", "3")
                .args(["--endpoints", &self.endpoints])
                .args([
                    "--dial-timeout",
                    "2s",
                    "--command-timeout",
                    "3s",
                    "--cacert",
                ])
                .arg(self.tls.join("server-ca.crt"))
                .arg("--cert")
                .arg(self.tls.join("client.crt"))
                .arg("--key")
                .arg(self.tls.join("client.key"))
                .args(args),
            "etcd-client",
        )
    }
}

/// A client that never stops writing, and keeps the books.
struct Writer {
    stop: Arc<AtomicBool>,
    books: Arc<Mutex<Books>>,
    thread: thread::JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
struct Books {
    written: usize,
    retried: usize,
    slowest: Duration,
    /// What was not acknowledged in time, with the last answer.
    failed: Vec<String>,
}

impl Writer {
    fn start(client: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let books = Arc::new(Mutex::new(Books::default()));
        let (stopped, kept) = (Arc::clone(&stop), Arc::clone(&books));
        let thread = thread::spawn(move || {
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                write(&client, number, &kept);
                number += 1;
            }
        });
        Self {
            stop,
            books,
            thread,
        }
    }

    /// Waits until that many more writes were acknowledged.
    fn wait_for(&self, more: usize) {
        let written = || self.books.lock().unwrap().written;
        let (until, began) = (written() + more, Instant::now());
        while written() < until {
            assert!(
                began.elapsed() < HEALTHY,
                "{:?}",
                self.books.lock().unwrap()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(self) -> Books {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.books.lock().unwrap().clone()
    }
}

/// One write, tried until it is acknowledged or its time is over.
fn write(client: &Client, number: usize, books: &Mutex<Books>) {
    let began = Instant::now();
    let (key, value) = (format!("rotation/{number}"), number.to_string());
    loop {
        let output = client.run(&["put", &key, &value]);
        let mut books = books.lock().unwrap();
        if output.status.success() {
            books.written += 1;
            books.slowest = books.slowest.max(began.elapsed());
            if began.elapsed() > ACKNOWLEDGED {
                books
                    .failed
                    .push(format!("{key} took {:?}", began.elapsed()));
            }
            return;
        }
        books.retried += 1;
        if began.elapsed() > ACKNOWLEDGED {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            books.failed.push(format!("{key}: {told}"));
            return;
        }
    }
}

/// The cluster; its members end with it.
struct Cluster {
    tls: PathBuf,
    work: PathBuf,
    client_ports: Vec<u16>,
    peer_ports: Vec<u16>,
    members: Vec<Child>,
}

impl Cluster {
    fn start(server: &Path, work: &Path) -> Self {
        let ports = free_ports(6);
        let mut cluster = Self {
            tls: server.join("tls/etcd"),
            work: work.to_owned(),
            client_ports: ports[..3].to_vec(),
            peer_ports: ports[3..].to_vec(),
            members: Vec::new(),
        };
        for index in 0..3 {
            let member = cluster.member(index);
            cluster.members.push(member);
        }
        cluster
    }

    fn member(&self, index: usize) -> Child {
        let initial: Vec<String> = self
            .peer_ports
            .iter()
            .enumerate()
            .map(|(index, port)| format!("m{index}=https://127.0.0.1:{port}"))
            .collect();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log(index))
            .unwrap();
        let url = |port: u16| format!("https://127.0.0.1:{port}");
        let (client, peer) = (url(self.client_ports[index]), url(self.peer_ports[index]));
        // setpriv ends etcd with this program even when this program is killed.
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "KILL",
                "etcd",
                "--name",
                &format!("m{index}"),
            ])
            .arg("--data-dir")
            .arg(self.work.join(format!("m{index}")))
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &initial.join(",")])
            .args(["--initial-cluster-state", "new"])
            .args(["--client-cert-auth", "--peer-client-cert-auth"])
            .args(["--logger", "zap", "--log-outputs", "stderr"]);
        for (option, file) in [
            ("--trusted-ca-file", "server-ca.crt"),
            ("--cert-file", "server-client.crt"),
            ("--key-file", "server-client.key"),
            ("--peer-trusted-ca-file", "peer-ca.crt"),
            ("--peer-cert-file", "peer-server-client.crt"),
            ("--peer-key-file", "peer-server-client.key"),
        ] {
            command.arg(option).arg(self.tls.join(file));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("etcd (Debian package etcd-server, setpriv of util-linux): {error}")
            })
    }

    fn log(&self, index: usize) -> PathBuf {
        self.work.join(format!("m{index}.log"))
    }

    fn client(&self) -> Client {
        let endpoint = |port: &u16| format!("https://127.0.0.1:{port}");
        Client {
            tls: self.tls.clone(),
            endpoints: self
                .client_ports
                .iter()
                .map(endpoint)
                .collect::<Vec<_>>()
                .join(","),
        }
    }

    /// Waits until every member answers that it is healthy.
    fn wait_healthy(&self) {
        let began = Instant::now();
        loop {
            let output = self.client().run(&["endpoint", "health"]);
            if output.status.success() {
                return;
            }
            let log = |index| fs::read_to_string(self.log(index)).unwrap_or_default();
            assert!(
                began.elapsed() < HEALTHY,
                "{}\n{}",
                String::from_utf8_lossy(&output.stderr),
                log(0)
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Each only when all are healthy, and with writes in between.
    fn restart_one_by_one(&mut self, writer: &Writer) {
        for index in 0..self.members.len() {
            self.wait_healthy();
            let pid = self.members[index].id().to_string();
            assert!(
                run(Command::new("kill").arg(pid), "procps")
                    .status
                    .success()
            );
            self.members[index].wait().unwrap();
            self.members[index] = self.member(index);
            writer.wait_for(1);
        }
        self.wait_healthy();
    }

    fn ports(&self, authority: &str) -> &[u16] {
        if authority == PEER_CA {
            &self.peer_ports
        } else {
            &self.client_ports
        }
    }

    fn leaf(&self, authority: &str) -> PathBuf {
        self.tls.join(if authority == PEER_CA {
            "peer-server-client.crt"
        } else {
            "server-client.crt"
        })
    }

    fn serial_on_disk(&self, authority: &str) -> String {
        serial(&fs::read(self.leaf(authority)).unwrap())
    }

    fn served(&self, authority: &str) -> Vec<String> {
        let ports = self.ports(authority).iter();
        ports.map(|port| self.served_at(authority, *port)).collect()
    }

    /// The serial of the leaf that is shown in a handshake.
    fn served_at(&self, authority: &str, port: u16) -> String {
        let leaf = self.leaf(authority);
        let shown = run(
            Command::new("openssl")
                .args([
                    "s_client",
                    "-connect",
                    &format!("127.0.0.1:{port}"),
                    "-cert",
                ])
                .arg(&leaf)
                .arg("-key")
                .arg(leaf.with_extension("key")),
            "openssl",
        );
        serial(&shown.stdout)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

fn serial(pem: &[u8]) -> String {
    use std::io::Write;

    let mut openssl = Command::new("openssl")
        .args(["x509", "-noout", "-serial"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("openssl (Debian package openssl): {error}"));
    openssl.stdin.take().unwrap().write_all(pem).unwrap();
    let output = openssl.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(pem));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Ports nobody listens on now. All are held until all are known, so that none comes twice.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap())
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}
