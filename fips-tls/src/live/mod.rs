//! Configurations that change while connections go on.

use std::sync::Arc;

use crate::client::ClientConfig;
use crate::server::ServerConfig;

#[cfg(feature = "live")]
mod config;
#[cfg(feature = "live")]
mod file;
#[cfg(feature = "live")]
mod identity;
#[cfg(feature = "live")]
mod part;
#[cfg(feature = "live")]
mod places;
#[cfg(feature = "live")]
mod status;
#[cfg(feature = "live")]
mod trust;
#[cfg(feature = "live")]
mod watch;

#[cfg(feature = "live")]
pub use config::{Live, Watched};
#[cfg(feature = "live")]
pub use part::Part;
#[cfg(feature = "live")]
pub use status::{
    AnchorStatus, IdentityStatus, ListStatus, PartStatus, Refused, ServedLeaf, Status, TrustStatus,
};
#[cfg(feature = "live")]
pub use trust::TrustFiles;

/// Where a server or a client takes its configuration from, once for each connection.
///
/// A connection keeps the whole configuration it began with, its ticket keys, its sessions and
/// its verifier: nothing of one passes into the next.
pub trait Current<C>: Send + Sync + 'static {
    /// The configuration of now.
    fn current(&self) -> C;
}

impl Current<ClientConfig> for ClientConfig {
    fn current(&self) -> ClientConfig {
        self.clone()
    }
}

impl Current<ServerConfig> for ServerConfig {
    fn current(&self) -> ServerConfig {
        self.clone()
    }
}

impl<C, T: Current<C>> Current<C> for Arc<T> {
    fn current(&self) -> C {
        (**self).current()
    }
}
