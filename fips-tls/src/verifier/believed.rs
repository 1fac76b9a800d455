use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fips_core::verification::ParsedPublicKey;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, SignatureVerificationAlgorithm, UnixTime, alg_id,
};

use crate::certificate;
use crate::policy::PublicKey;

/// A chain that was verified, from when to when that holds, and its leaf's key.
pub(super) struct Believed {
    leaf: CertificateDer<'static>,
    window: Window,
    algorithm: AlgorithmIdentifier,
    key: Vec<u8>,
    /// Parsed at the first handshake with each algorithm.
    parsed: Mutex<Vec<(AlgorithmIdentifier, Arc<ParsedPublicKey>)>>,
}

/// A span of time: both ends belong to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    from: UnixTime,
    to: UnixTime,
}

impl Window {
    pub(super) const ALWAYS: Self = Self {
        from: UnixTime::since_unix_epoch(Duration::ZERO),
        to: UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX)),
    };

    pub(super) fn contains(self, now: UnixTime) -> bool {
        (self.from..=self.to).contains(&now)
    }

    /// What lies in both.
    pub(super) fn and(self, from: UnixTime, to: UnixTime) -> Self {
        Self {
            from: self.from.max(from),
            to: self.to.min(to),
        }
    }

    /// What lies before `end`, which does not belong to it.
    pub(super) fn and_before(self, end: UnixTime) -> Self {
        let last = Duration::from_secs(end.as_secs().saturating_sub(1));
        self.and(self.from, UnixTime::since_unix_epoch(last))
    }
}

impl Believed {
    /// Of a verified leaf; `None` for a kind of key without an algorithm, which is none of the
    /// policy.
    pub(super) fn new(leaf: &CertificateDer<'_>, window: Window) -> Option<Self> {
        let certificate = certificate::parse(leaf).ok()?;
        let info = certificate.public_key();
        let algorithm = match PublicKey::of(info) {
            PublicKey::EcdsaP256 => alg_id::ECDSA_P256,
            PublicKey::EcdsaP384 => alg_id::ECDSA_P384,
            PublicKey::EcdsaP521 => alg_id::ECDSA_P521,
            PublicKey::Rsa { .. } => alg_id::RSA_ENCRYPTION,
            PublicKey::Other(_) | PublicKey::RsaExponent { .. } => return None,
        };
        Some(Self {
            window,
            algorithm,
            key: info.subject_public_key.data.to_vec(),
            parsed: Mutex::default(),
            leaf: leaf.clone().into_owned(),
        })
    }

    pub(super) fn leaf(&self) -> &CertificateDer<'static> {
        &self.leaf
    }

    pub(super) fn holds_at(&self, now: UnixTime) -> bool {
        self.window.contains(now)
    }

    /// The key for one algorithm; `None` when it is another kind of key, or does not parse.
    pub(super) fn key_for(
        &self,
        algorithm: &dyn SignatureVerificationAlgorithm,
    ) -> Option<Arc<ParsedPublicKey>> {
        if algorithm.public_key_alg_id() != self.algorithm {
            return None;
        }
        let signature = algorithm.signature_alg_id();
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = parsed.iter().find(|(known, _)| *known == signature) {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(ParsedPublicKey::new(algorithm, &self.key).ok()?);
        // A handful at most: one for each algorithm of the boundary.
        parsed.push((signature, Arc::clone(&key)));
        Some(key)
    }
}

impl fmt::Debug for Believed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Believed")
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
