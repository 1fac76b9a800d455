//! How long sessions live, by a clock that is moved.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{ClientConfig, Group, Profile, ServerConfig, Session, Suite};
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;

use support::memory::Pair;
use support::pki::{Ca, Leaf};
use support::{NAME, boundary};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;
const MINUTE: i64 = 60;

/// The suites of one handshake each: TLS 1.3 and 1.2.
const SUITES: [Suite; 2] = [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes128GcmSha256];

#[derive(Debug)]
struct Clock(AtomicI64);

impl Clock {
    fn new() -> Arc<Self> {
        let now = i64::try_from(UnixTime::now().as_secs()).unwrap();
        Arc::new(Self(AtomicI64::new(now)))
    }

    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.load(Ordering::SeqCst).try_into().unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn server(clock: &Arc<Clock>) -> ServerConfig {
    let ca = Ca::test();
    ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identity(ca.identity(&Leaf::server(), P256))
        .with_client_trust(ca.trust())
        .with_time_provider(Arc::clone(clock) as Arc<dyn TimeProvider>)
        .build()
        .unwrap()
}

fn client(suite: Suite, clock: &Arc<Clock>) -> ClientConfig {
    let ca = Ca::test();
    let profile = Profile::sp800_52r2()
        .narrow_suites(&[suite])
        .unwrap()
        .narrow_groups(&[Group::P256])
        .unwrap();
    ClientConfig::builder(&boundary(), profile)
        .with_trust(ca.trust())
        .with_identity(ca.identity(&Leaf::client(), P256))
        .with_time_provider(Arc::clone(clock) as Arc<dyn TimeProvider>)
        .build()
        .unwrap()
}

/// Whether a finished handshake resumed a session, as both sides see it.
fn resumes(client: &Arc<rustls::ClientConfig>, server: &Arc<rustls::ServerConfig>) -> bool {
    let mut pair = Pair::of(Arc::clone(client), Arc::clone(server), NAME);
    pair.finish();
    let resumed = Session::of(&pair.server).unwrap().resumed;
    assert_eq!(Session::of(&pair.client).unwrap().resumed, resumed);
    resumed
}

#[test]
fn a_server_opens_a_ticket_for_an_hour_and_none_from_the_future() {
    for suite in SUITES {
        for (seconds, expected) in [
            (0, true),
            (59 * MINUTE, true),
            (60 * MINUTE, true),
            (60 * MINUTE + 1, false),
            (61 * MINUTE, false),
            (-1, false),
        ] {
            let clock = Clock::new();
            let server = server(&clock).rustls();
            // The client's clock stands, so that it offers what it has.
            let client = client(suite, &Clock::new()).rustls();
            assert!(!resumes(&client, &server));
            clock.advance(seconds);
            let resumed = resumes(&client, &server);
            assert_eq!(resumed, expected, "{suite} after {seconds} s");
        }
    }
}

/// Tickets that never end, and how many were offered.
#[derive(Debug)]
struct Endless {
    promised: u32,
    offered: AtomicUsize,
}

impl ProducesTickets for Endless {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.promised
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        Some(plain.to_vec())
    }

    fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.offered.fetch_add(1, Ordering::SeqCst);
        Some(sealed.to_vec())
    }
}

/// A server that promises its tickets a life of so many seconds.
fn endless(promised: u32) -> (Arc<rustls::ServerConfig>, Arc<Endless>) {
    let tickets = Arc::new(Endless {
        promised,
        offered: AtomicUsize::new(0),
    });
    let mut server = (*server(&Clock::new()).rustls()).clone();
    server.ticketer = Arc::clone(&tickets) as Arc<dyn ProducesTickets>;
    (Arc::new(server), tickets)
}

#[test]
fn a_client_offers_a_session_for_an_hour_whatever_the_server_promises() {
    // In TLS 1.2 a promise of 0 names no end (RFC 5077 §3.3).
    for (suite, promised) in [
        (SUITES[0], 7 * 86_400),
        (SUITES[1], 7 * 86_400),
        (SUITES[1], 0),
    ] {
        for (seconds, expected) in [
            (0, true),
            (59 * MINUTE, true),
            (60 * MINUTE, true),
            (60 * MINUTE + 1, false),
            (61 * MINUTE, false),
            (-1, false),
        ] {
            let clock = Clock::new();
            let client = client(suite, &clock).rustls();
            let (server, tickets) = endless(promised);
            assert!(!resumes(&client, &server));
            clock.advance(seconds);
            let resumed = resumes(&client, &server);
            let case = format!("{suite}, {promised} s promised, after {seconds} s");
            assert_eq!(resumed, expected, "{case}");
            let offered = tickets.offered.load(Ordering::SeqCst);
            assert_eq!(offered, usize::from(expected), "{case}");
        }
    }
}

#[test]
fn resumption_does_not_prolong_a_clients_hour() {
    for suite in SUITES {
        let clock = Clock::new();
        let client = client(suite, &clock).rustls();
        let (server, _) = endless(7 * 86_400);
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(resumes(&client, &server));
            clock.advance(25 * MINUTE);
        }
        // The hour begins again with the full handshake at 75 minutes.
        assert_eq!(seen, [false, true, true, false, true, true], "{suite}");
    }
}

#[test]
fn a_handshake_that_outlasts_the_hour_leaves_nothing() {
    for suite in SUITES {
        let clock = Clock::new();
        let client = client(suite, &clock).rustls();
        let (server, _) = endless(7 * 86_400);
        assert!(!resumes(&client, &server));
        clock.advance(59 * MINUTE);
        let mut pair = Pair::of(Arc::clone(&client), Arc::clone(&server), NAME);
        // The offer is made; the answer takes its time.
        let mut hello = Vec::new();
        pair.client.write_tls(&mut hello).unwrap();
        pair.server.read_tls(&mut &hello[..]).unwrap();
        pair.server.process_new_packets().unwrap();
        clock.advance(2 * MINUTE);
        pair.finish();
        assert!(Session::of(&pair.client).unwrap().resumed);
        assert!(!resumes(&client, &server), "{suite}");
        assert!(resumes(&client, &server), "{suite}");
    }
}

#[test]
fn a_handshake_leaves_one_session_and_the_next_takes_it() {
    let clock = Clock::new();
    let server = server(&clock).rustls();
    let client = client(SUITES[0], &clock).rustls();
    assert!(!resumes(&client, &server));
    // The second begins before the first has brought another.
    let pairs = [(); 2].map(|()| Pair::of(Arc::clone(&client), Arc::clone(&server), NAME));
    let resumed = pairs.map(|mut pair| {
        pair.finish();
        Session::of(&pair.server).unwrap().resumed
    });
    assert_eq!(resumed, [true, false]);
    assert!(resumes(&client, &server));
}
