//! etcd-client: a client over our channel. etcd-client's own TLS stays unused.
//!
//! ```no_run
//! # async fn client(config: fips_tls::ClientConfig) -> Result<(), Box<dyn std::error::Error>> {
//! use fips_tls::adapter::{etcd, tokio::Connector};
//!
//! let endpoints = ["https://10.0.0.1:2379", "https://10.0.0.2:2379"];
//! let mut client = etcd::connect(&endpoints, Connector::new(config), None).await?;
//! client.put("key", "value", None).await?;
//! # Ok(())
//! # }
//! ```

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ::hyper::Uri;
use ::tonic::transport::Endpoint;
use etcd_client::{Channel, Client, ConnectOptions};
use tower_service::Service;

use super::hyper::{ConnectError, HttpsStream};
use super::tokio::Connector;
use super::tonic::GrpcConnector;

/// Asks whether a silent connection is alive, as etcd's own clients do: a watch would not notice.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no etcd client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EtcdError {
    /// etcd's answer, to the authentication of a user.
    #[error("etcd: {0}")]
    Client(#[source] Box<etcd_client::Error>),
    /// Not an address.
    #[error(
        "{endpoint:?} is not an https address of an etcd member, such as https://10.0.0.1:2379"
    )]
    Endpoint {
        /// What was given.
        endpoint: String,
    },
    /// No address was given.
    #[error("no etcd endpoint: name at least one member")]
    NoEndpoint,
}

/// A client of the members at `endpoints`, `https` addresses: it keeps one connection, to the
/// first that answers, and goes on to the next where one does not. Each member's certificate
/// must hold the host of its address.
///
/// It connects with the first call. Of `options` those about the user and about calls count
/// (`with_user`, `with_require_leader`, `with_auto_token_refresh`); time limits of the connection
/// are the `connector`'s.
///
/// # Errors
///
/// [`EtcdError`]; with a user, also when no member can be reached.
pub async fn connect(
    endpoints: &[impl AsRef<str>],
    connector: Connector,
    options: Option<ConnectOptions>,
) -> Result<Client, EtcdError> {
    let members: Vec<Uri> = endpoints
        .iter()
        .map(|endpoint| member(endpoint.as_ref()))
        .collect::<Result<_, _>>()?;
    let first = members.first().ok_or(EtcdError::NoEndpoint)?;
    let channel = Endpoint::from(first.clone())
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(Members {
            connector: GrpcConnector::new(connector),
            last: Arc::new(AtomicUsize::new(0)),
            members: members.into(),
        });
    Client::from_channel(Channel::Tonic(channel), options)
        .await
        .map_err(|error| EtcdError::Client(Box::new(error)))
}

fn member(endpoint: &str) -> Result<Uri, EtcdError> {
    let uri: Option<Uri> = endpoint.parse().ok();
    uri.filter(|uri| uri.scheme_str() == Some("https") && uri.host().is_some())
        .ok_or_else(|| EtcdError::Endpoint {
            endpoint: endpoint.to_owned(),
        })
}

/// Connects to one of the members, first to the one that answered last.
#[derive(Clone)]
struct Members {
    connector: GrpcConnector,
    last: Arc<AtomicUsize>,
    members: Arc<[Uri]>,
}

impl Members {
    async fn connect(self) -> Result<HttpsStream, ConnectError> {
        let first = self.last.load(Ordering::Relaxed);
        let mut failed = Vec::new();
        for step in 0..self.members.len() {
            let index = (first + step) % self.members.len();
            match self
                .connector
                .clone()
                .connect(self.members[index].clone())
                .await
            {
                Ok(stream) => {
                    self.last.store(index, Ordering::Relaxed);
                    return Ok(stream);
                }
                Err(error) => failed.push(error),
            }
        }
        Err(ConnectError::Endpoints(failed))
    }
}

impl Service<Uri> for Members {
    type Response = HttpsStream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpsStream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
