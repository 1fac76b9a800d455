//! Tickets open unchanged, at the server that made them, within an hour; and only so.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fips_tls::{Profile, ServerConfig};
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use crate::fixtures::{NOW, at, boundary};
use crate::input::{Input, piece};
use crate::wire::identity;

/// Seconds of an hour: the most a ticket lives.
const HOUR: u64 = 3600;

#[derive(Debug)]
struct Moved(AtomicU64);

impl TimeProvider for Moved {
    fn current_time(&self) -> Option<UnixTime> {
        Some(at(self.0.load(Ordering::Relaxed)))
    }
}

struct Server {
    clock: Arc<Moved>,
    tickets: Arc<dyn ProducesTickets>,
    other: Arc<dyn ProducesTickets>,
}

thread_local! {
    static SERVER: RefCell<Server> = RefCell::new(server());
}

fn server() -> Server {
    let clock = Arc::new(Moved(AtomicU64::new(NOW)));
    let tickets = || {
        ServerConfig::builder(boundary(), Profile::sp800_52r2())
            .with_identity(identity("server.pem", "p256.key"))
            .without_client_authentication()
            .with_time_provider(Arc::clone(&clock) as Arc<dyn TimeProvider>)
            .build()
            .expect("fixtures are of the policy")
            .rustls()
            .ticketer
            .clone()
    };
    Server {
        tickets: tickets(),
        other: tickets(),
        clock,
    }
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let (raw, issued, opened) = (input.bit(), input.u16(), input.u16());
    let plain = input.piece();
    SERVER.with_borrow(|server| {
        let set = |seconds: u16| {
            server
                .clock
                .0
                .store(NOW + u64::from(seconds), Ordering::Relaxed)
        };
        set(issued);
        if raw {
            // One that never made a ticket: libFuzzer hands back what was compared.
            assert_eq!(server.other.decrypt(plain), None);
            return;
        }
        let ticket = server.tickets.encrypt(plain).expect("the module seals");
        let bent = input.bend(&ticket);
        set(opened);
        let age = u64::from(opened).checked_sub(u64::from(issued));
        let counts = bent == ticket && age.is_some_and(|age| age <= HOUR);
        let read = server.tickets.decrypt(&bent);
        assert_eq!(read.as_deref(), counts.then_some(plain), "{age:?}");
        assert_eq!(server.other.decrypt(&ticket), None);
    });
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (issued, opened) in [(0u16, 0u16), (0, 3600), (0, 3601), (1, 0), (100, 1900)] {
        for bends in [
            &[0][..],
            &[1, 0, 0, 0, 1],
            &[1, 0, 0, 20, 1],
            &[1, 1, 0, 40, 0],
            &[1, 4, 0, 0, 0],
        ] {
            let times = [issued.to_be_bytes(), opened.to_be_bytes()].concat();
            seeds.push([&[0][..], &times, &piece(b"a session"), bends].concat());
        }
    }
    seeds.push([&[1, 0, 0, 0, 0][..], &piece(&[7; 60])].concat());
    seeds
}
