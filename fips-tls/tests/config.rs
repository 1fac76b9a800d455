//! The look at a finished configuration: each property broken once, each time the reason.

mod support;

use std::sync::Arc;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{ConfigFault, Error, Profile, Suite, provider};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::DefaultTimeProvider;
use rustls::{KeyLog, NamedGroup, SupportedCipherSuite, Tls13CipherSuite};

use support::pki::{Ca, Leaf};
use support::refusal::roots;
use support::{boundary, client, server};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

fn faults(result: Result<(), Error>) -> Vec<ConfigFault> {
    match result {
        Ok(()) => Vec::new(),
        Err(Error::Config { faults, .. }) => faults,
        Err(other) => panic!("{other}"),
    }
}

fn a_server() -> fips_tls::ServerConfig {
    let ca = Ca::test();
    server(
        Profile::sp800_52r2(),
        ca.identity(&Leaf::server(), P256),
        Some(ca.trust()),
    )
}

fn a_client() -> fips_tls::ClientConfig {
    let ca = Ca::test();
    client(
        Profile::sp800_52r2(),
        ca.trust(),
        Some(ca.identity(&Leaf::client(), P256)),
    )
}

#[derive(Debug)]
struct Log;

impl KeyLog for Log {
    fn log(&self, _: &str, _: &[u8], _: &[u8]) {}
}

#[derive(Debug)]
struct Tickets;

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }
    fn lifetime(&self) -> u32 {
        3601
    }
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        Some(plain.to_vec())
    }
    fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        Some(sealed.to_vec())
    }
}

#[test]
fn a_configuration_is_as_built_until_it_is_changed() {
    let server = a_server();
    server.check(&server.rustls()).unwrap();
    assert!(server.rustls().fips());
    let client = a_client();
    client.check(&client.rustls()).unwrap();
    assert!(client.rustls().fips());
    // Application protocols are the caller's.
    let mut changed = (*server.rustls()).clone();
    changed.alpn_protocols = vec![b"h2".to_vec()];
    server.check(&changed).unwrap();
}

#[test]
fn each_change_of_a_server_is_seen() {
    type Change = fn(&mut rustls::ServerConfig);
    let server = a_server();
    let cases: [(Change, &[ConfigFault]); 10] = [
        (
            |c| c.require_ems = false,
            &[ConfigFault::ExtendedMasterSecret],
        ),
        (|c| c.max_early_data_size = 1, &[ConfigFault::EarlyData]),
        (|c| c.send_half_rtt_data = true, &[ConfigFault::HalfRtt]),
        (
            |c| c.enable_secret_extraction = true,
            &[ConfigFault::SecretExtraction],
        ),
        (|c| c.key_log = Arc::new(Log), &[ConfigFault::KeyLog]),
        (
            |c| c.time_provider = Arc::new(DefaultTimeProvider),
            &[ConfigFault::Clock],
        ),
        (
            |c| c.ticketer = Arc::new(Tickets),
            &[
                ConfigFault::Ticketer,
                ConfigFault::TicketLifetime { seconds: 3601 },
            ],
        ),
        (
            |c| c.session_storage = ServerSessionMemoryCache::new(8),
            &[ConfigFault::SessionStorage],
        ),
        (
            |c| c.cert_resolver = a_server().rustls().cert_resolver.clone(),
            &[ConfigFault::Resolver],
        ),
        (
            |c| {
                c.require_ems = false;
                c.max_early_data_size = 1;
            },
            &[ConfigFault::ExtendedMasterSecret, ConfigFault::EarlyData],
        ),
    ];
    for (change, expected) in cases {
        let mut config = (*server.rustls()).clone();
        change(&mut config);
        assert_eq!(faults(server.check(&config)), expected);
    }
}

#[test]
fn each_change_of_a_client_is_seen() {
    type Change = fn(&mut rustls::ClientConfig);
    let client = a_client();
    let cases: [(Change, ConfigFault); 12] = [
        (|c| c.require_ems = false, ConfigFault::ExtendedMasterSecret),
        (|c| c.enable_early_data = true, ConfigFault::EarlyData),
        (|c| c.enable_sni = false, ConfigFault::ServerName),
        (
            |c| c.enable_secret_extraction = true,
            ConfigFault::SecretExtraction,
        ),
        (|c| c.key_log = Arc::new(Log), ConfigFault::KeyLog),
        (
            |c| c.time_provider = Arc::new(DefaultTimeProvider),
            ConfigFault::Clock,
        ),
        (
            |c| {
                c.client_auth_cert_resolver = a_client().rustls().client_auth_cert_resolver.clone();
            },
            ConfigFault::Resolver,
        ),
        (
            |c| c.resumption = Resumption::default(),
            ConfigFault::Resumption,
        ),
        (
            |c| c.resumption = Resumption::disabled(),
            ConfigFault::Resumption,
        ),
        (
            |c| c.resumption = a_client().rustls().resumption.clone(),
            ConfigFault::Resumption,
        ),
        (
            |c| {
                let ours = c.resumption.clone();
                c.resumption = ours.tls12_resumption(Tls12Resumption::SessionIdOnly);
            },
            ConfigFault::Resumption,
        ),
        (
            |c| {
                let other = rustls::client::WebPkiServerVerifier::builder_with_provider(
                    Arc::new(roots()),
                    Arc::clone(c.crypto_provider()),
                )
                .build()
                .unwrap();
                c.dangerous().set_certificate_verifier(other);
            },
            ConfigFault::Verifier,
        ),
    ];
    for (change, expected) in cases {
        let mut config = (*client.rustls()).clone();
        change(&mut config);
        assert_eq!(faults(client.check(&config)), [expected]);
    }
}

