//! kube: a client over our connector, from a `kube::Config` with its authentication. kube's own
//! TLS stays unused.
//!
//! ```no_run
//! # async fn client(boundary: fips_core::Boundary) -> Result<(), Box<dyn std::error::Error>> {
//! use fips_tls::Profile;
//! use fips_tls::adapter::{kube, tokio::Connector};
//!
//! let config = ::kube::Config::infer().await?;
//! let tls = kube::tls(&boundary, Profile::sp800_52r2(), &config)?;
//! let client = kube::client(config, Connector::new(tls))?;
//! println!("{}", client.apiserver_version().await?.git_version);
//! # Ok(())
//! # }
//! ```
//!
//! A program names the version of `k8s-openapi` that it is for, as kube asks of it.

use ::kube::client::retry::RetryPolicy;
use ::kube::client::{Body, ConfigExt};
use ::kube::config::AuthInfo;
use ::kube::{Client, Config};
use base64ct::{Base64, Encoding};
use fips_core::Boundary;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::{CertificateDer, ServerName};
use secrecy::ExposeSecret;
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder};
use zeroize::Zeroizing;

use super::hyper::HttpsConnector;
use super::tokio::Connector;
use crate::client::ClientConfig;
use crate::error::Error;
use crate::identity::Identity;
use crate::policy::Profile;
use crate::trust::Trust;

/// Why there is no Kubernetes client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeError {
    /// kube cannot make its authentication from the configuration.
    #[error("kubeconfig: {0}")]
    Authentication(#[source] Box<::kube::Error>),
    /// An entry of the kubeconfig cannot be taken.
    #[error("kubeconfig: {entry}: {why}")]
    Entry {
        /// Its name there.
        entry: &'static str,
        /// Why, and how to mend it.
        why: String,
    },
    /// The identity or the trust of the kubeconfig breaks the policy.
    #[error("kubeconfig: {0}")]
    Tls(#[source] Box<Error>),
}

fn entry(entry: &'static str, why: impl Into<String>) -> KubeError {
    let why = why.into();
    KubeError::Entry { entry, why }
}

/// The trust and the client's identity of a `kube::Config`, under `profile`.
///
/// Files of a client's identity are read once; for one that is renewed, build a configuration
/// that reloads and give it to the connector in place of this one.
///
/// # Errors
///
/// [`KubeError::Tls`] when the policy refuses the trust or the identity; [`KubeError::Entry`]
/// when one is missing or unreadable, or when verification is switched off.
pub fn tls(
    boundary: &Boundary,
    profile: Profile,
    config: &Config,
) -> Result<ClientConfig, KubeError> {
    let policy = |error| KubeError::Tls(Box::new(error));
    verifies(config)?;
    let authorities = config.root_cert.as_ref().ok_or_else(|| {
        entry(
            "certificate-authority-data",
            "there is none: name the cluster's CA; the system's are not taken",
        )
    })?;
    let authorities = authorities.iter().cloned().map(CertificateDer::from);
    let trust = Trust::from_der(authorities.collect()).map_err(policy)?;
    let mut builder = ClientConfig::builder(boundary, profile).with_trust(trust);
    if let Some(identity) = identity(boundary, &config.auth_info)? {
        builder = builder.with_identity(identity);
    }
    builder.build().map_err(policy)
}

/// A client of the cluster in `config`, over `connector`: trust and identity are the
/// connector's, all else the configuration's.
///
/// # Errors
///
/// [`KubeError`]: a proxy, which would need another connector; verification switched off; a
/// plugin that answers with a certificate.
pub fn client(config: Config, connector: Connector) -> Result<Client, KubeError> {
    verifies(&config)?;
    if config.proxy_url.is_some() {
        return Err(entry("proxy-url", "proxies are not supported: take it out"));
    }
    // kube speaks HTTP/1.1 unless asked otherwise, so that calls do not wait for each other.
    let mut https = HttpsConnector::new(connector.with_alpn(&[b"http/1.1"]));
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone())
            .map_err(|_| entry("tls-server-name", format!("{name:?} is no name")))?;
        https = https.with_server_name(name);
    }
    let failed = |error| KubeError::Authentication(Box::new(error));
    let authentication = config.auth_layer().map_err(failed)?;
    if config.auth_info.exec.is_some() && authentication.is_none() {
        return Err(entry(
            "exec",
            "the plugin answers with a certificate and no token: give the certificate to the \
             connector's configuration, and take the plugin out",
        ));
    }
    let mut connector = TimeoutConnector::new(https);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let retry = config.default_retry.then(RetryPolicy::server_retry);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(retry.map(RetryLayer::new))
        .option_layer(authentication)
        .layer(config.extra_headers_layer().map_err(failed)?)
        .map_err(BoxError::from)
        .service(legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector));
    Ok(Client::new(service, config.default_namespace))
}

fn verifies(config: &Config) -> Result<(), KubeError> {
    if config.accept_invalid_certs {
        return Err(entry(
            "insecure-skip-tls-verify",
            "a server's certificate is always verified: take it out, and name the cluster's CA",
        ));
    }
    Ok(())
}

/// The client's certificate and key, through this crate's judgement.
fn identity(boundary: &Boundary, info: &AuthInfo) -> Result<Option<Identity>, KubeError> {
    let key_data = info.client_key_data.as_ref();
    let identity = match (&info.client_certificate_data, key_data) {
        (Some(chain), Some(key)) => {
            let chain = decode("client-certificate-data", chain)?;
            let key = decode("client-key-data", key.expose_secret())?;
            Identity::from_pem(boundary, &*chain, &*key)
        }
        (None, None) => match (&info.client_certificate, &info.client_key) {
            (Some(chain), Some(key)) => Identity::from_files(boundary, chain, key),
            (None, None) => return Ok(None),
            _ => return Err(halves()),
        },
        _ => return Err(halves()),
    };
    identity
        .map(Some)
        .map_err(|error| KubeError::Tls(Box::new(error)))
}

fn halves() -> KubeError {
    entry(
        "client-certificate and client-key",
        "give both, either as data or as files",
    )
}

fn decode(name: &'static str, text: &str) -> Result<Zeroizing<Vec<u8>>, KubeError> {
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    compact.extend(text.chars().filter(|letter| !letter.is_ascii_whitespace()));
    Base64::decode_vec(&compact)
        .map(Zeroizing::new)
        .map_err(|_| entry(name, "not base64 (RFC 4648 §4): make the kubeconfig again"))
}
