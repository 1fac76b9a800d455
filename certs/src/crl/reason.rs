//! Why a certificate was revoked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The reasons this crate revokes for (RFC 5280 §5.3.1).
///
/// `certificateHold` and `removeFromCRL` are none of them: a revocation is not taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationReason {
    /// The subject's name or its affiliation changed.
    AffiliationChanged,
    /// The authority's key is known to somebody else.
    CaCompromise,
    /// The certificate is needed no more.
    CessationOfOperation,
    /// The key is known to somebody else.
    KeyCompromise,
    /// The subject may no longer do what the certificate lets it.
    PrivilegeWithdrawn,
    /// Another certificate took its place.
    Superseded,
    /// No reason is given; the list then holds none.
    #[default]
    Unspecified,
}

impl RevocationReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::AffiliationChanged,
        Self::CaCompromise,
        Self::CessationOfOperation,
        Self::KeyCompromise,
        Self::PrivilegeWithdrawn,
        Self::Superseded,
        Self::Unspecified,
    ];

    /// The word in options, records and reports, such as `key-compromise`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AffiliationChanged => "affiliation-changed",
            Self::CaCompromise => "ca-compromise",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::KeyCompromise => "key-compromise",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
            Self::Superseded => "superseded",
            Self::Unspecified => "unspecified",
        }
    }

    /// The number in a list.
    pub const fn code(self) -> u8 {
        match self {
            Self::AffiliationChanged => 3,
            Self::CaCompromise => 2,
            Self::CessationOfOperation => 5,
            Self::KeyCompromise => 1,
            Self::PrivilegeWithdrawn => 9,
            Self::Superseded => 4,
            Self::Unspecified => 0,
        }
    }

    /// The reason of that number; `None` for one this crate does not revoke for.
    pub(super) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    pub(super) const fn to_rcgen(self) -> rcgen::RevocationReason {
        match self {
            Self::AffiliationChanged => rcgen::RevocationReason::AffiliationChanged,
            Self::CaCompromise => rcgen::RevocationReason::CaCompromise,
            Self::CessationOfOperation => rcgen::RevocationReason::CessationOfOperation,
            Self::KeyCompromise => rcgen::RevocationReason::KeyCompromise,
            Self::PrivilegeWithdrawn => rcgen::RevocationReason::PrivilegeWithdrawn,
            Self::Superseded => rcgen::RevocationReason::Superseded,
            Self::Unspecified => rcgen::RevocationReason::Unspecified,
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for RevocationReason {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.name() == name)
            .ok_or_else(|| Error::RevocationList {
                why: format!(
                    "{name:?} is no reason to revoke for: {}",
                    Self::ALL.map(Self::name).join(", ")
                ),
            })
    }
}
