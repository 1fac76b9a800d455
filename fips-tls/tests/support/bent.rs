//! Peers that misbehave: rustls over our provider, with parts of it bent.
//!
//! A bent side believes what it sends: the same edit reaches the wire, the records it seals and
//! its own transcript. So only a check of the rule itself stops it, not a Finished that differs.

use std::sync::{Arc, LazyLock, Mutex};

use fips_tls::{ClientConfig, Profile, ServerConfig, provider};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, OutboundChunks, OutboundOpaqueMessage, OutboundPlainMessage,
    Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::hash::{self, HashAlgorithm};
use rustls::crypto::{
    ActiveKeyExchange, CipherSuiteCommon, CryptoProvider, GetRandomFailed, SecureRandom,
    SharedSecret, SupportedKxGroup,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, NamedGroup, SupportedCipherSuite,
    Tls12CipherSuite, Tls13CipherSuite,
};

use super::boundary;
use super::refusal;
use super::wire::{self, HANDSHAKE, Message, join_messages, messages};

/// What becomes of a handshake message that a bent side is about to send.
pub type Edit = fn(Message) -> Vec<Message>;

/// The public key that is shown instead of the true one.
pub type Point = fn(&[u8]) -> Vec<u8>;

/// What is bent.
#[derive(Clone, Copy, Debug)]
pub struct Bends {
    pub edit: Option<Edit>,
    pub point: Option<Point>,
    /// The group the public key is said to be of.
    pub group: Option<u16>,
    /// What every random of 32 bytes ends with.
    pub random: Option<[u8; 8]>,
    /// The type under which sealed handshake records go out.
    pub sealed_as: Option<u8>,
}

impl Bends {
    pub const NONE: Self = Self {
        edit: None,
        point: None,
        group: None,
        random: None,
        sealed_as: None,
    };
}

/// What a bent side was sent: each opened record's type and content.
pub type Opened = Arc<Mutex<Vec<(u8, Vec<u8>)>>>;

/// Whatever a bent side does, beside its bytes.
#[derive(Clone, Debug)]
pub struct Bent {
    pub bends: Bends,
    pub opened: Opened,
}

impl Bent {
    pub fn new(bends: Bends) -> Self {
        Self {
            bends,
            opened: Opened::default(),
        }
    }

    /// Notes a message that reached the bent side in the clear.
    pub fn note(&self, typ: u8, payload: &[u8]) {
        self.opened.lock().unwrap().push((typ, payload.to_vec()));
    }

    fn was_sent(&self, message: &[u8]) -> bool {
        self.opened
            .lock()
            .unwrap()
            .iter()
            .any(|(_, payload)| payload.windows(message.len()).any(|part| part == message))
    }

    /// The edit of handshake messages, whole ones and its own alone.
    pub fn edited(&self, payload: &[u8]) -> Vec<u8> {
        let Some(edit) = self.bends.edit else {
            return payload.to_vec();
        };
        let edited: Vec<_> = messages(payload).into_iter().flat_map(edit).collect();
        join_messages(&edited)
    }

    /// A server of `config`'s identity and tickets that asks for the test CA's clients.
    pub fn server(&self, config: &ServerConfig, profile: &Profile) -> rustls::ServerConfig {
        let original = config.rustls();
        let provider = self.provider(profile);
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(refusal::roots()),
            Arc::clone(&provider),
        )
        .build()
        .unwrap();
        let mut bent = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&original.cert_resolver));
        bent.ticketer = Arc::clone(&original.ticketer);
        bent.require_ems = true;
        bent
    }

    /// A client of `config`'s identity, which trusts the test CA.
    pub fn client(&self, config: &ClientConfig, profile: &Profile) -> rustls::ClientConfig {
        let original = config.rustls();
        let mut bent = rustls::ClientConfig::builder_with_provider(self.provider(profile))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(verifier())
            .with_client_cert_resolver(Arc::clone(&original.client_auth_cert_resolver));
        bent.alpn_protocols.clone_from(&original.alpn_protocols);
        bent.require_ems = true;
        bent
    }

    fn provider(&self, profile: &Profile) -> Arc<CryptoProvider> {
        let mut provider = (*provider(&boundary(), profile)).clone();
        for suite in &mut provider.cipher_suites {
            *suite = self.suite(*suite);
        }
        for group in &mut provider.kx_groups {
            *group = Box::leak(Box::new(Group {
                ours: *group,
                bends: self.bends,
            }));
        }
        if let Some(tail) = self.bends.random {
            provider.secure_random = Box::leak(Box::new(Random {
                ours: provider.secure_random,
                tail,
            }));
        }
        Arc::new(provider)
    }

    fn suite(&self, suite: SupportedCipherSuite) -> SupportedCipherSuite {
        let common = |ours: &CipherSuiteCommon| CipherSuiteCommon {
            suite: ours.suite,
            hash_provider: Box::leak(Box::new(Hash {
                ours: ours.hash_provider,
                bent: self.clone(),
            })),
            confidentiality_limit: ours.confidentiality_limit,
        };
        match suite {
            SupportedCipherSuite::Tls12(ours) => {
                SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                    common: common(&ours.common),
                    prf_provider: ours.prf_provider,
                    kx: ours.kx,
                    sign: ours.sign,
                    aead_alg: Box::leak(Box::new(Aead12(ours.aead_alg, self.clone()))),
                })))
            }
            SupportedCipherSuite::Tls13(ours) => {
                SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
                    common: common(&ours.common),
                    hkdf_provider: ours.hkdf_provider,
                    aead_alg: Box::leak(Box::new(Aead13(ours.aead_alg, self.clone()))),
                    quic: None,
                })))
            }
        }
    }
}

