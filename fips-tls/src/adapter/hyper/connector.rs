use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;
use tower_service::Service;

use super::error::ConnectError;
use super::stream::HttpsStream;
use crate::adapter::tokio::Connector;

/// The longest that a TCP connection takes.
const TCP_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes HTTPS connections for hyper-util's client: HTTP/2 where ALPN agrees on it, else
/// HTTP/1.1. Refuses any address but `https`.
#[derive(Clone, Debug)]
pub struct HttpsConnector {
    tcp: HttpConnector,
    tls: Connector,
    name: Option<ServerName<'static>>,
}

impl HttpsConnector {
    /// Over TCP, with the configuration of `tls` and its application protocols.
    pub fn new(tls: Connector) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(TCP_TIMEOUT));
        Self {
            tcp,
            tls,
            name: None,
        }
    }

    /// The name that every server must have, whatever the address says.
    #[must_use]
    pub fn with_server_name(mut self, name: ServerName<'static>) -> Self {
        self.name = Some(name);
        self
    }

    fn server_name(&self, uri: &Uri) -> Result<ServerName<'static>, ConnectError> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let host = uri.host().unwrap_or_default();
        // RFC 3986 §3.2.2 puts IPv6 addresses in brackets.
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        ServerName::try_from(bare.unwrap_or(host).to_owned()).map_err(|_| ConnectError::Name {
            host: host.to_owned(),
        })
    }

    pub(crate) async fn connect(mut self, uri: Uri) -> Result<HttpsStream, ConnectError> {
        if uri.scheme_str() != Some("https") {
            return Err(ConnectError::NotHttps {
                uri: without_path(&uri),
            });
        }
        let name = self.server_name(&uri)?;
        let shown = without_path(&uri);
        let unreachable = |source| ConnectError::Tcp {
            uri: shown.clone(),
            source,
        };
        std::future::poll_fn(|context| self.tcp.poll_ready(context))
            .await
            .map_err(|error| unreachable(error.into()))?;
        let socket = self.tcp.call(uri).await;
        let socket = socket.map_err(|error| unreachable(error.into()))?;
        let socket = socket.into_inner();
        let address = socket
            .peer_addr()
            .map_err(|error| unreachable(error.into()))?;
        match self.tls.connect_to(name, socket, address).await {
            Ok(stream) => Ok(HttpsStream::new(stream)),
            Err(source) => Err(ConnectError::Tls { uri: shown, source }),
        }
    }
}

/// Paths and queries may hold what is nobody's business.
pub(crate) fn without_path(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // A user and password before the host.
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}")
}

impl Service<Uri> for HttpsConnector {
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
