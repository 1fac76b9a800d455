//! What is not refused, and why that is safe: early data, which is skipped, and what the RFCs
//! forbid and rustls takes, where both sides end with the same transcript. A ticket offered
//! again is in `openssl`.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::{Connection, Error, HandshakeKind, Side};

use crate::case::{
    Case, Over, cases, duel, edit, finish, hello, hello_if, on, our_server, profile,
};
use crate::case::{bend, our_client};
use crate::support::bent::{Bends, Bent};
use crate::support::duel::{self, Duel};
use crate::support::wire::{ext, typ};

#[test]
fn what_rustls_takes_though_it_is_forbidden() {
    for (ours, cases) in [(Side::Client, FROM_SERVERS), (Side::Server, FROM_CLIENTS)] {
        for case in cases {
            let mut duel = duel(ours, case.over, case.bends);
            assert_eq!(duel.run(&mut |_, flight| flight), None, "{}", case.name);
            assert!(!duel.ours.is_handshaking() && duel.told(), "{}", case.name);
            assert_eq!(export(&duel.ours), export(&duel.theirs), "{}", case.name);
        }
    }
}

const FROM_SERVERS: &[Case] = cases! {
    // RFC 8446 §4.1.3: it must be 0x0303.
    edit Tls13 "TLS 1.3 as legacy version": |m| hello(m, |h| h.version = 0x0304) => NONE, "";
    // RFC 8446 §4.1.3: illegal_parameter. The id resumes nothing in TLS 1.3.
    edit Tls13 "another session id": |m| hello(m, |h| h.session_id[7] ^= 1) => NONE, "";
    edit Tls13 "no session id": |m| hello(m, |h| h.session_id.clear()) => NONE, "";
    // RFC 8446 §4.1.3: the mark of a server that knows TLS 1.1 at most, in TLS 1.2;
    // illegal_parameter. TLS 1.1 itself is refused, and TLS 1.3's mark in TLS 1.2.
    bend Tls12 "the mark of a downgrade to TLS 1.1": Bends { random: Some(*b"DOWNGRD\0"), ..Bends::NONE } => NONE, "";
};

const FROM_CLIENTS: &[Case] = cases! {
    // RFC 8446 App. D.5: protocol_version. What counts is supported_versions.
    edit Tls13 "SSL 3.0 as legacy version": |m| hello_if(m, typ::CLIENT_HELLO, |_| true, |h| h.version = 0x0300) => NONE, "";
    // RFC 8446 §4.1.2: none of it may change in a second hello. Both hellos are in the transcript.
    edit Tls13Retried "another random": |m| hello_if(m, typ::CLIENT_HELLO, is_second, |h| h.random[0] ^= 1) => NONE, "";
    edit Tls13Retried "another session id": |m| hello_if(m, typ::CLIENT_HELLO, is_second, |h| h.session_id[0] ^= 1) => NONE, "";
    edit Tls13Retried "more suites": |m| hello_if(m, typ::CLIENT_HELLO, is_second, |h| h.suites.push(0x1304)) => NONE, "";
    edit Tls13Retried "fewer groups": |m| hello_if(m, typ::CLIENT_HELLO, is_second, |h| *h.extension(ext::SUPPORTED_GROUPS) = vec![0, 2, 0, 24]) => NONE, "";
    edit Tls13Retried "another protocol": |m| hello_if(m, typ::CLIENT_HELLO, is_second, |h| h.remove(ext::ALPN)) => NONE, "";
    edit Tls13Retried "one extension more": |m| hello_if(m, typ::CLIENT_HELLO, is_second, |h| h.add(0xfafa, &[])) => NONE, "";
};

fn is_second(hello: &crate::support::wire::Hello) -> bool {
    hello
        .extensions
        .iter()
        .any(|(code, share)| *code == ext::KEY_SHARE && share[2..4] == [0, 24])
}

/// What both sides agree on alone: an exporter in TLS 1.3; in TLS 1.2 the Finisheds say it.
fn export(connection: &Connection) -> [u8; 32] {
    if connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_2) {
        return [0; 32];
    }
    connection
        .export_keying_material([0; 32], b"EXPORTER-test", None)
        .unwrap()
}

/// A client that sends so many bytes of early data to our server. Its ticket opens there, and
/// comes from one that promised to take 64 KiB.
fn early(len: usize) -> (Duel, Option<Error>) {
    let profile = profile(Over::Tls13, Side::Server);
    let ours = our_server();
    let issuer = Bent::new(Bends {
        // Its extensions, two bytes of no length, are last.
        edit: Some(|m| {
            on(typ::NEW_SESSION_TICKET, m, |body| {
                body.truncate(body.len() - 2);
                body.extend([0, 8, 0, 42, 0, 4, 0, 1, 0, 0]);
            })
        }),
        ..Bends::NONE
    })
    .server(&ours, &profile);
    let bent = Bent::new(Bends::NONE);
    let mut client = bent.client(&our_client(), &profile);
    client.enable_early_data = true;
    let client = Arc::new(client);
    finish(Duel::new(
        Side::Server,
        Arc::clone(&client),
        Arc::new(issuer),
        bent.clone(),
    ));

    bent.opened.lock().unwrap().clear();
    let mut duel = Duel::new(Side::Server, client, ours.rustls(), bent);
    let Connection::Client(theirs) = &mut duel.theirs else {
        unreachable!()
    };
    let mut writer = theirs.early_data().expect("the ticket allows early data");
    writer.write_all(&vec![b'e'; len]).unwrap();
    let error = duel.run(&mut |_, flight| flight);
    (duel, error)
}

#[test]
fn early_data_is_skipped_and_never_read() {
    let (mut duel, error) = early(1000);
    assert_eq!(error, None);
    assert!(!duel.ours.is_handshaking() && duel.told());
    assert_eq!(duel.ours.handshake_kind(), Some(HandshakeKind::Resumed));
    let Connection::Client(theirs) = &duel.theirs else {
        unreachable!()
    };
    assert!(!theirs.is_early_data_accepted());
    let Connection::Server(server) = &mut duel.ours else {
        unreachable!()
    };
    assert!(server.early_data().is_none());
    assert!(duel.ours.reader().read(&mut [0; 8]).is_err());
}

#[test]
fn early_data_beyond_what_is_skipped_ends_the_connection() {
    // RFC 8446 §4.2.10: as much is skipped as one record holds.
    let (mut duel, error) = early(40_000);
    assert_eq!(error, Some(Error::DecryptError));
    assert!(!duel.told());
    duel.assert_dead(&Error::DecryptError, "early data");
    assert!(duel::taken(&mut duel.ours).is_empty());
}
