//! Ephemeral ECDH on the NIST curves (SP 800-56Ar3 §6.1.2.2).

use std::fmt;

use aws_lc_rs::agreement as lc;
use zeroize::Zeroizing;

use crate::boundary::require_open;
use crate::error::{Error, Guard};
use crate::indicator::{self, Service};

/// A curve of SP 800-186 that the TLS policy lists. X25519 is not an approved service of the
/// module and has no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// P-256 (secp256r1).
    P256,
    /// P-384 (secp384r1).
    P384,
    /// P-521 (secp521r1).
    P521,
}

impl Curve {
    /// Bytes of an uncompressed public point.
    pub const fn point_len(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
            Self::P521 => 133,
        }
    }

    fn lc(self) -> &'static lc::Algorithm {
        match self {
            Self::P256 => &lc::ECDH_P256,
            Self::P384 => &lc::ECDH_P384,
            Self::P521 => &lc::ECDH_P521,
        }
    }
}

/// A private key for one agreement.
pub struct EphemeralKey {
    private: lc::PrivateKey,
    public: lc::PublicKey,
    curve: Curve,
}

impl EphemeralKey {
    /// Makes a key pair; the module runs its pairwise consistency test on it.
    ///
    /// # Errors
    ///
    /// [`Error::GateClosed`]; [`Error::Module`].
    pub fn generate(curve: Curve) -> Result<Self, Error> {
        require_open(Service::EcKeyGeneration)?;
        let private = indicator::observe(Service::EcKeyGeneration, || {
            lc::PrivateKey::generate(curve.lc())
        })?;
        let public = private.compute_public_key().map_err(|_| Error::Module {
            service: Service::EcKeyGeneration,
        })?;
        Ok(Self {
            private,
            public,
            curve,
        })
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The public point, uncompressed.
    pub fn public_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    /// The shared secret with the peer's uncompressed point.
    ///
    /// # Errors
    ///
    /// [`Guard::PointForm`] for a compressed, hybrid, infinite or misshapen point;
    /// [`Error::Module`] for one that is not on the curve.
    pub fn agree(self, peer: &[u8]) -> Result<SharedSecret, Error> {
        if peer.len() != self.curve.point_len() || peer.first() != Some(&0x04) {
            return Err(Error::Guard {
                service: Service::Ecdh,
                guard: Guard::PointForm,
            });
        }
        // Parsed outside of the observed call, so that the indicator answers for the
        // derivation alone and not for the point's validation.
        let peer: lc::ParsedPublicKey = lc::UnparsedPublicKey::new(self.curve.lc(), peer)
            .try_into()
            .map_err(|_| Error::Module {
                service: Service::Ecdh,
            })?;
        indicator::observe(Service::Ecdh, || {
            lc::agree(&self.private, peer, (), |secret| {
                Ok(SharedSecret::from(secret))
            })
        })
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EphemeralKey")
            .field("curve", &self.curve)
            .finish_non_exhaustive()
    }
}

/// A shared secret; wiped when dropped.
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// The secret's bytes: of ECDH the x coordinate, big-endian, of the field's length; of
    /// ML-KEM 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from(secret: &[u8]) -> Self {
        Self(Zeroizing::new(secret.to_vec()))
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSecret").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use super::*;
    use crate::{Boundary, Requirements};

    const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

    #[test]
    fn both_sides_agree_and_other_curves_do_not_meet() {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        for curve in CURVES {
            let (one, other) = (
                EphemeralKey::generate(curve).unwrap(),
                EphemeralKey::generate(curve).unwrap(),
            );
            let (share, other_share) = (one.public_key().to_vec(), other.public_key().to_vec());
            assert_eq!(share.len(), curve.point_len());
            let secret = one.agree(&other_share).unwrap();
            assert_eq!(secret.as_bytes(), other.agree(&share).unwrap().as_bytes());
            for foreign in CURVES.into_iter().filter(|foreign| *foreign != curve) {
                let key = EphemeralKey::generate(foreign).unwrap();
                assert!(key.agree(&share).is_err());
            }
        }
    }

    #[test]
    fn points_of_another_form_or_off_the_curve_are_refused() {
        Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let point = EphemeralKey::generate(Curve::P256)
            .unwrap()
            .public_key()
            .to_vec();
        let mut compressed = vec![0x02 | (point[64] & 1)];
        compressed.extend(&point[1..33]);
        let mut hybrid = point.clone();
        hybrid[0] = 0x06 | (point[64] & 1);
        let mut outside = point;
        outside[64] ^= 1;
        for (peer, guarded) in [
            (&compressed[..], true),
            (&hybrid, true),
            (&[0x00], true),
            (&[], true),
            (&outside, false),
        ] {
            let answer = EphemeralKey::generate(Curve::P256).unwrap().agree(peer);
            let guard = matches!(
                answer,
                Err(Error::Guard {
                    guard: Guard::PointForm,
                    ..
                })
            );
            assert!(
                answer.is_err() && guard == guarded,
                "{peer:02x?}: {answer:?}"
            );
        }
    }
}
