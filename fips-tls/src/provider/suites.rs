use rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
use rustls::{
    CipherSuite, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};

use super::hash::{SHA256, SHA384};
use super::hkdf::{HKDF_SHA256, HKDF_SHA384};
use super::prf::{PRF_SHA256, PRF_SHA384};
use super::{aead12, aead13};
use crate::policy::Suite;

pub(super) fn suite(suite: Suite) -> SupportedCipherSuite {
    match suite {
        Suite::Aes128GcmSha256 => SupportedCipherSuite::Tls13(&AES_128_GCM_SHA256),
        Suite::Aes256GcmSha384 => SupportedCipherSuite::Tls13(&AES_256_GCM_SHA384),
        Suite::EcdheEcdsaAes128GcmSha256 => {
            SupportedCipherSuite::Tls12(&ECDHE_ECDSA_AES_128_GCM_SHA256)
        }
        Suite::EcdheEcdsaAes256GcmSha384 => {
            SupportedCipherSuite::Tls12(&ECDHE_ECDSA_AES_256_GCM_SHA384)
        }
        Suite::EcdheRsaAes128GcmSha256 => {
            SupportedCipherSuite::Tls12(&ECDHE_RSA_AES_128_GCM_SHA256)
        }
        Suite::EcdheRsaAes256GcmSha384 => {
            SupportedCipherSuite::Tls12(&ECDHE_RSA_AES_256_GCM_SHA384)
        }
    }
}

/// Records under one key before it is replaced or the connection closed: below the 2^24.5 of
/// RFC 8446 §5.5.
const CONFIDENTIALITY_LIMIT: u64 = 1 << 24;

static AES_128_GCM_SHA256: Tls13CipherSuite = Tls13CipherSuite {
    common: with_sha256(CipherSuite::TLS13_AES_128_GCM_SHA256),
    hkdf_provider: &HKDF_SHA256,
    aead_alg: &aead13::AES_128_GCM,
    quic: None,
};

static AES_256_GCM_SHA384: Tls13CipherSuite = Tls13CipherSuite {
    common: with_sha384(CipherSuite::TLS13_AES_256_GCM_SHA384),
    hkdf_provider: &HKDF_SHA384,
    aead_alg: &aead13::AES_256_GCM,
    quic: None,
};

static ECDHE_ECDSA_AES_128_GCM_SHA256: Tls12CipherSuite = Tls12CipherSuite {
    common: with_sha256(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    prf_provider: &PRF_SHA256,
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: ECDSA_SCHEMES,
    aead_alg: &aead12::AES_128_GCM,
};

static ECDHE_ECDSA_AES_256_GCM_SHA384: Tls12CipherSuite = Tls12CipherSuite {
    common: with_sha384(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    prf_provider: &PRF_SHA384,
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: ECDSA_SCHEMES,
    aead_alg: &aead12::AES_256_GCM,
};

static ECDHE_RSA_AES_128_GCM_SHA256: Tls12CipherSuite = Tls12CipherSuite {
    common: with_sha256(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    prf_provider: &PRF_SHA256,
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: RSA_SCHEMES,
    aead_alg: &aead12::AES_128_GCM,
};

static ECDHE_RSA_AES_256_GCM_SHA384: Tls12CipherSuite = Tls12CipherSuite {
    common: with_sha384(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    prf_provider: &PRF_SHA384,
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: RSA_SCHEMES,
    aead_alg: &aead12::AES_256_GCM,
};

const fn with_sha256(suite: CipherSuite) -> CipherSuiteCommon {
    CipherSuiteCommon {
        suite,
        hash_provider: &SHA256,
        confidentiality_limit: CONFIDENTIALITY_LIMIT,
    }
}

const fn with_sha384(suite: CipherSuite) -> CipherSuiteCommon {
    CipherSuiteCommon {
        suite,
        hash_provider: &SHA384,
        confidentiality_limit: CONFIDENTIALITY_LIMIT,
    }
}

/// What our key may sign a TLS 1.2 handshake with; a key has but one of these.
static ECDSA_SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
];

static RSA_SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];
