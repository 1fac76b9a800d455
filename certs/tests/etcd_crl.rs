//! A real etcd refuses a client that was revoked (`--client-crl-file`), in either form of the
//! list, reads the list anew at each connection, and looks at nothing but numbers.

mod common;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{boundary, diagnostic};
use fips_certs::crl::{Register, Revocation, RevocationListParams, RevocationReason};
use fips_certs::pki::Target;
use fips_certs::store::DirStore;
use fips_certs::{AuthorityParams, Certificate, Clock, FixedClock, Pki, Subject, SystemClock, key};

/// One that is killed with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn start(root: &Path, data: &Path, list: &str, client: u16, peer: u16) -> Server {
    let peer = format!("http://127.0.0.1:{peer}");
    let client = format!("https://127.0.0.1:{client}");
    let log = std::fs::File::create(data.with_extension("log")).unwrap();
    let child = Command::new("etcd")
        .args(["--name", "one", "--data-dir"])
        .arg(data)
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
        .args(["--initial-cluster", &format!("one={peer}")])
        .args(["--cert-file", "tls/etcd/server-client.crt"])
        .args(["--key-file", "tls/etcd/server-client.key"])
        .args([
            "--trusted-ca-file",
            "tls/etcd/server-ca.crt",
            "--client-cert-auth",
        ])
        .args(["--client-crl-file", list])
        .current_dir(root)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("etcd is needed (Debian package etcd-server)");
    Server(child)
}

/// What `etcdctl` does with the certificate `name`.
fn put(root: &Path, port: u16, name: &str) -> bool {
    Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &format!("https://127.0.0.1:{port}")])
        .args(["--cacert", "tls/etcd/server-ca.crt"])
        .args(["--cert", &format!("tls/etcd/{name}.crt")])
        .args(["--key", &format!("tls/etcd/{name}.key")])
        .args([
            "--dial-timeout",
            "2s",
            "--command-timeout",
            "2s",
            "put",
            "key",
            name,
        ])
        .current_dir(root)
        .output()
        .expect("etcdctl is needed (Debian package etcd-client)")
        .status
        .success()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_real_etcd_refuses_a_revoked_client() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("server");
    let store = DirStore::create_or_open(&root).unwrap();
    let (pki, _) = Pki::init(&boundary(), &store, common::catalogue(), &SystemClock).unwrap();
    let params = RevocationListParams::default();
    // Before anything is revoked there is a list already, for etcd to start with.
    let names = ["etcd/server-ca".to_owned()];
    pki.refresh_lists(&boundary(), &names, &params, &SystemClock)
        .unwrap();

    let lists = [
        "fips/crl/etcd/server-ca.crl",
        "fips/crl/etcd/server-ca.crl.pem",
    ];
    let servers: Vec<(u16, Server)> = lists
        .iter()
        .enumerate()
        .map(|(number, list)| {
            let (port, peer) = (free_port(), free_port());
            let data = folder.path().join(format!("data{number}"));
            (port, start(&root, &data, list, port, peer))
        })
        .collect();
    for (port, _) in &servers {
        until("etcd answers its client", || put(&root, *port, "client"));
    }
    let entry = Target::Entry("etcd/client".into());
    let plan = pki
        .revocations(
            &diagnostic(),
            SystemClock.now(),
            &[entry],
            RevocationReason::KeyCompromise,
        )
        .unwrap();
    pki.revoke(&boundary(), &plan, &params, &SystemClock)
        .unwrap();
    for (port, _) in &servers {
        // The same etcd, not started again: another client still gets in, the revoked one not.
        assert!(put(&root, *port, "server-client"));
        assert!(!put(&root, *port, "client"));
    }
    // It compares numbers alone: a list of a stranger that ended weeks ago is obeyed like ours,
    // and frees whom ours named.
    let past = FixedClock::new(SystemClock.now() - Duration::from_secs(30 * 86_400));
    let key = key::generate(&boundary(), key::KeyType::P256).unwrap();
    let days = Duration::from_secs(5 * 86_400);
    let stranger = AuthorityParams::new(Subject::new("stranger").unwrap(), days)
        .self_signed(key, &past)
        .unwrap();
    let reason = RevocationReason::Superseded;
    let file = std::fs::read(root.join("tls/etcd/server-client.crt")).unwrap();
    let serial = Certificate::from_pem(&file).unwrap().remove(0).serial();
    let entry = Revocation::of_serial(serial, stranger.certificate(), reason, past.now());
    let mut register = Register::new("stranger");
    register.add(entry);
    let foreign = params.signed_by(&mut register, &stranger, &past).unwrap();
    assert!(foreign.next_update().unwrap() < SystemClock.now());
    // And of a PEM file it takes the first list.
    let ours = std::fs::read_to_string(root.join(lists[1])).unwrap();
    std::fs::write(root.join(lists[0]), foreign.der()).unwrap();
    std::fs::write(root.join(lists[1]), foreign.to_pem() + &ours).unwrap();
    for (port, _) in &servers {
        assert!(put(&root, *port, "client"));
        assert!(!put(&root, *port, "server-client"));
    }
    // What is no list shuts everybody out.
    std::fs::write(root.join(lists[0]), "").unwrap();
    assert!(!put(&root, servers[0].0, "client"));
    for number in 0..lists.len() {
        let log = std::fs::read_to_string(folder.path().join(format!("data{number}.log"))).unwrap();
        assert!(log.contains("revoked"), "{log}");
    }
}
