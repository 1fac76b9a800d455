//! What each connection asked of the module, counted apart.
//!
//! One test, because it also compares with the ledger of the whole process.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use fips_core::indicator::{self, Count, EXCEPTIONS, Ledger, Service, Summary};
use fips_core::signing::KeyAlgorithm;
use fips_tls::{ClientConfig, Profile, ServerConfig, Session, Version};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConnection};

use support::pki::{Ca, Leaf};
use support::{NAME, client, server};

/// Both ends of a connection, each with a ledger, driven one step at a time.
struct Recorded {
    client: ClientConnection,
    server: ServerConnection,
    ledgers: [Ledger; 2],
    said: bool,
    heard: bool,
}

impl Recorded {
    fn new(client: &ClientConfig, server: &ServerConfig) -> Self {
        let ledgers = [Ledger::new(), Ledger::new()];
        let name = ServerName::try_from(NAME).unwrap();
        Self {
            client: ledgers[0]
                .record(|| ClientConnection::new(client.rustls(), name))
                .unwrap(),
            server: ledgers[1]
                .record(|| ServerConnection::new(server.rustls()))
                .unwrap(),
            ledgers,
            said: false,
            heard: false,
        }
    }

    /// Carries what there is, once each way; false when there is nothing left to do.
    fn step(&mut self) -> bool {
        let [client_ledger, server_ledger] = &self.ledgers;
        let mut wire = Vec::new();
        client_ledger.record(|| {
            if !self.client.is_handshaking() && !self.said {
                self.client.writer().write_all(b"hello").unwrap();
                self.said = true;
            }
            while self.client.wants_write() {
                self.client.write_tls(&mut wire).unwrap();
            }
        });
        let mut answer = Vec::new();
        server_ledger.record(|| {
            let mut rest = &wire[..];
            while !rest.is_empty() {
                self.server.read_tls(&mut rest).unwrap();
                self.server.process_new_packets().unwrap();
            }
            self.heard |= self.server.reader().read(&mut [0; 5]).is_ok_and(|n| n == 5);
            while self.server.wants_write() {
                self.server.write_tls(&mut answer).unwrap();
            }
        });
        client_ledger.record(|| {
            let mut rest = &answer[..];
            while !rest.is_empty() {
                self.client.read_tls(&mut rest).unwrap();
                self.client.process_new_packets().unwrap();
            }
        });
        !wire.is_empty() || !answer.is_empty()
    }

    fn finish(&mut self) -> [Summary; 2] {
        while self.step() {}
        assert!(self.heard);
        self.ledgers.each_ref().map(Ledger::summary)
    }
}

fn process() -> BTreeMap<Service, Count> {
    indicator::ledger().into_iter().collect()
}

/// Service by service: what the process counted in between is what the ledgers hold.
fn assert_sum(before: &BTreeMap<Service, Count>, ledgers: &[Summary]) {
    let after = process();
    for service in Service::ALL {
        let of = |rows: &BTreeMap<Service, Count>| rows.get(&service).copied().unwrap_or_default();
        let (before, after) = (of(before), of(&after));
        let mut sum = Count::default();
        for row in ledgers.iter().flat_map(Summary::services) {
            if row.service == service {
                sum.approved += row.count.approved;
                sum.excepted += row.count.excepted;
                sum.failed += row.count.failed;
                sum.dropped += row.count.dropped;
            }
        }
        let grown = Count {
            approved: after.approved - before.approved,
            excepted: after.excepted - before.excepted,
            failed: after.failed - before.failed,
            dropped: after.dropped - before.dropped,
        };
        assert_eq!(grown, sum, "{service}");
    }
}

#[test]
fn interleaved_connections_on_one_thread_count_apart() {
    let ca = Ca::test();
    let key = KeyAlgorithm::EcdsaP256;
    let server = server(
        Profile::sp800_52r2(),
        ca.identity(&Leaf::server(), key),
        Some(ca.trust()),
    );
    let client = |version| {
        let profile = Profile::sp800_52r2().narrowed_to(version).unwrap();
        // A client of its own each time: no session is resumed.
        client(profile, ca.trust(), Some(ca.identity(&Leaf::client(), key)))
    };
    let alone = [Version::Tls13, Version::Tls12]
        .map(|version| Recorded::new(&client(version), &server).finish());

    let [tls13, tls12] = [Version::Tls13, Version::Tls12].map(client);
    let before = process();
    let mut newer = Recorded::new(&tls13, &server);
    let mut older = Recorded::new(&tls12, &server);
    while newer.step() | older.step() {}
    let interleaved = [newer.finish(), older.finish()];
    assert_eq!(Session::of(&newer.server).unwrap().version, Version::Tls13);
    assert_eq!(Session::of(&older.server).unwrap().version, Version::Tls12);
    assert_eq!(interleaved, alone);
    assert_sum(&before, interleaved.as_flattened());

    for summary in interleaved.as_flattened() {
        let total = summary.total();
        assert_eq!((total.failed, total.dropped), (0, 0), "{summary}");
        let signed = summary
            .services()
            .iter()
            .find(|row| row.service == Service::EcdsaSign);
        assert_eq!(signed.unwrap().count.approved, 1, "{summary}");
    }
    let [newer, older] = interleaved;
    for summary in newer {
        assert!(summary.approved_only(), "{summary}");
        assert!(summary.exceptions().is_empty(), "{summary}");
    }
    for summary in older {
        assert!(!summary.approved_only(), "{summary}");
        let made: Vec<_> = summary
            .exceptions()
            .iter()
            .map(|made| (made.call, made.count))
            .collect();
        let excepted: Vec<_> = EXCEPTIONS
            .iter()
            .filter(|exception| exception.service == Service::Tls12Prf)
            .map(|exception| (exception.call, 1))
            .collect();
        assert_eq!(made, excepted, "{summary}");
        assert_eq!(summary.total().excepted, 3, "{summary}");
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["approved_only"], false, "{json}");
        assert_eq!(json["excepted"], 3, "{json}");
        assert_eq!(json["exceptions"][0]["call"], "key expansion", "{json}");
        assert!(summary.to_string().contains("key expansion 1"), "{summary}");
    }
}
