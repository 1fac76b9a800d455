use std::time::Duration;

use crate::indicator::Service;
use crate::requirements::MIN_SELF_TEST_INTERVAL;
use crate::self_test::{MEND, SelfTest};

/// Why a primitive refused or failed.
///
/// The gate's own answer is a [`Refusal`](crate::Refusal).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A service that needs an open gate was called before [`Boundary::enter`](crate::Boundary::enter).
    #[error(
        "{service}: the gate is not open in this process: call Boundary::enter() first and keep \
         its witness"
    )]
    GateClosed {
        /// The service asked for.
        service: Service,
    },

    /// The input is one the policy does not allow; the module was not called.
    #[error("{service}: {guard}")]
    Guard {
        /// The service asked for.
        service: Service,
        /// What was wrong with the input.
        guard: Guard,
    },

    /// The module could not do it: a bad signature, a key that does not parse, a failed open.
    #[error("{service}: the module answered with a failure")]
    Module {
        /// The service asked for.
        service: Service,
    },

    /// The module did it, but its service indicator did not call the service approved.
    /// The result was dropped.
    #[error(
        "{service}: the module's service indicator did not report an approved service; the \
         result was dropped"
    )]
    NotApproved {
        /// The service asked for.
        service: Service,
    },

    /// A test of the module has failed in this process, on request, periodically or on an entry.
    /// Every service answers with this from then on, and every entry refuses.
    #[error("the module's {test} failed in this process, so the gate is closed for good: {MEND}")]
    SelfTestFailed {
        /// The test; the first one where several failed.
        test: SelfTest,
    },

    /// Periodic self-tests were asked for at an interval that is too short.
    #[error(
        "an interval of {interval:?} between self-tests is too short: ask for \
         {MIN_SELF_TEST_INTERVAL:?} or more"
    )]
    SelfTestInterval {
        /// The interval asked for.
        interval: Duration,
    },
}

/// Which limit an input broke, and the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Guard {
    /// A sealing key reached its number of random nonces (SP 800-38D §8.3).
    #[error(
        "this key has sealed 2^32 messages, the most a random nonce allows (SP 800-38D §8.3): make a new key"
    )]
    BudgetSpent,
    /// A ciphertext whose length does not fit the parameter set (FIPS 203 §7.3).
    #[error("ciphertext of {found} bytes, {expected} expected (FIPS 203 §7.3)")]
    CiphertextLength {
        /// Bytes wanted.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// HKDF with an empty `info` is not an approved service of the module.
    #[error("empty info: the module approves HKDF only with one")]
    EmptyInfo,
    /// HKDF with an empty salt is not an approved service of the module.
    #[error("empty salt: pass one of the hash's length (zeros where the protocol says none)")]
    EmptySalt,
    /// A secret of no bytes.
    #[error("empty secret")]
    EmptySecret,
    /// PBKDF2 with fewer iterations than the module approves.
    #[error("{found} iterations; at least 1000 are needed (SP 800-132 §5.2): take many more")]
    IterationsTooFew {
        /// Iterations asked for.
        found: u32,
    },
    /// A key whose length does not fit the algorithm.
    #[error("key of {found} bytes, {expected} expected")]
    KeyLength {
        /// Bytes wanted.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A key this boundary does not take.
    #[error("{0}")]
    KeyRefused(&'static str),
    /// An HMAC key under 112 bits (SP 800-131Ar2 §10).
    #[error("HMAC key of {found} bytes; at least 14 (112 bits) are needed (SP 800-131Ar2 §10)")]
    MacKeyTooShort {
        /// Bytes given.
        found: usize,
    },
    /// More output than the function may give.
    #[error("{found} bytes of output asked for, {limit} is the most")]
    OutputTooLong {
        /// The most bytes.
        limit: usize,
        /// Bytes asked for.
        found: usize,
    },
    /// Less output than a key needs.
    #[error("{found} bytes of output asked for, {least} is the least")]
    OutputTooShort {
        /// The fewest bytes.
        least: usize,
        /// Bytes asked for.
        found: usize,
    },
    /// A password under 14 bytes.
    #[error(
        "password of {found} bytes; at least 14 (112 bits) are needed by the module: take a \
         longer one"
    )]
    PasswordTooShort {
        /// Bytes given.
        found: usize,
    },
    /// A public point that is not in uncompressed form, or of the wrong length.
    #[error(
        "public point is not an uncompressed one of this curve (SEC 1 §2.3.3, RFC 8446 §4.2.8.2)"
    )]
    PointForm,
    /// A TLS 1.2 PRF label that is not one of extended master secret's handshake.
    #[error(
        "TLS 1.2 PRF label {0:?} is refused: only `extended master secret` and the three labels \
         of the exceptions table are taken (SP 800-52r2 §3.4.1.3, SP 800-135r1 §4.2.2)"
    )]
    PrfLabel(String),
    /// A salt under 128 bits (SP 800-132 §5.1).
    #[error(
        "salt of {found} bytes; at least 16 (128 bits) of the DRBG are needed (SP 800-132 §5.1)"
    )]
    SaltTooShort {
        /// Bytes given.
        found: usize,
    },
    /// A key asked to sign with a scheme of another key type.
    #[error("this key cannot sign with that scheme")]
    SchemeMismatch,
    /// Data whose length key wrapping does not take (SP 800-38F §5.3.1).
    #[error(
        "{found} bytes; {least} to {most} are taken{} (SP 800-38F §5.3.1)",
        if *.multiple == 1 { String::new() } else { format!(", in multiples of {}", .multiple) }
    )]
    WrapLength {
        /// The fewest bytes.
        least: usize,
        /// The most bytes.
        most: usize,
        /// What the length must be a multiple of.
        multiple: usize,
        /// Bytes given.
        found: usize,
    },
}
