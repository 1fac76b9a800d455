use std::sync::Arc;

use fips_core::agreement::EphemeralKey;
use fips_core::indicator::Service;
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::{Error, NamedGroup, OtherError, PeerMisbehaved};

use crate::policy::Group;

static P256: Ecdh = Ecdh(Group::P256);
static P384: Ecdh = Ecdh(Group::P384);
static P521: Ecdh = Ecdh(Group::P521);

pub(super) fn group(group: Group) -> &'static dyn SupportedKxGroup {
    match group {
        Group::P256 => &P256,
        Group::P384 => &P384,
        Group::P521 => &P521,
    }
}

/// Ephemeral ECDH (SP 800-56Ar3 §6.1.2.2).
#[derive(Debug)]
struct Ecdh(Group);

impl SupportedKxGroup for Ecdh {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let key = EphemeralKey::generate(self.0.curve())
            .map_err(|error| Error::Other(OtherError(Arc::new(error))))?;
        Ok(Box::new(Started { key, group: self.0 }))
    }

    fn name(&self) -> NamedGroup {
        self.0.rustls()
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
        match self.key.agree(peer_pub_key) {
            Ok(secret) => Ok(SharedSecret::from(secret.as_bytes())),
            // A point of the wrong form, or not on the curve: the peer's fault.
            Err(
                fips_core::Error::Guard { .. }
                | fips_core::Error::Module {
                    service: Service::Ecdh,
                },
            ) => Err(PeerMisbehaved::InvalidKeyShare.into()),
            Err(error) => Err(Error::Other(OtherError(Arc::new(error)))),
        }
    }

    fn pub_key(&self) -> &[u8] {
        self.key.public_key()
    }

    fn group(&self) -> NamedGroup {
        self.group.rustls()
    }
}
