//! What the provider offers is what the profile names, and each of it is of the module.

mod support;

use fips_core::signing::KeyAlgorithm;
use fips_core::verification;
use fips_tls::{Group, Profile, PublicKey, Scheme, Suite, Version, provider};
use rustls::SupportedCipherSuite;
use rustls::crypto::KeyProvider;
use rustls::pki_types::{AlgorithmIdentifier, PrivateKeyDer, PrivatePkcs8KeyDer, alg_id};

use support::{boundary, pki};

fn profiles() -> Vec<Profile> {
    Profile::NAMES
        .iter()
        .map(|name| name.parse().unwrap())
        .collect()
}

#[test]
fn every_suite_is_one_of_six_in_the_profiles_order() {
    for profile in profiles() {
        let provider = provider(&boundary(), &profile);
        let offered: Vec<_> = provider
            .cipher_suites
            .iter()
            .map(|suite| {
                Suite::from_code(suite.suite().into())
                    .unwrap_or_else(|| panic!("{suite:?} is not of the policy"))
            })
            .collect();
        let named: Vec<_> = profile.suites().iter().map(|row| row.value).collect();
        assert_eq!(offered, named);
        for (offered, suite) in provider.cipher_suites.iter().zip(&named) {
            assert!(offered.fips(), "{suite}");
            // One source of names: rustls knows the suite by the same one.
            let name = format!("{:?}", offered.suite()).replace("TLS13_", "TLS_");
            assert_eq!(name, suite.iana_name());
            let version = u16::from(offered.version().version);
            assert_eq!(Version::from_code(version), Some(suite.version()));
        }
    }
}

#[test]
fn hashes_key_lengths_and_certificate_kinds_follow_the_suites_names() {
    for offered in &provider(&boundary(), &Profile::sp800_52r2()).cipher_suites {
        let suite = Suite::from_code(offered.suite().into()).unwrap();
        let name = suite.iana_name();
        let key_len = if suite.is_aes256() { 32 } else { 16 };
        assert_eq!(suite.is_aes256(), name.contains("AES_256"));
        let hash = match offered {
            SupportedCipherSuite::Tls12(suite) => {
                assert_eq!(suite.aead_alg.key_block_shape().enc_key_len, key_len);
                suite.common.hash_provider
            }
            SupportedCipherSuite::Tls13(suite) => {
                assert_eq!(suite.aead_alg.key_len(), key_len);
                assert!(suite.quic.is_none());
                suite.common.hash_provider
            }
        };
        assert!(name.ends_with(&format!("SHA{}", 8 * hash.output_len())));
        let tls13 = suite.version() == Version::Tls13;
        assert_eq!(suite.takes_rsa_key(), tls13 || name.contains("RSA"));
        assert_eq!(suite.takes_ecdsa_key(), tls13 || name.contains("ECDSA"));
    }
}

#[test]
fn no_traffic_secret_can_be_taken_out() {
    use rustls::crypto::cipher::{AeadKey, Iv};
    for suite in &provider(&boundary(), &Profile::sp800_52r2()).cipher_suites {
        let key = AeadKey::from([0; 32]);
        let refused = match suite {
            SupportedCipherSuite::Tls12(suite) => {
                suite.aead_alg.extract_keys(key, &[0; 4], &[]).is_err()
            }
            SupportedCipherSuite::Tls13(suite) => {
                suite.aead_alg.extract_keys(key, Iv::from([0; 12])).is_err()
            }
        };
        assert!(refused, "{suite:?}");
    }
}

#[test]
fn every_group_is_a_nist_curve_in_the_profiles_order() {
    for profile in profiles() {
        let provider = provider(&boundary(), &profile);
        let offered: Vec<_> = provider
            .kx_groups
            .iter()
            .map(|group| {
                assert!(group.fips());
                assert!(group.ffdhe_group().is_none());
                Group::from_code(group.name().into())
                    .unwrap_or_else(|| panic!("{group:?} is not of the policy"))
            })
            .collect();
        let named: Vec<_> = profile.groups().iter().map(|row| row.value).collect();
        assert_eq!(offered, named);
        for group in &provider.kx_groups {
            let (one, other) = (group.start().unwrap(), group.start().unwrap());
            let (a, b) = (one.pub_key().to_vec(), other.pub_key().to_vec());
            let shared = one.complete(&b).unwrap();
            assert_eq!(
                shared.secret_bytes(),
                other.complete(&a).unwrap().secret_bytes()
            );
            // Compressed, infinite, cut short, off the curve.
            let mut off = a.clone();
            off[10] ^= 1;
            for bad in [&[][..], &[0], &a[..a.len() - 1], &a[1..], &off] {
                assert!(group.start().unwrap().complete(bad).is_err());
            }
            let mut compressed = a[..=(a.len() - 1) / 2].to_vec();
            compressed[0] = 0x02 | (a[a.len() - 1] & 1);
            assert!(group.start().unwrap().complete(&compressed).is_err());
        }
    }
}

