use std::fmt;

use serde::{Serialize, Serializer};

use crate::refusal::RefusalReason;

/// Why a handshake failed, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureReason {
    /// The peer ended it with an alert: the reason is in the peer's log.
    Alert,
    /// No version, suite, group, scheme or application protocol in common.
    Incompatible,
    /// The connection ended, or failed.
    Io,
    /// The peer is not believed.
    Peer(RefusalReason),
    /// What came is no TLS, or breaks its rules.
    Protocol,
    /// It took too long.
    Timeout,
}

const OTHERS: [FailureReason; 5] = [
    FailureReason::Alert,
    FailureReason::Incompatible,
    FailureReason::Io,
    FailureReason::Protocol,
    FailureReason::Timeout,
];

impl FailureReason {
    pub(super) const COUNT: usize = OTHERS.len() + RefusalReason::ALL.len();

    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        let peer = RefusalReason::ALL.into_iter().map(Self::Peer);
        OTHERS.into_iter().chain(peer)
    }

    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Incompatible => "incompatible",
            Self::Io => "io",
            Self::Peer(reason) => reason.name(),
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
        }
    }

    #[cfg(any(test, feature = "tokio"))]
    pub(super) fn index(self) -> usize {
        Self::all().position(|known| known == self).unwrap_or(0)
    }

    /// Of an error without a refusal of the peer's chain.
    #[cfg(feature = "tokio")]
    pub(crate) fn of(error: &rustls::Error) -> Self {
        use rustls::Error as E;
        match error {
            E::AlertReceived(_) => Self::Alert,
            E::InvalidCertificate(_) | E::NoCertificatesPresented => {
                Self::Peer(RefusalReason::of(error))
            }
            E::General(text) if text == "incompatible signing key" => Self::Incompatible,
            E::NoApplicationProtocol | E::PeerIncompatible(_) => Self::Incompatible,
            _ => Self::Protocol,
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for FailureReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
