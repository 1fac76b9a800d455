//! Ephemeral ML-KEM (FIPS 203), with 768 and 1024.
//!
//! One side makes a [`DecapsulationKey`] and sends its encapsulation key; the other side
//! [`encapsulate`]s to that and sends the ciphertext back. Both then hold the same secret.

use std::fmt;

use aws_lc_rs::kem as lc;

use crate::agreement::SharedSecret;
use crate::boundary::require_open;
use crate::error::{Error, Guard};
use crate::indicator::{self, Service};

/// A parameter set of FIPS 203 §8. ML-KEM-512 is no group of the TLS policy and has no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// ML-KEM-1024, security category 5.
    MlKem1024,
    /// ML-KEM-768, security category 3.
    MlKem768,
}

impl ParameterSet {
    /// Bytes of a ciphertext (FIPS 203 §8, table 3).
    pub const fn ciphertext_len(self) -> usize {
        match self {
            Self::MlKem1024 => 1568,
            Self::MlKem768 => 1088,
        }
    }

    /// Bytes of an encapsulation key (FIPS 203 §8, table 3).
    pub const fn encapsulation_key_len(self) -> usize {
        match self {
            Self::MlKem1024 => 1568,
            Self::MlKem768 => 1184,
        }
    }

    fn lc(self) -> &'static lc::Algorithm {
        match self {
            Self::MlKem1024 => &lc::ML_KEM_1024,
            Self::MlKem768 => &lc::ML_KEM_768,
        }
    }
}

/// A private key for one decapsulation.
pub struct DecapsulationKey {
    private: lc::DecapsulationKey,
    public: lc::EncapsulationKeyBytes<'static>,
    parameters: ParameterSet,
}

impl DecapsulationKey {
    /// Makes a key pair; the module runs its pairwise consistency test on it.
    ///
    /// # Errors
    ///
    /// [`Error::GateClosed`]; [`Error::Module`].
    pub fn generate(parameters: ParameterSet) -> Result<Self, Error> {
        let service = Service::MlKemKeyGeneration;
        require_open(service)?;
        let private =
            indicator::observe(service, || lc::DecapsulationKey::generate(parameters.lc()))?;
        let public = private
            .encapsulation_key()
            .and_then(|key| key.key_bytes())
            .map_err(|_| Error::Module { service })?;
        Ok(Self {
            private,
            public,
            parameters,
        })
    }

    /// The parameter set.
    pub fn parameters(&self) -> ParameterSet {
        self.parameters
    }

    /// The encapsulation key, for the peer.
    pub fn encapsulation_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    /// The secret inside the peer's `ciphertext`.
    ///
    /// # Errors
    ///
    /// [`Guard::CiphertextLength`] (FIPS 203 §7.3); [`Error::Module`].
    ///
    /// # Security
    ///
    /// A changed ciphertext of the right length is no error: the answer is then a secret that
    /// nobody else holds (implicit rejection, FIPS 203 §6.3), and the protocol fails where the
    /// secret is first used.
    pub fn decapsulate(self, ciphertext: &[u8]) -> Result<SharedSecret, Error> {
        let service = Service::MlKemDecapsulate;
        let expected = self.parameters.ciphertext_len();
        if ciphertext.len() != expected {
            return Err(Error::Guard {
                service,
                guard: Guard::CiphertextLength {
                    expected,
                    found: ciphertext.len(),
                },
            });
        }
        indicator::observe(service, || {
            let secret = self.private.decapsulate(lc::Ciphertext::from(ciphertext))?;
            Ok::<_, aws_lc_rs::error::Unspecified>(SharedSecret::from(secret.as_ref()))
        })
    }
}

