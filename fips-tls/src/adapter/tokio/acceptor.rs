use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::HANDSHAKE_TIMEOUT;
use super::error::HandshakeError;
use super::handshake::Handshake;
use super::stream::TlsStream;
use crate::counters::Side;
use crate::live::Current;
use crate::server::ServerConfig;

/// The server's side of handshakes. A clone shares the configuration.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<dyn Current<ServerConfig>>,
    limit: Duration,
}

impl Acceptor {
    /// Accepts under whatever configuration is current when a connection begins.
    pub fn new(config: impl Current<ServerConfig>) -> Self {
        Self {
            config: Arc::new(config),
            limit: HANDSHAKE_TIMEOUT,
        }
    }

    /// The longest a handshake takes: 10 s unless given.
    #[must_use]
    pub fn with_handshake_timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The handshake on an accepted connection, which is closed on an error: a refused peer has
    /// half a second to read why.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]: the reason and, where a certificate was refused, whose.
    pub async fn accept<IO>(&self, io: IO) -> Result<TlsStream<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.handshake(io, None).await
    }

    /// As [`accept`](Self::accept), with the peer's address for errors, events and
    /// [`Peer`](super::Peer).
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub async fn accept_from<IO>(
        &self,
        io: IO,
        address: SocketAddr,
    ) -> Result<TlsStream<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.handshake(io, Some(address)).await
    }

    async fn handshake<IO>(
        &self,
        io: IO,
        address: Option<SocketAddr>,
    ) -> Result<TlsStream<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = Handshake {
            side: Side::Server,
            address,
            limit: self.limit,
        };
        let accept = TlsAcceptor::from(self.config.current().rustls())
            .accept(io)
            .into_fallible();
        let (stream, session) = handshake
            .run(accept, |stream| {
                self.config.current().session(stream.get_ref().1)
            })
            .await?;
        Ok(TlsStream::new(stream.into(), address, session))
    }
}

/// The configuration shows itself where it is kept.
impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
