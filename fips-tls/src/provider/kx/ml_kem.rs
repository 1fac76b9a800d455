use fips_core::kem::{self, DecapsulationKey, ParameterSet};
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, ProtocolVersion};

use super::{own_fault, share_fault};
use crate::policy::{Group, Version};

/// ML-KEM alone (FIPS 203, draft-ietf-tls-mlkem): the client's share is an encapsulation key,
/// the server's the ciphertext.
#[derive(Debug)]
pub(super) struct MlKem {
    pub(super) group: Group,
    pub(super) parameters: ParameterSet,
}

impl SupportedKxGroup for MlKem {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Started {
            key: DecapsulationKey::generate(self.parameters).map_err(own_fault)?,
            group: self.group,
        }))
    }

    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (ciphertext, secret) =
            kem::encapsulate(self.parameters, client_share).map_err(share_fault)?;
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key: ciphertext,
            secret: SharedSecret::from(secret.as_bytes()),
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
    key: DecapsulationKey,
    group: Group,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Error> {
        let secret = self.key.decapsulate(server_share).map_err(share_fault)?;
        Ok(SharedSecret::from(secret.as_bytes()))
    }

    fn pub_key(&self) -> &[u8] {
        self.key.encapsulation_key()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        self.group.rustls()
    }
}
