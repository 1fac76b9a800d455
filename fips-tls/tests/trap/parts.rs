//! Parts that are not ours, to be put into a copy of a configuration of ours, and keys for it.

use std::sync::{Arc, LazyLock};

use fips_core::signing::KeyAlgorithm;
use fips_tls::Profile;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::compress::{
    CertCompressor, CertDecompressor, CompressionFailed, CompressionLevel, DecompressionFailed,
};
use rustls::crypto::hpke::{
    EncapsulatedSecret, Hpke, HpkeOpener, HpkePrivateKey, HpkePublicKey, HpkeSealer, HpkeSuite,
};
use rustls::crypto::{CipherSuiteCommon, GetRandomFailed, KeyProvider, SecureRandom};
use rustls::internal::msgs::enums::HpkeKem;
use rustls::internal::msgs::handshake::HpkeSymmetricCipherSuite;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ProducesTickets, StoresServerSessions};
use rustls::sign::SigningKey;
use rustls::{
    CertificateCompressionAlgorithm, CipherSuite, DigitallySignedStruct, SignatureScheme,
    SupportedCipherSuite, Tls13CipherSuite,
};

use crate::support::boundary;
use crate::support::pki::Ca;

/// A kind of key that every profile takes.
pub const P384: KeyAlgorithm = KeyAlgorithm::EcdsaP384;

/// A CA that every profile takes.
pub fn ca() -> &'static Ca {
    static CA: LazyLock<Ca> = LazyLock::new(|| Ca::new("trap CA", P384));
    &CA
}

/// One that calls itself approved.
#[derive(Debug)]
pub struct Pretender;

impl SecureRandom for Pretender {
    fn fill(&self, output: &mut [u8]) -> Result<(), GetRandomFailed> {
        output.fill(4);
        Ok(())
    }

    fn fips(&self) -> bool {
        true
    }
}

impl KeyProvider for Pretender {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("none".into()))
    }

    fn fips(&self) -> bool {
        true
    }
}

pub fn chacha() -> SupportedCipherSuite {
    let ours = fips_tls::provider(&boundary(), &Profile::default());
    let ours = ours.cipher_suites[0].tls13().unwrap();
    SupportedCipherSuite::Tls13(Box::leak(Box::new(Tls13CipherSuite {
        common: CipherSuiteCommon {
            suite: CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            hash_provider: ours.common.hash_provider,
            confidentiality_limit: ours.common.confidentiality_limit,
        },
        hkdf_provider: ours.hkdf_provider,
        aead_alg: ours.aead_alg,
        quic: None,
    })))
}

/// Says that it keeps nothing.
#[derive(Debug)]
pub struct SecretStore;

impl StoresServerSessions for SecretStore {
    fn put(&self, _: Vec<u8>, _: Vec<u8>) -> bool {
        true
    }

    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn take(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn can_cache(&self) -> bool {
        false
    }
}

#[derive(Debug)]
pub struct PlainTickets;

impl ProducesTickets for PlainTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        60
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        Some(plain.to_vec())
    }

    fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.to_vec())
    }
}

#[derive(Debug)]
pub struct Zlib;

impl CertCompressor for Zlib {
    fn compress(&self, _: Vec<u8>, _: CompressionLevel) -> Result<Vec<u8>, CompressionFailed> {
        Err(CompressionFailed)
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::Zlib
    }
}

impl CertDecompressor for Zlib {
    fn decompress(&self, _: &[u8], _: &mut [u8]) -> Result<(), DecompressionFailed> {
        Err(DecompressionFailed)
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::Zlib
    }
}

/// Takes anyone.
#[derive(Debug)]
pub struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// Names a suite, and does no more: an offer of it is enough to look for.
#[derive(Debug)]
pub struct NoHpke;

impl Hpke for NoHpke {
    fn seal(
        &self,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &HpkePublicKey,
    ) -> Result<(EncapsulatedSecret, Vec<u8>), rustls::Error> {
        Err(rustls::Error::EncryptError)
    }

    fn setup_sealer(
        &self,
        _: &[u8],
        _: &HpkePublicKey,
    ) -> Result<(EncapsulatedSecret, Box<dyn HpkeSealer + 'static>), rustls::Error> {
        Err(rustls::Error::EncryptError)
    }

    fn open(
        &self,
        _: &EncapsulatedSecret,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &HpkePrivateKey,
    ) -> Result<Vec<u8>, rustls::Error> {
        Err(rustls::Error::DecryptError)
    }

    fn setup_opener(
        &self,
        _: &EncapsulatedSecret,
        _: &[u8],
        _: &HpkePrivateKey,
    ) -> Result<Box<dyn HpkeOpener + 'static>, rustls::Error> {
        Err(rustls::Error::DecryptError)
    }

    fn generate_key_pair(&self) -> Result<(HpkePublicKey, HpkePrivateKey), rustls::Error> {
        Err(rustls::Error::EncryptError)
    }

    fn suite(&self) -> HpkeSuite {
        HpkeSuite {
            kem: HpkeKem::DHKEM_P256_HKDF_SHA256,
            sym: HpkeSymmetricCipherSuite::default(),
        }
    }
}
