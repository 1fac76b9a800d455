//! Two ends of a TLS connection in one thread.

use rustls::{ClientConnection, ServerConnection};

/// Carries what both have to say, forth and back; returns what came back.
pub(crate) fn carry(client: &mut ClientConnection, server: &mut ServerConnection) -> Vec<u8> {
    let mut wire = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut wire).unwrap();
    }
    let mut bytes = &wire[..];
    while !bytes.is_empty() {
        server.read_tls(&mut bytes).unwrap();
        server.process_new_packets().unwrap();
    }
    let mut wire = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut wire).unwrap();
    }
    let mut bytes = &wire[..];
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        client.process_new_packets().unwrap();
    }
    wire
}
