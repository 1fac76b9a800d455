//! AES-256-GCM with nonces that the module makes (SP 800-38D §8.2.2, IG C.H scenario 2).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead as lc;
use zeroize::Zeroizing;

use crate::boundary::Boundary;
use crate::error::{Error, Guard};
use crate::indicator::{self, Service};
use crate::random;

/// Bytes of a key.
pub const KEY_LEN: usize = 32;
/// Bytes that sealing adds: the nonce before and the tag behind.
pub const OVERHEAD: usize = lc::NONCE_LEN + 16;
/// The most messages one key seals: 2^32 (SP 800-38D §8.3).
pub const BUDGET: u64 = 1 << 32;

/// Seals and opens messages under one key.
pub struct SealingKey {
    key: lc::RandomizedNonceKey,
    sealed: AtomicU64,
}

impl SealingKey {
    /// Makes a key from the module's DRBG. Nobody else learns it.
    ///
    /// # Errors
    ///
    /// [`Error::Module`].
    pub fn generate(boundary: &Boundary) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        random::fill(&mut key[..])?;
        Self::from_bytes(boundary, &key[..])
    }

    /// Takes a key of [`KEY_LEN`] bytes.
    ///
    /// # Errors
    ///
    /// [`Guard::KeyLength`]; [`Error::SelfTestFailed`].
    pub fn from_bytes(boundary: &Boundary, key: &[u8]) -> Result<Self, Error> {
        boundary.still_open()?;
        if key.len() != KEY_LEN {
            return Err(Error::Guard {
                service: Service::SealedSeal,
                guard: Guard::KeyLength {
                    expected: KEY_LEN,
                    found: key.len(),
                },
            });
        }
        Ok(Self {
            key: lc::RandomizedNonceKey::new(&lc::AES_256_GCM, key).map_err(|_| Error::Module {
                service: Service::SealedSeal,
            })?,
            sealed: AtomicU64::new(0),
        })
    }

    /// Seals `plain` with `aad`: nonce, ciphertext, tag.
    ///
    /// # Errors
    ///
    /// [`Guard::BudgetSpent`] after [`BUDGET`] messages; [`Error::NotApproved`].
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        // Taken before the call: a failed seal may have used up a nonce.
        if self.sealed.fetch_add(1, Ordering::Relaxed) >= BUDGET {
            // Held at the limit, so that the counter cannot wrap.
            self.sealed.store(BUDGET, Ordering::Relaxed);
            return Err(Error::Guard {
                service: Service::SealedSeal,
                guard: Guard::BudgetSpent,
            });
        }
        // Wiped unless the indicator approves: until then it may hold the plaintext.
        let mut message = Zeroizing::new(Vec::with_capacity(OVERHEAD + plain.len()));
        message.extend_from_slice(&[0; lc::NONCE_LEN]);
        message.extend_from_slice(plain);
        indicator::observe(Service::SealedSeal, || {
            let (nonce, tag) = self
                .key
                .seal_in_place_separate_tag(lc::Aad::from(aad), &mut message[lc::NONCE_LEN..])?;
            message[..lc::NONCE_LEN].copy_from_slice(nonce.as_ref());
            message.extend_from_slice(tag.as_ref());
            Ok::<_, aws_lc_rs::error::Unspecified>(())
        })?;
        Ok(std::mem::take(&mut *message))
    }

    /// Opens what [`seal`](Self::seal) made with the same `aad`.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] when it is too short or does not authenticate.
    pub fn open(&self, aad: &[u8], message: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let service = Service::SealedOpen;
        let (nonce, sealed) = message
            .split_first_chunk::<{ lc::NONCE_LEN }>()
            .filter(|(_, sealed)| sealed.len() >= 16)
            .ok_or(Error::Module { service })?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let len = indicator::observe(service, || {
            self.key
                .open_in_place(lc::Nonce::from(nonce), lc::Aad::from(aad), &mut plain)
                .map(|plain| plain.len())
        })?;
        plain.truncate(len);
        Ok(plain)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::Requirements;

    fn key() -> SealingKey {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        SealingKey::generate(&boundary).unwrap()
    }

    #[test]
    fn opens_only_what_it_sealed() {
        let key = key();
        let sealed = key.seal(b"aad", b"plain").unwrap();
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        assert_eq!(&key.open(b"aad", &sealed).unwrap()[..], b"plain");
        assert!(key.open(b"other", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[index] ^= 1;
            assert!(key.open(b"aad", &bent).is_err(), "byte {index}");
        }
        for len in 0..sealed.len() {
            assert!(key.open(b"aad", &sealed[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn the_budget_ends() {
        let key = key();
        key.sealed.store(BUDGET - 1, Ordering::Relaxed);
        key.seal(b"", b"last").unwrap();
        for _ in 0..2 {
            assert!(matches!(
                key.seal(b"", b"one more"),
                Err(Error::Guard {
                    guard: Guard::BudgetSpent,
                    ..
                })
            ));
        }
    }
}
