//! Health, metrics and status over mutual TLS.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use fips_core::Boundary;
use fips_tls::adapter::tokio::Acceptor;
use fips_tls::{Current, Identity, Profile, ServerConfig, Trust};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::config::{Config, Endpoint};
use crate::error::Error;
use crate::metrics;
use crate::snapshot::Shared;

/// The longest a handshake, or the head of a request, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest a connection is kept.
const LONGEST: Duration = Duration::from_secs(300);
/// Connections served at once; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 64;

/// An endpoint that serves what `shared` holds.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    boundary: Boundary,
    shared: Shared,
    files: [PathBuf; 3],
    clients: Vec<String>,
    serving: RwLock<Serving>,
    patience: Duration,
}

#[derive(Debug)]
struct Serving {
    config: ServerConfig,
    serial: String,
}

/// Asked once for each connection.
impl Current<ServerConfig> for Server {
    fn current(&self) -> ServerConfig {
        let serving = self
            .0
            .serving
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        serving.config.clone()
    }
}

impl Server {
    /// Loads certificate, key and trust.
    pub(crate) fn new(
        boundary: Boundary,
        config: &Config,
        endpoint: &Endpoint,
        shared: Shared,
    ) -> Result<Self, Error> {
        let files = [&endpoint.certificate, &endpoint.key, &endpoint.client_ca]
            .map(|path| config.dir.join(path));
        Ok(Self(Arc::new(Inner {
            serving: RwLock::new(load(&boundary, &files)?),
            boundary,
            shared,
            files,
            clients: endpoint.clients.clone(),
            patience: config.patience(),
        })))
    }

    /// Takes up what is on disk now; what was served before stays when it cannot be used.
    pub(crate) fn reload(&self) -> Result<(), Error> {
        let fresh = load(&self.0.boundary, &self.0.files)?;
        let mut serving = self
            .0
            .serving
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if serving.serial != fresh.serial {
            tracing::info!(
                serial = fresh.serial,
                "the endpoint serves a new certificate"
            );
        }
        *serving = fresh;
        Ok(())
    }

    /// Serves without end.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let (socket, from) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, or a client that went away: neither ends the server.
                    tracing::warn!(%error, "the endpoint cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let server = self.clone();
            tokio::spawn(async move {
                if let Ok(Err(why)) = tokio::time::timeout(LONGEST, server.one(socket)).await {
                    tracing::info!(%from, why, "a connection to the endpoint failed");
                }
                drop(place);
            });
        }
    }

    async fn one(&self, socket: TcpStream) -> Result<(), String> {
        let stream = Acceptor::new(self.clone())
            .with_handshake_timeout(PATIENCE)
            .accept(socket)
            .await
            .map_err(|error| error.to_string())?;
        let session = stream.session();
        let name = session.peer.as_ref().and_then(|peer| peer.common_name());
        let welcome = self.0.clients.is_empty()
            || name.is_some_and(|name| self.0.clients.iter().any(|client| client == name));
        let service = service_fn(|request: Request<Incoming>| {
            let answer = if welcome {
                self.answer(request.method(), request.uri().path())
            } else {
                text(
                    StatusCode::FORBIDDEN,
                    "this client is none of those the agent answers\n",
                )
            };
            async move { Ok::<_, Infallible>(answer) }
        });
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(16 * 1024)
            .serve_connection(TokioIo::new(stream), service)
            .await
            .map_err(|error| error.to_string())
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(ALLOW, allowed);
            return answer;
        }
        let open = self.0.boundary.still_open();
        match path {
            "/healthz" => {
                let silent = self.0.shared.silent_for();
                match open {
                    Err(closed) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{closed}\n")),
                    Ok(()) if silent > self.0.patience => text(
                        StatusCode::SERVICE_UNAVAILABLE,
                        format!("no look has ended for {} s\n", silent.as_secs()),
                    ),
                    Ok(()) => text(StatusCode::OK, "ok\n"),
                }
            }
            "/readyz" => {
                let snapshot = self.0.shared.get();
                match (open, snapshot.looked, snapshot.last_error) {
                    (Err(closed), ..) => {
                        text(StatusCode::SERVICE_UNAVAILABLE, format!("{closed}\n"))
                    }
                    (Ok(()), _, Some(error)) => {
                        text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
                    }
                    (Ok(()), None, None) => {
                        text(StatusCode::SERVICE_UNAVAILABLE, "no look has ended yet\n")
                    }
                    (Ok(()), Some(_), None) => text(StatusCode::OK, "ok\n"),
                }
            }
            "/metrics" => match metrics::render(&self.0.shared.get(), open.is_ok()) {
                Ok(body) => typed(StatusCode::OK, metrics::CONTENT_TYPE, body),
                Err(_) => text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the metrics cannot be written\n",
                ),
            },
            "/status" => match serde_json::to_string_pretty(&self.0.shared.get()) {
                Ok(body) => typed(StatusCode::OK, "application/json", body + "\n"),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            },
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /healthz, /readyz, /metrics and /status\n",
            ),
        }
    }
}

fn load(boundary: &Boundary, [certificate, key, ca]: &[PathBuf; 3]) -> Result<Serving, Error> {
    let identity = Identity::from_files(boundary, certificate, key)?;
    let serial = identity.leaf().serial().to_owned();
    let config = ServerConfig::builder(boundary, Profile::sp800_52r2())
        .with_identity(identity)
        .with_client_trust(Trust::from_file(ca)?)
        .with_alpn(&[b"http/1.1"])
        .build()?;
    Ok(Serving { config, serial })
}

fn text(status: StatusCode, body: impl Into<String>) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body.into())
}

fn typed(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
