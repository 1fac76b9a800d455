//! A client of etcd's JSON gateway, over connections that fips-tls makes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::BASE64;
use fips_boundary::core::Boundary;
use fips_boundary::tls::{ClientConfig, Identity, Profile, Session, Trust};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Failure;

/// Longest wait for one answer before the request is tried elsewhere.
const PATIENCE: Duration = Duration::from_secs(5);

/// What connections are made from; certificate files are read for each new connection, so that
/// a renewed one is used at once.
#[derive(Clone)]
pub(crate) struct Client {
    boundary: Boundary,
    tls: PathBuf,
}

/// One open connection to one member.
pub(crate) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// What its handshake came to.
    pub(crate) session: Session,
    /// Serial number of our own certificate in that handshake.
    pub(crate) own_serial: String,
}

impl Client {
    pub(crate) fn new(boundary: Boundary, tls: &Path) -> Self {
        Self {
            boundary,
            tls: tls.to_owned(),
        }
    }

    /// Connects to `endpoint` with the certificate that is on disk now.
    pub(crate) async fn connect(&self, endpoint: &str) -> Result<Connection, Failure> {
        let etcd = self.tls.join("etcd");
        let identity = Identity::from_files(
            &self.boundary,
            etcd.join("client.crt"),
            etcd.join("client.key"),
        )
        .map_err(|e| Failure::new("read the client's certificate", e))?;
        let own_serial = identity.leaf().serial().to_owned();
        let trust = Trust::from_file(etcd.join("server-ca.crt"))
            .map_err(|e| Failure::new("read etcd's authority", e))?;
        let config = ClientConfig::builder(&self.boundary, Profile::sp800_52r2())
            .with_trust(trust)
            .with_identity(identity)
            .build()
            .map_err(|e| Failure::new("configure TLS", e))?;
        let name = ServerName::try_from("127.0.0.1").map_err(|e| Failure::new("name etcd", e))?;
        let handshake = async {
            let tcp = TcpStream::connect(endpoint).await?;
            tcp.set_nodelay(true)?;
            TlsConnector::from(config.rustls()).connect(name, tcp).await
        };
        let stream = tokio::time::timeout(PATIENCE, handshake)
            .await
            .map_err(|e| Failure::new(&format!("connect to {endpoint}"), e))?
            .map_err(|e| Failure::new(&format!("connect to {endpoint}"), e))?;
        let session = Session::of(stream.get_ref().1)
            .map_err(|e| Failure::new("describe the connection", e))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| Failure::new("speak HTTP to etcd", e))?;
        tokio::spawn(connection);
        Ok(Connection {
            sender,
            session,
            own_serial,
        })
    }

    /// Whether the member at `endpoint` says it is healthy.
    pub(crate) async fn healthy(&self, endpoint: &str) -> Result<bool, Failure> {
        let mut connection = self.connect(endpoint).await?;
        let answer = connection.call(Method::GET, "/health", Vec::new()).await?;
        Ok(answer["health"] == "true")
    }
}

impl Connection {
    /// Writes `value` under `key`; answers when a quorum has it.
    pub(crate) async fn put(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        let body = json!({ "key": encode(key), "value": encode(value) });
        self.call(Method::POST, "/v3/kv/put", body.to_string().into_bytes())
            .await?;
        Ok(())
    }

    /// Reads what is under `key`, by quorum.
    pub(crate) async fn range(&mut self, key: &str) -> Result<Option<String>, Failure> {
        let body = json!({ "key": encode(key) });
        let answer = self
            .call(Method::POST, "/v3/kv/range", body.to_string().into_bytes())
            .await?;
        let Some(value) = answer["kvs"][0]["value"].as_str() else {
            return Ok(None);
        };
        let bytes = BASE64
            .decode(value.as_bytes())
            .map_err(|e| Failure::new("read etcd's answer", e))?;
        String::from_utf8(bytes)
            .map(Some)
            .map_err(|e| Failure::new("read etcd's answer", e))
    }

    async fn call(&mut self, method: Method, path: &str, body: Vec<u8>) -> Result<Value, Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure::say(&format!("etcd, {path}: {e}"));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1")
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| failed(&e))?;
        let exchange = async {
            let response = self.sender.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, body))
        };
        let (status, body) = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|e| failed(&e))?
            .map_err(|e| failed(&e))?;
        if status != StatusCode::OK {
            return Err(failed(&format!(
                "{status}: {}",
                String::from_utf8_lossy(&body)
            )));
        }
        serde_json::from_slice(&body).map_err(|e| failed(&e))
    }
}

fn encode(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}
