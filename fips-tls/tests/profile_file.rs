//! Profiles from files, in handshakes.

mod support;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{Error, Group, Profile, ProfileFileError, Session, Suite, Version};
use rustls::{Error as TlsError, PeerIncompatible};

use support::memory::Pair;
use support::pki::{Ca, Files, Leaf};
use support::{client, server};

fn from_file(text: &str) -> Result<Profile, Error> {
    let files = Files::new();
    Profile::from_file(files.write("profile.toml", text))
}

#[test]
fn a_narrowed_profile_is_what_is_spoken() {
    let profile = from_file(
        r#"
        base = "sp800_52r2"
        versions = ["TLS 1.3"]
        suites = ["TLS_AES_256_GCM_SHA384"]
        groups = ["secp384r1"]
        keys = ["ECDSA P-256", "RSA"]
        rsa_minimum = 3072
        "#,
    )
    .unwrap();
    let ca = Ca::test();
    let identity = || ca.identity(&Leaf::server(), KeyAlgorithm::EcdsaP256);
    let strict = server(profile.clone(), identity(), Some(ca.trust()));
    let of = |profile: Profile, algorithm| {
        client(
            profile,
            ca.trust(),
            Some(ca.identity(&Leaf::client(), algorithm)),
        )
    };
    let wide = Profile::sp800_52r2;

    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::Rsa3072] {
        let mut pair = Pair::new(&of(wide(), algorithm), &strict);
        pair.finish();
        let session = Session::of(&pair.server).unwrap();
        assert_eq!(session.version, Version::Tls13);
        assert_eq!(session.suite, Suite::Aes256GcmSha384);
        assert_eq!(session.group, Some(Group::P384));
    }
    // Keys that the base takes, and the file does not.
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP384] {
        let refused = Pair::new(&of(wide(), algorithm), &strict).run().server;
        let error = format!("{:?}", refused.unwrap());
        assert!(error.contains("the profile file"), "{error}");
    }
    let p256 = KeyAlgorithm::EcdsaP256;
    for (profile, expected) in [
        (
            wide().narrowed_to(Version::Tls12).unwrap(),
            PeerIncompatible::Tls12NotOfferedOrEnabled,
        ),
        (
            wide().narrow_groups(&[Group::P256]).unwrap(),
            PeerIncompatible::NoKxGroupsInCommon,
        ),
        (
            wide().narrow_suites(&[Suite::Aes128GcmSha256]).unwrap(),
            PeerIncompatible::NoCipherSuitesInCommon,
        ),
    ] {
        let refused = Pair::new(&of(profile, p256), &strict).run().server;
        assert_eq!(refused, Some(TlsError::PeerIncompatible(expected)));
    }
}

#[test]
fn a_file_that_is_not_taken_says_which_and_what() {
    let error =
        from_file("base = \"tls13\"\nsuites = [\"TLS_CHACHA20_POLY1305_SHA256\"]").unwrap_err();
    let text = error.to_string();
    for words in [
        "profile.toml",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
    ] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
    let Error::InFile { source, .. } = error else {
        panic!("{text}");
    };
    assert!(matches!(
        *source,
        Error::ProfileFile(ProfileFileError::NotNamed { .. })
    ));
    let error = Profile::from_file(Files::new().path("none")).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
}
