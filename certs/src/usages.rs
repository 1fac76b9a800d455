//! What a leaf is for.

use serde::{Deserialize, Serialize};

/// The purposes of a leaf (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Usages {
    /// `id-kp-clientAuth` alone.
    Client,
    /// `id-kp-serverAuth` alone.
    Server,
    /// Both, as members of an etcd cluster need.
    ServerAndClient,
}

impl Usages {
    /// Whether a server may show it.
    pub const fn server(self) -> bool {
        matches!(self, Self::Server | Self::ServerAndClient)
    }

    /// Whether a client may show it.
    pub const fn client(self) -> bool {
        matches!(self, Self::Client | Self::ServerAndClient)
    }

    /// The names as `check` prints them.
    pub(crate) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Client => &["ClientAuth"],
            Self::Server => &["ServerAuth"],
            Self::ServerAndClient => &["ServerAuth", "ClientAuth"],
        }
    }

    pub(crate) fn to_rcgen(self) -> Vec<rcgen::ExtendedKeyUsagePurpose> {
        let mut purposes = Vec::new();
        if self.server() {
            purposes.push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        }
        if self.client() {
            purposes.push(rcgen::ExtendedKeyUsagePurpose::ClientAuth);
        }
        purposes
    }
}
