//! Both of our sides against other implementations.
#![allow(unreachable_pub, reason = "each module says what the others may use")]

mod gnutls;
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
