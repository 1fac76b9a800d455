//! Known defects of the pinned module, and what later releases of its branch changed.
//!
//! The module stays the one the certificate names, so what was mended after it stays unmended
//! here: each such thing has a row that says whether this project can reach it.
//! `docs/advisories.md` has the same tables with the commands that recheck them, and `deny.toml`
//! the same identifiers; a test holds the three together.

use serde::Serialize;

/// A published defect of the pinned module and whether it can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Advisory {
    /// Its identifier in the RustSec database.
    pub id: &'static str,
    /// Its other identifiers.
    pub aliases: &'static [&'static str],
    /// Where the code lies.
    pub place: &'static str,
    /// The first release of the branch without it.
    pub fixed_in: &'static str,
    /// Whether this project can reach it.
    pub reachable: bool,
    /// Why, or why not.
    pub why: &'static str,
}

/// A source file that a later release of the branch changed, with or without an advisory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LaterChange {
    /// The file, below the crate's `aws-lc/crypto/`.
    pub file: &'static str,
    /// What changed between 3.1.0 and 3.6.0.
    pub change: &'static str,
    /// Whether this project can reach the old code.
    pub reachable: bool,
    /// Why, or why not.
    pub why: &'static str,
}

/// Published defects of AWS-LC FIPS 3.1.0, as of [`MODULE_TABLE_DATE`](crate::MODULE_TABLE_DATE).
pub(crate) const ADVISORIES: [Advisory; 2] = [
    Advisory {
        id: "RUSTSEC-2026-0042",
        aliases: &["CVE-2026-4428", "GHSA-9f94-5g5w-gf6r"],
        place: "outside the module: X.509 code of libcrypto, scope of partitioned CRLs",
        fixed_in: "AWS-LC FIPS 3.3.0",
        reachable: false,
        why: "certificate paths and CRLs are judged by rustls-webpki; libcrypto's X.509 code is \
              not linked",
    },
    Advisory {
        id: "RUSTSEC-2026-0043",
        aliases: &["CVE-2026-3337", "GHSA-65p9-r9h6-22vj"],
        place: "inside the module: AES-CCM tag comparison is not constant-time",
        fixed_in: "AWS-LC FIPS 3.2.0",
        reachable: false,
        why: "no CCM suite and no CCM wrapper is offered",
    },
];

/// Every file of libcrypto that differs between the sources of 3.1.0 and 3.6.0, tests aside.
pub(crate) const LATER_CHANGES: [LaterChange; 8] = [
    LaterChange {
        file: "evp_extra/evp_asn1.c",
        change: "key types are found by their whole name, not by a prefix of it",
        reachable: false,
        why: "EVP_PKEY_asn1_find_str is not called, nor linked",
    },
    LaterChange {
        file: "fipsmodule/cipher/cipher.c",
        change: "EVP_DecryptUpdate writes nothing behind the bytes it reports",
        reachable: false,
        why: "padded block ciphers through EVP have no wrapper; AES-GCM and key wrapping do not \
              go through it",
    },
    LaterChange {
        file: "fipsmodule/cipher/e_aesccm.c",
        change: "the tag is compared in constant time (RUSTSEC-2026-0043)",
        reachable: false,
        why: "no CCM suite and no CCM wrapper is offered",
    },
    LaterChange {
        file: "fipsmodule/dh/dh.c",
        change: "DH_compute_key_hashed refuses digests without a length and passes the output's \
                 length",
        reachable: false,
        why: "finite-field Diffie-Hellman has no wrapper",
    },
    LaterChange {
        file: "fipsmodule/evp/p_hkdf.c",
        change: "HKDF through EVP_PKEY refuses digests without a fixed length",
        reachable: false,
        why: "HKDF is called by its own functions, with SHA-256, SHA-384 and SHA-512 alone",
    },
    LaterChange {
        file: "fipsmodule/evp/p_kem.c",
        change: "EVP_PKEY_derive on a KEM key, which ran HKDF on a foreign structure, is refused",
        reachable: false,
        why: "KEM keys are encapsulated to and decapsulated with; nothing derives with one",
    },
    LaterChange {
        file: "pkcs8/pkcs8.c",
        change: "an encrypted key's length is checked before memory is taken for it",
        reachable: false,
        why: "encrypted private keys are refused before the module sees them; the code is not \
              linked",
    },
    LaterChange {
        file: "x509/x509_vfy.c",
        change: "scope of partitioned CRLs (RUSTSEC-2026-0042)",
        reachable: false,
        why: "libcrypto's X.509 code is not linked",
    },
];
