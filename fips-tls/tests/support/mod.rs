//! What the tests share: keys and certificates made here, handshakes in memory, and other
//! programs' TLS on the loopback.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod bent;
pub mod duel;
pub mod memory;
pub mod pki;
pub mod program;
pub mod refusal;
pub mod tree;
pub mod wire;

use fips_core::{Boundary, Requirements};
use fips_tls::{ClientConfig, Group, Identity, Profile, ServerConfig, Trust};

/// The name test servers go by.
pub const NAME: &str = "server.test";

/// The groups of every version; the others are tried in `post_quantum.rs`.
pub const CURVES: [Group; 3] = [Group::P256, Group::P384, Group::P521];

pub fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

pub fn server(profile: Profile, identity: Identity, clients: Option<Trust>) -> ServerConfig {
    let builder = ServerConfig::builder(&boundary(), profile).with_identity(identity);
    match clients {
        Some(trust) => builder.with_client_trust(trust),
        None => builder.without_client_authentication(),
    }
    .build()
    .unwrap()
}

pub fn client(profile: Profile, trust: Trust, identity: Option<Identity>) -> ClientConfig {
    let builder = ClientConfig::builder(&boundary(), profile).with_trust(trust);
    match identity {
        Some(identity) => builder.with_identity(identity),
        None => builder,
    }
    .build()
    .unwrap()
}
