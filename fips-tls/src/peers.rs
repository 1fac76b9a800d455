//! Which identity a client shows to which server.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;

use crate::certificate;
use crate::check::ConfigFault;
use crate::identity::Identity;
use crate::name;
use crate::policy::Profile;
use crate::server_name::{Name, NameMap};

/// Where in a list what belongs to a server's name is.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByPeer {
    names: NameMap<usize>,
    addresses: HashMap<IpAddr, usize>,
}

impl ByPeer {
    pub(crate) fn add(&mut self, peer: &str, place: usize) -> Result<(), ConfigFault> {
        let there = match (peer.parse(), Name::parse(peer)) {
            (Ok(address), _) => self.addresses.entry(address).or_insert(place),
            (_, Some(name)) => self.names.entry(name).or_insert(place),
            (_, None) => return Err(ConfigFault::PeerName(name::one_line(peer, 256))),
        };
        if *there == place {
            Ok(())
        } else {
            Err(ConfigFault::PeerNameTwice(name::one_line(peer, 256)))
        }
    }

    pub(crate) fn find(&self, peer: &ServerName<'_>) -> Option<usize> {
        match peer {
            ServerName::IpAddress(address) => self.addresses.get(&IpAddr::from(*address)).copied(),
            name => {
                let name = name.to_str();
                // The same name with the root's dot (RFC 1034 §3.1).
                let name = name.strip_suffix('.').unwrap_or(&name);
                self.names.find(name).next().copied()
            }
        }
    }
}

/// Several identities, of which the server's request chooses: the first that is signed by an
/// authority it names (RFC 8446 §4.2.4, RFC 5246 §7.4.4), with a key it can verify. Where it names
/// none, any will do.
pub(crate) struct ByAuthority(Vec<(Arc<CertifiedKey>, Vec<Vec<u8>>)>);

impl ByAuthority {
    pub(crate) fn new(identities: &[Identity], profile: &Profile) -> Self {
        let issuers = |identity: &Identity| {
            let chain = identity.chain().iter();
            chain
                .filter_map(|der| {
                    let certificate = certificate::parse(der).ok()?;
                    Some(certificate.issuer().as_raw().to_vec())
                })
                .collect()
        };
        let all = identities.iter();
        Self(
            all.map(|identity| (Arc::new(identity.certified(profile)), issuers(identity)))
                .collect(),
        )
    }
}

impl ResolvesClientCert for ByAuthority {
    fn resolve(
        &self,
        authorities: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let named = |issuers: &[Vec<u8>]| {
            authorities.is_empty()
                || issuers
                    .iter()
                    .any(|issuer| authorities.contains(&issuer.as_slice()))
        };
        let mut all = self.0.iter();
        all.find(|(key, issuers)| named(issuers) && key.key.choose_scheme(schemes).is_some())
            .map(|(key, _)| Arc::clone(key))
    }

    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

impl fmt::Debug for ByAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByAuthority")
            .field("len", &self.0.len())
            .finish_non_exhaustive()
    }
}
