use super::*;

fn all() -> Vec<Profile> {
    Profile::NAMES
        .iter()
        .map(|name| name.parse().unwrap())
        .collect()
}

fn read(base: &Profile, rest: &str) -> Result<Profile, ProfileFileError> {
    Profile::from_toml(&format!("base = {:?}\n{rest}", base.name()))
}

fn list(name: &str, entries: &[&str]) -> String {
    format!("{name} = {entries:?}\n")
}

#[test]
fn a_file_of_a_base_alone_is_the_base_and_comes_back() {
    for base in all() {
        assert_eq!(read(&base, "").unwrap(), base);
        assert_eq!(Profile::from_toml(&base.to_toml().unwrap()).unwrap(), base);
        // What a file cannot say is not written as something else.
        if let Ok(wide) = base.with_hybrids() {
            assert_eq!(wide.to_toml(), None);
        }
    }
}

/// Each entry that there is, alone: the base names it, or the error lists what it names.
fn each<T: Copy + PartialEq + std::fmt::Debug>(
    name: &'static str,
    every: &[T],
    word: fn(T) -> &'static str,
    rows: fn(&Profile) -> &[Row<T>],
) {
    for base in all() {
        for value in every {
            let named = rows(&base).iter().any(|row| row.value == *value);
            match read(&base, &list(name, &[word(*value)])) {
                Ok(profile) => {
                    assert!(named, "{value:?}");
                    assert_eq!(rows(&profile).len(), 1);
                    assert_eq!(rows(&profile)[0].value, *value);
                    assert_eq!(Profile::from_toml(&profile.to_toml().unwrap()), Ok(profile));
                }
                Err(ProfileFileError::NotNamed { named: words, .. }) => {
                    assert!(!named, "{value:?}");
                    assert!(
                        rows(&base)
                            .iter()
                            .all(|row| words.contains(word(row.value)))
                    );
                }
                // Of schemes that sign nothing in a handshake of TLS 1.3.
                Err(error) => assert!(name == "schemes" && named, "{error}"),
            }
        }
        let whole = names(rows(&base), word);
        let whole: Vec<_> = whole.iter().map(String::as_str).rev().collect();
        assert_eq!(
            read(&base, &list(name, &whole)).unwrap(),
            base,
            "in its own order"
        );
        for wrong in [
            "",
            "x",
            "TLS_CHACHA20_POLY1305_SHA256",
            "x25519",
            "TLS 1.1",
            "ed25519",
        ] {
            let error = read(&base, &list(name, &[wrong])).unwrap_err();
            assert!(
                matches!(error, ProfileFileError::NotNamed { .. }),
                "{error}"
            );
        }
        let lower = word(rows(&base)[0].value).to_ascii_lowercase();
        if lower != word(rows(&base)[0].value) {
            assert!(read(&base, &list(name, &[&lower])).is_err());
        }
        let twice = [whole[0], whole[0]];
        let error = read(&base, &list(name, &twice)).unwrap_err();
        assert!(matches!(error, ProfileFileError::Twice { .. }), "{error}");
        let error = read(&base, &list(name, &[])).unwrap_err();
        assert!(matches!(error, ProfileFileError::Empty { .. }), "{error}");
    }
}

#[test]
fn every_entry_there_is_narrows_or_is_refused() {
    each("versions", &Version::ALL, version_name, Profile::versions);
    each("suites", &Suite::ALL, suite_name, Profile::suites);
    each("groups", &Group::ALL, group_name, Profile::groups);
    each("schemes", &Scheme::ALL, scheme_name, Profile::schemes);
}

#[test]
fn keys_and_their_floor() {
    let base = Profile::sp800_52r2();
    for name in ["ECDSA P-256", "ECDSA P-384", "ECDSA P-521", "RSA"] {
        // Also the suites of the other kind go.
        let one = read(&base, &list("keys", &[name])).unwrap();
        assert_eq!(one.key_rules().len(), 1);
        assert_eq!(one.suites().len(), 4, "{name}");
        assert_eq!(one.key_source(), SOURCE);
    }
    for (floor, expected) in [
        (2048, true),
        (3072, true),
        (8192, true),
        (2047, false),
        (0, false),
        (8193, false),
    ] {
        let read = read(&base, &format!("rsa_minimum = {floor}"));
        assert_eq!(read.is_ok(), expected, "{floor}");
        if let Ok(read) = read {
            assert_eq!(read.rsa_floor(), Some(floor));
            assert_eq!(Profile::from_toml(&read.to_toml().unwrap()).unwrap(), read);
        }
    }
    assert!(read(&Profile::cnsa1(), "rsa_minimum = 2048").is_err());
    assert!(read(&base, "keys = [\"ECDSA P-256\"]\nrsa_minimum = 3072").is_err());
    for wrong in [
        "rsa_minimum = -1",
        "rsa_minimum = \"3072\"",
        "rsa_minimum = 4294967296",
    ] {
        assert!(read(&base, wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_would_never_be_used_is_an_error_that_names_it() {
    let base = Profile::sp800_52r2();
    for (rest, words) in [
        // A version without a suite, a suite without its version.
        (
            "versions = [\"TLS 1.2\"]\nsuites = [\"TLS_AES_256_GCM_SHA384\"]",
            "TLS 1.2",
        ),
        (
            "versions = [\"TLS 1.2\", \"TLS 1.3\"]\nsuites = [\"TLS_AES_256_GCM_SHA384\"]",
            "TLS 1.2",
        ),
        // A suite whose keys are gone.
        (
            "keys = [\"RSA\"]\nsuites = [\"TLS_AES_256_GCM_SHA384\", \
             \"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\"]",
            "TLS_ECDHE_ECDSA",
        ),
        // Schemes of other keys, and none that signs a handshake of TLS 1.3.
        (
            "keys = [\"RSA\"]\nschemes = [\"ecdsa_secp256r1_sha256\"]",
            "ecdsa_secp256r1_sha256",
        ),
        (
            "keys = [\"ECDSA P-256\"]\nschemes = [\"ecdsa_secp384r1_sha384\"]",
            "ecdsa_secp384r1_sha384",
        ),
        (
            "versions = [\"TLS 1.3\"]\nschemes = [\"rsa_pkcs1_sha256\"]",
            "TLS 1.3",
        ),
    ] {
        let error = read(&base, rest).unwrap_err();
        assert!(matches!(error, ProfileFileError::Useless { .. }), "{error}");
        assert!(
            error.to_string().contains(words),
            "{words:?} is not in: {error}"
        );
    }
}

#[test]
fn what_is_unknown_is_an_error() {
    for (text, words) in [
        ("", "base"),
        ("base = \"fips\"", "sp800_52r2"),
        ("base = \"SP800_52r2\"", "sp800_52r2"),
        ("base = \"a\\u001b\\n\"", "base"),
        ("base = 1", "string"),
        ("base = \"tls13\"\nciphers = []", "ciphers"),
        ("base = \"tls13\"\nSuites = []", "Suites"),
        (
            "base = \"tls13\"\nsuites = \"TLS_AES_256_GCM_SHA384\"",
            "sequence",
        ),
        ("base = \"tls13\"\nbase = \"tls13\"", "duplicate"),
        ("base = \"tls13\"\n[more]", "more"),
        ("base = tls13", "TOML"),
    ] {
        let error = Profile::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(words), "{words:?} is not in: {error}");
        assert!(!error.contains(['\n', '\u{1b}']), "{error}");
    }
}
