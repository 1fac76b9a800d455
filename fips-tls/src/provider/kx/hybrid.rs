use fips_core::agreement::{self, Curve, EphemeralKey};
use fips_core::kem::{self, DecapsulationKey, ParameterSet};
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};

use super::{own_fault, share_fault};
use crate::policy::{Group, Version};

/// ECDH on a NIST curve with ML-KEM (RFC 10024): in each share and in the secret, what belongs
/// to the curve comes first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hybrid {
    pub(super) group: Group,
    /// The curve's own group, whose share a client offers too.
    pub(super) component: Group,
    pub(super) curve: Curve,
    pub(super) parameters: ParameterSet,
}

impl Hybrid {
    /// A share's point, and what follows it: exactly `rest` bytes (RFC 10024 §4.1, §4.2).
    fn split(self, share: &[u8], rest: usize) -> Result<(&[u8], &[u8]), Error> {
        share
            .split_at_checked(self.curve.point_len())
            .filter(|(_, found)| found.len() == rest)
            .ok_or_else(|| PeerMisbehaved::InvalidKeyShare.into())
    }
}

/// The secret of both (RFC 10024 §4.3, SP 800-227 §4.6.2).
fn combined(ecdh: &agreement::SharedSecret, ml_kem: &agreement::SharedSecret) -> SharedSecret {
    // One allocation of the exact size, which rustls wipes.
    SharedSecret::from([ecdh.as_bytes(), ml_kem.as_bytes()].concat())
}

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let ecdh = EphemeralKey::generate(self.curve).map_err(own_fault)?;
        let ml_kem = DecapsulationKey::generate(self.parameters).map_err(own_fault)?;
        Ok(Box::new(Started {
            share: [ecdh.public_key(), ml_kem.encapsulation_key()].concat(),
            hybrid: *self,
            ecdh,
            ml_kem,
        }))
    }

    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (point, key) = self.split(client_share, self.parameters.encapsulation_key_len())?;
        let ecdh = EphemeralKey::generate(self.curve).map_err(own_fault)?;
        let own_point = ecdh.public_key().to_vec();
        let ecdh = ecdh.agree(point).map_err(share_fault)?;
        let (ciphertext, ml_kem) = kem::encapsulate(self.parameters, key).map_err(share_fault)?;
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key: [own_point, ciphertext].concat(),
            secret: combined(&ecdh, &ml_kem),
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        self.group.rustls()
    }

    fn fips(&self) -> bool {
        true
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        Version::from_rustls(version).is_some_and(|version| self.group.usable_in(version))
    }
}

struct Started {
    hybrid: Hybrid,
    ecdh: EphemeralKey,
    ml_kem: DecapsulationKey,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Error> {
        let rest = self.hybrid.parameters.ciphertext_len();
        let (point, ciphertext) = self.hybrid.split(server_share, rest)?;
        let ecdh = self.ecdh.agree(point).map_err(share_fault)?;
        let ml_kem = self.ml_kem.decapsulate(ciphertext).map_err(share_fault)?;
        Ok(combined(&ecdh, &ml_kem))
    }

    /// The curve's share goes out too (RFC 9954 §3.2), so that a server without the hybrid
    /// needs no HelloRetryRequest.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.hybrid.component.rustls(), self.ecdh.public_key()))
    }

    fn complete_hybrid_component(
        self: Box<Self>,
        server_share: &[u8],
    ) -> Result<SharedSecret, Error> {
        let secret = self.ecdh.agree(server_share).map_err(share_fault)?;
        Ok(SharedSecret::from(secret.as_bytes()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        self.hybrid.group.rustls()
    }
}
