//! PBKDF2 with HMAC-SHA-2 (SP 800-132), for keys that protect stored data.
//!
//! One other derivation has a name here, [`derive_for_k3s_import`]: it opens, and never seals,
//! what k3s stored.
//!
//! Option 1a of SP 800-132 §5.4 alone: the derived key, or a part of it, is the key that
//! protects the data. It serves storage, never a check of a password and never a channel.
//!
//! The module's certificate was tested with 1,000 to 10,000 iterations and passwords of 14 to
//! 128 bytes. More of either is taken, and is outside of what was tested.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2 as lc;
use zeroize::Zeroizing;

use crate::boundary::require_open;
use crate::digest::Algorithm;
use crate::error::{Error, Guard};
use crate::indicator::{self, Service};
use crate::random;

/// The fewest bytes of a password: 112 bits, the module's floor.
pub const PASSWORD_LEN: usize = 14;
/// Bytes of a new salt, and the fewest of a given one: 128 bits (SP 800-132 §5.1).
pub const SALT_LEN: usize = 16;
/// The fewest iterations (SP 800-132 §5.2). Take as many as the wait allows.
pub const ITERATIONS: u32 = 1000;
/// The fewest bytes of a key: 112 bits (SP 800-132 §5.3).
pub const OUTPUT_LEN: usize = 14;

/// Derives a new key of `len` bytes: the salt, which the module's DRBG makes and the caller
/// keeps beside the data, and the key.
///
/// # Errors
///
/// As [`derive()`].
///
/// # Security
///
/// The key is as strong as the password alone (SP 800-132 appendix A): many iterations slow a
/// guess down, and a salt keeps one guess from serving twice.
pub fn derive_new(
    algorithm: Algorithm,
    password: &[u8],
    iterations: u32,
    len: usize,
) -> Result<([u8; SALT_LEN], Zeroizing<Vec<u8>>), Error> {
    // The guards first: what they refuse draws nothing.
    check(algorithm, password, &[0; SALT_LEN], iterations, len)?;
    let salt = random::bytes()?;
    let key = derive(algorithm, password, &salt, iterations, len)?;
    Ok((salt, key))
}

/// Derives again the key of `len` bytes that [`derive_new()`] made with `salt`.
///
/// # Errors
///
/// [`Error::GateClosed`]; [`Guard::PasswordTooShort`] under [`PASSWORD_LEN`];
/// [`Guard::SaltTooShort`] under [`SALT_LEN`]; [`Guard::IterationsTooFew`] under [`ITERATIONS`];
/// [`Guard::OutputTooShort`] under [`OUTPUT_LEN`]; [`Guard::OutputTooLong`] over 2^32 - 1 times
/// the hash's length (SP 800-132 §5.3).
///
/// # Security
///
/// A wrong password is no error: it gives another key.
pub fn derive(
    algorithm: Algorithm,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    len: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let iterations = check(algorithm, password, salt, iterations, len)?;
    let lc_algorithm = match algorithm {
        Algorithm::Sha256 => lc::PBKDF2_HMAC_SHA256,
        Algorithm::Sha384 => lc::PBKDF2_HMAC_SHA384,
        Algorithm::Sha512 => lc::PBKDF2_HMAC_SHA512,
    };
    let mut key = Zeroizing::new(vec![0; len]);
    indicator::observe(Service::Pbkdf2, || {
        // Panics where the module fails: on what `check` refused. HMAC-SHA-2 has no other way
        // to fail.
        lc::derive(lc_algorithm, iterations, salt, password, &mut key);
        Ok::<_, ()>(())
    })?;
    Ok(key)
}

/// Derives the key of 32 bytes that k3s sealed its bootstrap data with: HMAC-SHA-1, 4096
/// iterations, the salt as the text it stands in.
///
/// Each call counts as the exception `k3s bootstrap import`
/// ([`EXCEPTIONS`](indicator::EXCEPTIONS)), also where the indicator would approve: it sees
/// that the salt has 16 bytes, not that they are the hexadecimal digits of 8 random ones.
///
/// # Errors
///
/// [`Error::GateClosed`]; [`Error::SelfTestFailed`].
///
/// # Security
///
/// For opening alone, once, to seal again what came out under [`derive_new`]'s key. Guessing a
/// token against this costs an attacker little.
pub fn derive_for_k3s_import(token: &[u8], salt: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();
    require_open(Service::Pbkdf2)?;
    let mut key = Zeroizing::new(vec![0; 32]);
    indicator::observe_excepted(indicator::K3S_IMPORT, || {
        lc::derive(lc::PBKDF2_HMAC_SHA1, ITERATIONS, salt, token, &mut key);
        Ok::<_, ()>(())
    })?;
    Ok(key)
}

