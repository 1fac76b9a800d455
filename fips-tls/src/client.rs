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
use crate::peers::{ByAuthority, ByPeer};
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
    /// For servers that are shown another identity.
    others: Arc<[(Arc<rustls::ClientConfig>, ClientParts)]>,
    by_peer: Arc<ByPeer>,
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

    /// The configuration for rustls, tokio-rustls and what is built on them; where identities
    /// were given [for some servers](ClientBuilder::with_identity_for), that for the others.
    pub fn rustls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.rustls)
    }

    /// As [`rustls`](Self::rustls), for connections to this server: with the identity it is
    /// shown, and sessions that were agreed on with that identity alone.
    pub fn rustls_for(&self, name: &ServerName<'_>) -> Arc<rustls::ClientConfig> {
        let other = self
            .by_peer
            .find(name)
            .and_then(|place| self.others.get(place));
        Arc::clone(other.map_or(&self.rustls, |(config, _)| config))
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

    /// Checks `config`, a changed copy of [`rustls`](Self::rustls) or of a
    /// [`rustls_for`](Self::rustls_for), against what was built.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with every reason found.
    pub fn check(&self, config: &rustls::ClientConfig) -> Result<(), Error> {
        let resolver = &config.client_auth_cert_resolver;
        let mut others = self.others.iter().map(|(_, parts)| parts);
        let parts = others
            .find(|parts| Arc::ptr_eq(&parts.resolver, resolver))
            .unwrap_or(&self.parts);
        no_faults(&self.profile, check::client(config, &self.profile, parts))
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
    identities: Vec<Identity>,
    for_peers: Vec<(Vec<String>, Identity)>,
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
                identities: Vec::new(),
                for_peers: Vec::new(),
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
        self.state.identities = vec![identity];
        self
    }

    /// Several, of which a server's request chooses: the first that is issued below an authority
    /// the server names (RFC 8446 §4.2.4, RFC 5246 §7.4.4), with a key it can verify; none when
    /// none is. Where the server names no authority, each will do.
    #[must_use]
    pub fn with_identities(mut self, identities: impl IntoIterator<Item = Identity>) -> Self {
        self.state.identities = identities.into_iter().collect();
        self
    }

    /// What these servers are shown in place of the other identities: DNS names, `*.` before one
    /// for one label, or IP addresses.
    ///
    /// Connections take it from [`rustls_for`](ClientConfig::rustls_for): rustls does not tell
    /// whom a certificate is for. A session is kept with the identity it was agreed on with.
    #[must_use]
    pub fn with_identity_for<N: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = N>,
        identity: Identity,
    ) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        self.state.for_peers.push((names, identity));
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
                    identities,
                    for_peers,
                    alpn,
                    clock,
                },
        } = self;
        let mut faults = Vec::new();
        let all = identities
            .iter()
            .chain(for_peers.iter().map(|(_, identity)| identity));
        let refused = all.filter_map(|identity| identity.judge(&profile).err());
        faults.extend(refused.map(ConfigFault::Identity));
        if let Err(error) = trust.judge(&profile) {
            faults.push(ConfigFault::Trust(error.to_string()));
        }

        let rules = authorization.as_ref();
        let judge = Arc::new(PolicyServerVerifier::new(
            &provider, &profile, &trust, rules,
        ));
        let common = Common {
            provider,
            profile,
            judge,
            alpn,
            clock,
        };
        let profile = &common.profile;
        let resolver: Arc<dyn ResolvesClientCert> = match &identities[..] {
            [] => Arc::new(NoIdentity),
            [one] => Arc::new(SingleCertAndKey::from(one.certified(profile))),
            several => Arc::new(ByAuthority::new(several, profile)),
        };
        let (config, parts) = common.with_resolver(resolver)?;
        faults.extend(check::client(&config, profile, &parts));

        let (mut others, mut by_peer) = (Vec::new(), ByPeer::default());
        for (place, (names, identity)) in for_peers.into_iter().enumerate() {
            let added = names.iter().map(|name| by_peer.add(name, place));
            faults.extend(added.filter_map(Result::err));
            let resolver = Arc::new(SingleCertAndKey::from(identity.certified(profile)));
            let (config, parts) = common.with_resolver(resolver)?;
            faults.extend(check::client(&config, profile, &parts));
            others.push((Arc::new(config), parts));
        }
        no_faults(profile, faults)?;
        Ok(ClientConfig {
            rustls: Arc::new(config),
            profile: common.profile,
            parts,
            judge: common.judge,
            others: others.into(),
            by_peer: Arc::new(by_peer),
        })
    }
}

/// What the configurations for all servers share.
struct Common {
    provider: Arc<CryptoProvider>,
    profile: Profile,
    judge: Arc<PolicyServerVerifier>,
    alpn: Vec<Vec<u8>>,
    clock: Arc<dyn TimeProvider>,
}

impl Common {
    /// One of an identity, with a session store of its own.
    fn with_resolver(
        &self,
        resolver: Arc<dyn ResolvesClientCert>,
    ) -> Result<(rustls::ClientConfig, ClientParts), Error> {
        let verifier: Arc<dyn ServerCertVerifier> = self.judge.clone();
        let sessions = BoundedSessions::new(Arc::clone(&self.clock));
        let resumption = Resumption::store(Arc::new(sessions));
        let parts = ClientParts {
            provider: Arc::clone(&self.provider),
            resolver: Arc::clone(&resolver),
            key_log: Arc::new(NoKeyLog {}),
            clock: Arc::clone(&self.clock),
            resumption: format!("{resumption:?}"),
            verifier: format!("{verifier:?}"),
        };

        let versions: Vec<_> = self
            .profile
            .versions()
            .iter()
            .map(|row| row.value.rustls())
            .collect();
        let mut config = rustls::ClientConfig::builder_with_details(
            Arc::clone(&self.provider),
            Arc::clone(&self.clock),
        )
        .with_protocol_versions(&versions)
        .map_err(|error| config_error(&self.profile, &error))?
        // "Dangerous" is rustls's word for any verifier but its own: ours asks it and adds the
        // policy.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(resolver);
        config.alpn_protocols.clone_from(&self.alpn);
        config.check_selected_alpn = true;
        config.require_ems = true;
        config.resumption = resumption;
        config.key_log = Arc::clone(&parts.key_log);
        config.enable_early_data = false;
        config.enable_secret_extraction = false;
        // Other crates of a program can turn these on through rustls's features.
        config.cert_compressors = Vec::new();
        config.cert_decompressors = Vec::new();
        Ok((config, parts))
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
