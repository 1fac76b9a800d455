//! The look at a finished configuration, after its last change.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::server::{ProducesTickets, ResolvesServerCert};
use rustls::time_provider::TimeProvider;
use rustls::{KeyLog, ProtocolVersion};

use crate::certificate::CertificateRefused;
use crate::policy::{Group, Profile, Scheme, Suite, Version};
use crate::ticketer::MAX_LIFETIME;

/// One way in which a configuration is not what its profile asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// Early data (0-RTT) is on.
    #[error("early data (0-RTT) is on: it can be replayed (RFC 8446 §8); leave it off")]
    EarlyData,
    /// Certificate compression is on.
    #[error("certificate compression is on: the profiles name none; leave its lists empty")]
    CertificateCompression,
    /// The clock was replaced.
    #[error("the clock was replaced: give it to the builder with with_time_provider")]
    Clock,
    /// TLS 1.2 is on and extended master secret is not required.
    #[error(
        "extended master secret is not required (RFC 7627, SP 800-52r2 §3.4.1.3; IG D.Q): set \
         require_ems"
    )]
    ExtendedMasterSecret,
    /// A group the profile does not name.
    #[error("group {0} is not of the profile: take the provider of this crate")]
    Group(String),
    /// Data may go out before the client is authenticated.
    #[error("half-RTT data is on: it goes out before the client has shown who it is")]
    HalfRtt,
    /// The identity's key or chain.
    #[error("identity: {0}")]
    Identity(CertificateRefused),
    /// Secrets go to a key log.
    #[error("a key log is set: it writes session secrets out; leave it at none")]
    KeyLog,
    /// A part of the provider that does not call itself approved.
    #[error("{part} does not come from the module: take the provider of this crate")]
    NotFips {
        /// Which part.
        part: &'static str,
    },
    /// The certificates and keys come from somewhere else.
    #[error("the certificate resolver was replaced: give the identity to the builder")]
    Resolver,
    /// A signature scheme the profile does not name.
    #[error("signature scheme {0} is not of the profile: take the provider of this crate")]
    Scheme(String),
    /// Traffic secrets may be taken out.
    #[error("secret extraction is on: traffic keys would leave the module; leave it off")]
    SecretExtraction,
    /// Server names are not sent.
    #[error("server name indication is off (SP 800-52r2 §3.4.1.2): leave it on")]
    ServerName,
    /// Sessions are kept in memory, without a bound on their life.
    #[error("a session store is set: sessions live in tickets alone, one hour at most")]
    SessionStorage,
    /// A suite the profile does not name.
    #[error("suite {0} is not of the profile: take the provider of this crate")]
    Suite(String),
    /// Tickets are sealed by someone else.
    #[error("the ticketer was replaced: tickets are sealed by the module, with keys of its DRBG")]
    Ticketer,
    /// Tickets live too long.
    #[error("tickets live {seconds} seconds; one hour is the most")]
    TicketLifetime {
        /// The lifetime.
        seconds: u32,
    },
    /// A trust anchor.
    #[error("{0}")]
    Trust(String),
    /// The peer's chain is judged by someone else.
    #[error("the verifier of the peer's chain was replaced: give the trust to the builder")]
    Verifier,
    /// A version the profile does not name.
    #[error("version {0} is not of the profile: take the provider of this crate")]
    Version(String),
}

/// What a server configuration was built with.
#[derive(Clone, Debug)]
pub(crate) struct ServerParts {
    pub(crate) resolver: Arc<dyn ResolvesServerCert>,
    pub(crate) ticketer: Arc<dyn ProducesTickets>,
    pub(crate) key_log: Arc<dyn KeyLog>,
    pub(crate) clock: Arc<dyn TimeProvider>,
    /// The verifier's debug form: rustls shows no more of it.
    pub(crate) verifier: String,
}

/// What a client configuration was built with.
#[derive(Clone, Debug)]
pub(crate) struct ClientParts {
    pub(crate) resolver: Arc<dyn ResolvesClientCert>,
    pub(crate) key_log: Arc<dyn KeyLog>,
    pub(crate) clock: Arc<dyn TimeProvider>,
    pub(crate) verifier: String,
}

