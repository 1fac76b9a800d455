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
//! 2 × 26 × 2 × 2 = 208 cells. The keys are no further dimension: they follow from suite and
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
use run::{Totals, run};

#[test]
fn curl() {
    run(
        &curl::Curl,
        &Totals::of(
            48,
            [
                (curl::CLIENT, 104),
                (curl::NO_ML_KEM, 32),
                (curl::NO_TICKETS, 24),
            ],
        ),
    );
}

#[test]
fn gnutls() {
    let peer = gnutls::GnuTls(Loopback::new());
    run(&peer, &Totals::of(144, [(gnutls::NO_ML_KEM, 64)]));
}

#[test]
fn go_current() {
    let cannot = [(go::NO_ML_KEM_768, 16)];
    run(&go::Go::current(), &Totals::of(192, cannot));
}

#[test]
fn go_of_the_distribution() {
    let cannot = [(go::NO_ML_KEM, 64), (go::NO_EMS, 96)];
    run(&go::Go::of_the_distribution(), &Totals::of(48, cannot));
}

#[test]
fn nss() {
    let peer = nss::Nss::new(Loopback::new());
    run(&peer, &Totals::of(144, [(nss::NO_ML_KEM, 64)]));
}

#[test]
fn openssl() {
    run(
        &openssl::OpenSsl,
        &Totals::of(144, [(openssl::NO_ML_KEM, 64)]),
    );
}
