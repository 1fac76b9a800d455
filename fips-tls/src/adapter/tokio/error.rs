use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::counters::FailureReason;
use crate::error::Error;
use crate::explain::Explanation;
use crate::refusal::{PeerRefusal, RefusalReason};

/// A connection that came to nothing: from whom, and why.
#[derive(Debug)]
pub struct HandshakeError(Box<Failed>);

#[derive(Debug)]
struct Failed {
    address: Option<SocketAddr>,
    failure: HandshakeFailure,
}

/// What ended a handshake.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// The connection broke.
    Io(io::Error),
    /// The peer is not believed: who it says it is, and why not.
    Peer(Box<PeerRefusal>),
    /// The handshake was finished, and its peer is not taken: a resumed session whose
    /// certificate has expired, was revoked or is not authorised any more.
    Session(Box<Error>),
    /// It took too long.
    Timeout(Duration),
    /// Any other answer of rustls.
    Tls {
        /// In words.
        explanation: Box<Explanation>,
        /// rustls's answer.
        source: rustls::Error,
    },
}

impl HandshakeError {
    pub(super) fn new(address: Option<SocketAddr>, failure: HandshakeFailure) -> Self {
        Self(Box::new(Failed { address, failure }))
    }

    /// The peer's address, where the acceptor was told or the connector made the connection.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// What ended it.
    pub fn failure(&self) -> &HandshakeFailure {
        &self.0.failure
    }

    /// Whether it took too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.failure, HandshakeFailure::Timeout(_))
    }

    /// The peer that was not believed.
    pub fn peer(&self) -> Option<&PeerRefusal> {
        match &self.0.failure {
            HandshakeFailure::Peer(refusal) => Some(refusal),
            HandshakeFailure::Session(error) => match &**error {
                Error::Peer(refusal) => Some(refusal),
                _ => None,
            },
            _ => None,
        }
    }

    /// What happened, why, and how to mend it, where TLS and not the connection failed.
    pub fn explanation(&self) -> Option<&Explanation> {
        match &self.0.failure {
            HandshakeFailure::Tls { explanation, .. } => Some(explanation),
            _ => self.peer().map(|peer| &peer.explanation),
        }
    }

    /// As it is counted.
    pub fn reason(&self) -> FailureReason {
        match &self.0.failure {
            HandshakeFailure::Io(_) => FailureReason::Io,
            HandshakeFailure::Peer(refusal) => FailureReason::Peer(refusal.reason),
            HandshakeFailure::Session(error) => FailureReason::Peer(of_session(error)),
            HandshakeFailure::Timeout(_) => FailureReason::Timeout,
            HandshakeFailure::Tls { source, .. } => FailureReason::of(source),
        }
    }
}

fn of_session(error: &Error) -> RefusalReason {
    match error {
        Error::Certificate { .. } => RefusalReason::Encoding,
        Error::Peer(refusal) => refusal.reason,
        Error::PeerOutsideValidity { .. } => RefusalReason::Expired,
        _ => RefusalReason::Other,
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.0.address {
            write!(f, "{address}: ")?;
        }
        self.0.failure.fmt(f)
    }
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed in the TLS handshake: {error}"),
            Self::Peer(refusal) => refusal.fmt(f),
            Self::Session(error) => error.fmt(f),
            Self::Timeout(after) => write!(
                f,
                "the TLS handshake was not finished after {after:?}: look whether the peer speaks \
                 TLS on this port, and whether the network holds packets back"
            ),
            Self::Tls { explanation, .. } => explanation.fmt(f),
        }
    }
}

impl StdError for HandshakeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.failure {
            HandshakeFailure::Io(error) => Some(error),
            HandshakeFailure::Session(error) => Some(error),
            HandshakeFailure::Tls { source, .. } => Some(source),
            HandshakeFailure::Peer(_) | HandshakeFailure::Timeout(_) => None,
        }
    }
}

/// Keeps the kind, for who looks at no more.
impl From<HandshakeError> for io::Error {
    fn from(error: HandshakeError) -> Self {
        let kind = match &error.0.failure {
            HandshakeFailure::Io(error) => error.kind(),
            HandshakeFailure::Timeout(_) => io::ErrorKind::TimedOut,
            HandshakeFailure::Peer(_)
            | HandshakeFailure::Session(_)
            | HandshakeFailure::Tls { .. } => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