#[test]
fn every_scheme_is_of_the_profile_and_its_hash_fits_the_curve() {
    for profile in profiles() {
        let algorithms = provider(&boundary(), &profile).signature_verification_algorithms;
        let offered: Vec<_> = algorithms
            .mapping
            .iter()
            .map(|(scheme, _)| {
                Scheme::from_code((*scheme).into())
                    .unwrap_or_else(|| panic!("{scheme:?} is not of the policy"))
            })
            .collect();
        let named: Vec<_> = profile.schemes().iter().map(|row| row.value).collect();
        assert_eq!(offered, named);
        assert!(algorithms.fips());

        let strength = |key: AlgorithmIdentifier| match key {
            alg_id::ECDSA_P256 => 256,
            alg_id::ECDSA_P384 => 384,
            alg_id::ECDSA_P521 => 512,
            other => panic!("{other:?} is not of the policy"),
        };
        for (scheme, candidates) in algorithms.mapping {
            let name = Scheme::from_code((*scheme).into()).unwrap().iana_name();
            let hash: u32 = name.rsplit("sha").next().unwrap().parse().unwrap();
            for (place, algorithm) in candidates.iter().enumerate() {
                if name.starts_with("rsa") {
                    assert_eq!(algorithm.public_key_alg_id(), alg_id::RSA_ENCRYPTION);
                    assert_eq!(candidates.len(), 1);
                } else {
                    // The first is TLS 1.3's: the curve of the scheme's name.
                    let curve = strength(algorithm.public_key_alg_id());
                    assert!(profile.accepts_key(&curve_key(curve)), "{name} {curve}");
                    assert!(if place == 0 {
                        curve == hash
                    } else {
                        curve < hash
                    });
                }
            }
        }
        // Certificates: exactly the module's pairs of the profile's schemes, nothing looser.
        let expected: Vec<_> = Scheme::ALL
            .into_iter()
            .zip(verification::ALL)
            .filter(|(scheme, _)| profile.accepts_scheme(*scheme))
            .map(|(_, core)| core)
            .collect();
        assert_eq!(algorithms.all.len(), expected.len());
        for (ours, core) in algorithms.all.iter().zip(expected) {
            assert_eq!(ours.public_key_alg_id(), core.public_key_alg_id());
            assert_eq!(ours.signature_alg_id(), core.signature_alg_id());
        }
    }
}

fn curve_key(strength: u32) -> PublicKey {
    match strength {
        256 => PublicKey::EcdsaP256,
        384 => PublicKey::EcdsaP384,
        _ => PublicKey::EcdsaP521,
    }
}

#[test]
fn names_and_codes_are_one_to_one() {
    fn distinct<T: PartialEq + std::fmt::Debug>(items: impl IntoIterator<Item = T>) {
        let items: Vec<T> = items.into_iter().collect();
        for (index, item) in items.iter().enumerate() {
            assert!(!items[..index].contains(item), "{item:?} twice");
        }
    }
    distinct(Suite::ALL.map(Suite::openssl_name));
    distinct(Group::ALL.map(Group::go_name));
    distinct(Scheme::ALL.map(Scheme::openssl_name));
    for suite in Suite::ALL {
        assert_eq!(Suite::from_code(suite.code()), Some(suite));
    }
    for group in Group::ALL {
        assert_eq!(Group::from_code(group.code()), Some(group));
    }
    for scheme in Scheme::ALL {
        assert_eq!(Scheme::from_code(scheme.code()), Some(scheme));
        assert_eq!(
            scheme.signs_tls13_handshakes(),
            !scheme.iana_name().contains("pkcs1")
        );
    }
    // What is never offered has no name: ChaCha20, CCM, CBC; X25519; Ed25519, SHA-1.
    for code in [0x1303, 0x1304, 0xcca8, 0xcca9, 0xc023, 0xc027, 0x009c] {
        assert_eq!(Suite::from_code(code), None);
    }
    for code in [29, 30, 21, 256, 0x11ec] {
        assert_eq!(Group::from_code(code), None);
    }
    for code in [0x0807, 0x0201, 0x0203, 0x0809] {
        assert_eq!(Scheme::from_code(code), None);
    }
}

#[test]
fn every_key_is_loaded_into_the_module_and_signs_with_its_own_schemes() {
    let every: Vec<_> = Scheme::ALL
        .iter()
        .map(|scheme| rustls::SignatureScheme::from(scheme.code()))
        .collect();
    for profile in profiles() {
        let provider = provider(&boundary(), &profile);
        assert!(provider.fips() && provider.key_provider.fips() && provider.secure_random.fips());
        for algorithm in KeyAlgorithm::ALL {
            let der = pki::key(algorithm).to_pkcs8().unwrap().to_vec();
            let loaded = load(provider.key_provider, der);
            if !profile.accepts_key(&algorithm.into()) {
                let error = loaded.unwrap_err().to_string();
                assert!(error.contains(profile.name()), "{error}");
                continue;
            }
            let key = loaded.unwrap();
            let signer = key.choose_scheme(&every).unwrap();
            let scheme = Scheme::from_code(signer.scheme().into()).unwrap();
            assert!(profile.accepts_scheme(scheme), "{algorithm} {scheme}");
            assert_eq!(
                scheme.iana_name().starts_with("rsa_pss"),
                algorithm.is_rsa(),
                "{algorithm}"
            );
            assert!(!signer.sign(b"message").unwrap().is_empty());
            // Offered one by one: exactly the profile's own are signed with.
            for scheme in Scheme::ALL {
                let alone = [rustls::SignatureScheme::from(scheme.code())];
                if key.choose_scheme(&alone).is_some() {
                    assert!(profile.accepts_scheme(scheme), "{algorithm} {scheme}");
                }
            }
            assert!(key.choose_scheme(&[]).is_none());
            assert!(
                key.choose_scheme(&[rustls::SignatureScheme::ED25519])
                    .is_none()
            );
        }
        assert!(load(provider.key_provider, vec![0x30, 0]).is_err());
    }
}

fn load(
    keys: &dyn KeyProvider,
    der: Vec<u8>,
) -> Result<std::sync::Arc<dyn rustls::sign::SigningKey>, rustls::Error> {
    keys.load_private_key(PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der)))
}
