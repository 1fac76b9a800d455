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

/// Gives the configuration that a connection begins with.
///
/// Asked once for each connection, so that a reload needs no restart. A connection keeps the
/// whole configuration it began with, its tickets, sessions and trust included: nothing of one
/// generation passes into another.
pub trait Current<C>: Send + Sync + 'static {
    /// The one of now.
    fn current(&self) -> C;
}

/// One that never changes.
impl Current<ClientConfig> for ClientConfig {
    fn current(&self) -> ClientConfig {
        self.clone()
    }
}

/// One that never changes.
impl Current<ServerConfig> for ServerConfig {
    fn current(&self) -> ServerConfig {
        self.clone()
    }
}

impl<C, T: Current<C> + ?Sized> Current<C> for Arc<T> {
    fn current(&self) -> C {
        (**self).current()
    }
}
