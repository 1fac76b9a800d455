//! A server that reads whatever comes, from its first byte: it never finishes a handshake with
//! someone who holds no keys, and explains its errors in one line.

use rustls::Connection;

use crate::input::Input;
use crate::wire::{self, Setup, accept, deliver, genuine, written};

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let setup = Setup::read(&mut input);
    feed(accept(setup.server().rustls()), &mut input);
}

/// Feeds what is left in chunks of the first byte's size.
pub(super) fn feed(mut side: Connection, input: &mut Input<'_>) {
    let size = match usize::from(input.u8()) {
        0 => usize::MAX,
        size => size,
    };
    let mut received = Vec::new();
    written(&mut side);
    for chunk in input.rest().chunks(size) {
        let answer = deliver(&mut side, chunk, &mut received);
        // An alert, or the next flight.
        wire::records(&written(&mut side));
        assert!(side.is_handshaking());
        assert!(received.is_empty());
        if answer.is_err() {
            // What failed stays so.
            assert!(deliver(&mut side, &[22, 3, 3, 0, 1, 0], &mut received).is_err());
            return;
        }
    }
}

/// What a genuine side wrote, for each setup.
pub(super) fn flights(direction: usize) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for version in [0, 1, 2] {
        for bits in [0, 1, 2, 4, 9, 16, 20, 32] {
            let setup = Setup::read(&mut Input(&[version, bits]));
            let (client, server) = (setup.client(), setup.server());
            if setup.resume {
                genuine(&client, &server);
            }
            let flights = &genuine(&client, &server)[direction];
            seeds.push([&[version, bits, 0], &flights[..]].concat());
        }
    }
    // In small pieces.
    seeds.push([&[0, 0, 7], &seeds[0][3..]].concat());
    seeds
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    flights(0)
}
