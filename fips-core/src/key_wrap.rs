//! AES key wrap, with and without padding (SP 800-38F): keys that are stored under another key.

use std::fmt;

use zeroize::Zeroizing;

use crate::boundary::Boundary;
use crate::error::{Error, Guard};
use crate::ffi::{self, AesSchedule};
use crate::indicator::{self, Service};
use crate::random;

/// The block cipher of a key-encryption key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES-128.
    Aes128,
    /// AES-256.
    Aes256,
}

impl Cipher {
    /// Bytes of a key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }
}

/// Which algorithm of SP 800-38F wraps. What one wrapped the other does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// KW (§6.2), also RFC 3394: keys of 16 bytes or more, in multiples of 8.
    Kw,
    /// KWP (§6.3), also RFC 5649: keys of one byte or more, padded to a multiple of 8.
    Kwp,
}

/// Bytes that wrapping adds, besides KWP's padding.
const OVERHEAD: usize = 8;
/// The most bytes of a key: the module counts the wrapped ones in a C `int`. The standard
/// allows more.
const MOST: usize = (i32::MAX as usize - OVERHEAD) / 8 * 8;

impl Mode {
    fn check_key(self, found: usize) -> Result<(), Error> {
        let (least, multiple) = match self {
            Self::Kw => (16, 8),
            Self::Kwp => (1, 1),
        };
        check(Service::KeyWrap, (least, MOST, multiple), found)
    }

    fn check_wrapped(self, found: usize) -> Result<(), Error> {
        let least = match self {
            Self::Kw => 24,
            Self::Kwp => 16,
        };
        check(Service::KeyUnwrap, (least, MOST + OVERHEAD, 8), found)
    }
}

fn check(
    service: Service,
    (least, most, multiple): (usize, usize, usize),
    found: usize,
) -> Result<(), Error> {
    if (least..=most).contains(&found) && found.is_multiple_of(multiple) {
        return Ok(());
    }
    Err(Error::Guard {
        service,
        guard: Guard::WrapLength {
            least,
            most,
            multiple,
            found,
        },
    })
}

/// A key that wraps other keys; wiped when dropped.
pub struct KeyEncryptionKey {
    wrapping: AesSchedule,
    unwrapping: AesSchedule,
    cipher: Cipher,
}

impl KeyEncryptionKey {
    /// Makes a key from the module's DRBG. Nobody else learns it.
    ///
    /// # Errors
    ///
    /// [`Error::Module`].
    pub fn generate(boundary: &Boundary, cipher: Cipher) -> Result<Self, Error> {
        let mut key = Zeroizing::new(vec![0; cipher.key_len()]);
        random::fill(&mut key)?;
        Self::from_bytes(boundary, cipher, &key)
    }

    /// Takes a key of [`Cipher::key_len`] bytes.
    ///
    /// # Errors
    ///
    /// [`Guard::KeyLength`]; [`Error::SelfTestFailed`].
    pub fn from_bytes(boundary: &Boundary, cipher: Cipher, key: &[u8]) -> Result<Self, Error> {
        boundary.still_open()?;
        if key.len() != cipher.key_len() {
            return Err(Error::Guard {
                service: Service::KeyWrap,
                guard: Guard::KeyLength {
                    expected: cipher.key_len(),
                    found: key.len(),
                },
            });
        }
        let module = Error::Module {
            service: Service::KeyWrap,
        };
        Ok(Self {
            wrapping: AesSchedule::encrypting(key).ok_or(module.clone())?,
            unwrapping: AesSchedule::decrypting(key).ok_or(module)?,
            cipher,
        })
    }

