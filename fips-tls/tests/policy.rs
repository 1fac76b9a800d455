//! What the provider offers is what the profile names, and each of it is of the module.

mod support;

use fips_core::agreement::{Curve, EphemeralKey};
use fips_core::kem::{self, DecapsulationKey, ParameterSet};
use fips_core::signing::KeyAlgorithm;
use fips_core::verification;
use fips_tls::{Group, Profile, PublicKey, Scheme, Suite, Version, provider};
use rustls::crypto::{KeyProvider, SupportedKxGroup};
use rustls::pki_types::{AlgorithmIdentifier, PrivateKeyDer, PrivatePkcs8KeyDer, alg_id};
use rustls::{Error, PeerMisbehaved, ProtocolVersion, SupportedCipherSuite};

use support::{CURVES, boundary, pki};

/// Every profile, also with each choice of groups it leaves.
fn profiles() -> Vec<Profile> {
    Profile::NAMES
        .iter()
        .flat_map(|name| {
            let profile: Profile = name.parse().unwrap();
            let mut all = vec![profile.clone()];
            all.extend(profile.clone().with_hybrids());
            all.extend(profile.clone().with_ml_kem());
            all.extend(profile.with_hybrids().and_then(Profile::with_ml_kem));
            all
        })
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
fn every_group_is_the_profiles_in_its_order_and_tells_its_versions() {
    for profile in profiles() {
        let provider = provider(&boundary(), &profile);
        let offered: Vec<_> = provider
            .kx_groups
            .iter()
            .map(|offered| {
                assert!(offered.fips());
                assert!(offered.ffdhe_group().is_none());
                let group = Group::from_code(offered.name().into())
                    .unwrap_or_else(|| panic!("{offered:?} is not of the policy"));
                for version in Version::ALL {
                    let usable = offered.usable_for_version(ProtocolVersion::from(version.code()));
                    assert_eq!(usable, group.usable_in(version), "{group} {version}");
                }
                assert!(!offered.usable_for_version(ProtocolVersion::TLSv1_1) || is_curve(group));
                group
            })
            .collect();
        let named: Vec<_> = profile.groups().iter().map(|row| row.value).collect();
        assert_eq!(offered, named);
    }
}

fn is_curve(group: Group) -> bool {
    CURVES.contains(&group)
}

/// The provider's part for `group`.
fn exchange(group: Group) -> &'static dyn SupportedKxGroup {
    let profile = Profile::tls13()
        .with_hybrids()
        .and_then(Profile::with_ml_kem)
        .unwrap()
        .narrow_groups(&[group])
        .unwrap();
    provider(&boundary(), &profile).kx_groups[0]
}

#[test]
fn both_sides_of_every_group_agree_with_shares_of_the_registered_lengths() {
    for group in Group::ALL {
        // RFC 8446 §4.2.8.2; draft-ietf-tls-mlkem §4; RFC 10024 §4.
        let (client_len, server_len, secret_len) = match group {
            Group::P256 => (65, 65, 32),
            Group::P384 => (97, 97, 48),
            Group::P521 => (133, 133, 66),
            Group::MlKem768 => (1184, 1088, 32),
            Group::MlKem1024 => (1568, 1568, 32),
            Group::SecP256r1MlKem768 => (1249, 1153, 64),
            Group::SecP384r1MlKem1024 => (1665, 1665, 80),
        };
        let client = exchange(group).start().unwrap();
        assert_eq!(client.group(), exchange(group).name());
        assert!(client.ffdhe_group().is_none());
        assert_eq!(client.pub_key().len(), client_len, "{group}");
        let server = exchange(group)
            .start_and_complete(client.pub_key())
            .unwrap();
        assert_eq!(server.group, exchange(group).name());
        assert_eq!(server.pub_key.len(), server_len, "{group}");
        let secret = client.complete(&server.pub_key).unwrap();
        assert_eq!(secret.secret_bytes().len(), secret_len, "{group}");
        assert_eq!(secret.secret_bytes(), server.secret.secret_bytes());
    }
}

