//! Configurations that may change while they are used.

use std::sync::Arc;

use crate::client::ClientConfig;
use crate::server::ServerConfig;

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
