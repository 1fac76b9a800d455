//! Every field of rustls's configurations and of its provider, each broken once in a copy of a
//! finished configuration of ours, or with the reason why any value is within the policy.

use std::sync::Arc;

use fips_tls::{ClientConfig, ConfigFault, Error, Profile, ServerConfig};
use rustls::client::{EchGreaseConfig, EchMode, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::crypto::hpke::HpkePublicKey;
use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::DefaultTimeProvider;
use rustls::{KeyLogFile, SignatureScheme, quic};

use crate::parts::{Anyone, NoHpke, P384, PlainTickets, Pretender, SecretStore, Zlib, ca, chacha};
use crate::profiles;
use crate::source::{self, assert_all_judged};
use crate::support::memory::Pair;
use crate::support::pki::Leaf;
use crate::support::refusal::roots;
use crate::support::{NAME, client, server};

/// What is to be said of a field of `C`, whose finished configuration is an `O`.
enum Judgement<O, C> {
    /// Any value is within the policy, and why.
    Any(&'static str),
    /// A change, and what the look at the changed configuration finds, among other things.
    Broken(fn(&O) -> C, fn(&ConfigFault) -> bool),
}

use Judgement::{Any, Broken};

type Table<O, C> = [(&'static str, Judgement<O, C>)];

const SERVER: &Table<ServerConfig, rustls::ServerConfig> = &[
    (
        "alpn_protocols",
        Any("application protocols are the caller's (RFC 7301)"),
    ),
    (
        "cert_compression_cache",
        Any("keeps what a compressor made, and there is none"),
    ),
    (
        "cert_compressors",
        Broken(
            |ours| changed(ours, |c| c.cert_compressors = vec![&Zlib]),
            |fault| *fault == ConfigFault::CertificateCompression,
        ),
    ),
    (
        "cert_decompressors",
        Broken(
            |ours| changed(ours, |c| c.cert_decompressors = vec![&Zlib]),
            |fault| *fault == ConfigFault::CertificateCompression,
        ),
    ),
    (
        "cert_resolver",
        Broken(
            |ours| {
                let other = a_server(Profile::default()).rustls();
                changed(ours, |c| c.cert_resolver = Arc::clone(&other.cert_resolver))
            },
            |fault| *fault == ConfigFault::Resolver,
        ),
    ),
    (
        "enable_secret_extraction",
        Broken(
            |ours| changed(ours, |c| c.enable_secret_extraction = true),
            |fault| *fault == ConfigFault::SecretExtraction,
        ),
    ),
    (
        "ignore_client_order",
        Any("an order of suites that are all of the profile"),
    ),
    (
        "key_log",
        Broken(
            |ours| changed(ours, |c| c.key_log = Arc::new(KeyLogFile::new())),
            |fault| *fault == ConfigFault::KeyLog,
        ),
    ),
    (
        "max_early_data_size",
        Broken(
            |ours| changed(ours, |c| c.max_early_data_size = 1),
            |fault| *fault == ConfigFault::EarlyData,
        ),
    ),
    (
        "max_fragment_size",
        Any("length of records: each is sealed alike, and one that is too long fails to build"),
    ),
    (
        "max_tls13_tickets",
        Any("how many tickets: each is sealed, for one hour"),
    ),
    (
        "provider",
        Broken(
            |ours| server_with(ours, |_| {}),
            |fault| *fault == ConfigFault::Provider,
        ),
    ),
    (
        "require_ems",
        Broken(
            |ours| changed(ours, |c| c.require_ems = false),
            |fault| *fault == ConfigFault::ExtendedMasterSecret,
        ),
    ),
    (
        "send_half_rtt_data",
        Broken(
            |ours| changed(ours, |c| c.send_half_rtt_data = true),
            |fault| *fault == ConfigFault::HalfRtt,
        ),
    ),
    (
        "send_tls13_tickets",
        Any("how many tickets: each is sealed, for one hour"),
    ),
    (
        "session_storage",
        Broken(
            |ours| changed(ours, |c| c.session_storage = Arc::new(SecretStore)),
            |fault| *fault == ConfigFault::SessionStorage,
        ),
    ),
    (
        "ticketer",
        Broken(
            |ours| changed(ours, |c| c.ticketer = Arc::new(PlainTickets)),
            |fault| *fault == ConfigFault::Ticketer,
        ),
    ),
    (
        "time_provider",
        Broken(
            |ours| changed(ours, |c| c.time_provider = Arc::new(DefaultTimeProvider)),
            |fault| *fault == ConfigFault::Clock,
        ),
    ),
    (
        "verifier",
        Broken(
            |ours| {
                let roots = Arc::new(roots());
                let provider = Arc::clone(ours.rustls().crypto_provider());
                let other = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .allow_unauthenticated()
                    .build()
                    .unwrap();
                built(ours, Arc::clone(ours.rustls().crypto_provider()), other)
            },
            |fault| *fault == ConfigFault::Verifier,
        ),
    ),
    (
        "versions",
        Any("a version is spoken with a suite of its own, and those are judged"),
    ),
];

const CLIENT: &Table<ClientConfig, rustls::ClientConfig> = &[
    (
        "alpn_protocols",
        Any("application protocols are the caller's (RFC 7301)"),
    ),
    (
        "cert_compression_cache",
        Any("keeps what a compressor made, and there is none"),
    ),
    (
        "cert_compressors",
        Broken(
            |ours| changed_client(ours, |c| c.cert_compressors = vec![&Zlib]),
            |fault| *fault == ConfigFault::CertificateCompression,
        ),
    ),
    (
        "cert_decompressors",
        Broken(
            |ours| changed_client(ours, |c| c.cert_decompressors = vec![&Zlib]),
            |fault| *fault == ConfigFault::CertificateCompression,
        ),
    ),
    (
        "check_selected_alpn",
        Broken(
            |ours| changed_client(ours, |c| c.check_selected_alpn = false),
            |fault| *fault == ConfigFault::ApplicationProtocol,
        ),
    ),
    (
        "client_auth_cert_resolver",
        Broken(
            |ours| {
                let other = a_client(Profile::default()).rustls();
                changed_client(ours, |c| {
                    c.client_auth_cert_resolver = Arc::clone(&other.client_auth_cert_resolver);
                })
            },
            |fault| *fault == ConfigFault::Resolver,
        ),
    ),
    (
        // rustls sets it before the verifier, and ours cannot be had.
        "ech_mode",
        Broken(
            |ours| {
                let key = HpkePublicKey(vec![4; 65]);
                let provider = Arc::clone(ours.rustls().crypto_provider());
                rustls::ClientConfig::builder_with_provider(provider)
                    .with_ech(EchMode::Grease(EchGreaseConfig::new(&NoHpke, key)))
                    .unwrap()
                    .with_root_certificates(roots())
                    .with_client_cert_resolver(Arc::clone(&ours.rustls().client_auth_cert_resolver))
            },
            |fault| *fault == ConfigFault::Verifier,
        ),
    ),
    (
        "enable_early_data",
        Broken(
            |ours| changed_client(ours, |c| c.enable_early_data = true),
            |fault| *fault == ConfigFault::EarlyData,
        ),
    ),
    (
        "enable_secret_extraction",
        Broken(
            |ours| changed_client(ours, |c| c.enable_secret_extraction = true),
            |fault| *fault == ConfigFault::SecretExtraction,
        ),
    ),
    (
        "enable_sni",
        Broken(
            |ours| changed_client(ours, |c| c.enable_sni = false),
            |fault| *fault == ConfigFault::ServerName,
        ),
    ),
    (
        "key_log",
        Broken(
            |ours| changed_client(ours, |c| c.key_log = Arc::new(KeyLogFile::new())),
            |fault| *fault == ConfigFault::KeyLog,
        ),
    ),
    (
        "max_fragment_size",
        Any("length of records: each is sealed alike, and one that is too long fails to build"),
    ),
    (
        "provider",
        Broken(
            |ours| {
                let provider = (**ours.rustls().crypto_provider()).clone();
                rustls::ClientConfig::builder_with_provider(Arc::new(provider))
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_root_certificates(roots())
                    .with_no_client_auth()
            },
            |fault| *fault == ConfigFault::Provider,
        ),
    ),
    (
        "require_ems",
        Broken(
            |ours| changed_client(ours, |c| c.require_ems = false),
            |fault| *fault == ConfigFault::ExtendedMasterSecret,
        ),
    ),
    (
        "resumption",
        Broken(
            |ours| changed_client(ours, |c| c.resumption = Resumption::in_memory_sessions(9)),
            |fault| *fault == ConfigFault::Resumption,
        ),
    ),
    (
        "send_ticket_request",
        Any("how many tickets are asked for (RFC 9149)"),
    ),
    (
        "time_provider",
        Broken(
            |ours| changed_client(ours, |c| c.time_provider = Arc::new(DefaultTimeProvider)),
            |fault| *fault == ConfigFault::Clock,
        ),
    ),
    (
        "verifier",
        Broken(
            |ours| {
                changed_client(ours, |c| {
                    c.dangerous().set_certificate_verifier(Arc::new(Anyone));
                })
            },
            |fault| *fault == ConfigFault::Verifier,
        ),
    ),
    (
        "versions",
        Any("a version is spoken with a suite of its own, and those are judged"),
    ),
];

/// Parts of a provider that say of themselves that they are approved.
const PROVIDER: &Table<ServerConfig, rustls::ServerConfig> = &[
    (
        "cipher_suites",
        Broken(
            |ours| server_with(ours, |provider| provider.cipher_suites.push(chacha())),
            |fault| *fault == ConfigFault::Suite("TLS13_CHACHA20_POLY1305_SHA256".into()),
        ),
    ),
    (
        "key_provider",
        Broken(
            |ours| server_with(ours, |provider| provider.key_provider = &Pretender),
            |fault| *fault == ConfigFault::Provider,
        ),
    ),
    (
        "kx_groups",
        Broken(
            |ours| {
                server_with(ours, |provider| {
                    let twice = provider.kx_groups[0];
                    provider.kx_groups.push(twice);
                })
            },
            |fault| *fault == ConfigFault::Provider,
        ),
    ),
    (
        "secure_random",
        Broken(
            |ours| server_with(ours, |provider| provider.secure_random = &Pretender),
            |fault| *fault == ConfigFault::Provider,
        ),
    ),
    (
        "signature_verification_algorithms",
        Broken(
            |ours| {
                server_with(ours, |provider| {
                    let ours = &mut provider.signature_verification_algorithms;
                    let mut mapping = ours.mapping.to_vec();
                    mapping.push((SignatureScheme::ED25519, mapping[0].1));
                    ours.mapping = mapping.leak();
                })
            },
            |fault| *fault == ConfigFault::Scheme("ED25519".into()),
        ),
    ),
];

fn a_server(profile: Profile) -> ServerConfig {
    // Without client authentication: the only verifier that can be had twice.
    server(profile, ca().identity(&Leaf::server(), P384), None)
}

fn a_client(profile: Profile) -> ClientConfig {
    let identity = ca().identity(&Leaf::client(), P384);
    client(profile, ca().trust(), Some(identity))
}

fn changed(
    ours: &ServerConfig,
    change: impl FnOnce(&mut rustls::ServerConfig),
) -> rustls::ServerConfig {
    let mut config = (*ours.rustls()).clone();
    change(&mut config);
    config
}

fn changed_client(
    ours: &ClientConfig,
    change: impl FnOnce(&mut rustls::ClientConfig),
) -> rustls::ClientConfig {
    let mut config = (*ours.rustls()).clone();
    change(&mut config);
    config
}

/// A server of ours in all but its provider.
fn server_with(
    ours: &ServerConfig,
    change: impl FnOnce(&mut CryptoProvider),
) -> rustls::ServerConfig {
    let mut provider = (**ours.rustls().crypto_provider()).clone();
    change(&mut provider);
    built(
        ours,
        Arc::new(provider),
        WebPkiClientVerifier::no_client_auth(),
    )
}

fn built(
    ours: &ServerConfig,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn rustls::server::danger::ClientCertVerifier>,
) -> rustls::ServerConfig {
    let original = ours.rustls();
    let clock = Arc::clone(&original.time_provider);
    let mut config = rustls::ServerConfig::builder_with_details(provider, clock)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::clone(&original.cert_resolver));
    config.require_ems = true;
    config.ticketer = Arc::clone(&original.ticketer);
    config.key_log = Arc::clone(&original.key_log);
    config.session_storage = Arc::clone(&original.session_storage);
    config
}

fn faults(result: Result<(), Error>) -> Vec<ConfigFault> {
    match result {
        Ok(()) => Vec::new(),
        Err(Error::Config { faults, .. }) => faults,
        Err(other) => panic!("{other}"),
    }
}

fn assert_seen<O, C>(
    table: &Table<O, C>,
    ours: &O,
    tls12: bool,
    check: impl Fn(&C) -> Result<(), Error>,
) {
    for (field, judgement) in table {
        match judgement {
            Any(why) => assert!(why.len() > 20, "{field}: say why"),
            // There is none in TLS 1.3.
            Broken(..) if *field == "require_ems" && !tls12 => {}
            Broken(change, expected) => {
                let found = faults(check(&change(ours)));
                assert!(found.iter().any(expected), "{field}: {found:?}");
            }
        }
    }
}

#[test]
fn every_field_of_a_configuration_is_judged() {
    for (name, table) in [
        ("ServerConfig", SERVER.iter().map(|row| row.0).collect()),
        (
            "ClientConfig",
            CLIENT.iter().map(|row| row.0).collect::<Vec<_>>(),
        ),
        ("CryptoProvider", PROVIDER.iter().map(|row| row.0).collect()),
    ] {
        assert_all_judged(name, source::fields(source::rustls(), name), table);
    }
}

#[test]
fn every_change_against_the_policy_is_seen_under_every_profile() {
    for profile in profiles::named() {
        let tls12 = profiles::versions(&profile).contains(&0x0303);
        let server = a_server(profile.clone());
        assert_eq!(faults(server.check(&server.rustls())), []);
        assert_seen(SERVER, &server, tls12, |config| server.check(config));
        assert_seen(PROVIDER, &server, tls12, |config| server.check(config));
        let client = a_client(profile);
        assert_eq!(faults(client.check(&client.rustls())), []);
        assert_seen(CLIENT, &client, tls12, |config| client.check(config));
    }
}

#[test]
fn a_provider_is_the_one_that_was_built_and_no_likeness() {
    let ours = a_server(Profile::default());
    for change in [
        (|_| {}) as fn(&mut CryptoProvider),
        |provider| provider.secure_random = &Pretender,
        |provider| provider.key_provider = &Pretender,
    ] {
        let config = server_with(&ours, change);
        // rustls believes it.
        assert!(config.fips());
        assert_eq!(faults(ours.check(&config)), [ConfigFault::Provider]);
    }
}

#[test]
fn no_connection_gives_its_secrets_away_or_speaks_quic() {
    for profile in profiles::named() {
        let (server, client) = (a_server(profile.clone()), a_client(profile));
        let mut pair = Pair::new(&client, &server);
        pair.finish();
        // Nothing is left to send, which rustls would complain about first.
        pair.run();
        let Pair {
            client: one,
            server: other,
            ..
        } = pair;
        for refused in [
            one.dangerous_extract_secrets(),
            other.dangerous_extract_secrets(),
        ] {
            let error = refused.err().unwrap().to_string();
            assert!(error.contains("Secret extraction is disabled"), "{error}");
        }

        let name = ServerName::try_from(NAME).unwrap();
        let version = quic::Version::V1;
        assert!(quic::ClientConnection::new(client.rustls(), version, name, vec![]).is_err());
        assert!(quic::ServerConnection::new(server.rustls(), version, vec![]).is_err());
    }
}
