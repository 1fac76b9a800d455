//! tokio-rustls: an acceptor, a connector, and a listener whose handshakes do not wait for each
//! other.
//!
//! ```no_run
//! # use fips_tls::{ServerConfig, adapter::tokio::{Acceptor, HandshakeError}};
//! # async fn one(config: ServerConfig, socket: tokio::net::TcpStream) -> Result<(), HandshakeError> {
//! let acceptor = Acceptor::new(config);
//! let stream = acceptor.accept(socket).await?;
//! if let Some(peer) = &stream.session().peer {
//!     println!("{}", peer.subject());
//! }
//! # Ok(())
//! # }
//! ```

mod acceptor;
mod connector;
mod error;
mod handshake;
mod listener;
mod stream;

use std::time::Duration;

pub use acceptor::Acceptor;
pub use connector::Connector;
pub use error::{HandshakeError, HandshakeFailure};
pub use listener::TlsListener;
pub use stream::{Peer, TlsStream};

/// The longest a handshake takes unless another time is given.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