/// Application data that a bent side seals as something else: see [`said`].
const SAY: &[u8] = b"\0say";

/// Stands for application data of so many bytes, in one record whatever the limits.
pub const LONG: u8 = u8::MAX;

/// What a bent side's application writes to send one record of another type.
pub fn said(typ: u8, payload: &[u8]) -> Vec<u8> {
    [SAY, &[typ], payload].concat()
}

/// One for all bent clients: rustls resumes with the verifier of before alone.
fn verifier() -> Arc<WebPkiServerVerifier> {
    static VERIFIER: LazyLock<Arc<WebPkiServerVerifier>> = LazyLock::new(|| {
        WebPkiServerVerifier::builder_with_provider(
            Arc::new(refusal::roots()),
            provider(&boundary(), &Profile::default()),
        )
        .build()
        .unwrap()
    });
    Arc::clone(&VERIFIER)
}

struct Aead12(&'static dyn Tls12AeadAlgorithm, Bent);

impl Tls12AeadAlgorithm for Aead12 {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter(self.0.encrypter(key, iv, extra), self.1.clone()))
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Decrypter(self.0.decrypter(key, iv), self.1.clone()))
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

struct Aead13(&'static dyn Tls13AeadAlgorithm, Bent);

impl Tls13AeadAlgorithm for Aead13 {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter(self.0.encrypter(key, iv), self.1.clone()))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Decrypter(self.0.decrypter(key, iv), self.1.clone()))
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

struct Encrypter(Box<dyn MessageEncrypter>, Bent);

impl MessageEncrypter for Encrypter {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let payload = message.payload.to_vec();
        let (typ, payload) = match payload.strip_prefix(SAY) {
            Some([LONG, high, low]) => {
                let len = u16::from_be_bytes([*high, *low]);
                (ContentType::ApplicationData, vec![7; len.into()])
            }
            Some([typ, rest @ ..]) => (ContentType::from(*typ), rest.to_vec()),
            _ if message.typ == ContentType::Handshake => {
                let typ = self
                    .1
                    .bends
                    .sealed_as
                    .map_or(message.typ, ContentType::from);
                (typ, self.1.edited(&payload))
            }
            _ => (message.typ, payload),
        };
        let message = OutboundPlainMessage {
            typ,
            version: message.version,
            payload: OutboundChunks::Single(&payload),
        };
        self.0.encrypt(message, seq)
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        self.0.encrypted_payload_len(payload_len)
    }
}

struct Decrypter(Box<dyn MessageDecrypter>, Bent);

impl MessageDecrypter for Decrypter {
    fn decrypt<'a>(
        &mut self,
        message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let message = self.0.decrypt(message, seq)?;
        self.1.note(message.typ.into(), message.payload);
        Ok(message)
    }
}

struct Hash {
    ours: &'static dyn hash::Hash,
    bent: Bent,
}

impl hash::Hash for Hash {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Transcript(self.ours.start(), self.bent.clone()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        self.ours.hash(data)
    }

    fn output_len(&self) -> usize {
        self.ours.output_len()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.ours.algorithm()
    }
}

struct Transcript(Box<dyn hash::Context>, Bent);

impl hash::Context for Transcript {
    fn fork_finish(&self) -> hash::Output {
        self.0.fork_finish()
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.fork(), self.1.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        self.0.finish()
    }

    fn update(&mut self, data: &[u8]) {
        if !data.is_empty() && is_whole(data) && !self.1.was_sent(data) {
            self.0.update(&self.1.edited(data));
        } else {
            self.0.update(data);
        }
    }
}

/// Whether this is one or more whole handshake messages: a part of a hello is hashed for its
/// binders (RFC 8446 §4.2.11.2).
fn is_whole(mut data: &[u8]) -> bool {
    while let [_, a, b, c, rest @ ..] = data {
        let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if rest.len() < len {
            return false;
        }
        data = &rest[len..];
    }
    data.is_empty()
}

#[derive(Debug)]
struct Group {
    ours: &'static dyn SupportedKxGroup,
    bends: Bends,
}

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let ours = self.ours.start()?;
        let shown = match self.bends.point {
            Some(point) => point(ours.pub_key()),
            None => ours.pub_key().to_vec(),
        };
        let group = self.bends.group.map_or(ours.group(), NamedGroup::from);
        Ok(Box::new(Started { ours, shown, group }))
    }

    fn name(&self) -> NamedGroup {
        self.ours.name()
    }
}

struct Started {
    ours: Box<dyn ActiveKeyExchange>,
    shown: Vec<u8>,
    group: NamedGroup,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        self.ours.complete(peer)
    }

    fn pub_key(&self) -> &[u8] {
        &self.shown
    }

    fn group(&self) -> NamedGroup {
        self.group
    }
}

#[derive(Debug)]
struct Random {
    ours: &'static dyn SecureRandom,
    tail: [u8; 8],
}

impl SecureRandom for Random {
    fn fill(&self, output: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.ours.fill(output)?;
        if output.len() == 32 {
            output[24..].copy_from_slice(&self.tail);
        }
        Ok(())
    }
}

/// The edit of a bent side, on what it sends in the clear.
pub fn edit_flight(bent: &Bent, flight: &[u8]) -> Vec<u8> {
    // Sealed messages of TLS 1.2 are of the same record type: the encrypter has seen to them.
    let records = wire::records(flight);
    let first = records.iter().find(|record| record.typ == HANDSHAKE);
    if !first.is_some_and(|record| is_whole(&record.payload)) {
        return flight.to_vec();
    }
    wire::edit_messages(flight, |messages| {
        let edited = bent.edited(&join_messages(messages));
        *messages = wire::messages(&edited);
    })
}
