//! axum: a [`TlsListener`] is a listener of `axum::serve`, and a [`Peer`] its `ConnectInfo`.
//!
//! ```no_run
//! use axum::{Router, extract::ConnectInfo, routing::get};
//! use fips_tls::adapter::tokio::{Acceptor, Peer, TlsListener};
//!
//! async fn whoami(ConnectInfo(peer): ConnectInfo<Peer>) -> String {
//!     peer.identity().map_or_else(String::new, |peer| peer.subject().to_owned())
//! }
//!
//! # async fn serve(config: fips_tls::ServerConfig) -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8443").await?;
//! let listener = TlsListener::new(listener, Acceptor::new(config));
//! let app = Router::new().route("/whoami", get(whoami));
//! axum::serve(listener, app.into_make_service_with_connect_info::<Peer>()).await
//! # }
//! ```

use std::io;
use std::net::SocketAddr;

use ::axum::extract::connect_info::Connected;
use ::axum::serve::{IncomingStream, Listener};
use ::tokio::net::TcpStream;

use super::tokio::{Peer, TlsListener, TlsStream};

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let stream = Self::accept(self).await;
            // A listener's peers have addresses.
            if let Some(address) = stream.peer().address() {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Self::local_addr(self)
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.io().peer().clone()
    }
}
