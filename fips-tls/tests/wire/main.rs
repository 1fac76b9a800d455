//! What comes over the wire apart from a smooth handshake: alerts of every kind, ends at every
//! place, messages in the smallest pieces, and records that only an odd peer sends.

#![allow(unreachable_pub, reason = "each module says what the others may use")]

mod alerts;
mod ends;
mod fragments;
mod key_updates;
mod odd;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use fips_tls::{Profile, Suite, Version};

use support::pki::{Ca, Leaf};
use support::refusal::P256;
use support::{client, server};

/// One suite of each version.
const SUITES: [Suite; 2] = [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes128GcmSha256];

fn only(suite: Suite) -> Profile {
    Profile::sp800_52r2().narrow_suites(&[suite]).unwrap()
}

fn our_client(profile: Profile) -> Arc<rustls::ClientConfig> {
    let shown = Ca::test().identity(&Leaf::client(), P256);
    client(profile, Ca::test().trust(), Some(shown)).rustls()
}

/// With client certificates.
fn our_server(profile: Profile) -> Arc<rustls::ServerConfig> {
    let ca = Ca::test();
    server(
        profile,
        ca.identity(&Leaf::server(), P256),
        Some(ca.trust()),
    )
    .rustls()
}

fn rustls_version(version: Version) -> &'static rustls::SupportedProtocolVersion {
    match version {
        Version::Tls12 => &rustls::version::TLS12,
        Version::Tls13 => &rustls::version::TLS13,
    }
}
