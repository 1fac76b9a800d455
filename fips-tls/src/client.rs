use std::sync::Arc;

use fips_core::Boundary;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{CommonState, NoKeyLog, SignatureScheme};

use crate::authorization::Authorization;
use crate::check::{self, ClientParts, ConfigFault};
use crate::error::Error;
use crate::identity::Identity;
use crate::policy::Profile;
use crate::provider::{provider, still_open};
use crate::resumption::BoundedSessions;
use crate::server::{config_error, no_faults};
use crate::session::{self, Session};
use crate::trust::Trust;
use crate::verifier::PolicyServerVerifier;

/// A client configuration that was checked after its last change.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    rustls: Arc<rustls::ClientConfig>,
    profile: Profile,
    parts: ClientParts,
    judge: Arc<PolicyServerVerifier>,
}

impl ClientConfig {
    /// Begins a configuration: whom to trust next.
    pub fn builder(boundary: &Boundary, profile: Profile) -> ClientBuilder<WantsTrust> {
        ClientBuilder {
            provider: provider(boundary, &profile),
            profile,
            state: WantsTrust(()),
        }
    }

    /// The configuration for rustls, tokio-rustls and what is built on them.
    pub fn rustls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.rustls)
    }

    /// The profile it was built from.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Reads a finished connection to `name`, made with this configuration or an earlier one.
    ///
    /// A resumed session restores the server's chain without judging it, and an earlier
    /// configuration may have believed what this one does not: so the chain is judged here, as at
    /// a full handshake.
    ///
    /// # Errors
    ///
    /// As [`Session::of`], and [`Error::Peer`]: close the connection.
    pub fn session(&self, name: &ServerName<'_>, state: &CommonState) -> Result<Session, Error> {
        session::judged(state, &self.parts.clock, |chain, now| {
            self.judge.believe(chain, name, now)
        })
    }

    /// Checks `config`, a changed copy of [`rustls`](Self::rustls), against what was built.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with every reason found.
    pub fn check(&self, config: &rustls::ClientConfig) -> Result<(), Error> {
        no_faults(
            &self.profile,
            check::client(config, &self.profile, &self.parts),
        )
    }
}

/// Builds a [`ClientConfig`], one decision after another.
#[derive(Debug)]
pub struct ClientBuilder<State> {
    provider: Arc<CryptoProvider>,
    profile: Profile,
    state: State,
}

/// Waits for [`with_trust`](ClientBuilder::with_trust).
#[derive(Debug)]
pub struct WantsTrust(());

/// Ready to be built.
#[derive(Debug)]
pub struct ClientReady {
    trust: Trust,
    authorization: Option<Authorization>,
    identity: Option<Identity>,
    alpn: Vec<Vec<u8>>,
    clock: Arc<dyn TimeProvider>,
}

impl ClientBuilder<WantsTrust> {
    /// The CAs whose servers are taken.
    pub fn with_trust(self, trust: Trust) -> ClientBuilder<ClientReady> {
        ClientBuilder {
            provider: self.provider,
            profile: self.profile,
            state: ClientReady {
                trust,
                authorization: None,
                identity: None,
                alpn: Vec::new(),
                clock: Arc::new(DefaultTimeProvider),
            },
        }
    }
}

impl ClientBuilder<ClientReady> {
    /// What the client shows and signs with when a server asks.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.state.identity = Some(identity);
        self
    }

    /// Application protocols (RFC 7301), most wanted first.
    #[must_use]
    pub fn with_alpn(mut self, protocols: &[&[u8]]) -> Self {
        self.state.alpn = protocols.iter().map(|name| name.to_vec()).collect();
        self
    }

    /// Which of the servers that are trusted are taken, beside that they have the name connected
    /// to. Without rules, all of them.
    #[must_use]
    pub fn with_authorization(mut self, authorization: Authorization) -> Self {
        self.state.authorization = Some(authorization);
        self
    }

    /// The clock that validity and the age of kept sessions are judged by.
    #[must_use]
    pub fn with_time_provider(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.state.clock = clock;
        self
    }

    /// Builds the configuration and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with every reason found.
    pub fn build(self) -> Result<ClientConfig, Error> {
        still_open()?;
        let Self {
            provider,
            profile,
            state:
                ClientReady {
                    trust,
                    authorization,
                    identity,
                    alpn,
                    clock,
                },
        } = self;
        let mut faults = Vec::new();
        if let Some(Err(refused)) = identity.as_ref().map(|identity| identity.judge(&profile)) {
            faults.push(ConfigFault::Identity(refused));
        }
        if let Err(error) = trust.judge(&profile) {
            faults.push(ConfigFault::Trust(error.to_string()));
        }

        let rules = authorization.as_ref();
        let judge = Arc::new(PolicyServerVerifier::new(
            &provider, &profile, &trust, rules,
        ));
        let verifier: Arc<dyn ServerCertVerifier> = judge.clone();
        let resolver: Arc<dyn ResolvesClientCert> = match &identity {
            Some(identity) => Arc::new(SingleCertAndKey::from(identity.certified(&profile))),
            None => Arc::new(NoIdentity),
        };
        let resumption = Resumption::store(Arc::new(BoundedSessions::new(Arc::clone(&clock))));
        let parts = ClientParts {
            provider: Arc::clone(&provider),
            resolver: Arc::clone(&resolver),
            key_log: Arc::new(NoKeyLog {}),
            clock: Arc::clone(&clock),
            resumption: format!("{resumption:?}"),
            verifier: format!("{verifier:?}"),
        };

        let versions: Vec<_> = profile
            .versions()
            .iter()
            .map(|row| row.value.rustls())
            .collect();
        let mut config = rustls::ClientConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&versions)
            .map_err(|error| config_error(&profile, &error))?
            // "Dangerous" is rustls's word for any verifier but its own: ours asks it and adds
            // the policy.
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(resolver);
        config.alpn_protocols = alpn;
        config.check_selected_alpn = true;
        config.require_ems = true;
        config.resumption = resumption;
        config.key_log = Arc::clone(&parts.key_log);
        config.enable_early_data = false;
        config.enable_secret_extraction = false;
        // Other crates of a program can turn these on through rustls's features.
        config.cert_compressors = Vec::new();
        config.cert_decompressors = Vec::new();

        faults.extend(check::client(&config, &profile, &parts));
        no_faults(&profile, faults)?;
        Ok(ClientConfig {
            rustls: Arc::new(config),
            profile,
            parts,
            judge,
        })
    }
}

/// A client that shows no certificate.
#[derive(Debug)]
struct NoIdentity;

impl ResolvesClientCert for NoIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