/// Every fault of `config`, none when it is as built.
pub(crate) fn server(
    config: &rustls::ServerConfig,
    profile: &Profile,
    parts: &ServerParts,
) -> Vec<ConfigFault> {
    let mut faults = provider(config.crypto_provider(), profile);
    let mut on = |wrong: bool, fault: ConfigFault| {
        if wrong {
            faults.push(fault);
        }
    };
    let tls12 = offers_tls12(config.crypto_provider());
    on(
        tls12 && !config.require_ems,
        ConfigFault::ExtendedMasterSecret,
    );
    on(config.max_early_data_size != 0, ConfigFault::EarlyData);
    on(config.send_half_rtt_data, ConfigFault::HalfRtt);
    on(
        config.enable_secret_extraction,
        ConfigFault::SecretExtraction,
    );
    on(
        !Arc::ptr_eq(&config.key_log, &parts.key_log),
        ConfigFault::KeyLog,
    );
    on(
        !Arc::ptr_eq(&config.time_provider, &parts.clock),
        ConfigFault::Clock,
    );
    on(
        !Arc::ptr_eq(&config.ticketer, &parts.ticketer),
        ConfigFault::Ticketer,
    );
    let seconds = config.ticketer.lifetime();
    on(
        seconds > MAX_LIFETIME,
        ConfigFault::TicketLifetime { seconds },
    );
    on(
        config.session_storage.can_cache(),
        ConfigFault::SessionStorage,
    );
    on(
        !Arc::ptr_eq(&config.cert_resolver, &parts.resolver),
        ConfigFault::Resolver,
    );
    on(
        !config.cert_compressors.is_empty() || !config.cert_decompressors.is_empty(),
        ConfigFault::CertificateCompression,
    );
    on(
        !has_verifier(&format!("{config:?}"), &parts.verifier),
        ConfigFault::Verifier,
    );
    faults
}

/// As [`server`], for a client.
pub(crate) fn client(
    config: &rustls::ClientConfig,
    profile: &Profile,
    parts: &ClientParts,
) -> Vec<ConfigFault> {
    let mut faults = provider(config.crypto_provider(), profile);
    let mut on = |wrong: bool, fault: ConfigFault| {
        if wrong {
            faults.push(fault);
        }
    };
    let tls12 = offers_tls12(config.crypto_provider());
    on(
        tls12 && !config.require_ems,
        ConfigFault::ExtendedMasterSecret,
    );
    on(config.enable_early_data, ConfigFault::EarlyData);
    on(!config.enable_sni, ConfigFault::ServerName);
    on(
        config.enable_secret_extraction,
        ConfigFault::SecretExtraction,
    );
    on(
        !Arc::ptr_eq(&config.key_log, &parts.key_log),
        ConfigFault::KeyLog,
    );
    on(
        !Arc::ptr_eq(&config.time_provider, &parts.clock),
        ConfigFault::Clock,
    );
    on(
        !Arc::ptr_eq(&config.client_auth_cert_resolver, &parts.resolver),
        ConfigFault::Resolver,
    );
    on(
        !config.cert_compressors.is_empty() || !config.cert_decompressors.is_empty(),
        ConfigFault::CertificateCompression,
    );
    on(
        !has_verifier(&format!("{config:?}"), &parts.verifier),
        ConfigFault::Verifier,
    );
    faults
}

/// rustls keeps the verifier to itself; its debug form carries the number ours was given.
fn has_verifier(config: &str, verifier: &str) -> bool {
    config.contains(&format!(" verifier: {verifier},"))
}

fn offers_tls12(provider: &CryptoProvider) -> bool {
    provider
        .cipher_suites
        .iter()
        .any(|suite| suite.version().version == ProtocolVersion::TLSv1_2)
}

/// Suites, versions, groups and schemes are the profile's, and every part the module's.
fn provider(provider: &CryptoProvider, profile: &Profile) -> Vec<ConfigFault> {
    // Destructured, so that a new part cannot be forgotten.
    let CryptoProvider {
        cipher_suites,
        kx_groups,
        signature_verification_algorithms: algorithms,
        secure_random,
        key_provider,
    } = provider;
    let mut faults = Vec::new();

    for suite in cipher_suites {
        let version = suite.version().version;
        if !Version::from_rustls(version)
            .is_some_and(|found| profile.versions().iter().any(|row| row.value == found))
        {
            let fault = ConfigFault::Version(format!("{version:?}"));
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        if !Suite::from_rustls(suite.suite())
            .is_some_and(|found| profile.suites().iter().any(|row| row.value == found))
        {
            faults.push(ConfigFault::Suite(format!("{:?}", suite.suite())));
        }
    }
    for group in kx_groups {
        if !Group::from_rustls(group.name())
            .is_some_and(|found| profile.groups().iter().any(|row| row.value == found))
        {
            faults.push(ConfigFault::Group(format!("{:?}", group.name())));
        }
    }
    for (scheme, _) in algorithms.mapping {
        if !Scheme::from_rustls(*scheme)
            .is_some_and(|found| profile.schemes().iter().any(|row| row.value == found))
        {
            faults.push(ConfigFault::Scheme(format!("{scheme:?}")));
        }
    }

    let parts = [
        (
            "a cipher suite",
            cipher_suites.iter().all(|suite| suite.fips()),
        ),
        (
            "a key exchange group",
            kx_groups.iter().all(|group| group.fips()),
        ),
        ("a verification algorithm", algorithms.fips()),
        ("the random generator", secure_random.fips()),
        ("the key loader", key_provider.fips()),
    ];
    faults.extend(
        parts
            .into_iter()
            .filter(|(_, fips)| !fips)
            .map(|(part, _)| ConfigFault::NotFips { part }),
    );
    faults
}

#[cfg(all(test, feature = "evaluation"))]
mod tests;
