//! The module's service indicator, read around every call, in release builds too.
//!
//! FIPS 140-3 (IG 2.4.C) asks a module to tell, per call, whether the service just used was an
//! approved one. aws-lc-rs looks at that only in debug builds; here it is read around each
//! primitive, counted per service, and an answer other than "approved" drops the result and is
//! an error. The calls of [`EXCEPTIONS`] are the only ones let through without it, each with
//! its argument.
//!
//! Counts go to the ledger of the process ([`ledger()`]) and to every [`Ledger`] whose scope the
//! calling thread is in: one per connection, say.

mod ledger;
mod scope;

use std::fmt;

use serde::Serialize;

use crate::error::Error;
use crate::{ffi, self_test};

use ledger::Answer;
pub use ledger::{Count, ExceptedCall, LedgerRow, Summary};
pub use scope::{Ledger, Recorded, Scopes, ledger};

/// A service of the module as this crate uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Service {
    /// Message digest, SHA-256, SHA-384, SHA-512 (FIPS 180-4).
    Digest,
    /// Key generation on P-256, P-384, P-521 (FIPS 186-5, SP 800-56Ar3).
    EcKeyGeneration,
    /// ECDH shared secret (SP 800-56Ar3 §5.7.1.2).
    Ecdh,
    /// ECDSA signature (FIPS 186-5 §6).
    EcdsaSign,
    /// ECDSA verification (FIPS 186-5 §6).
    EcdsaVerify,
    /// HKDF (SP 800-56Cr2, RFC 5869).
    Hkdf,
    /// HMAC (FIPS 198-1).
    Hmac,
    /// Unwrapping a key, AES-KW or AES-KWP (SP 800-38F §6).
    KeyUnwrap,
    /// Wrapping a key, AES-KW or AES-KWP (SP 800-38F §6).
    KeyWrap,
    /// ML-KEM decapsulation (FIPS 203 §7.3).
    MlKemDecapsulate,
    /// ML-KEM encapsulation (FIPS 203 §7.2).
    MlKemEncapsulate,
    /// ML-KEM key generation (FIPS 203 §7.1).
    MlKemKeyGeneration,
    /// PBKDF2 (SP 800-132 §5.3).
    Pbkdf2,
    /// DRBG output (SP 800-90Ar1).
    Random,
    /// Opening a TLS record, AES-GCM (SP 800-38D).
    RecordOpen,
    /// Sealing a TLS record, AES-GCM with the protocol's nonce (SP 800-38D §8.2.1, IG C.H).
    RecordSeal,
    /// RSA key generation (FIPS 186-5 appendix A.1).
    RsaKeyGeneration,
    /// RSA signature (FIPS 186-5 §5).
    RsaSign,
    /// RSA verification (FIPS 186-5 §5).
    RsaVerify,
    /// Opening an AES-256-GCM message with a module-made nonce (SP 800-38D).
    SealedOpen,
    /// Sealing with AES-256-GCM, the nonce made inside the module (SP 800-38D §8.2.2).
    SealedSeal,
    /// TLS 1.2 pseudo-random function (SP 800-135r1 §4.2.2, RFC 7627).
    Tls12Prf,
}

impl Service {
    /// Every service, in the order of the ledger.
    pub const ALL: [Self; 22] = [
        Self::Digest,
        Self::EcKeyGeneration,
        Self::Ecdh,
        Self::EcdsaSign,
        Self::EcdsaVerify,
        Self::Hkdf,
        Self::Hmac,
        Self::KeyUnwrap,
        Self::KeyWrap,
        Self::MlKemDecapsulate,
        Self::MlKemEncapsulate,
        Self::MlKemKeyGeneration,
        Self::Pbkdf2,
        Self::Random,
        Self::RecordOpen,
        Self::RecordSeal,
        Self::RsaKeyGeneration,
        Self::RsaSign,
        Self::RsaVerify,
        Self::SealedOpen,
        Self::SealedSeal,
        Self::Tls12Prf,
    ];

