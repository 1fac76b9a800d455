use std::slice;
use std::sync::Arc;

use fips_core::Boundary;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{CommonState, NoKeyLog};

use crate::authorization::Authorization;
use crate::check::{self, ConfigFault, ServerParts};
use crate::error::Error;
use crate::fleet::{self, FleetKeys, FleetTickets};
use crate::identities::Identities;
use crate::identity::Identity;
use crate::policy::Profile;
use crate::provider::{provider, still_open};
use crate::session::{self, Session};
use crate::ticketer::ticketer;
use crate::trust::Trust;
use crate::verifier::PolicyClientVerifier;

/// A server configuration that was checked after its last change.
///
/// # Security
///
/// A ticket is opened for one hour at most, but each resumed handshake brings a new one (RFC
/// 8446 §4.6.1), with what the client once proved. So the chain of a client that keeps resuming
/// is judged again only by the next configuration, whose tickets have other keys, and its
/// validity by [`Session::of`](crate::Session::of). The clients of this crate offer no session
/// after one hour, resumed or not.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    rustls: Arc<rustls::ServerConfig>,
    profile: Profile,
    parts: ServerParts,
    /// None where anyone may connect.
    judge: Option<Arc<PolicyClientVerifier>>,
}

impl ServerConfig {
    /// Begins a configuration: the identity next, then who may connect.
    pub fn builder(boundary: &Boundary, profile: Profile) -> ServerBuilder<WantsIdentity> {
        ServerBuilder {
            provider: provider(boundary, &profile),
            profile,
            state: WantsIdentity(()),
        }
    }

    /// The configuration for rustls, tokio-rustls and what is built on them.
    pub fn rustls(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.rustls)
    }

    /// The profile it was built from.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Reads a finished connection, made with this configuration or an earlier one.
    ///
    /// A resumed session restores the client's chain without judging it, and an earlier
    /// configuration may have believed what this one does not: so the chain is judged here, as at
    /// a full handshake.
    ///
    /// # Errors
    ///
    /// As [`Session::of`], and [`Error::Peer`]: close the connection.
    pub fn session(&self, state: &CommonState) -> Result<Session, Error> {
        session::judged(state, &self.parts.clock, |chain, now| match &self.judge {
            Some(judge) => judge.believe(chain, now),
            None => Ok(()),
        })
    }

    /// Checks `config`, a changed copy of [`rustls`](Self::rustls), against what was built.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with every reason found.
    pub fn check(&self, config: &rustls::ServerConfig) -> Result<(), Error> {
        no_faults(
            &self.profile,
            check::server(config, &self.profile, &self.parts),
        )
    }
}

/// Builds a [`ServerConfig`], one decision after another.
#[derive(Debug)]
pub struct ServerBuilder<State> {
    provider: Arc<CryptoProvider>,
    profile: Profile,
    state: State,
}

/// Waits for [`with_identity`](ServerBuilder::with_identity).
#[derive(Debug)]
pub struct WantsIdentity(());

/// Waits for [`with_client_trust`](ServerBuilder::with_client_trust) or
/// [`without_client_authentication`](ServerBuilder::without_client_authentication).
#[derive(Debug)]
pub struct WantsClientAuthentication {
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    ByName(Identities),
    One(Identity),
}

/// Ready to be built.
#[derive(Debug)]
pub struct ServerReady {
    shown: Shown,
    clients: Option<Trust>,
    authorization: Option<Authorization>,
    fleet_keys: Option<FleetKeys>,
    alpn: Vec<Vec<u8>>,
    clock: Arc<dyn TimeProvider>,
}

impl ServerBuilder<WantsIdentity> {
    /// What the server shows and signs with.
    pub fn with_identity(self, identity: Identity) -> ServerBuilder<WantsClientAuthentication> {
        self.with_shown(Shown::One(identity))
    }

    /// What the server shows and signs with, by the name its client asks for.
    pub fn with_identities(
        self,
        identities: Identities,
    ) -> ServerBuilder<WantsClientAuthentication> {
        self.with_shown(Shown::ByName(identities))
    }

    fn with_shown(self, shown: Shown) -> ServerBuilder<WantsClientAuthentication> {
        self.with_state(|_| WantsClientAuthentication { shown })
    }
}

impl ServerBuilder<WantsClientAuthentication> {
    /// Mutual TLS: a client must show a certificate that one of these CAs issued.
    pub fn with_client_trust(self, trust: Trust) -> ServerBuilder<ServerReady> {
        self.with_clients(Some(trust))
    }

    /// Anyone may connect.
    pub fn without_client_authentication(self) -> ServerBuilder<ServerReady> {
        self.with_clients(None)
    }

    fn with_clients(self, clients: Option<Trust>) -> ServerBuilder<ServerReady> {
        self.with_state(|state| ServerReady {
            shown: state.shown,
            clients,
            authorization: None,
            fleet_keys: None,
            alpn: Vec::new(),
            clock: Arc::new(DefaultTimeProvider),
        })
    }
}

