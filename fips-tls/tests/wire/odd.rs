//! A peer made of the same parts, that sends records no application can.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundOpaqueMessage, OutboundPlainMessage, Tls12AeadAlgorithm, Tls13AeadAlgorithm,
    UnsupportedOperationError,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, RootCertStore, SupportedCipherSuite,
    Tls12CipherSuite, Tls13CipherSuite,
};

use fips_tls::Suite;

use crate::support::boundary;
use crate::support::pki::{Ca, Leaf};
use crate::support::refusal::P256;
use crate::{only, rustls_version};

/// Data that begins so, then names a content type, goes out as a record of that type.
const MARK: &[u8] = b"not application data:";

/// What to write to an odd peer's connection to make it send this record.
pub fn record(typ: ContentType, payload: &[u8]) -> Vec<u8> {
    [MARK, &[u8::from(typ)], payload].concat()
}

pub fn client(suite: Suite) -> Arc<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    for anchor in Ca::test().trust().certificates() {
        roots.add(anchor.clone()).unwrap();
    }
    let shown = Ca::test().identity(&Leaf::client(), P256);
    let key = crate::support::client(only(suite), Ca::test().trust(), Some(shown)).rustls();
    let config = rustls::ClientConfig::builder_with_provider(provider(suite))
        .with_protocol_versions(&[rustls_version(suite.version())])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::clone(&key.client_auth_cert_resolver));
    Arc::new(config)
}

pub fn server(suite: Suite) -> Arc<rustls::ServerConfig> {
    let identity = Ca::test().identity(&Leaf::server(), P256);
    let key = crate::support::server(only(suite), identity, None).rustls();
    let config = rustls::ServerConfig::builder_with_provider(provider(suite))
        .with_protocol_versions(&[rustls_version(suite.version())])
        .unwrap()
        .with_client_cert_verifier(WebPkiClientVerifier::no_client_auth())
        .with_cert_resolver(Arc::clone(&key.cert_resolver));
    Arc::new(config)
}

/// Our provider, with record protection that looks for [`MARK`].
fn provider(suite: Suite) -> Arc<CryptoProvider> {
    let mut provider = (*fips_tls::provider(&boundary(), &only(suite))).clone();
    for suite in &mut provider.cipher_suites {
        *suite = match *suite {
            SupportedCipherSuite::Tls12(inner) => {
                SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                    common: rustls::crypto::CipherSuiteCommon {
                        suite: inner.common.suite,
                        hash_provider: inner.common.hash_provider,
                        confidentiality_limit: inner.common.confidentiality_limit,
                    },
                    prf_provider: inner.prf_provider,
                    kx: inner.kx,
                    sign: inner.sign,
                    aead_alg: Box::leak(Box::new(Odd(inner.aead_alg))),
                })))
            }
            SupportedCipherSuite::Tls13(inner) => {
                SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                    common: rustls::crypto::CipherSuiteCommon {
                        suite: inner.common.suite,
                        hash_provider: inner.common.hash_provider,
                        confidentiality_limit: inner.common.confidentiality_limit,
                    },
                    hkdf_provider: inner.hkdf_provider,
                    aead_alg: Box::leak(Box::new(Odd(inner.aead_alg))),
                    quic: None,
                })))
            }
        };
    }
    Arc::new(provider)
}

struct Odd<Aead: 'static + ?Sized>(&'static Aead);

impl Tls13AeadAlgorithm for Odd<dyn Tls13AeadAlgorithm> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter(self.0.encrypter(key, iv)))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }
}

impl Tls12AeadAlgorithm for Odd<dyn Tls12AeadAlgorithm> {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter(self.0.encrypter(key, iv, extra)))
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        self.0.decrypter(key, iv)
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        self.0.key_block_shape()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: &[u8],
        explicit: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv, explicit)
    }
}

struct Encrypter(Box<dyn MessageEncrypter>);

impl MessageEncrypter for Encrypter {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let payload = message.payload.to_vec();
        match payload.strip_prefix(MARK) {
            Some([typ, payload @ ..]) => self.0.encrypt(
                OutboundPlainMessage {
                    typ: ContentType::from(*typ),
                    version: message.version,
                    payload: OutboundChunks::Single(payload),
                },
                seq,
            ),
            _ => self.0.encrypt(message, seq),
        }
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        self.0.encrypted_payload_len(payload_len)
    }
}
