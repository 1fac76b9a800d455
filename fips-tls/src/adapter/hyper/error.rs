use std::error::Error;

use crate::adapter::tokio::HandshakeError;

/// Why an HTTPS connection was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No endpoint answered: why each did not.
    #[error("no endpoint can be reached:{}", list(.0))]
    Endpoints(Vec<Self>),
    /// The host of the address is no name that a certificate can hold.
    #[error("{host:?} is no DNS name or IP address (RFC 9525 §2): a certificate cannot name it")]
    Name {
        /// The host.
        host: String,
    },
    /// An address without `https`: nothing goes out in the clear.
    #[error("{uri} is not an https address: this connector sends nothing in the clear")]
    NotHttps {
        /// The address.
        uri: String,
    },
    /// The server agreed to no HTTP/2, which gRPC runs on.
    #[error(
        "the server at {uri} did not agree to HTTP/2 (ALPN h2, RFC 9113 §3.2): look whether it \
         speaks gRPC on this port"
    )]
    NotHttp2 {
        /// The address.
        uri: String,
    },
    /// No connection to the server.
    #[error("no connection to {uri}: {source}")]
    Tcp {
        /// The address.
        uri: String,
        /// The system's answer.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The TLS handshake failed.
    #[error("{uri}: {source}")]
    Tls {
        /// The address.
        uri: String,
        /// Why, and how to mend it.
        #[source]
        source: HandshakeError,
    },
}

fn list(errors: &[ConnectError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}
