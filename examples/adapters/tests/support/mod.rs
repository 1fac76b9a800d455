//! Certificates, configurations and other programs, for the tests of this package.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use fips_boundary::certs::catalogue::{Catalogue, Options, Program};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Pki, SystemClock};
use fips_boundary::core::{Boundary, Requirements};
use fips_boundary::tls::{ClientConfig, Identity, Profile, ServerConfig, Trust};

/// The longest any wait takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

/// One PKI's certificates for etcd: `client`, and `server-client` for `localhost` and 127.0.0.1.
pub struct Files {
    _work: tempfile::TempDir,
    etcd: PathBuf,
}

/// The PKI that most tests share.
pub static OURS: LazyLock<Files> = LazyLock::new(Files::new);
/// One that nobody of the other trusts.
pub static STRANGERS: LazyLock<Files> = LazyLock::new(Files::new);

impl Files {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let store = DirStore::create_or_open(work.path().join("server")).unwrap();
        let catalogue = Catalogue::new(Options::new(Program::Rke2, "localhost")).unwrap();
        Pki::init(&boundary(), &store, catalogue, &SystemClock).unwrap();
        let etcd = work.path().join("server/tls/etcd");
        Self { _work: work, etcd }
    }

    /// Chain, key, and the authority's certificate.
    pub fn of(&self, leaf: &str) -> [String; 3] {
        let path = |name: String| self.etcd.join(name).to_str().unwrap().to_owned();
        [
            path(format!("{leaf}.crt")),
            path(format!("{leaf}.key")),
            path("server-ca.crt".to_owned()),
        ]
    }

    pub fn identity(&self, leaf: &str) -> Identity {
        let [chain, key, _] = self.of(leaf);
        Identity::from_files(&boundary(), chain, key).unwrap()
    }

    pub fn trust(&self) -> Trust {
        let [_, _, ca] = self.of("client");
        Trust::from_file(ca).unwrap()
    }

    /// Takes clients of this PKI alone.
    pub fn server(&self, alpn: &[&[u8]]) -> ServerConfig {
        ServerConfig::builder(&boundary(), Profile::sp800_52r2())
            .with_identity(self.identity("server-client"))
            .with_client_trust(self.trust())
            .with_alpn(alpn)
            .build()
            .unwrap()
    }

    /// A client of this PKI.
    pub fn client(&self, alpn: &[&[u8]]) -> ClientConfig {
        self.client_trusting(self.trust(), alpn)
    }

    pub fn client_trusting(&self, trust: Trust, alpn: &[&[u8]]) -> ClientConfig {
        ClientConfig::builder(&boundary(), Profile::sp800_52r2())
            .with_trust(trust)
            .with_identity(self.identity("client"))
            .with_alpn(alpn)
            .build()
            .unwrap()
    }
}

/// A program that serves; ended with its value.
pub struct Server {
    child: Child,
    pub port: u16,
    /// What it printed after its address.
    pub lines: Receiver<String>,
}

impl Server {
    /// An example, which prints where it listens.
    pub fn example(binary: &str, files: &Files) -> Self {
        let mut child = Command::new(binary)
            .args(files.of("server-client"))
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
                address.rsplit_once(':')?.1.parse().ok()
            })
            .expect("the example says where it listens");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            child,
            port,
            lines: receiver,
        }
    }

    /// Another program, once `port` takes connections.
    pub fn program(command: &mut Command, package: &str, log: &Path, port: u16) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(log).unwrap())
            .stderr(File::options().append(true).create(true).open(log).unwrap())
            .spawn()
            .unwrap_or_else(|error| missing(command, &error, package));
        let mut server = Self {
            child,
            port,
            lines: mpsc::channel().1,
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "{command:?}: {ended:?}: {}",
                fs::read_to_string(log).unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// nginx that asks for a client's certificate and serves `locations`.
pub fn nginx(files: &Files, work: &Path, locations: &str) -> Server {
    let port = free_port();
    let [chain, key, ca] = files.of("server-client");
    let config = work.join("nginx.conf");
    let path = work.display();
    fs::write(
        &config,
        format!(
            "daemon off; master_process off; pid {path}/pid; error_log stderr;\n\
             events {{}}\n\
             http {{ access_log off; default_type text/plain;\n\
             client_body_temp_path {path}/1; proxy_temp_path {path}/2; fastcgi_temp_path {path}/3;\n\
             uwsgi_temp_path {path}/4; scgi_temp_path {path}/5;\n\
             server {{ listen 127.0.0.1:{port} ssl http2;\n\
             ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;\n\
             ssl_client_certificate {ca}; ssl_verify_client on;\n\
             {locations} }} }}\n"
        ),
    )
    .unwrap();
    // On no plain user's path in Debian.
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-p").arg(work).arg("-c").arg(&config);
    Server::program(&mut command, "nginx-light", &work.join("log"), port)
}

/// etcd with a member of its own, which asks for a client's certificate.
pub fn etcd(files: &Files, work: &Path) -> Server {
    let port = free_port();
    let [chain, key, ca] = files.of("server-client");
    let url = format!("https://127.0.0.1:{port}");
    let mut command = Command::new("etcd");
    command
        .args(["--data-dir", work.join("data").to_str().unwrap()])
        .args([
            "--listen-client-urls",
            &url,
            "--advertise-client-urls",
            &url,
        ])
        .args(["--listen-peer-urls", "http://127.0.0.1:0"])
        .args(["--cert-file", &chain, "--key-file", &key])
        .args(["--client-cert-auth", "--trusted-ca-file", &ca]);
    Server::program(&mut command, "etcd-server", &work.join("log"), port)
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Runs to the end, without input.
pub fn run(command: &mut Command, package: &str) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| missing(command, &error, package))
}

fn missing(command: &Command, error: &std::io::Error, package: &str) -> ! {
    let program = command.get_program().to_string_lossy();
    assert!(
        error.kind() == ErrorKind::NotFound,
        "{program} does not start: {error}"
    );
    panic!("this test needs the program {program}: apt-get install {package}")
}

pub fn curl(files: &Files, port: u16, path: &str, more: &[&str]) -> Output {
    let [chain, key, ca] = files.of("client");
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--fail", "--max-time", "20"])
        .args(["--cert", &chain, "--key", &key, "--cacert", &ca])
        .args(more)
        .arg(format!("https://localhost:{port}{path}"));
    run(&mut command, "curl")
}

pub fn text(out: &Output) -> String {
    format!(
        "{}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

/// Succeeded, and printed `what`.
#[track_caller]
pub fn assert_printed(out: &Output, what: &str) {
    assert!(out.status.success(), "{}", text(out));
    assert!(text(out).contains(what), "no {what:?} in {}", text(out));
}

/// Failed, and printed `what`.
#[track_caller]
pub fn assert_failed(out: &Output, what: &str) {
    assert!(!out.status.success(), "{}", text(out));
    assert!(text(out).contains(what), "no {what:?} in {}", text(out));
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// A listener on the loopback, and where it is.
pub async fn listen() -> (tokio::net::TcpListener, SocketAddr) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
