//! Both of our sides against other implementations.
#![allow(unreachable_pub, reason = "each module says what the others may use")]

mod curl;
mod gnutls;
mod go;
mod loopback;
mod matrix;
mod nss;
mod openssl;
mod ours;
#[path = "../support/mod.rs"]
mod support;

use loopback::Loopback;
use matrix::Totals;

#[test]
fn openssl() {
    matrix::run(&openssl::OpenSsl, &Totals::of(144, []));
}

#[test]
fn gnutls() {
    let peer = gnutls::GnuTls(Loopback::new());
    matrix::run(&peer, &Totals::of(144, []));
}

#[test]
fn nss() {
    let peer = nss::Nss::new(Loopback::new());
    matrix::run(&peer, &Totals::of(144, []));
}

#[test]
fn go_of_the_distribution() {
    let cannot = [(
        "no extended master secret in TLS 1.2 (Go 1.20 brought it)",
        96,
    )];
    matrix::run(&go::Go::of_the_distribution(), &Totals::of(48, cannot));
}

#[test]
fn go_current() {
    matrix::run(&go::Go::current(), &Totals::of(144, []));
}

#[test]
fn curl() {
    let cannot = [
        ("a client alone", 72),
        (
            "takes no tickets in TLS 1.2, and our server keeps no sessions",
            24,
        ),
    ];
    matrix::run(&curl::Curl, &Totals::of(48, cannot));
}
