use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CommonState, HandshakeKind};

use crate::error::Error;
use crate::name;
use crate::peer::PeerIdentity;
use crate::policy::{Group, Suite, Version};
use crate::refusal::{self, PeerRefusal};

/// What a finished handshake agreed on, and with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The version.
    pub version: Version,
    /// The suite.
    pub suite: Suite,
    /// The group of the key exchange; none on a resumed TLS 1.2 session, which has no exchange.
    pub group: Option<Group>,
    /// Whether the session was resumed.
    pub resumed: bool,
    /// The protocol agreed on by ALPN (RFC 7301).
    pub alpn: Option<Vec<u8>>,
    /// The peer, when it showed a certificate.
    pub peer: Option<PeerIdentity>,
}

/// Reads a connection; `believe` judges the peer's chain: a resumed session restored it
/// unjudged, and another configuration than the present one may have judged it. It notes what it
/// refuses.
pub(crate) fn judged(
    state: &CommonState,
    clock: &Arc<dyn TimeProvider>,
    believe: impl FnOnce(&[CertificateDer<'_>], UnixTime) -> Result<(), rustls::Error>,
) -> Result<Session, Error> {
    let now = clock.current_time().ok_or(Error::NoClock)?;
    let session = Session::at(state, now)?;
    let chain = state.peer_certificates().unwrap_or_default();
    if let Some(leaf) = chain.first() {
        believe(chain, now).map_err(|error| {
            let refusal = refusal::noted().unwrap_or_else(|| PeerRefusal::new(leaf, &error));
            Error::Peer(Box::new(refusal))
        })?;
    }
    Ok(session)
}

impl Session {
    /// Reads a connection after its handshake, with the system's clock.
    ///
    /// rustls's connections dereference to `CommonState`. With tokio-rustls it is behind
    /// `stream.get_ref().1`.
    ///
    /// # Errors
    ///
    /// [`Error::HandshakeNotFinished`]; [`Error::NotOfPolicy`]; [`Error::PeerOutsideValidity`]:
    /// a resumed session restores the peer's chain without judging its validity again, so an
    /// acceptor asks here, and closes the connection on an error.
    pub fn of(state: &CommonState) -> Result<Self, Error> {
        Self::at(state, UnixTime::now())
    }

    /// As [`of`](Self::of), at another time.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub fn at(state: &CommonState, now: UnixTime) -> Result<Self, Error> {
        if state.is_handshaking() {
            return Err(Error::HandshakeNotFinished);
        }
        let (Some(version), Some(suite), Some(kind)) = (
            state.protocol_version(),
            state.negotiated_cipher_suite(),
            state.handshake_kind(),
        ) else {
            return Err(Error::HandshakeNotFinished);
        };
        let group = state
            .negotiated_key_exchange_group()
            .map(|group| {
                Group::from_rustls(group.name())
                    .ok_or_else(|| Error::NotOfPolicy(format!("{:?}", group.name())))
            })
            .transpose()?;
        let peer = PeerIdentity::from_certificates(state.peer_certificates())?;
        if let Some(peer) = &peer {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
            if !peer.is_valid_at(now) {
                return Err(Error::PeerOutsideValidity {
                    subject: name::in_error(peer.subject()),
                });
            }
        }
        Ok(Self {
            version: Version::from_rustls(version)
                .ok_or_else(|| Error::NotOfPolicy(format!("{version:?}")))?,
            suite: Suite::from_rustls(suite.suite())
                .ok_or_else(|| Error::NotOfPolicy(format!("{:?}", suite.suite())))?,
            group,
            resumed: kind == HandshakeKind::Resumed,
            alpn: state.alpn_protocol().map(<[u8]>::to_vec),
            peer,
        })
    }
}
