//! The module's service indicator, read around every call, in release builds too.
//!
//! FIPS 140-3 (IG 2.4.C) asks a module to tell, per call, whether the service just used was an
//! approved one. aws-lc-rs looks at that only in debug builds; here it is read around each
//! primitive, counted per service, and an answer other than "approved" drops the result and is
//! an error. The calls of [`EXCEPTIONS`] are the only ones let through without it, each with
//! its argument.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::error::Error;
use crate::ffi;

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

/// A call that the indicator does not mark though a standard covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// The service it belongs to.
    pub service: Service,
    /// Which of its calls.
    pub call: &'static str,
    /// Why it is let through.
    pub argument: &'static str,
}

/// All exceptions. Anything not named here must read "approved".
pub const EXCEPTIONS: [Exception; 3] = [
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

/// What the ledger holds for one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Calls that the indicator called approved.
    pub approved: u64,
    /// Calls of the exceptions table.
    pub excepted: u64,
    /// Calls that failed in the module (a bad signature, a failed open).
    pub failed: u64,
    /// Calls whose result was dropped because the indicator stayed silent.
    pub dropped: u64,
}

struct Counters {
    approved: AtomicU64,
    excepted: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

static LEDGER: [Counters; Service::ALL.len()] = [const {
    Counters {
        approved: AtomicU64::new(0),
        excepted: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        dropped: AtomicU64::new(0),
    }
}; Service::ALL.len()];

/// The ledger of this process since its start, one row per service that was used.
pub fn ledger() -> Vec<(Service, Count)> {
    Service::ALL
        .into_iter()
        .map(|service| {
            let counters = &LEDGER[service as usize];
            let count = Count {
                approved: counters.approved.load(Ordering::Relaxed),
                excepted: counters.excepted.load(Ordering::Relaxed),
                failed: counters.failed.load(Ordering::Relaxed),
                dropped: counters.dropped.load(Ordering::Relaxed),
            };
            (service, count)
        })
        .filter(|(_, count)| *count != Count::default())
        .collect()
}

/// Runs `call` and lets its result through only when the indicator called it approved.
#[inline]
pub(crate) fn observe<T, E>(
    service: Service,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, Error> {
    let counters = &LEDGER[service as usize];
    let before = ffi::indicator_before();
    let result = call();
    let approved = ffi::indicator_after() != before;
    match result {
        Ok(value) if approved => {
            counters.approved.fetch_add(1, Ordering::Relaxed);
            Ok(value)
        }
        Ok(_) => {
            counters.dropped.fetch_add(1, Ordering::Relaxed);
            Err(Error::NotApproved { service })
        }
        Err(_) => {
            counters.failed.fetch_add(1, Ordering::Relaxed);
            Err(Error::Module { service })
        }
    }
}

/// Runs a call of [`EXCEPTIONS`], counted as such.
#[inline]
pub(crate) fn observe_excepted<T, E>(
    exception: &Exception,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<T, Error> {
    let service = exception.service;
    let counters = &LEDGER[service as usize];
    match call() {
        Ok(value) => {
            counters.excepted.fetch_add(1, Ordering::Relaxed);
            Ok(value)
        }
        Err(_) => {
            counters.failed.fetch_add(1, Ordering::Relaxed);
            Err(Error::Module { service })
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{aead, hkdf};

    use super::*;

    #[test]
    fn discriminants_index_the_ledger() {
        for (index, service) in Service::ALL.into_iter().enumerate() {
            assert_eq!(service as usize, index, "{service}");
        }
    }

    #[test]
    fn a_silent_indicator_drops_the_result() {
        // AES-GCM with a caller's nonce is the module's own example of a non-approved service.
        let answer = observe(Service::SealedSeal, || {
            let key = aead::UnboundKey::new(&aead::AES_256_GCM, &[7; 32])?;
            let mut data = b"data".to_vec();
            aead::LessSafeKey::new(key).seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key([0; 12]),
                aead::Aad::empty(),
                &mut data,
            )
        });
        assert_eq!(
            answer,
            Err(Error::NotApproved {
                service: Service::SealedSeal
            })
        );

        let answer = observe(Service::Hkdf, || {
            let prk = hkdf::Salt::none(hkdf::HKDF_SHA256).extract(b"secret");
            let mut out = [0; 32];
            prk.expand(&[b"info"], hkdf::HKDF_SHA256)?.fill(&mut out)
        });
        assert_eq!(
            answer,
            Err(Error::NotApproved {
                service: Service::Hkdf
            })
        );
    }
}
