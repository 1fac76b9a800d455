//! Profile files: what is taken is a part of its base in the base's order, never nothing, and
//! comes back from its own file; what is refused is refused in one line.

use fips_tls::{KeyRule, Profile, Row};

use crate::input::Input;
use crate::text::assert_error;

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(Input(data).rest());
    let profile = match Profile::from_toml(&text) {
        Ok(profile) => profile,
        Err(error) => return assert_error(&error),
    };
    let base: Profile = profile.name().parse().expect("it is a profile's");
    assert_part(base.versions(), profile.versions());
    assert_part(base.suites(), profile.suites());
    assert_part(base.groups(), profile.groups());
    assert_part(base.schemes(), profile.schemes());
    assert!(!profile.key_rules().is_empty());
    for rule in profile.key_rules() {
        assert!(
            base.key_rules()
                .iter()
                .any(|own| match (own.value, rule.value) {
                    (KeyRule::RsaAtLeast(floor), KeyRule::RsaAtLeast(raised)) => raised >= floor,
                    (own, rule) => own == rule,
                })
        );
    }
    for version in profile.versions() {
        assert!(
            profile
                .suites()
                .iter()
                .any(|suite| suite.value.version() == version.value)
        );
        assert!(
            profile
                .groups()
                .iter()
                .any(|group| group.value.usable_in(version.value))
        );
    }
    for suite in profile.suites() {
        let version = suite.value.version();
        assert!(profile.versions().iter().any(|row| row.value == version));
    }
    let written = profile.to_toml().expect("it came from a file");
    assert_eq!(Profile::from_toml(&written), Ok(profile));
}

#[track_caller]
fn assert_part<T: Copy + PartialEq + std::fmt::Debug>(whole: &[Row<T>], part: &[Row<T>]) {
    assert!(!part.is_empty());
    let kept: Vec<_> = whole.iter().filter(|row| part.contains(row)).collect();
    assert_eq!(kept, part.iter().collect::<Vec<_>>());
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Profile::NAMES
        .iter()
        .filter_map(|name| name.parse::<Profile>().ok()?.to_toml())
        .map(String::into_bytes)
        .collect();
    for rest in [
        "versions = [\"TLS 1.3\"]\nrsa_minimum = 3072\n",
        "keys = [\"RSA\"]\n",
        "keys = [\"ECDSA P-384\"]\nschemes = [\"ecdsa_secp384r1_sha384\"]\ngroups = [\"secp384r1\"]\n",
        "schemes = [\"rsa_pkcs1_sha256\"]\n",
        "suites = []\n",
        "groups = [\"x25519\"]\n",
        "rsa_minimum = 2047\n",
    ] {
        seeds.push(format!("base = \"sp800_52r2\"\n{rest}").into_bytes());
    }
    seeds.push(b"base = \"fips\\u001b\"".to_vec());
    seeds
}
