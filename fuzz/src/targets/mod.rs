//! The targets, each with its properties and its seeds.

mod agreement;
mod audit_line;
mod authorization;
mod certificate;
mod chain;
mod client_bytes;
mod crl;
mod csr;
mod explanation;
mod fleet_keys;
mod fleet_ticket;
mod handshake;
mod identity;
mod join_token;
mod kem;
mod key_wrap;
mod mount_table;
mod name;
mod pbkdf2;
mod peer;
mod pem_frames;
mod private_key;
mod profile;
mod profile_file;
mod records;
mod revocation;
mod rfc4514;
mod sealed;
mod sealed_envelope;
mod sealed_stream;
mod server_bytes;
mod ticket;
mod trust_bundle;
mod verification;

use crate::Target;

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        &[$(Target {
            name: stringify!($name),
            run: $name::run,
            seeds: $name::seeds,
        }),*]
    };
}

/// Every target.
pub const ALL: &[Target] = targets![
    agreement,
    audit_line,
    authorization,
    certificate,
    chain,
    client_bytes,
    crl,
    csr,
    explanation,
    fleet_keys,
    fleet_ticket,
    handshake,
    identity,
    join_token,
    kem,
    key_wrap,
    mount_table,
    name,
    pbkdf2,
    peer,
    pem_frames,
    private_key,
    profile,
    profile_file,
    records,
    revocation,
    rfc4514,
    sealed,
    sealed_envelope,
    sealed_stream,
    server_bytes,
    ticket,
    trust_bundle,
    verification,
];

/// A target that breaks on purpose: `scripts/fuzz self-test` shows with it that a broken property
/// is found, kept, replayed, and fails the run.
pub const BROKEN: Target = Target {
    name: "broken",
    // Not `starts_with`: that compares all three bytes at once, and coverage leads to none of them.
    run: |data| assert!(!matches!(data, [b'B', b'A', b'D', ..]), "broken on purpose"),
    seeds: Vec::new,
};
