use fips_core::verification as core;
use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;

/// What a peer may sign with, in the order of the profiles' rows.
///
/// Certificates are judged by `all`: each curve with the hash of its strength. Under TLS 1.3
/// the first entry of a scheme counts, under TLS 1.2 any: there ECDSA's code points name the
/// hash alone (RFC 5246 §7.4.1.4.1), so that a curve may come with a stronger hash
/// (FIPS 186-5 §6.1.1). A weaker one has no entry.
pub(super) const ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: core::ALL,
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP521_SHA512,
            &[
                core::ECDSA_P521_SHA512,
                core::ECDSA_P256_SHA512,
                core::ECDSA_P384_SHA512,
            ],
        ),
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[core::ECDSA_P384_SHA384, core::ECDSA_P256_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[core::ECDSA_P256_SHA256],
        ),
        (SignatureScheme::RSA_PSS_SHA256, &[core::RSA_PSS_SHA256]),
        (SignatureScheme::RSA_PSS_SHA384, &[core::RSA_PSS_SHA384]),
        (SignatureScheme::RSA_PSS_SHA512, &[core::RSA_PSS_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[core::RSA_PKCS1_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[core::RSA_PKCS1_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[core::RSA_PKCS1_SHA512]),
    ],
};
