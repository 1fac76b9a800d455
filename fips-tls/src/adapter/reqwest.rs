//! reqwest: a client builder with one of our configurations. reqwest's own TLS stays unused.
//!
//! ```no_run
//! # async fn get(config: fips_tls::ClientConfig) -> Result<(), Box<dyn std::error::Error>> {
//! let client = fips_tls::adapter::reqwest::builder(&config).build()?;
//! println!("{}", client.get("https://example.com/").send().await?.status());
//! # Ok(())
//! # }
//! ```
//!
//! reqwest makes its connections by itself, out of a configuration it is given once. So
//!
//! * a new configuration needs a new client: [`LiveClient`] makes one whenever the current
//!   configuration is another than the last client's, and forgets the old one, with its idle
//!   connections;
//! * nothing of this crate sees a handshake's end, so sessions are not resumed: each handshake
//!   judges the server's chain;
//! * its handshakes are not among the [`counters`](crate::counters), and a time limit for them is
//!   `ClientBuilder::connect_timeout`, set to 10 s here.
//!
//! A later call of `tls_backend_rustls` on the builder takes the configuration out again: reqwest
//! then wants rustls's process default, and finds none or the one of
//! [`install_process_default`](crate::install_process_default).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::reqwest::{Client, ClientBuilder};
use rustls::client::Resumption;

use crate::client::ClientConfig;
use crate::live::Current;

/// The longest that a connection with its handshake takes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client builder with `config`: `https` alone, whatever redirects say.
///
/// HTTP/2 and HTTP/1.1 as the configuration's application protocols say.
pub fn builder(config: &ClientConfig) -> ClientBuilder {
    let mut rustls = rustls::ClientConfig::clone(&config.rustls());
    rustls.resumption = Resumption::disabled();
    Client::builder()
        .tls_backend_preconfigured(rustls)
        .https_only(true)
        .connect_timeout(CONNECT_TIMEOUT)
}

/// A client that follows a configuration that changes.
pub struct LiveClient {
    config: Arc<dyn Current<ClientConfig>>,
    build: Box<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
    last: Mutex<Option<(Arc<rustls::ClientConfig>, Client)>>,
}

impl LiveClient {
    /// Follows `config`; `build` adds a program's own settings to each new client.
    pub fn new(
        config: impl Current<ClientConfig>,
        build: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        Self {
            config: Arc::new(config),
            build: Box::new(build),
            last: Mutex::new(None),
        }
    }

    /// The client for the current configuration: ask before each request, and keep none.
    ///
    /// # Errors
    ///
    /// reqwest's, where it refuses the settings.
    pub fn client(&self) -> ::reqwest::Result<Client> {
        let config = self.config.current();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, client)) = &*last
            && Arc::ptr_eq(of, &config.rustls())
        {
            return Ok(client.clone());
        }
        let client = (self.build)(builder(&config)).build()?;
        *last = Some((config.rustls(), client.clone()));
        Ok(client)
    }
}

/// The configuration shows itself where it is kept.
impl fmt::Debug for LiveClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveClient").finish_non_exhaustive()
    }
}