#[test]
fn a_bad_share_is_the_peers_fault_on_either_side() {
    let fault = |answer: Result<(), Error>, case: &str| {
        assert_eq!(
            answer,
            Err(PeerMisbehaved::InvalidKeyShare.into()),
            "{case}"
        );
    };
    for group in Group::ALL {
        let client = exchange(group).start().unwrap().pub_key().to_vec();
        let server = exchange(group).start_and_complete(&client).unwrap().pub_key;
        for share in bad_shares(group, &client, true) {
            let answer = exchange(group).start_and_complete(&share).map(|_| ());
            fault(answer, &format!("{group} {} bytes", share.len()));
        }
        for share in bad_shares(group, &server, false) {
            let answer = exchange(group).start().unwrap().complete(&share);
            fault(
                answer.map(|_| ()),
                &format!("{group} {} bytes", share.len()),
            );
        }
    }
    // The curve's share that goes along with a hybrid's.
    for group in [Group::SecP256r1MlKem768, Group::SecP384r1MlKem1024] {
        let start = || exchange(group).start().unwrap();
        let component = start().hybrid_component().unwrap().0;
        let component = Group::from_code(component.into()).unwrap();
        let share = exchange(component).start().unwrap().pub_key().to_vec();
        start().complete_hybrid_component(&share).unwrap();
        for share in bad_shares(component, &share, false) {
            let answer = start().complete_hybrid_component(&share).map(|_| ());
            fault(answer, &format!("{group}'s {component}"));
        }
    }
}

/// `share` cut and lengthened; with a compressed point, one off the curve, and for a server
/// with a coefficient that is not reduced.
fn bad_shares(group: Group, share: &[u8], to_server: bool) -> Vec<Vec<u8>> {
    let mut bad = vec![
        vec![],
        vec![0],
        share[1..].to_vec(),
        share[..share.len() - 1].to_vec(),
        [share, &[0]].concat(),
    ];
    let point = match group {
        Group::MlKem1024 | Group::MlKem768 => 0,
        Group::P256 | Group::SecP256r1MlKem768 => 65,
        Group::P384 | Group::SecP384r1MlKem1024 => 97,
        Group::P521 => 133,
    };
    if point != 0 {
        let mut off = share.to_vec();
        off[10] ^= 1;
        let mut hybrid_form = share.to_vec();
        hybrid_form[0] = 0x06 | (share[point - 1] & 1);
        let mut compressed = share[..=(point - 1) / 2].to_vec();
        compressed[0] = 0x02 | (share[point - 1] & 1);
        compressed.extend(&share[point..]);
        bad.extend([off, hybrid_form, compressed]);
    }
    if to_server && !is_curve(group) {
        let mut not_reduced = share.to_vec();
        not_reduced[point..point + 3].fill(0xff);
        bad.push(not_reduced);
    }
    bad
}

#[test]
fn what_belongs_to_the_curve_comes_first_in_shares_and_secrets() {
    for (group, curve, parameters) in [
        (
            Group::SecP256r1MlKem768,
            Curve::P256,
            ParameterSet::MlKem768,
        ),
        (
            Group::SecP384r1MlKem1024,
            Curve::P384,
            ParameterSet::MlKem1024,
        ),
    ] {
        // Our server, and a client made from the two parts.
        let ecdh = EphemeralKey::generate(curve).unwrap();
        let ml_kem = DecapsulationKey::generate(parameters).unwrap();
        let share = [ecdh.public_key(), ml_kem.encapsulation_key()].concat();
        let server = exchange(group).start_and_complete(&share).unwrap();
        let (point, ciphertext) = server.pub_key.split_at(curve.point_len());
        let secret = [
            ecdh.agree(point).unwrap().as_bytes(),
            ml_kem.decapsulate(ciphertext).unwrap().as_bytes(),
        ]
        .concat();
        assert_eq!(server.secret.secret_bytes(), secret, "{group}");

        // Our client, and a server made from the two parts.
        let client = exchange(group).start().unwrap();
        let (point, key) = client.pub_key().split_at(curve.point_len());
        assert_eq!(client.hybrid_component().unwrap().1, point);
        let ecdh = EphemeralKey::generate(curve).unwrap();
        let own_point = ecdh.public_key().to_vec();
        let ecdh = ecdh.agree(point).unwrap();
        let (ciphertext, ml_kem) = kem::encapsulate(parameters, key).unwrap();
        let answer = client.complete(&[own_point, ciphertext].concat()).unwrap();
        let secret = [ecdh.as_bytes(), ml_kem.as_bytes()].concat();
        assert_eq!(answer.secret_bytes(), secret, "{group}");
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
    distinct(Group::ALL.map(Group::openssl_name));
    distinct(Group::ALL.iter().filter_map(|group| group.go_name()));
    assert!(Group::ALL.is_sorted_by_key(|group| group.code()));
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
    // What is never offered has no name: ChaCha20, CCM, CBC; X25519, also in X25519MLKEM768,
    // and ML-KEM-512; Ed25519, SHA-1.
    for code in [0x1303, 0x1304, 0xcca8, 0xcca9, 0xc023, 0xc027, 0x009c] {
        assert_eq!(Suite::from_code(code), None);
    }
    for code in [29, 30, 21, 256, 0x0200, 0x11ec, 0x11ee, 0x6399] {
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
) -> Result<std::sync::Arc<dyn rustls::sign::SigningKey>, Error> {
    keys.load_private_key(PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der)))
}