fn check(
    algorithm: Algorithm,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    len: usize,
) -> Result<NonZeroU32, Error> {
    require_open(Service::Pbkdf2)?;
    let most = (u32::MAX as usize).saturating_mul(algorithm.output_len());
    let guard = if password.len() < PASSWORD_LEN {
        Guard::PasswordTooShort {
            found: password.len(),
        }
    } else if salt.len() < SALT_LEN {
        Guard::SaltTooShort { found: salt.len() }
    } else if len < OUTPUT_LEN {
        Guard::OutputTooShort {
            least: OUTPUT_LEN,
            found: len,
        }
    } else if len > most {
        Guard::OutputTooLong {
            limit: most,
            found: len,
        }
    } else {
        match NonZeroU32::new(iterations) {
            Some(count) if iterations >= ITERATIONS => return Ok(count),
            _ => Guard::IterationsTooFew { found: iterations },
        }
    };
    Err(Error::Guard {
        service: Service::Pbkdf2,
        guard,
    })
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::{Boundary, Requirements};

    const PASSWORD: &[u8] = b"correct horse battery staple";
    const SALT: &[u8] = b"a salt, 16 bytes";

    fn enter() {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    }

    #[test]
    fn keys_are_those_of_another_implementation() {
        enter();
        // python3 -c 'import hashlib; print(hashlib.pbkdf2_hmac("sha256",
        //   b"correct horse battery staple", b"a salt, 16 bytes", 1000, 40).hex())'
        for (algorithm, expected) in [
            (
                Algorithm::Sha256,
                "079eadcca6fbcc3ffcb1c7dd549c346a6e2f2258829019baf08be58ebd3beb2a837407b4eec0f952",
            ),
            (
                Algorithm::Sha384,
                "ea0eb0e40f03788a48f0f02896163c77b3106578e8f56b9d45af3984d4eb8ce177796b743b207a0a",
            ),
            (
                Algorithm::Sha512,
                "90b62e62c9aa9195084fb87699833e2f22f33caa70d26e5fcca68bd5faab94f75c206c4da04773be",
            ),
        ] {
            let key = derive(algorithm, PASSWORD, SALT, 1000, 40).unwrap();
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected, "{algorithm:?}");
        }
    }

    #[test]
    fn a_new_key_comes_again_with_its_salt_alone() {
        enter();
        let new = || derive_new(Algorithm::Sha256, PASSWORD, ITERATIONS, 32).unwrap();
        let again = |salt: &[u8]| derive(Algorithm::Sha256, PASSWORD, salt, ITERATIONS, 32);
        let ((salt, key), (other_salt, other)) = (new(), new());
        assert_ne!(salt, other_salt);
        assert_ne!(key, other);
        assert_eq!(again(&salt).unwrap(), key);
        assert_eq!(again(&other_salt).unwrap(), other);
        let wrong = derive(
            Algorithm::Sha256,
            b"another password",
            &salt,
            ITERATIONS,
            32,
        );
        assert_ne!(wrong.unwrap(), key);
    }

    #[test]
    fn guards_on_both_sides() {
        enter();
        let most = (u32::MAX as usize) * 32;
        for (password, salt, iterations, len, taken) in [
            (PASSWORD_LEN, SALT_LEN, ITERATIONS, OUTPUT_LEN, true),
            (PASSWORD_LEN - 1, SALT_LEN, ITERATIONS, OUTPUT_LEN, false),
            (PASSWORD_LEN, SALT_LEN - 1, ITERATIONS, OUTPUT_LEN, false),
            (PASSWORD_LEN, SALT_LEN, ITERATIONS - 1, OUTPUT_LEN, false),
            (PASSWORD_LEN, SALT_LEN, 0, OUTPUT_LEN, false),
            (PASSWORD_LEN, SALT_LEN, ITERATIONS, OUTPUT_LEN - 1, false),
            (PASSWORD_LEN, SALT_LEN, ITERATIONS, most, true),
            (PASSWORD_LEN, SALT_LEN, ITERATIONS, most + 1, false),
            (129, 1000, u32::MAX, 512, true),
        ] {
            let case = format!("{password} {salt} {iterations} {len}");
            let (password, salt) = (vec![1; password], vec![2; salt]);
            let answer = check(Algorithm::Sha256, &password, &salt, iterations, len);
            assert_eq!(answer.is_ok(), taken, "{case}");
            if !taken {
                // The public calls answer the same, without the work.
                let refused = Err(answer.unwrap_err());
                let again = derive(Algorithm::Sha256, &password, &salt, iterations, len);
                assert_eq!(again, refused, "{case}");
                if salt.len() >= SALT_LEN {
                    let new = derive_new(Algorithm::Sha256, &password, iterations, len);
                    assert_eq!(new.map(|(_, key)| key), refused, "{case}");
                }
            }
        }
        derive(Algorithm::Sha512, &[1; 14], &[2; 16], ITERATIONS, 14).unwrap();
    }

    #[test]
    fn the_import_s_keys_are_those_of_another_implementation() {
        enter();
        // python3 -c 'import hashlib; print(hashlib.pbkdf2_hmac("sha1", TOKEN,
        //   b"00112233aabbccdd", 4096, 32).hex())'
        for (token, expected) in [
            (
                &b""[..],
                "65f253aad6d24e55265436346b8bc3e73f0214874c64df3364f3bebb9f60166b",
            ),
            (
                b"short",
                "6b9f5e3bbcdebc9f798b4259d37c0040736c5b506458e8a5a67b5d8423d63190",
            ),
            (
                b"b3cf5f5e1f0d5d0a9c6e4f2b1a7d8e90",
                "b0589bd52174e4e7e11ece25e0247fa383da6b91ccb9c3858822906d521b47b1",
            ),
        ] {
            let key = derive_for_k3s_import(token, b"00112233aabbccdd").unwrap();
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn the_module_marks_nothing_below_its_own_floors() {
        // The indicator's controls, past the guards. The module has no floor for the output.
        for (password, salt, iterations, approved) in [
            (14, 16, 1000, true),
            (13, 16, 1000, false),
            (14, 15, 1000, false),
            (14, 16, 999, false),
        ] {
            let answer = indicator::observe(Service::Pbkdf2, || {
                lc::derive(
                    lc::PBKDF2_HMAC_SHA256,
                    NonZeroU32::new(iterations).unwrap(),
                    &vec![1; salt],
                    &vec![2; password],
                    &mut [0; 1],
                );
                Ok::<_, ()>(())
            });
            let expected = if approved {
                Ok(())
            } else {
                Err(Error::NotApproved {
                    service: Service::Pbkdf2,
                })
            };
            assert_eq!(answer, expected, "{password} {salt} {iterations}");
        }
    }
}