impl fmt::Debug for DecapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecapsulationKey")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// A fresh secret, and the ciphertext that carries it to the owner of `encapsulation_key`.
///
/// # Errors
///
/// [`Error::GateClosed`]; [`Guard::KeyLength`]; [`Error::Module`] when a coefficient of the key
/// is not reduced modulo q: the module makes both halves of FIPS 203 §7.2's key check, the
/// length when the key is taken and the modulus when it is used.
pub fn encapsulate(
    parameters: ParameterSet,
    encapsulation_key: &[u8],
) -> Result<(Vec<u8>, SharedSecret), Error> {
    let service = Service::MlKemEncapsulate;
    require_open(service)?;
    let expected = parameters.encapsulation_key_len();
    if encapsulation_key.len() != expected {
        return Err(Error::Guard {
            service,
            guard: Guard::KeyLength {
                expected,
                found: encapsulation_key.len(),
            },
        });
    }
    // Taken outside of the observed call: import is no service of its own.
    let key = lc::EncapsulationKey::new(parameters.lc(), encapsulation_key)
        .map_err(|_| Error::Module { service })?;
    indicator::observe(service, || {
        let (ciphertext, secret) = key.encapsulate()?;
        Ok::<_, aws_lc_rs::error::Unspecified>((
            ciphertext.as_ref().to_vec(),
            SharedSecret::from(secret.as_ref()),
        ))
    })
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::{Boundary, Requirements};

    const ALL: [ParameterSet; 2] = [ParameterSet::MlKem1024, ParameterSet::MlKem768];

    fn key(parameters: ParameterSet) -> DecapsulationKey {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        DecapsulationKey::generate(parameters).unwrap()
    }

    #[test]
    fn both_sides_hold_the_same_secret_and_each_key_its_own() {
        for parameters in ALL {
            let (one, other) = (key(parameters), key(parameters));
            assert_ne!(one.encapsulation_key(), other.encapsulation_key());
            assert_eq!(
                one.encapsulation_key().len(),
                parameters.encapsulation_key_len()
            );
            let (ciphertext, secret) = encapsulate(parameters, one.encapsulation_key()).unwrap();
            assert_eq!(ciphertext.len(), parameters.ciphertext_len());
            assert_eq!(secret.as_bytes().len(), 32);
            assert_eq!(
                one.decapsulate(&ciphertext).unwrap().as_bytes(),
                secret.as_bytes()
            );
            // Implicit rejection: a secret, but another one.
            assert_ne!(
                other.decapsulate(&ciphertext).unwrap().as_bytes(),
                secret.as_bytes()
            );
        }
    }

    #[test]
    fn a_changed_ciphertext_gives_another_secret() {
        for parameters in ALL {
            for place in [0, parameters.ciphertext_len() - 1] {
                let key = key(parameters);
                let (mut ciphertext, secret) =
                    encapsulate(parameters, key.encapsulation_key()).unwrap();
                ciphertext[place] ^= 1;
                let answer = key.decapsulate(&ciphertext).unwrap();
                assert_ne!(answer.as_bytes(), secret.as_bytes());
            }
        }
    }

    #[test]
    fn lengths_are_exact_on_both_sides() {
        for parameters in ALL {
            let public = key(parameters).encapsulation_key().to_vec();
            let (ciphertext, _) = encapsulate(parameters, &public).unwrap();
            let long = [&public[..], &[0]].concat();
            for wrong in [&[][..], &public[1..], &long] {
                assert!(matches!(
                    encapsulate(parameters, wrong),
                    Err(Error::Guard {
                        guard: Guard::KeyLength { .. },
                        ..
                    })
                ));
            }
            let long = [&ciphertext[..], &[0]].concat();
            for wrong in [&[][..], &ciphertext[1..], &long] {
                assert!(matches!(
                    key(parameters).decapsulate(wrong),
                    Err(Error::Guard {
                        guard: Guard::CiphertextLength { .. },
                        ..
                    })
                ));
            }
        }
    }

    #[test]
    fn the_module_refuses_a_key_with_a_coefficient_of_q_or_more() {
        // Two coefficients of 12 bits in three bytes (FIPS 203 §4.2.1); q is 3329 = 0xd01.
        const Q: [u8; 2] = [0x01, 0x0d];
        const Q_LESS_ONE: [u8; 2] = [0x00, 0x0d];
        for parameters in ALL {
            // The first coefficient of the vector, and the first of its last polynomial; the
            // seed of 32 bytes behind it takes any value.
            let last = parameters.encapsulation_key_len() - 32 - 384;
            for place in [0, last] {
                let with = |coefficient: [u8; 2]| {
                    let mut public = key(parameters).encapsulation_key().to_vec();
                    public[place] = coefficient[0];
                    public[place + 1] = public[place + 1] & 0xf0 | coefficient[1];
                    encapsulate(parameters, &public)
                };
                assert!(with(Q_LESS_ONE).is_ok());
                assert_eq!(
                    with(Q).map(|_| ()),
                    Err(Error::Module {
                        service: Service::MlKemEncapsulate
                    })
                );
            }
        }
    }

    #[test]
    fn taking_a_key_is_no_service_of_its_own() {
        // The indicator's control. Nothing else of the family can read non-approved through
        // aws-lc-rs: the module marks generation, encapsulation and decapsulation of every
        // ML-KEM key that succeed.
        let public = key(ParameterSet::MlKem768).encapsulation_key().to_vec();
        let answer = indicator::observe(Service::MlKemEncapsulate, || {
            lc::EncapsulationKey::<lc::AlgorithmId>::new(&lc::ML_KEM_768, &public)
        });
        assert_eq!(
            answer.map(|_| ()),
            Err(Error::NotApproved {
                service: Service::MlKemEncapsulate
            })
        );
    }
}
