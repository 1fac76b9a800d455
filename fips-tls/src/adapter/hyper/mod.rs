//! hyper: a connector for hyper-util's client, and a server over a
//! [`TlsListener`](super::tokio::TlsListener).
//!
//! ```no_run
//! use fips_tls::adapter::{hyper::HttpsConnector, tokio::Connector};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//!
//! # fn client(config: fips_tls::ClientConfig) -> Client<HttpsConnector, String> {
//! let connector = HttpsConnector::new(Connector::new(config));
//! Client::builder(TokioExecutor::new()).build(connector)
//! # }
//! ```

mod connector;
mod error;
mod serve;
mod stream;

pub use connector::HttpsConnector;
#[cfg(feature = "tonic")]
pub(crate) use connector::without_path;
pub use error::ConnectError;
pub use serve::serve;
pub use stream::HttpsStream;

/// HTTP/2 (RFC 9113 §3.2).
pub(crate) const H2: &[u8] = b"h2";
