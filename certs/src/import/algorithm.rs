//! Algorithms by name, for refusals.

use x509_parser::asn1_rs::{FromDer, Oid};

/// Those that are met and refused, or refused in some pairing (RFC 3279, RFC 5758, RFC 8017,
/// RFC 8410).
const NAMES: &[(&str, &str)] = &[
    ("1.2.840.10040.4.3", "DSA with SHA-1"),
    ("1.2.840.10045.4.1", "ECDSA with SHA-1"),
    ("1.2.840.10045.4.3.1", "ECDSA with SHA-224"),
    ("1.2.840.10045.4.3.2", "ECDSA with SHA-256"),
    ("1.2.840.10045.4.3.3", "ECDSA with SHA-384"),
    ("1.2.840.10045.4.3.4", "ECDSA with SHA-512"),
    ("1.2.840.113549.1.1.2", "RSA with MD2"),
    ("1.2.840.113549.1.1.4", "RSA with MD5"),
    ("1.2.840.113549.1.1.5", "RSA with SHA-1"),
    (
        "1.2.840.113549.1.1.10",
        "RSA-PSS with other parameters than those of its hash",
    ),
    ("1.2.840.113549.1.1.11", "RSA with SHA-256"),
    ("1.2.840.113549.1.1.12", "RSA with SHA-384"),
    ("1.2.840.113549.1.1.13", "RSA with SHA-512"),
    ("1.2.840.113549.1.1.14", "RSA with SHA-224"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
];

/// The name of an algorithm by the content of its identifier.
pub(crate) fn name(identifier: &[u8]) -> String {
    let Ok((_, oid)) = Oid::from_der(identifier) else {
        return "an algorithm without identifier".to_owned();
    };
    let oid = oid.to_id_string();
    NAMES.iter().find(|(known, _)| *known == oid).map_or_else(
        || format!("algorithm {oid}"),
        |(_, name)| (*name).to_owned(),
    )
}
