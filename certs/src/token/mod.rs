//! Join tokens and node passwords: what a node proves with that it may join, and by what it
//! knows the cluster it joins.
//!
//! A [`JoinToken`] has k3s's form, `K10<SHA-256 of the CA>::<user>:<secret>`, and is
//! [judged](JoinToken::anchors) by its pin always. [`Tokens`] keeps, of the tokens that were
//! made, what tells a genuine one, never the secret.

mod issued;
mod list;
mod node;
mod pin;
mod wire;

use std::fmt;

pub use issued::{Created, TokenInfo, TokenParams, TokenState, Tokens};
pub use node::{Bound, NodePassword, NodePasswords};
pub use pin::Pin;
pub use wire::{Credentials, JoinToken};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What a token lets its holder join as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A node that runs workloads.
    Agent,
    /// A member of the control plane.
    Server,
}

impl Role {
    /// The user in the token: k3s calls agents `node`.
    pub fn user(self) -> &'static str {
        match self {
            Self::Agent => "node",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::Server => "server",
        })
    }
}

/// Why a token or a node's password is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRefused {
    /// The clock stands before a time the list has seen.
    #[error(
        "the clock stands before {seen}, when the list was last changed: set the clock; if it \
         was wrong then, make a new token, which takes the clock as it is"
    )]
    ClockSetBack {
        /// When the list was last changed.
        seen: OffsetDateTime,
    },
    /// Its time is over.
    #[error("it ended at {at}; make a new one")]
    Expired {
        /// When.
        at: OffsetDateTime,
    },
    /// It has none of the forms.
    #[error("it is no join token: {0}")]
    Form(&'static str),
    /// A node's password is another.
    #[error("{node} was bound to another password; remove it first if the node was set up anew")]
    OtherNodePassword {
        /// The node.
        node: String,
    },
    /// Its pin is of another CA.
    #[error("its pin {pinned} is not that of the CA, {found}")]
    OtherPin {
        /// The pin.
        pinned: Pin,
        /// The pin of the CA's file.
        found: Pin,
    },
    /// It was made again with another pin, and the time of both is over.
    #[error("it was replaced, and both were valid until {until}; use the new one")]
    Replaced {
        /// Until when.
        until: OffsetDateTime,
    },
    /// It was revoked.
    #[error("it was revoked at {at}")]
    Revoked {
        /// When.
        at: OffsetDateTime,
    },
    /// There is no such token.
    #[error("no token of the list is like it, or the node's password is not bound")]
    Unknown,
    /// A bootstrap token of kubeadm: the API server judges it.
    #[error("it is a bootstrap token, which is not in the list: the API server judges those")]
    Bootstrap,
    /// It has been used as often as it may.
    #[error("it has been used as often as it may be")]
    UsedUp,
    /// It has no pin.
    #[error(
        "it has no pin of the CA (K10, 64 digits, ::), so that whoever answers would be \
         believed; use the full token"
    )]
    Unpinned,
}
