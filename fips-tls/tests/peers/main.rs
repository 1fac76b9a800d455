//! Both of our sides against other implementations: a matrix of the policy and each peer.
//!
//! Per peer the matrix is the product of
//!
//! * the peer's roles, client and server;
//! * the suites of the widest profile, each with the groups usable in its version: 2 × 7 of
//!   TLS 1.3, 4 × 3 of TLS 1.2;
//! * with a client's certificate and without;
//! * a full handshake, and one that resumes it:
//!
//! 2 × 26 × 2 × 2 = 208 cells; and the same of `cnsa1`, 2 × 3 × 2 × 2 = 24. The keys are no further dimension: they follow from suite and
//! group, so that each of the six comes in each version (`tests/openssl.rs` has their product).
//!
//! A cell is *done* when the handshake took place, a message went forth and back, and both
//! sides saw the version, the suite, the group, whether it resumed, and whom they met. Where a
//! peer has no words for one of these, its settings leave nothing else. Or the peer *cannot*:
//! then the cell is tried all the same and must fail with the words its limit names, so that a
//! peer which has learned it makes the test fail until the limit is removed.
//!
//! `cargo test -p fips-tls --features evaluation --test peers -- --nocapture` prints the tables.

#![allow(unreachable_pub, reason = "each module says what the others may use")]

mod conversation;
mod curl;
mod ends;
mod fragments;
mod gnutls;
mod go;
mod key_updates;
mod loopback;
mod matrix;
mod nss;
mod openssl;
mod ours;
mod records;
mod relay;
mod retries;
mod run;
#[path = "../support/mod.rs"]
mod support;

use loopback::Loopback;
use run::{Policy, Totals, run};

#[test]
fn curl() {
    let cannot = [
        (curl::CLIENT, 104),
        (curl::NO_ML_KEM, 32),
        (curl::NO_TICKETS, 24),
    ];
    run(&curl::Curl, &Policy::widest(), &Totals::of(48, cannot));
    let cannot = [(curl::CLIENT, 12), (curl::NO_TICKETS, 4)];
    run(&curl::Curl, &Policy::cnsa1(), &Totals::of(8, cannot));
}

#[test]
fn gnutls() {
    let peer = gnutls::GnuTls(Loopback::new());
    let cannot = [(gnutls::NO_ML_KEM, 64)];
    run(&peer, &Policy::widest(), &Totals::of(144, cannot));
    run(&peer, &Policy::cnsa1(), &Totals::of(24, []));
}

#[test]
fn go_current() {
    let peer = go::Go::current();
    let cannot = [(go::NO_ML_KEM_768, 16)];
    run(&peer, &Policy::widest(), &Totals::of(192, cannot));
    run(&peer, &Policy::cnsa1(), &Totals::of(24, []));
}

#[test]
fn go_of_the_distribution() {
    let peer = go::Go::of_the_distribution();
    let cannot = [(go::NO_EMS, 96), (go::NO_ML_KEM, 64)];
    run(&peer, &Policy::widest(), &Totals::of(48, cannot));
    let cannot = [(go::NO_EMS, 16)];
    run(&peer, &Policy::cnsa1(), &Totals::of(8, cannot));
}

#[test]
fn nss() {
    let cannot = [(nss::NO_ML_KEM, 64)];
    let peer = nss::Nss::new(Loopback::new());
    run(&peer, &Policy::widest(), &Totals::of(144, cannot));
    let peer = nss::Nss::new(Loopback::new());
    run(&peer, &Policy::cnsa1(), &Totals::of(24, []));
}

#[test]
fn openssl() {
    let cannot = [(openssl::NO_ML_KEM, 64)];
    run(
        &openssl::OpenSsl,
        &Policy::widest(),
        &Totals::of(144, cannot),
    );
    run(&openssl::OpenSsl, &Policy::cnsa1(), &Totals::of(24, []));
}
