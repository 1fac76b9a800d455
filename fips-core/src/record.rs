//! Protection of TLS records: AES-GCM with the protocol's nonces (SP 800-38D §8.2.1, IG C.H).
//!
//! The module checks that nonces grow within one key; a repeated or falling one is an error,
//! and the seal is not an approved service.

use std::fmt;

use aws_lc_rs::aead as lc;

use crate::boundary::require_open;
use crate::error::{Error, Guard};
use crate::indicator::{self, Service};

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;
/// Bytes of a tag.
pub const TAG_LEN: usize = 16;

/// Which protocol makes the nonces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 5288: salt and explicit nonce; the explicit part must be the sequence number.
    Tls12,
    /// RFC 8446 §5.3: the IV exclusive-ored with the sequence number.
    Tls13,
}

/// The ciphers of the policy's suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
}

impl Cipher {
    /// Bytes of a key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm => 32,
        }
    }

    fn lc(self) -> &'static lc::Algorithm {
        match self {
            Self::Aes128Gcm => &lc::AES_128_GCM,
            Self::Aes256Gcm => &lc::AES_256_GCM,
        }
    }
}

/// Seals records under one key.
pub struct Sealer(lc::TlsRecordSealingKey);

impl Sealer {
    /// Takes a traffic key.
    ///
    /// # Errors
    ///
    /// [`Error::GateClosed`]; [`Guard::KeyLength`].
    pub fn new(protocol: Protocol, cipher: Cipher, key: &[u8]) -> Result<Self, Error> {
        check(Service::RecordSeal, cipher, key)?;
        lc::TlsRecordSealingKey::new(cipher.lc(), lc_protocol(protocol), key)
            .map(Self)
            .map_err(|_| Error::Module {
                service: Service::RecordSeal,
            })
    }

    /// Encrypts `data` in place and returns the tag.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] when the nonce does not follow the last one.
    pub fn seal(
        &mut self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Error> {
        indicator::observe(Service::RecordSeal, || {
            let tag = self.0.seal_in_place_separate_tag(
                lc::Nonce::assume_unique_for_key(nonce),
                lc::Aad::from(aad),
                data,
            )?;
            tag.as_ref()
                .try_into()
                .map_err(|_| aws_lc_rs::error::Unspecified)
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

/// Opens records under one key.
pub struct Opener(lc::TlsRecordOpeningKey);

impl Opener {
    /// Takes a traffic key.
    ///
    /// # Errors
    ///
    /// [`Error::GateClosed`]; [`Guard::KeyLength`].
    pub fn new(protocol: Protocol, cipher: Cipher, key: &[u8]) -> Result<Self, Error> {
        check(Service::RecordOpen, cipher, key)?;
        lc::TlsRecordOpeningKey::new(cipher.lc(), lc_protocol(protocol), key)
            .map(Self)
            .map_err(|_| Error::Module {
                service: Service::RecordOpen,
            })
    }

    /// Decrypts `data` (ciphertext and tag) in place; returns how many bytes are plaintext.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] when it does not authenticate.
    pub fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<usize, Error> {
        indicator::observe(Service::RecordOpen, || {
            self.0
                .open_in_place(
                    lc::Nonce::assume_unique_for_key(nonce),
                    lc::Aad::from(aad),
                    data,
                )
                .map(|plain| plain.len())
        })
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

fn check(service: Service, cipher: Cipher, key: &[u8]) -> Result<(), Error> {
    require_open(service)?;
    if key.len() != cipher.key_len() {
        return Err(Error::Guard {
            service,
            guard: Guard::KeyLength {
                expected: cipher.key_len(),
                found: key.len(),
            },
        });
    }
    Ok(())
}

fn lc_protocol(protocol: Protocol) -> lc::TlsProtocolId {
    match protocol {
        Protocol::Tls12 => lc::TlsProtocolId::TLS12,
        Protocol::Tls13 => lc::TlsProtocolId::TLS13,
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::{Boundary, Requirements};

    const AAD: &[u8] = b"aad";

    /// As the protocols make it: a fixed part, and the sequence number.
    fn nonce(seq: u64) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        nonce[4..].copy_from_slice(&seq.to_be_bytes());
        nonce
    }

    fn keys(protocol: Protocol, cipher: Cipher) -> (Sealer, Opener) {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let key = &[5; 32][..cipher.key_len()];
        (
            Sealer::new(protocol, cipher, key).unwrap(),
            Opener::new(protocol, cipher, key).unwrap(),
        )
    }

    #[test]
    fn records_open_unchanged_and_only_so() {
        for protocol in [Protocol::Tls12, Protocol::Tls13] {
            for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
                let (mut sealer, opener) = keys(protocol, cipher);
                for seq in 0..3 {
                    let mut record = b"record".to_vec();
                    let tag = sealer.seal(nonce(seq), AAD, &mut record).unwrap();
                    record.extend(tag);
                    for index in 0..record.len() {
                        let mut bent = record.clone();
                        bent[index] ^= 1;
                        assert!(opener.open(nonce(seq), AAD, &mut bent).is_err());
                    }
                    assert!(
                        opener
                            .open(nonce(seq), b"other", &mut record.clone())
                            .is_err()
                    );
                    let len = opener.open(nonce(seq), AAD, &mut record).unwrap();
                    assert_eq!(&record[..len], b"record");
                }
            }
        }
    }

    #[test]
    fn a_nonce_is_never_used_twice_and_never_falls() {
        for protocol in [Protocol::Tls12, Protocol::Tls13] {
            let (mut sealer, _) = keys(protocol, Cipher::Aes256Gcm);
            for seq in 0..3 {
                sealer.seal(nonce(seq), AAD, &mut b"x".to_vec()).unwrap();
            }
            for again in [2, 1, 0] {
                assert_eq!(
                    sealer.seal(nonce(again), AAD, &mut b"x".to_vec()),
                    Err(Error::Module {
                        service: Service::RecordSeal
                    }),
                    "{protocol:?}, {again}"
                );
            }
        }
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        for cipher in [Cipher::Aes128Gcm, Cipher::Aes256Gcm] {
            for len in [0, 15, 16, 17, 31, 32, 33] {
                let fits = len == cipher.key_len();
                let key = vec![1; len];
                assert_eq!(Sealer::new(Protocol::Tls13, cipher, &key).is_ok(), fits);
                assert_eq!(Opener::new(Protocol::Tls13, cipher, &key).is_ok(), fits);
            }
        }
    }
}
