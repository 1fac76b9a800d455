//! What handshakes leave behind: numbers, and events without secrets. One test, since both
//! belong to the whole process.

#[path = "../../../tests/shown/finder.rs"]
mod finder;
mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use finder::Finder;
use fips_boundary::tls::adapter::tokio::{Acceptor, Connector};
use fips_boundary::tls::counters::{self, Collector, FailureReason, Outcomes, Side};
use fips_boundary::tls::{ClientConfig, Group, RefusalReason, Suite, Version, rustls};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use rustls::KeyLog;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tracing_subscriber::fmt::MakeWriter;

use support::{OURS, STRANGERS, runtime};

/// All that is told, kept.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Told {
    /// What was told since the last call.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Told {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The secrets of connections, as only a test comes by them.
#[derive(Debug, Default)]
struct Secrets(Mutex<Vec<Vec<u8>>>);

impl KeyLog for Secrets {
    fn log(&self, _: &str, _: &[u8], secret: &[u8]) {
        self.0.lock().unwrap().push(secret.to_vec());
    }
}

const MESSAGE: &[u8] = b"Zq7xW93kPv0Lm44uTn8sJd2Hc";

fn failed(side: Side, reason: FailureReason) -> u64 {
    let counted = counters::snapshot();
    let row = |row: &&counters::Failures| row.side == side && row.reason == reason;
    counted.failures.iter().find(row).map_or(0, |row| row.count)
}

#[test]
fn handshakes_are_counted_and_told_without_secrets() {
    let told = Told::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(told.clone())
        .init();
    let [_, key, _] = OURS.of("client");
    let key = std::fs::read_to_string(key).unwrap();
    let body: String = key
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    let key = data_encoding::BASE64.decode(body.as_bytes()).unwrap();
    // The private number of a P-256 key in PKCS#8 and SEC 1: 32 bytes after their header.
    let at = key
        .windows(3)
        .position(|three| three == [1, 4, 32])
        .unwrap()
        + 3;
    let mut secrets = vec![key[at..at + 32].to_vec(), MESSAGE.to_vec()];

    let mut everything = String::new();
    runtime().block_on(async {
        everything += &successes(&told).await;
        everything += &failures(&told).await;
        secrets.extend(spied_on(&told, &mut everything).await);
    });
    assert!(
        secrets.len() >= 6,
        "of a TLS 1.3 connection come four at least"
    );
    let found = Finder::new(secrets.iter().map(Vec::as_slice));
    assert_eq!(found.find(&everything), None);
    // The finder can find.
    let leak = format!("{everything}{:?}", secrets.last().unwrap());
    assert!(found.find(&leak).is_some());
}

/// Two connections, the second resumed.
async fn successes(told: &Told) -> String {
    let acceptor = Acceptor::new(OURS.server(&[]));
    let connector = Connector::new(OURS.client(&[]));
    for _ in 0..2 {
        let (near, far) = duplex(1 << 16);
        let name = "localhost".try_into().unwrap();
        let (server, client) = tokio::join!(acceptor.accept(far), connector.connect(name, near));
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        server.write_all(MESSAGE).await.unwrap();
        server.flush().await.unwrap();
        let mut read = [0; MESSAGE.len()];
        client.read_exact(&mut read).await.unwrap();
    }
    let counted = counters::snapshot();
    for side in Side::ALL {
        for resumed in [false, true] {
            let row = counted.handshakes.iter().find(|row| {
                (row.side, row.resumed, row.version) == (side, resumed, Version::Tls13)
            });
            let row = row.unwrap();
            assert_eq!(
                (row.suite, row.group, row.count),
                (counted.handshakes[0].suite, Some(Group::P256), 1),
            );
        }
    }
    assert_eq!(counted.failures, []);
    let Outcomes { good, bad, .. } = counted.tickets_opened;
    assert_eq!((good, bad), (1, 0));
    assert!(counted.tickets_sealed.good >= 2 && counted.tickets_sealed.bad == 0);
    assert!(!counted.indicator.is_empty());

    let mut registry = Registry::default();
    registry.register_collector(Box::new(Collector::new()));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let suite: Suite = counted.handshakes[0].suite;
    for line in [
        format!(
            "fips_tls_handshakes_total{{side=\"server\",version=\"TLS 1.3\",suite=\"{suite}\",\
             group=\"secp256r1\",resumed=\"true\"}} 1"
        ),
        "fips_tls_tickets_opened_total{result=\"opened\"} 1".to_owned(),
        "answer=\"approved\"".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} in {text}");
    }

    let events = told.take();
    for told in [
        "DEBUG",
        "TLS handshake finished side=\"server\"",
        "suite=TLS_AES_",
        "group=secp256r1",
        "resumed=true",
        "peer=\"CN=etcd-client\"",
        "took=",
    ] {
        assert!(events.contains(told), "{told} in {events}");
    }
    events
}

