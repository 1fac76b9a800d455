//! A client that reads whatever comes, from its first byte: as `server_bytes`.

use crate::input::Input;
use crate::targets::server_bytes::{feed, flights};
use crate::wire::{Setup, connect};

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    let setup = Setup::read(&mut input);
    feed(connect(setup.client().rustls()), &mut input);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    flights(1)
}