    /// The block cipher.
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// Wraps `key`: the same key under the same mode gives the same bytes.
    ///
    /// # Errors
    ///
    /// [`Guard::WrapLength`]; [`Error::NotApproved`].
    pub fn wrap_key(&self, mode: Mode, key: &[u8]) -> Result<Vec<u8>, Error> {
        let service = Service::KeyWrap;
        mode.check_key(key.len())?;
        // Wiped unless the indicator approves: until then it may hold the key.
        let mut wrapped = Zeroizing::new(vec![0; key.len().next_multiple_of(8) + OVERHEAD]);
        let len = indicator::observe(service, || {
            match mode {
                Mode::Kw => ffi::wrap(&self.wrapping, key, &mut wrapped),
                Mode::Kwp => ffi::wrap_padded(&self.wrapping, key, &mut wrapped),
            }
            .ok_or(())
        })?;
        wrapped.truncate(len);
        Ok(std::mem::take(&mut *wrapped))
    }

    /// Unwraps what [`wrap_key`](Self::wrap_key) made in the same mode.
    ///
    /// # Errors
    ///
    /// [`Guard::WrapLength`]; [`Error::Module`] when it does not authenticate.
    pub fn unwrap_key(&self, mode: Mode, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let service = Service::KeyUnwrap;
        mode.check_wrapped(wrapped.len())?;
        let mut key = Zeroizing::new(vec![0; wrapped.len() - OVERHEAD]);
        let len = indicator::observe(service, || {
            match mode {
                Mode::Kw => ffi::unwrap(&self.unwrapping, wrapped, &mut key),
                Mode::Kwp => ffi::unwrap_padded(&self.unwrapping, wrapped, &mut key),
            }
            .ok_or(())
        })?;
        key.truncate(len);
        Ok(key)
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEncryptionKey")
            .field("cipher", &self.cipher)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::Requirements;

    const CIPHERS: [Cipher; 2] = [Cipher::Aes128, Cipher::Aes256];
    const MODES: [Mode; 2] = [Mode::Kw, Mode::Kwp];

    fn boundary() -> Boundary {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn wrapped_keys_are_the_standards() {
        // RFC 3394 §4.1 and §4.6; then OpenSSL 3.0 of `-id-aes128-wrap-pad` and
        // `-id-aes256-wrap-pad` with `-iv A65959A6`, for 8 bytes and less (one block) and more.
        const KEK: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        const KEY: &str = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f";
        for (cipher, mode, len, expected) in [
            (
                Cipher::Aes128,
                Mode::Kw,
                16,
                "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
            ),
            (
                Cipher::Aes256,
                Mode::Kw,
                32,
                "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
            ),
            (
                Cipher::Aes128,
                Mode::Kwp,
                1,
                "5ebd8abe5c33aca1efa882f092efa095",
            ),
            (
                Cipher::Aes256,
                Mode::Kwp,
                8,
                "2bf5af5b28f4cb67cd3e1b1f9ac4049a",
            ),
            (
                Cipher::Aes128,
                Mode::Kwp,
                9,
                "b4bd457489f2aabdbebf0db46e64e195af069b81a9f3d20d",
            ),
            (
                Cipher::Aes256,
                Mode::Kwp,
                31,
                "69647cbf5d287d302baebcdc52550a9057847bb88d0cf441376fb34e26fb2580e44deee250563488",
            ),
        ] {
            let (kek, key) = (bytes(KEK), bytes(KEY));
            let kek = KeyEncryptionKey::from_bytes(&boundary(), cipher, &kek[..cipher.key_len()])
                .unwrap();
            let wrapped = kek.wrap_key(mode, &key[..len]).unwrap();
            assert_eq!(wrapped, bytes(expected), "{cipher:?} {mode:?} {len}");
            assert_eq!(kek.unwrap_key(mode, &wrapped).unwrap()[..], key[..len]);
        }
    }

    #[test]
    fn unwraps_only_what_it_wrapped() {
        for cipher in CIPHERS {
            let kek = KeyEncryptionKey::generate(&boundary(), cipher).unwrap();
            let other = KeyEncryptionKey::generate(&boundary(), cipher).unwrap();
            for mode in MODES {
                let wrapped = kek.wrap_key(mode, &[7; 24]).unwrap();
                assert_eq!(kek.unwrap_key(mode, &wrapped).unwrap()[..], [7; 24]);
                assert!(other.unwrap_key(mode, &wrapped).is_err());
                for foreign in MODES.into_iter().filter(|foreign| *foreign != mode) {
                    assert!(kek.unwrap_key(foreign, &wrapped).is_err(), "{mode:?}");
                }
                for index in 0..wrapped.len() {
                    let mut bent = wrapped.clone();
                    bent[index] ^= 1;
                    assert_eq!(
                        kek.unwrap_key(mode, &bent),
                        Err(Error::Module {
                            service: Service::KeyUnwrap
                        }),
                        "{mode:?} byte {index}"
                    );
                }
                for len in 0..wrapped.len() {
                    assert!(
                        kek.unwrap_key(mode, &wrapped[..len]).is_err(),
                        "{mode:?} length {len}"
                    );
                }
            }
        }
    }

    #[test]
    fn lengths_on_both_sides() {
        let kek = KeyEncryptionKey::generate(&boundary(), Cipher::Aes256).unwrap();
        for (mode, len, taken) in [
            (Mode::Kw, 0, false),
            (Mode::Kw, 8, false),
            (Mode::Kw, 15, false),
            (Mode::Kw, 16, true),
            (Mode::Kw, 17, false),
            (Mode::Kw, 24, true),
            (Mode::Kwp, 0, false),
            (Mode::Kwp, 1, true),
            (Mode::Kwp, 4096, true),
        ] {
            let answer = kek.wrap_key(mode, &vec![1; len]);
            assert_eq!(answer.is_ok(), taken, "{mode:?} {len}: {answer:?}");
            if let Ok(wrapped) = answer {
                assert_eq!(kek.unwrap_key(mode, &wrapped).unwrap().len(), len);
            }
        }
        for mode in MODES {
            assert!(mode.check_key(MOST).is_ok());
            assert!(mode.check_key(MOST + 1).is_err() && mode.check_key(MOST + 8).is_err());
            assert!(mode.check_wrapped(MOST + 8).is_ok());
            assert!(
                mode.check_wrapped(MOST + 9).is_err() && mode.check_wrapped(MOST + 16).is_err()
            );
        }
        assert!(Mode::Kw.check_wrapped(24).is_ok() && Mode::Kw.check_wrapped(16).is_err());
        assert!(Mode::Kwp.check_wrapped(16).is_ok() && Mode::Kwp.check_wrapped(8).is_err());
        for cipher in CIPHERS {
            for len in [0, cipher.key_len() - 1, cipher.key_len() + 1] {
                let answer = KeyEncryptionKey::from_bytes(&boundary(), cipher, &vec![1; len]);
                assert!(matches!(
                    answer,
                    Err(Error::Guard {
                        guard: Guard::KeyLength { .. },
                        ..
                    })
                ));
            }
        }
    }

    #[test]
    fn only_a_finished_call_is_marked() {
        // The indicator's controls: the module marks every wrapping and unwrapping that
        // succeeds, of any AES key, so that nothing of the family reads non-approved but what
        // is no service (setting a key up) and what fails.
        let set_up = || AesSchedule::decrypting(&[1; 16]).ok_or(());
        let answer = indicator::observe(Service::KeyWrap, set_up);
        assert_eq!(
            answer.map(|_| ()),
            Err(Error::NotApproved {
                service: Service::KeyWrap
            })
        );
        let key = set_up().unwrap();
        let before = ffi::indicator_before();
        assert!(ffi::unwrap(&key, &[2; 24], &mut [0; 24]).is_none());
        assert!(ffi::unwrap_padded(&key, &[2; 24], &mut [0; 24]).is_none());
        assert_eq!(ffi::indicator_after(), before);
    }
}
