use fips_core::agreement::{Curve, EphemeralKey};
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup};

use super::{own_fault, share_fault};
use crate::policy::Group;

/// Ephemeral ECDH (SP 800-56Ar3 §6.1.2.2).
#[derive(Debug)]
pub(super) struct Ecdh {
    pub(super) group: Group,
    pub(super) curve: Curve,
}

impl SupportedKxGroup for Ecdh {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Started {
            key: EphemeralKey::generate(self.curve).map_err(own_fault)?,
            group: self.group,
        }))
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
}

struct Started {
    key: EphemeralKey,
    group: Group,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, Error> {
        let secret = self.key.agree(peer_pub_key).map_err(share_fault)?;
        Ok(SharedSecret::from(secret.as_bytes()))
    }

    fn pub_key(&self) -> &[u8] {
        self.key.public_key()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        self.group.rustls()
    }
}
