//! Passphrases, and how much work a guess costs.

use std::fmt;

use fips_core::pbkdf2;
use zeroize::Zeroizing;

use super::SealingFault;
use crate::error::Error;

/// Iterations of PBKDF2-HMAC-SHA-256 unless others are asked for: what OWASP's Password Storage
/// Cheat Sheet asks of this function since 2023. The module's certificate was tested with 1,000
/// to 10,000; SP 800-132 §5.2 asks for as many as the wait allows.
pub const DEFAULT_ITERATIONS: u32 = 600_000;

/// The most iterations that are run: a header is read before it is authenticated, and must not
/// make the reader work for minutes.
pub const MOST_ITERATIONS: u32 = 10_000_000;

/// The most bytes. The module's certificate was tested up to 128.
const MOST_BYTES: usize = 1024;

/// A passphrase, wiped when dropped, and the iterations that sealing under it takes.
pub struct Passphrase {
    bytes: Zeroizing<Vec<u8>>,
    iterations: u32,
}

impl Passphrase {
    /// Takes 14 to 1024 bytes.
    ///
    /// # Errors
    ///
    /// [`SealingFault::PassphraseLength`].
    ///
    /// # Security
    ///
    /// What is sealed is as safe as the passphrase is hard to guess; 14 bytes are the module's
    /// floor and say nothing about that.
    pub fn new(bytes: impl Into<Zeroizing<Vec<u8>>>) -> Result<Self, Error> {
        let bytes = bytes.into();
        if !(pbkdf2::PASSWORD_LEN..=MOST_BYTES).contains(&bytes.len()) {
            let found = bytes.len();
            return Err(SealingFault::PassphraseLength { found }.into());
        }
        Ok(Self {
            bytes,
            iterations: DEFAULT_ITERATIONS,
        })
    }

    /// Seals with `iterations` from now on. Opening takes those of what is opened.
    ///
    /// # Errors
    ///
    /// [`SealingFault::Iterations`] below 1000 and above [`MOST_ITERATIONS`].
    pub fn with_iterations(self, iterations: u32) -> Result<Self, Error> {
        check_iterations(iterations)?;
        Ok(Self { iterations, ..self })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn iterations(&self) -> u32 {
        self.iterations
    }
}

pub(super) fn check_iterations(found: u32) -> Result<(), SealingFault> {
    if (pbkdf2::ITERATIONS..=MOST_ITERATIONS).contains(&found) {
        Ok(())
    } else {
        Err(SealingFault::Iterations { found })
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_iterations_on_both_sides() {
        for (length, taken) in [
            (0, false),
            (13, false),
            (14, true),
            (1024, true),
            (1025, false),
        ] {
            assert_eq!(Passphrase::new(vec![1; length]).is_ok(), taken, "{length}");
        }
        for (iterations, taken) in [
            (0, false),
            (999, false),
            (1000, true),
            (MOST_ITERATIONS, true),
            (MOST_ITERATIONS + 1, false),
        ] {
            let answer = Passphrase::new(vec![1; 14])
                .unwrap()
                .with_iterations(iterations);
            assert_eq!(answer.is_ok(), taken, "{iterations}");
        }
    }
}
