use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::hyper::rt::{Read, ReadBufCursor, Write};
use ::tokio::net::TcpStream;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;

use super::H2;
use crate::adapter::tokio::{Peer, TlsStream};

/// A TLS connection as hyper reads and writes it. Responses that came over it have the server's
/// [`Peer`] among their extensions.
#[derive(Debug)]
pub struct HttpsStream(TokioIo<TlsStream<TcpStream>>);

impl HttpsStream {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self(TokioIo::new(stream))
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        self.0.inner().peer()
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.peer().session().alpn.as_deref() == Some(H2)
    }
}

impl Connection for HttpsStream {
    fn connected(&self) -> Connected {
        let connected = self.0.inner().get_ref().0.connected();
        let connected = connected.extra(self.peer().clone());
        if self.is_http2() {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl Read for HttpsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for HttpsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }
}
