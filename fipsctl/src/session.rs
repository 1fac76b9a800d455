//! A finished handshake, as it is printed.

use std::fmt;

use fips_boundary::tls::{PeerIdentity, Session};
use serde::Serialize;

/// What was negotiated, and with whom.
#[derive(Serialize)]
pub(crate) struct Described {
    version: String,
    suite: String,
    /// None on a resumed TLS 1.2 session.
    group: Option<String>,
    resumed: bool,
    peer: Option<Peer>,
}

#[derive(Serialize)]
struct Peer {
    subject: String,
    common_name: Option<String>,
    organizations: Vec<String>,
    names: Vec<String>,
    issuer: String,
    serial: String,
}

impl Described {
    pub(crate) fn of(session: &Session) -> Self {
        Self {
            version: session.version.to_string(),
            suite: session.suite.to_string(),
            group: session.group.map(|group| group.to_string()),
            resumed: session.resumed,
            peer: session.peer.as_ref().map(Peer::of),
        }
    }
}

impl Peer {
    fn of(peer: &PeerIdentity) -> Self {
        let dns = peer.dns_names().iter().cloned();
        let ip = peer.ip_addresses().iter().map(ToString::to_string);
        let uri = peer.uris().iter().cloned();
        Self {
            subject: peer.subject().to_owned(),
            common_name: peer.common_name().map(str::to_owned),
            organizations: peer.organizations().to_vec(),
            names: dns.chain(ip).chain(uri).collect(),
            issuer: peer.issuer().to_owned(),
            serial: peer.serial().to_owned(),
        }
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.group.as_deref().unwrap_or("no key exchange");
        write!(f, "{}, {}, {group}", self.version, self.suite)?;
        if self.resumed {
            write!(f, ", resumed")?;
        }
        match &self.peer {
            Some(peer) => write!(
                f,
                "; peer {} (serial {}), issued by {}",
                peer.subject, peer.serial, peer.issuer
            ),
            None => write!(f, "; peer without a certificate"),
        }
    }
}