/// A server around another provider; all else stays.
fn with_provider(
    server: &fips_tls::ServerConfig,
    change: impl FnOnce(&mut CryptoProvider),
) -> Vec<ConfigFault> {
    let original = server.rustls();
    let mut provider = (**original.crypto_provider()).clone();
    change(&mut provider);
    let mut config = rustls::ServerConfig::builder_with_details(
        Arc::new(provider),
        Arc::clone(&original.time_provider),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_client_cert_verifier(WebPkiClientVerifier::no_client_auth())
    .with_cert_resolver(Arc::clone(&original.cert_resolver));
    config.require_ems = true;
    config.ticketer = Arc::clone(&original.ticketer);
    config.key_log = Arc::clone(&original.key_log);
    config.session_storage = Arc::clone(&original.session_storage);
    faults(server.check(&config))
}

#[derive(Debug)]
struct Constant;

impl SecureRandom for Constant {
    fn fill(&self, output: &mut [u8]) -> Result<(), GetRandomFailed> {
        output.fill(4);
        Ok(())
    }
}

#[derive(Debug)]
struct X25519(&'static dyn rustls::crypto::SupportedKxGroup);

impl rustls::crypto::SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn rustls::crypto::ActiveKeyExchange>, rustls::Error> {
        self.0.start()
    }
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

#[test]
fn each_foreign_part_of_a_provider_is_seen() {
    let ca = Ca::test();
    let server = server(
        Profile::sp800_52r2(),
        ca.identity(&Leaf::server(), P256),
        None,
    );
    assert_eq!(with_provider(&server, |_| {}), [ConfigFault::Provider]);

    let chacha = |provider: &mut CryptoProvider| {
        let ours = provider.cipher_suites[0].tls13().unwrap();
        let suite: &'static Tls13CipherSuite = Box::leak(Box::new(Tls13CipherSuite {
            common: rustls::crypto::CipherSuiteCommon {
                suite: rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
                hash_provider: ours.common.hash_provider,
                confidentiality_limit: u64::MAX,
            },
            hkdf_provider: ours.hkdf_provider,
            aead_alg: ours.aead_alg,
            quic: None,
        }));
        provider
            .cipher_suites
            .push(SupportedCipherSuite::Tls13(suite));
    };
    assert_eq!(
        with_provider(&server, chacha),
        [
            ConfigFault::Suite("TLS13_CHACHA20_POLY1305_SHA256".into()),
            ConfigFault::Provider
        ]
    );

    let group = |provider: &mut CryptoProvider| {
        let ours = provider.kx_groups[0];
        provider.kx_groups.push(Box::leak(Box::new(X25519(ours))));
    };
    assert_eq!(
        with_provider(&server, group),
        [
            ConfigFault::Group("X25519".into()),
            ConfigFault::NotFips {
                part: "a key exchange group"
            },
            ConfigFault::Provider
        ]
    );

    let scheme = |provider: &mut CryptoProvider| {
        let ours = &mut provider.signature_verification_algorithms;
        let mut mapping = ours.mapping.to_vec();
        mapping.push((rustls::SignatureScheme::RSA_PKCS1_SHA1, mapping[0].1));
        ours.mapping = mapping.leak();
    };
    assert_eq!(
        with_provider(&server, scheme),
        [
            ConfigFault::Scheme("RSA_PKCS1_SHA1".into()),
            ConfigFault::Provider
        ]
    );

    assert_eq!(
        with_provider(&server, |provider| provider.secure_random = &Constant),
        [
            ConfigFault::NotFips {
                part: "the random generator"
            },
            ConfigFault::Provider
        ]
    );
}

#[test]
fn a_wider_provider_under_a_narrow_profile_is_seen() {
    let ca = Ca::test();
    let server = server(Profile::tls13(), ca.identity(&Leaf::server(), P256), None);
    let wide = provider(&boundary(), &Profile::sp800_52r2());
    let found = with_provider(&server, |provider| *provider = (*wide).clone());
    assert_eq!(found[0], ConfigFault::Version("TLSv1_2".into()));
    let suites = found
        .iter()
        .filter(|fault| matches!(fault, ConfigFault::Suite(_)));
    assert_eq!(suites.count(), 4);
}

