//! Key updates between our two sides (RFC 8446 §4.6.3).

use std::io::{Read, Write};

use rustls::{ContentType, Error, PeerMisbehaved};

use crate::odd;
use crate::support::NAME;
use crate::support::memory::Pair;
use crate::{SUITES, only, our_client, our_server};

#[test]
fn either_side_renews_the_keys_of_both_again_and_again() {
    let [tls13, _] = SUITES;
    let mut pair = Pair::of(our_client(only(tls13)), our_server(only(tls13)), NAME);
    pair.finish();
    // More than may come without data between them.
    for round in 0..40 {
        match round % 3 {
            0 => pair.client.refresh_traffic_keys().unwrap(),
            1 => pair.server.refresh_traffic_keys().unwrap(),
            _ => {
                pair.client.refresh_traffic_keys().unwrap();
                pair.server.refresh_traffic_keys().unwrap();
            }
        }
        pair.exchange(format!("round {round}").as_bytes());
    }
}

#[test]
fn there_is_none_before_the_handshake_is_done_and_none_in_tls12() {
    let [tls13, tls12] = SUITES;
    let mut early = Pair::of(our_client(only(tls13)), our_server(only(tls13)), NAME);
    for result in [
        early.client.refresh_traffic_keys(),
        early.server.refresh_traffic_keys(),
    ] {
        assert_eq!(result, Err(Error::HandshakeNotComplete));
    }
    let mut old = Pair::of(our_client(only(tls12)), our_server(only(tls12)), NAME);
    old.finish();
    for result in [
        old.client.refresh_traffic_keys(),
        old.server.refresh_traffic_keys(),
    ] {
        assert_eq!(result, Err(Error::HandshakeNotComplete));
    }
    old.exchange(b"as before");
}

/// KeyUpdate: type 24, length 1, and whether an answer is asked for.
fn key_update(request: u8) -> Vec<u8> {
    odd::record(ContentType::Handshake, &[24, 0, 0, 1, request])
}

#[test]
fn a_request_of_neither_kind_is_refused() {
    let [tls13, tls12] = SUITES;
    for (suite, request) in [(tls13, 2), (tls13, 255), (tls12, 0), (tls12, 1)] {
        let mut pair = Pair::of(odd::client(suite), our_server(only(suite)), NAME);
        pair.finish();
        pair.client
            .writer()
            .write_all(&key_update(request))
            .unwrap();
        let error = pair.run().server;
        assert!(error.is_some(), "{suite} {request}");
    }
}

#[test]
fn what_is_still_under_the_old_keys_after_an_update_is_refused() {
    let [tls13, _] = SUITES;
    let mut pair = Pair::of(odd::client(tls13), our_server(only(tls13)), NAME);
    pair.finish();
    // The odd client says that its keys are new, and goes on with the old ones.
    pair.client.writer().write_all(&key_update(0)).unwrap();
    pair.client
        .writer()
        .write_all(b"under the old keys")
        .unwrap();
    assert_eq!(pair.run().server, Some(Error::DecryptError));
    let mut received = Vec::new();
    assert!(pair.server.reader().read_to_end(&mut received).is_err());
    assert_eq!(received, b"");
}

#[test]
fn requests_without_data_between_them_come_to_an_end() {
    let [tls13, _] = SUITES;
    let mut pair = Pair::of(our_client(only(tls13)), our_server(only(tls13)), NAME);
    pair.finish();
    let error = (0..40)
        .find_map(|_| {
            pair.client.refresh_traffic_keys().unwrap();
            pair.run().server
        })
        .unwrap();
    let expected = PeerMisbehaved::TooManyKeyUpdateRequests;
    assert_eq!(error, Error::PeerMisbehaved(expected));
}
