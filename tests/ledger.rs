//! The ledger of a connection whose futures wander between threads.
#![cfg(feature = "evaluation")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::certs::{
    Authority, AuthorityParams, LeafParams, Subject, SubjectAltName, SystemClock, Usages,
};
use fips_boundary::core::indicator::{self, Count, Ledger, Service, Summary};
use fips_boundary::core::{Boundary, Requirements};
use fips_boundary::tls::{ClientConfig, Identity, Profile, ServerConfig, Trust, Version};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const DAY: Duration = Duration::from_secs(86_400);
const NAME: &str = "localhost";

struct Ends {
    server: TlsAcceptor,
    client: TlsConnector,
}

impl Ends {
    fn new(boundary: &Boundary, ca: &Authority, version: Version) -> Self {
        let profile = || Profile::sp800_52r2().narrowed_to(version).unwrap();
        let trust = || Trust::from_pem(ca.certificate().to_pem()).unwrap();
        let identity = |usages| {
            let key = key::generate(boundary, KeyType::P256).unwrap();
            let certificate = LeafParams::new(Subject::new("peer").unwrap(), usages, DAY)
                .with_names([SubjectAltName::dns(NAME).unwrap()])
                .signed_by(&key, ca, &SystemClock)
                .unwrap();
            let key = key::to_pem(&key).unwrap();
            Identity::from_pem(boundary, certificate.to_pem(), key.as_bytes()).unwrap()
        };
        let server = ServerConfig::builder(boundary, profile())
            .with_identity(identity(Usages::Server))
            .with_client_trust(trust())
            .build()
            .unwrap();
        let client = ClientConfig::builder(boundary, profile())
            .with_trust(trust())
            .with_identity(identity(Usages::Client))
            .build()
            .unwrap();
        Self {
            server: TlsAcceptor::from(server.rustls()),
            client: TlsConnector::from(client.rustls()),
        }
    }

    /// A connection's two ends as futures, neither of which needs the other's thread.
    fn connection(
        &self,
    ) -> (
        impl Future<Output = ()> + use<>,
        impl Future<Output = ()> + use<>,
    ) {
        let (near, far) = tokio::io::duplex(4096);
        (
            serve(self.server.clone(), near),
            ask(self.client.clone(), far),
        )
    }
}

async fn serve(acceptor: TlsAcceptor, wire: DuplexStream) {
    let mut stream = acceptor.accept(wire).await.unwrap();
    let mut heard = [0; 5];
    for _ in 0..20 {
        stream.read_exact(&mut heard).await.unwrap();
        // Gives the thread away in the middle of a connection.
        tokio::task::yield_now().await;
        stream.write_all(&heard).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(stream.read(&mut heard).await.unwrap(), 0);
}

async fn ask(connector: TlsConnector, wire: DuplexStream) {
    let name = ServerName::try_from(NAME).unwrap();
    let mut stream = connector.connect(name, wire).await.unwrap();
    let mut heard = [0; 5];
    for _ in 0..20 {
        stream.write_all(b"hello").await.unwrap();
        stream.flush().await.unwrap();
        stream.read_exact(&mut heard).await.unwrap();
    }
    stream.shutdown().await.unwrap();
}

fn process() -> BTreeMap<Service, Count> {
    indicator::ledger().into_iter().collect()
}

fn total(rows: &BTreeMap<Service, Count>) -> [u64; 4] {
    rows.values().fold([0; 4], |[a, e, f, d], row| {
        [
            a + row.approved,
            e + row.excepted,
            f + row.failed,
            d + row.dropped,
        ]
    })
}

fn numbers(summary: &Summary) -> [u64; 4] {
    let total = summary.total();
    [total.approved, total.excepted, total.failed, total.dropped]
}

/// One test, because it compares with the ledger of the whole process.
#[test]
fn each_connection_has_its_own_ledger_on_any_number_of_threads() {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let ca = AuthorityParams::new(Subject::new("test authority").unwrap(), 30 * DAY)
        .self_signed(
            key::generate(&boundary, KeyType::P256).unwrap(),
            &SystemClock,
        )
        .unwrap();

    let one_thread = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let many_threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    for runtime in [one_thread, many_threads] {
        for version in [Version::Tls13, Version::Tls12] {
            let ends = Arc::new(Ends::new(&boundary, &ca, version));
            // A first connection, so that the others all resume.
            let (server, client) = ends.connection();
            runtime.block_on(async { tokio::join!(server, client) });

            let before = process();
            let ledgers: Vec<_> = (0..8).map(|_| [Ledger::new(), Ledger::new()]).collect();
            runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for [server_ledger, client_ledger] in &ledgers {
                    let (server, client) = ends.connection();
                    tasks.spawn(server_ledger.recorded(server));
                    tasks.spawn(client_ledger.recorded(client));
                }
                while let Some(ended) = tasks.join_next().await {
                    ended.unwrap();
                }
            });
            let summaries: Vec<_> = ledgers
                .iter()
                .flatten()
                .map(|ledger| ledger.summary())
                .collect();
            let sum = summaries.iter().fold([0; 4], |sum, summary| {
                let of = numbers(summary);
                std::array::from_fn(|index| sum[index] + of[index])
            });
            let (before, after) = (total(&before), total(&process()));
            assert_eq!(
                sum,
                std::array::from_fn(|index| after[index] - before[index])
            );

            for summary in &summaries {
                let [approved, excepted, failed, dropped] = numbers(summary);
                // Twenty lines each way are sealed or opened one by one, at the least.
                assert!(approved >= 40, "{summary}");
                assert_eq!((failed, dropped), (0, 0), "{summary}");
                assert_eq!(
                    excepted,
                    if version == Version::Tls12 { 3 } else { 0 },
                    "{summary}"
                );
                assert_eq!(
                    summary.approved_only(),
                    version == Version::Tls13,
                    "{summary}"
                );
            }
        }
    }
}