#[test]
fn the_hybrids_are_of_the_profile_that_turned_them_on_alone() {
    let ca = Ca::test();
    let hybrid = || Profile::tls13().with_hybrids().unwrap();
    let wide = provider(&boundary(), &hybrid().with_ml_kem().unwrap());
    let found = |profile: Profile| {
        let server = server(profile, ca.identity(&Leaf::server(), P256), None);
        let mut found = with_provider(&server, |provider| *provider = (*wide).clone());
        // Whatever it offers, it is another.
        assert_eq!(found.pop(), Some(ConfigFault::Provider));
        found
    };
    let fault = |name: &str| ConfigFault::Group(name.into());
    let ml_kem = [fault("MLKEM768"), fault("MLKEM1024")];
    let hybrids = [fault("SecP256r1MLKEM768"), fault("SecP384r1MLKEM1024")];
    assert_eq!(found(hybrid().with_ml_kem().unwrap()), []);
    assert_eq!(found(hybrid()), ml_kem);
    assert_eq!(found(Profile::tls13()), [ml_kem, hybrids].concat());
}

#[test]
fn a_server_verifier_of_another_configuration_is_seen() {
    let (one, other) = (a_server(), a_server());
    let mut config = (*other.rustls()).clone();
    config.ticketer = Arc::clone(&one.rustls().ticketer);
    config.cert_resolver = Arc::clone(&one.rustls().cert_resolver);
    config.key_log = Arc::clone(&one.rustls().key_log);
    config.time_provider = Arc::clone(&one.rustls().time_provider);
    config.session_storage = Arc::clone(&one.rustls().session_storage);
    assert_eq!(
        faults(one.check(&config)),
        [ConfigFault::Provider, ConfigFault::Verifier]
    );
}

#[test]
fn the_reasons_say_how_to_mend() {
    let server = a_server();
    let mut config = (*server.rustls()).clone();
    config.require_ems = false;
    config.enable_secret_extraction = true;
    let text = server.check(&config).unwrap_err().to_string();
    assert!(
        text.contains("require_ems") && text.contains("RFC 7627"),
        "{text}"
    );
    assert!(text.contains("secret extraction"), "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn tickets_are_sealed_live_an_hour_and_open_nowhere_else() {
    let (one, other) = (a_server().rustls(), a_server().rustls());
    assert!(one.ticketer.enabled());
    assert_eq!(one.ticketer.lifetime(), 3600);
    let sealed = one.ticketer.encrypt(b"session state").unwrap();
    assert!(!sealed.windows(7).any(|window| window == b"session"));
    assert_ne!(one.ticketer.encrypt(b"session state").unwrap(), sealed);
    assert_eq!(
        one.ticketer.decrypt(&sealed).as_deref(),
        Some(&b"session state"[..])
    );
    assert_eq!(other.ticketer.decrypt(&sealed), None);
    let mut bent = sealed.clone();
    bent[3] ^= 1;
    assert_eq!(one.ticketer.decrypt(&bent), None);
    assert_eq!(one.ticketer.decrypt(b"short"), None);
}

#[test]
fn a_resolver_for_the_same_identity_is_still_another_one() {
    let server = a_server();
    let identity = Ca::test().identity(&Leaf::server(), P256);
    let _ = identity.chain();
    let mut config = (*server.rustls()).clone();
    let key = provider(&boundary(), &Profile::default())
        .key_provider
        .load_private_key(
            rustls::pki_types::PrivatePkcs8KeyDer::from(
                support::pki::key(P256).to_pkcs8().unwrap().to_vec(),
            )
            .into(),
        )
        .unwrap();
    let certified = rustls::sign::CertifiedKey::new(identity.chain().to_vec(), key);
    certified.keys_match().unwrap();
    config.cert_resolver = Arc::new(SingleCertAndKey::from(certified));
    assert_eq!(faults(server.check(&config)), [ConfigFault::Resolver]);
}

#[test]
fn a_narrowed_profile_refuses_to_be_widened_again() {
    let narrow = Profile::sp800_52r2()
        .narrow_suites(&[Suite::Aes256GcmSha384])
        .unwrap();
    let ca = Ca::test();
    let server = server(narrow, ca.identity(&Leaf::server(), P256), None);
    let wide = provider(&boundary(), &Profile::tls13());
    assert_eq!(
        with_provider(&server, |provider| *provider = (*wide).clone()),
        [
            ConfigFault::Suite("TLS13_AES_128_GCM_SHA256".into()),
            ConfigFault::Provider
        ]
    );
}
