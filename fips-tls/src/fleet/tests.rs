//! Tickets by a clock that is moved. Handshakes are in `tests/fleet.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fips_core::Requirements;
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;

use super::tickets::KEPT;
use super::*;

const HALF_HOUR: u64 = 1800;
/// The beginning of a half hour.
const NOW: u64 = 1_000_000 * HALF_HOUR;
const CONTEXT: [u8; 32] = [1; 32];

#[derive(Debug)]
struct Moved(AtomicU64);

impl Moved {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(NOW)))
    }

    fn set(&self, second: u64) {
        self.0.store(second, Ordering::SeqCst);
    }
}

impl TimeProvider for Moved {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.load(Ordering::SeqCst);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

fn keys() -> FleetKeys {
    FleetKeys::generate(&boundary()).unwrap()
}

fn server(keys: &FleetKeys, context: [u8; 32], clock: &Arc<Moved>) -> FleetTickets {
    FleetTickets::new(keys, context, Arc::clone(clock) as _).unwrap()
}

#[track_caller]
fn opens(server: &FleetTickets, ticket: &[u8]) {
    assert_eq!(server.decrypt(ticket).as_deref(), Some(&b"a session"[..]));
}

fn seal(server: &FleetTickets) -> Vec<u8> {
    server.encrypt(b"a session").unwrap()
}

#[test]
fn servers_of_a_fleet_open_each_others_tickets_and_no_others() {
    let (clock, keys) = (Moved::new(), keys());
    let [one, two] = [0; 2].map(|_| server(&keys, CONTEXT, &clock));
    let ticket = seal(&one);
    for server in [&one, &two] {
        opens(server, &ticket);
        // Again, with the key that was kept.
        opens(server, &ticket);
    }
    // From the sealed bytes, as another process has them.
    let copy = FleetKeys::from_bytes(&boundary(), &keys.to_bytes()).unwrap();
    opens(&server(&copy, CONTEXT, &clock), &ticket);

    assert_eq!(server(&keys, [2; 32], &clock).decrypt(&ticket), None);
    let others = FleetKeys::generate(&boundary()).unwrap();
    assert_eq!(server(&others, CONTEXT, &clock).decrypt(&ticket), None);
}

#[test]
fn no_two_servers_and_no_two_half_hours_seal_under_one_key() {
    let (clock, keys) = (Moved::new(), keys());
    let [one, two] = [0; 2].map(|_| server(&keys, CONTEXT, &clock));
    let header = |ticket: Vec<u8>| ticket[..40].to_vec();
    let first = header(seal(&one));
    assert_eq!(header(seal(&one)), first);
    let other = header(seal(&two));
    assert_eq!(other[..24], first[..24], "root and half hour");
    assert_ne!(other[24..], first[24..], "the server's number");
    clock.set(NOW + HALF_HOUR);
    let next = header(seal(&one));
    assert_eq!(next[..16], first[..16]);
    assert_ne!(next[16..24], first[16..24]);
    assert_ne!(next[24..], first[24..]);
    // Going back does not bring a key back.
    clock.set(NOW);
    assert_ne!(header(seal(&one))[24..], first[24..]);
}

#[test]
fn a_ticket_lives_for_its_half_hour_and_the_next() {
    let (clock, keys) = (Moved::new(), keys());
    let [one, two] = [0; 2].map(|_| server(&keys, CONTEXT, &clock));
    for (issued, opened, expected) in [
        (0, 0, true),
        (0, HALF_HOUR, true),
        (0, 3590, true),
        (0, 3591, false),
        (HALF_HOUR - 1, 2 * HALF_HOUR - 1, true),
        (HALF_HOUR - 1, 2 * HALF_HOUR, false),
        (1000, 999, true),
        // Clocks that differ by ten seconds, and by more; over the end of a half hour too.
        (1000, 990, true),
        (1000, 989, false),
        (HALF_HOUR, HALF_HOUR - 10, true),
        (HALF_HOUR, HALF_HOUR - 11, false),
        (2 * HALF_HOUR, 0, false),
    ] {
        clock.set(NOW + issued);
        let ticket = seal(&one);
        clock.set(NOW + opened);
        for server in [&one, &two] {
            let read = server.decrypt(&ticket);
            assert_eq!(read.is_some(), expected, "{issued} {opened}");
        }
    }
    assert_eq!(one.lifetime(), 3590);
    // Where time begins and ends.
    for now in [0, 5, u64::MAX] {
        clock.set(now);
        opens(&one, &seal(&two));
    }
}

#[test]
fn a_rotation_is_rolled_out_server_by_server() {
    let (clock, first) = (Moved::new(), keys());
    let second = first.rotated().unwrap();
    let third = second.rotated().unwrap();
    assert_eq!(
        [1, 2, 3],
        [&first, &second, &third].map(FleetKeys::generation)
    );
    let [one, two, three] = [&first, &second, &third].map(|keys| server(keys, CONTEXT, &clock));
    let [by_one, by_two, by_three] = [&one, &two, &three].map(seal);
    for (server, ticket) in [
        (&one, &by_two),
        (&two, &by_one),
        (&two, &by_three),
        (&three, &by_two),
    ] {
        opens(server, ticket);
    }
    // Two generations apart: the root is gone, or not there yet.
    assert_eq!(three.decrypt(&by_one), None);
    assert_eq!(one.decrypt(&by_three), None);
}

#[test]
fn bent_tickets_open_nothing() {
    let (clock, keys) = (Moved::new(), keys());
    let [one, two] = [0; 2].map(|_| server(&keys, CONTEXT, &clock));
    let ticket = seal(&one);
    for index in 0..ticket.len() {
        let mut bent = ticket.clone();
        bent[index] ^= 1;
        assert_eq!(one.decrypt(&bent), None, "byte {index}");
        assert_eq!(two.decrypt(&bent), None, "byte {index}");
        assert_eq!(two.decrypt(&ticket[..index]), None, "length {index}");
    }
    assert_eq!(two.decrypt(&[&ticket[..], &[0]].concat()), None);
    assert_eq!(two.decrypt(&[]), None);
    // Two tickets mixed: the server's number of one, the sealed part of the other.
    let other = seal(&two);
    assert_eq!(one.decrypt(&[&ticket[..40], &other[40..]].concat()), None);
    opens(&one, &other);
}

#[test]
fn a_flood_of_forged_tickets_leaves_and_drives_out_nothing() {
    let (clock, keys) = (Moved::new(), keys());
    let [one, two] = [0; 2].map(|_| server(&keys, CONTEXT, &clock));
    let ticket = seal(&one);
    opens(&two, &ticket);
    assert_eq!(two.kept(), 1);
    for forged in 0..2 * KEPT {
        let mut salt = ticket.clone();
        salt[24..32].copy_from_slice(&forged.to_be_bytes());
        assert_eq!(two.decrypt(&salt), None);
    }
    assert_eq!(two.kept(), 1);
    // Genuine ones of many servers: as many keys as are kept, and each opens still.
    let tickets: Vec<_> = (0..KEPT + 10)
        .map(|_| seal(&server(&keys, CONTEXT, &clock)))
        .collect();
    for ticket in tickets.iter().chain(&tickets) {
        opens(&two, ticket);
    }
    assert_eq!(two.kept(), KEPT);
    // They go when they open no more, with the first ticket after.
    clock.set(NOW + 2 * HALF_HOUR);
    seal(&two);
    assert_eq!(two.kept(), 0);
}

#[test]
fn bytes_come_back_and_bent_ones_are_refused() {
    let first = keys();
    for keys in [first.clone(), first.rotated().unwrap()] {
        let bytes = keys.to_bytes();
        let read = FleetKeys::from_bytes(&boundary(), &bytes).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        assert_eq!(read.generation(), keys.generation());
        for length in 0..bytes.len() {
            assert!(FleetKeys::from_bytes(&boundary(), &bytes[..length]).is_err());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(FleetKeys::from_bytes(&boundary(), &longer).is_err());
        let longer = [&bytes[..], &[7; 32]].concat();
        assert!(FleetKeys::from_bytes(&boundary(), &longer).is_err());
        // Magic, version, and whether there is a previous root.
        for index in (0..10).chain([18]) {
            let mut bent = bytes.clone();
            bent[index] ^= 1;
            assert!(
                FleetKeys::from_bytes(&boundary(), &bent).is_err(),
                "{index}"
            );
        }
        let mut same = bytes.clone();
        same.copy_within(19..51, 51);
        let error = FleetKeys::from_bytes(&boundary(), &same).unwrap_err();
        assert!(matches!(error, Error::FleetKeys(FleetKeysFault::SameRoots)));
    }
    let mut later = first.to_bytes();
    later[9] = 2;
    let error = FleetKeys::from_bytes(&boundary(), &later).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
    let mut last = first.rotated().unwrap().to_bytes();
    last[10..18].copy_from_slice(&u64::MAX.to_be_bytes());
    let last = FleetKeys::from_bytes(&boundary(), &last).unwrap();
    assert!(last.rotated().is_err());
}

#[test]
fn nothing_secret_is_shown() {
    let keys = keys().rotated().unwrap();
    assert_eq!(format!("{keys:?}"), "FleetKeys { generation: 2, .. }");
    let tickets = server(&keys, CONTEXT, &Moved::new());
    assert_eq!(format!("{tickets:?}"), "FleetTickets { .. }");
}
