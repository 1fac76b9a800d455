//! tonic: a server's incoming connections, and a client's channel.
//!
//! Each request of such a server has the [`Peer`] among its extensions. The server's
//! configuration names `h2` as its application protocol; a channel asks for `h2` whatever its
//! configuration names, and takes no server without it.
//!
//! ```no_run
//! use fips_tls::adapter::tokio::{Acceptor, TlsListener};
//! use fips_tls::adapter::tonic::Incoming;
//!
//! # async fn serve(config: fips_tls::ServerConfig) -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:50051").await?;
//! let incoming = Incoming::new(TlsListener::new(listener, Acceptor::new(config)));
//! // Server::builder().add_service(…).serve_with_incoming(incoming).await?;
//! # drop(incoming);
//! # Ok(())
//! # }
//! ```

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::Uri;
use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::net::TcpStream;
use ::tonic::transport::server::Connected;
use ::tonic::transport::{Channel, Endpoint, Error};
use futures_core::Stream;
use tower_service::Service;

use super::hyper::{ConnectError, H2, HttpsConnector, HttpsStream};
use super::tokio::{Connector, Peer, TlsListener, TlsStream};

/// The connections of a [`TlsListener`], for `Server::serve_with_incoming`.
#[derive(Debug)]
pub struct Incoming(TlsListener);

impl Incoming {
    /// Of `listener`.
    pub fn new(listener: TlsListener) -> Self {
        Self(listener)
    }
}

impl Stream for Incoming {
    type Item = io::Result<TlsStream<TcpStream>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(ready!(self.0.poll_accept(context)))))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Connected for TlsStream<IO> {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer().clone()
    }
}

/// A channel to `endpoint`, an `https` address; it connects with the first call.
pub fn channel(endpoint: &Endpoint, connector: Connector) -> Channel {
    endpoint.connect_with_connector_lazy(GrpcConnector::new(connector))
}

/// As [`channel`], and connects now.
///
/// # Errors
///
/// tonic's, with a [`ConnectError`] among its sources.
pub async fn connect(endpoint: &Endpoint, connector: Connector) -> Result<Channel, Error> {
    let connector = GrpcConnector::new(connector);
    endpoint.connect_with_connector(connector).await
}

/// Connects over HTTP/2 alone, which gRPC needs.
#[derive(Clone, Debug)]
pub(crate) struct GrpcConnector(HttpsConnector);

impl GrpcConnector {
    pub(crate) fn new(connector: Connector) -> Self {
        Self(HttpsConnector::new(connector.with_alpn(&[H2])))
    }

    pub(crate) async fn connect(self, uri: Uri) -> Result<HttpsStream, ConnectError> {
        let shown = super::hyper::without_path(&uri);
        let stream = self.0.connect(uri).await?;
        if stream.is_http2() {
            Ok(stream)
        } else {
            Err(ConnectError::NotHttp2 { uri: shown })
        }
    }
}

impl Service<Uri> for GrpcConnector {
    type Response = HttpsStream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpsStream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
