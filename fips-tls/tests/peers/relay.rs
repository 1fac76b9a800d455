//! A relay that gives each side one byte at a time.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::support::program::PATIENCE;

/// Begins to relay, and returns where it listens. Its threads end with the connections.
pub fn to(address: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let Ok(server) = TcpStream::connect(address) else {
                return;
            };
            for socket in [&client, &server] {
                socket.set_nodelay(true).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
            }
            for (from, to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                thread::spawn(move || carry(&from, &to));
            }
        }
    });
    here
}

fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        for byte in &buffer[..len] {
            // A segment of its own.
            if to.write_all(&[*byte]).is_err() {
                return;
            }
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