impl ServerBuilder<ServerReady> {
    /// Application protocols (RFC 7301), most wanted first.
    #[must_use]
    pub fn with_alpn(mut self, protocols: &[&[u8]]) -> Self {
        self.state.alpn = protocols.iter().map(|name| name.to_vec()).collect();
        self
    }

    /// Which of the clients that are trusted may connect. Without rules, all of them.
    #[must_use]
    pub fn with_authorization(mut self, authorization: Authorization) -> Self {
        self.state.authorization = Some(authorization);
        self
    }

    /// Resumes sessions of every server that has the same keys, believes the same and shows a
    /// certificate of the same names. Without them, a configuration resumes its own alone.
    #[must_use]
    pub fn with_fleet_keys(mut self, keys: FleetKeys) -> Self {
        self.state.fleet_keys = Some(keys);
        self
    }

    /// The clock that validity and the age of tickets are judged by.
    #[must_use]
    pub fn with_time_provider(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.state.clock = clock;
        self
    }

    /// Builds the configuration and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with every reason found; [`Error::Module`] when no ticket key can be
    /// made, or the gate has closed.
    pub fn build(self) -> Result<ServerConfig, Error> {
        still_open()?;
        let Self {
            provider,
            profile,
            state:
                ServerReady {
                    shown,
                    clients,
                    authorization,
                    fleet_keys,
                    alpn,
                    clock,
                },
        } = self;
        let mut faults = Vec::new();
        let identities = match &shown {
            Shown::ByName(identities) => identities.all(),
            Shown::One(identity) => slice::from_ref(identity),
        };
        if identities.is_empty() {
            faults.push(ConfigFault::NoIdentity);
        }
        let refused = identities
            .iter()
            .filter_map(|identity| identity.judge(&profile).err());
        faults.extend(refused.map(ConfigFault::Identity));
        if let Some(Err(error)) = clients.as_ref().map(|trust| trust.judge(&profile)) {
            faults.push(ConfigFault::Trust(error.to_string()));
        }
        if clients.is_none() && authorization.is_some() {
            faults.push(ConfigFault::Authorization);
        }

        let rules = authorization.as_ref();
        let judge = clients
            .as_ref()
            .map(|trust| Arc::new(PolicyClientVerifier::new(&provider, &profile, trust, rules)));
        let verifier: Arc<dyn ClientCertVerifier> = match &judge {
            Some(judge) => Arc::clone(judge) as _,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let ticketer = match &fleet_keys {
            Some(keys) => {
                let shown: Vec<_> = identities.iter().collect();
                let context = fleet::context(&profile, &shown, clients.as_ref(), rules)?;
                Arc::new(FleetTickets::new(keys, context, Arc::clone(&clock))?)
            }
            None => ticketer(Arc::clone(&clock))?,
        };
        let resolver: Arc<dyn ResolvesServerCert> = match shown {
            Shown::ByName(identities) => identities.resolver(&profile),
            Shown::One(identity) => Arc::new(SingleCertAndKey::from(identity.certified(&profile))),
        };
        let parts = ServerParts {
            provider: Arc::clone(&provider),
            session_storage: Arc::new(NoServerSessionStorage {}),
            resolver: Arc::clone(&resolver),
            ticketer,
            key_log: Arc::new(NoKeyLog {}),
            clock: Arc::clone(&clock),
            verifier: format!("{verifier:?}"),
        };

        let versions: Vec<_> = profile
            .versions()
            .iter()
            .map(|row| row.value.rustls())
            .collect();
        let mut config = rustls::ServerConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&versions)
            .map_err(|error| config_error(&profile, &error))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(resolver);
        config.alpn_protocols = alpn;
        config.require_ems = true;
        config.ticketer = Arc::clone(&parts.ticketer);
        config.session_storage = Arc::clone(&parts.session_storage);
        config.key_log = Arc::clone(&parts.key_log);
        // Each resumed handshake brings the next one: what a second costs, both ends pay in every
        // handshake (docs/performance.md).
        config.send_tls13_tickets = 1;
        config.max_early_data_size = 0;
        config.send_half_rtt_data = false;
        config.enable_secret_extraction = false;
        // Other crates of a program can turn these on through rustls's features.
        config.cert_compressors = Vec::new();
        config.cert_decompressors = Vec::new();

        faults.extend(check::server(&config, &profile, &parts));
        no_faults(&profile, faults)?;
        Ok(ServerConfig {
            rustls: Arc::new(config),
            profile,
            parts,
            judge,
        })
    }
}

impl<State> ServerBuilder<State> {
    fn with_state<Next>(self, next: impl FnOnce(State) -> Next) -> ServerBuilder<Next> {
        ServerBuilder {
            provider: self.provider,
            profile: self.profile,
            state: next(self.state),
        }
    }
}

pub(crate) fn no_faults(profile: &Profile, faults: Vec<ConfigFault>) -> Result<(), Error> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::Config {
        profile: profile.name(),
        faults,
    })
}

/// rustls found versions, suites and groups that do not fit together.
pub(crate) fn config_error(profile: &Profile, error: &rustls::Error) -> Error {
    Error::Config {
        profile: profile.name(),
        faults: vec![ConfigFault::Version(error.to_string())],
    }
}
