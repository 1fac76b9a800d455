use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::CommonState;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::peer::PeerIdentity;
use crate::session::Session;

/// A connection whose handshake is finished and whose peer was taken.
///
/// It keeps the configuration it began with for as long as it lives.
#[derive(Debug)]
pub struct TlsStream<IO> {
    inner: tokio_rustls::TlsStream<IO>,
    peer: Peer,
}

/// Who is at the other end of a connection: what servers get to know about each request's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    address: Option<SocketAddr>,
    session: Arc<Session>,
}

impl Peer {
    /// Its address, where it is known.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Who it is: none when it showed no certificate.
    pub fn identity(&self) -> Option<&PeerIdentity> {
        self.session.peer.as_ref()
    }

    /// What the handshake agreed on.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl<IO> TlsStream<IO> {
    pub(super) fn new(
        inner: tokio_rustls::TlsStream<IO>,
        address: Option<SocketAddr>,
        session: Session,
    ) -> Self {
        let session = Arc::new(session);
        Self {
            inner,
            peer: Peer { address, session },
        }
    }

    /// What the handshake agreed on, and with whom.
    pub fn session(&self) -> &Session {
        self.peer.session()
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The connection below, and rustls's state.
    pub fn get_ref(&self) -> (&IO, &CommonState) {
        self.inner.get_ref()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(context, buffer)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}
