//! The look at a finished configuration, after its last change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::SignatureVerificationAlgorithm;
use rustls::server::{ProducesTickets, ResolvesServerCert, StoresServerSessions};
use rustls::time_provider::TimeProvider;
use rustls::{KeyLog, ProtocolVersion};

use crate::policy::{Group, Profile, Suite, Version};
use crate::provider;
use crate::ticketer::MAX_LIFETIME;

mod fault;

pub use fault::ConfigFault;

/// What a server configuration was built with.
#[derive(Clone, Debug)]
pub(crate) struct ServerParts {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) session_storage: Arc<dyn StoresServerSessions>,
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
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) resolver: Arc<dyn ResolvesClientCert>,
    pub(crate) key_log: Arc<dyn KeyLog>,
    pub(crate) clock: Arc<dyn TimeProvider>,
    /// The session store's debug form, with its settings: as the verifier's.
    pub(crate) resumption: String,
    pub(crate) verifier: String,
}

/// Every fault of `config`, none when it is as built.
pub(crate) fn server(
    config: &rustls::ServerConfig,
    profile: &Profile,
    parts: &ServerParts,
) -> Vec<ConfigFault> {
    let mut faults = parts_of(config.crypto_provider(), profile);
    let mut on = |wrong: bool, fault: ConfigFault| {
        if wrong {
            faults.push(fault);
        }
    };
    // Parts of another provider may say of themselves what they like.
    on(
        !Arc::ptr_eq(config.crypto_provider(), &parts.provider),
        ConfigFault::Provider,
    );
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
        !Arc::ptr_eq(&config.session_storage, &parts.session_storage),
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
    let mut faults = parts_of(config.crypto_provider(), profile);
    let mut on = |wrong: bool, fault: ConfigFault| {
        if wrong {
            faults.push(fault);
        }
    };
    // Parts of another provider may say of themselves what they like.
    on(
        !Arc::ptr_eq(config.crypto_provider(), &parts.provider),
        ConfigFault::Provider,
    );
    let tls12 = offers_tls12(config.crypto_provider());
    on(
        tls12 && !config.require_ems,
        ConfigFault::ExtendedMasterSecret,
    );
    on(config.enable_early_data, ConfigFault::EarlyData);
    on(!config.enable_sni, ConfigFault::ServerName);
    on(
        !config.check_selected_alpn,
        ConfigFault::ApplicationProtocol,
    );
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
        format!("{:?}", config.resumption) != parts.resumption,
        ConfigFault::Resumption,
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

/// A number for a part that rustls keeps to itself, to be shown in its debug form.
pub(crate) fn next_number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
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

/// Whether every algorithm of `found` is one of `named`, by what it stands for.
fn among(
    found: &[&dyn SignatureVerificationAlgorithm],
    named: &[&dyn SignatureVerificationAlgorithm],
) -> bool {
    let ids = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        (algorithm.public_key_alg_id(), algorithm.signature_alg_id())
    };
    found
        .iter()
        .all(|found| named.iter().any(|named| ids(named) == ids(found)))
}

/// Suites, versions, groups and schemes are the profile's, and every part the module's.
fn parts_of(provider: &CryptoProvider, profile: &Profile) -> Vec<ConfigFault> {
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
        let found = Group::from_rustls(group.name());
        if !found.is_some_and(|found| profile.groups().iter().any(|row| row.value == found)) {
            // rustls has no name for some of ours.
            let name =
                found.map_or_else(|| format!("{:?}", group.name()), |group| group.to_string());
            faults.push(ConfigFault::Group(name));
        }
    }
    let of_profile = provider::algorithms(profile);
    for (scheme, candidates) in algorithms.mapping {
        let named = of_profile.mapping.iter().find(|(named, _)| named == scheme);
        if !named.is_some_and(|(_, named)| among(candidates, named)) {
            faults.push(ConfigFault::Scheme(format!("{scheme:?}")));
        }
    }
    if !among(algorithms.all, of_profile.all) {
        faults.push(ConfigFault::Scheme("of a certificate".to_owned()));
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
