//! The phases of a rotation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a rotation is: the phase that was entered last. In the order they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The new key lies ready beside the old one; nobody has seen it.
    Prepare,
    /// The old key signs; who verifies takes both.
    TrustBoth,
    /// The new key signs; who verifies takes both.
    IssueFromNew,
    /// The old key is gone, and trusted no more.
    Retire,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 4] = [
        Self::Prepare,
        Self::TrustBoth,
        Self::IssueFromNew,
        Self::Retire,
    ];

    /// The word in journals and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::TrustBoth => "trust-both",
            Self::IssueFromNew => "issue-from-new",
            Self::Retire => "retire",
        }
    }

    /// The one after it; none after the last.
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Prepare => Some(Self::TrustBoth),
            Self::TrustBoth => Some(Self::IssueFromNew),
            Self::IssueFromNew => Some(Self::Retire),
            Self::Retire => None,
        }
    }

    /// The one that a rollback leads to; none where there is no way back, or none is needed.
    pub const fn before(self) -> Option<Self> {
        match self {
            Self::Prepare | Self::Retire => None,
            Self::TrustBoth => Some(Self::Prepare),
            Self::IssueFromNew => Some(Self::TrustBoth),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
