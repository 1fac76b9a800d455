use std::convert::Infallible;
use std::error::Error;

use ::hyper::body::{Body, Incoming};
use ::hyper::service::Service;
use ::hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;

use super::H2;
use crate::adapter::tokio::{Peer, TlsListener};

/// Serves what `service` makes for each peer, without end: HTTP/2 where ALPN agreed on it, else
/// HTTP/1.1. Dropping the future stops accepting; connections that were accepted go on.
///
/// A connection that fails is told by `tracing` and ends alone.
pub async fn serve<S, B>(
    mut listener: TlsListener,
    mut service: impl FnMut(&Peer) -> S,
) -> Infallible
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    loop {
        let stream = listener.accept().await;
        let service = service(stream.peer());
        let address = stream.peer().address();
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new());
        builder.http2().timer(TokioTimer::new());
        let builder = if stream.session().alpn.as_deref() == Some(H2) {
            builder.http2_only()
        } else {
            builder.http1_only()
        };
        ::tokio::spawn(async move {
            let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(
                    address = address.map(tracing::field::display),
                    error = &*error,
                    "an HTTP connection ended early"
                );
            }
        });
    }
}
