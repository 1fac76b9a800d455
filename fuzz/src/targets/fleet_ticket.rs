//! Tickets of a fleet: open unchanged, at every server of the fleet that believes the same, within
//! the hour, and only so; forged ones leave nothing behind that a genuine one needs.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fips_tls::{FleetKeys, Profile, ServerConfig};
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use crate::fixtures::{NOW, at, boundary};
use crate::input::{Input, piece};
use crate::wire::identity;

const HALF_HOUR: u64 = 1800;
/// Seconds by which the clocks of a fleet may differ.
const SKEW: u64 = 10;

#[derive(Debug)]
struct Moved(AtomicU64);

impl TimeProvider for Moved {
    fn current_time(&self) -> Option<UnixTime> {
        Some(at(self.0.load(Ordering::Relaxed)))
    }
}

type Tickets = Arc<dyn ProducesTickets>;

struct Fleet {
    clock: Arc<Moved>,
    /// Of the first generation, the same again, and the next.
    servers: [Tickets; 3],
    /// Of another profile, and of other keys.
    strangers: [Tickets; 2],
}

thread_local! {
    static FLEET: RefCell<Fleet> = RefCell::new(fleet());
}

fn fleet() -> Fleet {
    let clock = Arc::new(Moved(AtomicU64::new(NOW)));
    let tickets = |profile: Profile, keys: &FleetKeys| {
        ServerConfig::builder(boundary(), profile)
            .with_identity(identity("server.pem", "p256.key"))
            .without_client_authentication()
            .with_fleet_keys(keys.clone())
            .with_time_provider(Arc::clone(&clock) as Arc<dyn TimeProvider>)
            .build()
            .expect("fixtures are of the policy")
            .rustls()
            .ticketer
            .clone()
    };
    let keys = FleetKeys::generate(boundary()).expect("the module makes keys");
    let next = keys.rotated().expect("the module makes keys");
    let others = FleetKeys::generate(boundary()).expect("the module makes keys");
    Fleet {
        servers: [&keys, &keys, &next].map(|keys| tickets(Profile::sp800_52r2(), keys)),
        strangers: [
            tickets(Profile::tls13(), &keys),
            tickets(Profile::sp800_52r2(), &others),
        ],
        clock,
    }
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let (raw, issued, opened) = (input.bit(), input.u16(), input.u16());
    let (by, at) = (input.u8(), input.u8());
    let plain = input.piece();
    FLEET.with_borrow(|fleet| {
        // From the beginning of a half hour on.
        let set = |seconds: u16| {
            let now = NOW - NOW % HALF_HOUR + u64::from(seconds);
            fleet.clock.0.store(now, Ordering::Relaxed);
            now
        };
        let issued = set(issued);
        if raw {
            // One that never made a ticket: libFuzzer hands back what was compared.
            assert_eq!(fleet.strangers[1].decrypt(plain), None);
            return;
        }
        let by = &fleet.servers[usize::from(by) % fleet.servers.len()];
        let at = &fleet.servers[usize::from(at) % fleet.servers.len()];
        let ticket = by.encrypt(plain).expect("the module seals");
        let bent = input.bend(&ticket);
        let opened = set(opened);
        let counts = bent == ticket && counts(issued, opened);
        let read = at.decrypt(&bent);
        assert_eq!(
            read.as_deref(),
            counts.then_some(plain),
            "{issued} {opened}"
        );
        for stranger in &fleet.strangers {
            assert_eq!(stranger.decrypt(&ticket), None);
        }
    });
}

/// Whether a ticket of one second counts in another: its half hour and the next, an hour less
/// what clocks may differ by, and no sooner than that.
fn counts(issued: u64, opened: u64) -> bool {
    if issued > opened {
        issued - opened <= SKEW
    } else {
        opened - issued <= 3600 - SKEW && opened / HALF_HOUR - issued / HALF_HOUR <= 1
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (issued, opened) in [
        (0u16, 0u16),
        (0, 3590),
        (0, 3591),
        (1799, 3599),
        (1799, 3600),
        (20, 10),
        (1805, 1795),
        (20, 9),
    ] {
        for (by, at) in [(0u8, 1u8), (0, 2), (2, 0)] {
            let times = [issued.to_be_bytes(), opened.to_be_bytes()].concat();
            seeds.push([&[0][..], &times, &[by, at], &piece(b"a session"), &[0]].concat());
        }
    }
    for bends in [
        // The root's name, the half hour, the server's number, the nonce, the tag.
        &[1, 0, 0, 0, 1][..],
        &[1, 0, 0, 23, 1],
        &[1, 0, 0, 24, 1],
        &[1, 0, 0, 40, 1],
        &[1, 0, 0, 70, 1],
        &[1, 1, 0, 40, 0],
        &[1, 4, 0, 0, 0],
    ] {
        seeds.push([&[0, 0, 0, 0, 0, 0, 1][..], &piece(b"a session"), bends].concat());
    }
    seeds.push([&[1, 0, 0, 0, 0, 0, 0][..], &piece(&[7; 100])].concat());
    seeds
}
