//! A peer with genuine keys and an identity of its own that does not keep to the protocol: what
//! it encrypts is changed before it is encrypted.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, Iv, KeyBlockShape, MessageDecrypter, MessageEncrypter, OutboundChunks,
    OutboundOpaqueMessage, OutboundPlainMessage, Tls12AeadAlgorithm, Tls13AeadAlgorithm,
    UnsupportedOperationError,
};
use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};

/// A message before its encryption: content type and content.
pub type Message = (u8, Vec<u8>);

/// Changes the message of that number, counted over a connection.
type Change = Box<dyn FnMut(usize, &mut Message)>;

thread_local! {
    static CHANGE: RefCell<Option<(usize, Change)>> = const { RefCell::new(None) };
}

/// From here on in this thread, `change` sees what attackers encrypt.
pub fn set_change(change: Option<Change>) {
    CHANGE.with_borrow_mut(|slot| *slot = change.map(|change| (0, change)));
}

/// The same provider with such encryption. Built once per provider: what rustls asks for is
/// `'static`.
pub fn provider(genuine: &CryptoProvider) -> Arc<CryptoProvider> {
    let mut provider = genuine.clone();
    for suite in &mut provider.cipher_suites {
        *suite = match *suite {
            SupportedCipherSuite::Tls13(genuine) => {
                SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                    common: common(&genuine.common),
                    hkdf_provider: genuine.hkdf_provider,
                    aead_alg: Box::leak(Box::new(Aead13(genuine.aead_alg))),
                    quic: None,
                })))
            }
            SupportedCipherSuite::Tls12(genuine) => {
                SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                    common: common(&genuine.common),
                    prf_provider: genuine.prf_provider,
                    kx: genuine.kx,
                    sign: genuine.sign,
                    aead_alg: Box::leak(Box::new(Aead12(genuine.aead_alg))),
                })))
            }
        };
    }
    Arc::new(provider)
}

fn common(genuine: &rustls::crypto::CipherSuiteCommon) -> rustls::crypto::CipherSuiteCommon {
    rustls::crypto::CipherSuiteCommon {
        suite: genuine.suite,
        hash_provider: genuine.hash_provider,
        confidentiality_limit: genuine.confidentiality_limit,
    }
}

struct Aead13(&'static dyn Tls13AeadAlgorithm);

impl Tls13AeadAlgorithm for Aead13 {
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

struct Aead12(&'static dyn Tls12AeadAlgorithm);

impl Tls12AeadAlgorithm for Aead12 {
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
        let mut changed = (u8::from(message.typ), message.payload.to_vec());
        CHANGE.with_borrow_mut(|slot| {
            if let Some((count, change)) = slot {
                change(*count, &mut changed);
                *count += 1;
            }
        });
        let (kind, content) = changed;
        self.0.encrypt(
            OutboundPlainMessage {
                typ: ContentType::from(kind),
                version: message.version,
                payload: OutboundChunks::from(&content[..]),
            },
            seq,
        )
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        self.0.encrypted_payload_len(payload_len)
    }
}
