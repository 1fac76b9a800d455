use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::HANDSHAKE_TIMEOUT;
use super::error::HandshakeError;
use super::handshake::Handshake;
use super::stream::TlsStream;
use crate::client::ClientConfig;
use crate::counters::Side;
use crate::live::Current;

/// The client's side of handshakes. A clone shares the configuration, and so its sessions.
#[derive(Clone)]
pub struct Connector {
    config: Arc<dyn Current<ClientConfig>>,
    limit: Duration,
    alpn: Option<Vec<Vec<u8>>>,
}

impl Connector {
    /// Connects under whatever configuration is current when a connection begins.
    pub fn new(config: impl Current<ClientConfig>) -> Self {
        Self {
            config: Arc::new(config),
            limit: HANDSHAKE_TIMEOUT,
            alpn: None,
        }
    }

    /// The longest a handshake takes: 10 s unless given.
    #[must_use]
    pub fn with_handshake_timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Application protocols (RFC 7301) in place of the configuration's, most wanted first.
    #[must_use]
    pub fn with_alpn(mut self, protocols: &[&[u8]]) -> Self {
        self.alpn = Some(protocols.iter().map(|name| name.to_vec()).collect());
        self
    }

    /// The handshake with the server called `name`, on a connection that is closed on an error.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]: the reason and, where a certificate was refused, whose.
    pub async fn connect<IO>(
        &self,
        name: ServerName<'static>,
        io: IO,
    ) -> Result<TlsStream<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.handshake(name, io, None).await
    }

    /// As [`connect`](Self::connect), with the server's address for errors, events and
    /// [`Peer`](super::Peer).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_to<IO>(
        &self,
        name: ServerName<'static>,
        io: IO,
        address: SocketAddr,
    ) -> Result<TlsStream<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.handshake(name, io, Some(address)).await
    }

    async fn handshake<IO>(
        &self,
        name: ServerName<'static>,
        io: IO,
        address: Option<SocketAddr>,
    ) -> Result<TlsStream<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = Handshake {
            side: Side::Client,
            address,
            limit: self.limit,
        };
        let config = self.config.current();
        let alpn = match &self.alpn {
            Some(alpn) => alpn.clone(),
            None => config.rustls_for(&name).alpn_protocols.clone(),
        };
        let connect = TlsConnector::from(config.rustls_for(&name))
            .with_alpn(alpn)
            .connect(name.clone(), io)
            .into_fallible();
        let (stream, session) = handshake
            .run(connect, |stream| {
                self.config.current().session(&name, stream.get_ref().1)
            })
            .await?;
        Ok(TlsStream::new(stream.into(), address, session))
    }
}

/// The configuration shows itself where it is kept.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("limit", &self.limit)
            .field("alpn", &self.alpn)
            .finish_non_exhaustive()
    }
}