async fn failures(told: &Told) -> String {
    // A client whom the server does not know.
    let acceptor = Acceptor::new(OURS.server(&[]));
    let strange = STRANGERS.client_trusting(OURS.trust(), &[]);
    let (near, far) = duplex(1 << 16);
    let name = || "localhost".try_into().unwrap();
    let connector = Connector::new(strange);
    let (server, _) = tokio::join!(acceptor.accept(far), connector.connect(name(), near));
    drop(server.unwrap_err());
    let unknown = FailureReason::Peer(RefusalReason::UnknownIssuer);
    assert_eq!(failed(Side::Server, unknown), 1);

    // A server by another name; the server has an alert.
    let (near, far) = duplex(1 << 16);
    let connector = Connector::new(OURS.client(&[]));
    let other = "other.example".try_into().unwrap();
    let (server, client) = tokio::join!(acceptor.accept(far), connector.connect(other, near));
    assert!(server.is_err() && client.is_err());
    let name_differs = FailureReason::Peer(RefusalReason::Name);
    assert_eq!(failed(Side::Client, name_differs), 1);
    assert_eq!(failed(Side::Server, FailureReason::Alert), 1);

    // No protocol in common.
    let (near, far) = duplex(1 << 16);
    let picky = Acceptor::new(OURS.server(&[b"h2"]));
    let connector = connector.with_alpn(&[b"http/1.1"]);
    let (server, client) = tokio::join!(picky.accept(far), connector.connect(name(), near));
    assert!(server.is_err() && client.is_err());
    assert_eq!(failed(Side::Server, FailureReason::Incompatible), 1);

    // Garbage, an end, silence.
    let (mut near, far) = duplex(1024);
    near.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    acceptor.accept(far).await.unwrap_err();
    let (near, far) = duplex(1024);
    drop(near);
    acceptor.accept(far).await.unwrap_err();
    let (_near, far) = duplex(1024);
    let quick = acceptor.with_handshake_timeout(Duration::from_millis(20));
    quick.accept(far).await.unwrap_err();
    for reason in [
        FailureReason::Protocol,
        FailureReason::Io,
        FailureReason::Timeout,
    ] {
        assert_eq!(failed(Side::Server, reason), 1, "{reason}");
    }

    let events = told.take();
    for told in [
        "WARN",
        "TLS handshake failed: CN=etcd-client: the peer's certificate was not issued by",
        "peer=\"CN=etcd-client\"",
        "reason=\"unknown-issuer\"",
        "reason=\"timeout\"",
        "reason=\"protocol\"",
        "reason=\"io\"",
        "reason=\"alert\"",
        "reason=\"incompatible\"",
    ] {
        assert!(events.contains(told), "{told} in {events}");
    }
    events
}

/// A connection whose client gives its secrets to the test.
async fn spied_on(told: &Told, everything: &mut String) -> Vec<Vec<u8>> {
    let secrets = Arc::new(Secrets::default());
    let config: ClientConfig = OURS.client(&[]);
    let mut open = rustls::ClientConfig::clone(&config.rustls());
    open.key_log = Arc::clone(&secrets) as _;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(open));
    let (near, far) = duplex(1 << 16);
    let name = "localhost".try_into().unwrap();
    let acceptor = Acceptor::new(OURS.server(&[]));
    let (server, client) = tokio::join!(acceptor.accept(far), connector.connect(name, near));
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    client.write_all(MESSAGE).await.unwrap();
    client.flush().await.unwrap();
    let mut read = [0; MESSAGE.len()];
    server.read_exact(&mut read).await.unwrap();
    *everything += &format!("{server:?} {:?} {:?}", server.peer(), counters::snapshot());
    *everything += &serde_json::to_string(&counters::snapshot()).unwrap();
    *everything += &told.take();
    std::mem::take(&mut secrets.0.lock().unwrap())
}