    /// The service's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::EcKeyGeneration => "EC key generation",
            Self::Ecdh => "ECDH",
            Self::EcdsaSign => "ECDSA sign",
            Self::EcdsaVerify => "ECDSA verify",
            Self::Hkdf => "HKDF",
            Self::Hmac => "HMAC",
            Self::KeyUnwrap => "AES key unwrap",
            Self::KeyWrap => "AES key wrap",
            Self::MlKemDecapsulate => "ML-KEM decapsulation",
            Self::MlKemEncapsulate => "ML-KEM encapsulation",
            Self::MlKemKeyGeneration => "ML-KEM key generation",
            Self::Pbkdf2 => "PBKDF2",
            Self::Random => "random",
            Self::RecordOpen => "TLS record open",
            Self::RecordSeal => "TLS record seal",
            Self::RsaKeyGeneration => "RSA key generation",
            Self::RsaSign => "RSA sign",
            Self::RsaVerify => "RSA verify",
            Self::SealedOpen => "AES-GCM open",
            Self::SealedSeal => "AES-GCM seal",
            Self::Tls12Prf => "TLS 1.2 PRF",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A call that is let through without the indicator's word: it does not mark it though a
/// standard covers it, or marks it by lengths alone though it falls short of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// The service it belongs to.
    pub service: Service,
    /// Which of its calls.
    pub call: &'static str,
    /// Why it is let through.
    pub argument: &'static str,
}

/// The place in [`EXCEPTIONS`] of the import from k3s.
pub(crate) const K3S_IMPORT: usize = 0;

/// All exceptions. Anything not named here must read "approved".
pub const EXCEPTIONS: [Exception; 4] = [
    Exception {
        service: Service::Pbkdf2,
        call: "k3s bootstrap import",
        argument: "k3s keeps bootstrap data under PBKDF2-HMAC-SHA-1 of a token of any length, \
             with 64 random bits of salt: less than SP 800-132 §5.1 and the module's floors ask \
             for. The key opens what is stored already, once, so that it can be sealed in the \
             approved form (legacy use, SP 800-131Ar2); nothing is protected with it, \
             and no command makes the call but the import that was asked for by name",
    },
    Exception {
        service: Service::Tls12Prf,
        call: "key expansion",
        argument: PRF_ARGUMENT,
    },
    Exception {
        service: Service::Tls12Prf,
        call: "client finished",
        argument: PRF_ARGUMENT,
    },
    Exception {
        service: Service::Tls12Prf,
        call: "server finished",
        argument: PRF_ARGUMENT,
    },
];

const PRF_ARGUMENT: &str = "SP 800-135r1 §4.2.2 covers the TLS 1.2 KDF as a whole; the module's \
     indicator marks only the label `extended master secret` (IG D.Q), which alone can have \
     made the secret this call works on. The profile `tls13` has no such call";

/// The module's own count of approved services on this thread.
///
/// What the ledgers are made from: two readings around a call differ when the module called it
/// an approved service. A composite call may count more than once.
#[inline]
pub fn counter() -> u64 {
    ffi::indicator_after()
}

/// Runs `call` and lets its result through only when the indicator called it approved.
#[inline]
pub(crate) fn observe<T, E>(
    service: Service,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, Error> {
    self_test::require_passed()?;
    let before = ffi::indicator_before();
    let result = call();
    let approved = ffi::indicator_after() != before;
    match result {
        Ok(value) if approved => {
            scope::note(service, Answer::Approved);
            Ok(value)
        }
        Ok(_) => {
            scope::note(service, Answer::Dropped);
            Err(Error::NotApproved { service })
        }
        Err(_) => {
            scope::note(service, Answer::Failed);
            Err(Error::Module { service })
        }
    }
}

/// Runs a call of [`EXCEPTIONS`], named by its place there, counted as such.
#[inline]
pub(crate) fn observe_excepted<T, E>(
    exception: usize,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, Error> {
    self_test::require_passed()?;
    let service = EXCEPTIONS[exception].service;
    match call() {
        Ok(value) => {
            scope::note(service, Answer::Excepted(exception));
            Ok(value)
        }
        Err(_) => {
            scope::note(service, Answer::Failed);
            Err(Error::Module { service })
        }
    }
}

#[cfg(test)]
mod tests;
