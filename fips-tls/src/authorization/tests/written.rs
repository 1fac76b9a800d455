//! Rules as they are written, in code and in files: which are none, and which differ.

use super::*;

#[test]
fn rules_that_hold_for_all_or_none_are_errors() {
    use AuthorizationFault as A;
    assert_eq!(Authorization::any_of([]), Err(A::NoRules));
    let good = || PeerRule::new().with_common_name("a");
    let spiffe = |path: &str| SpiffeId::new(format!("spiffe://a/{path}")).unwrap();
    for (rule, words) in [
        (PeerRule::new(), "everybody"),
        (PeerRule::new().with_common_name(""), "common name"),
        (PeerRule::new().with_common_name("a\0"), "common name"),
        (PeerRule::new().with_organization("a\n"), "organization"),
        (PeerRule::new().with_organization("x".repeat(2049)), "2048"),
        (PeerRule::new().with_dns_name("*.test"), "wildcard"),
        (PeerRule::new().with_dns_name("a.test."), "dot at its end"),
        (PeerRule::new().with_dns_name(""), "DNS name"),
        (PeerRule::new().with_dns_name("ä.test"), "ASCII"),
        (PeerRule::new().with_dns_name("a b"), "DNS name"),
        (PeerRule::new().with_subject("O=b, CN=a"), "spaces"),
        (PeerRule::new().with_subject(""), "subject"),
        (PeerRule::new().with_uri("a.test"), "URI"),
        (PeerRule::new().with_uri("https://a b"), "URI"),
        (PeerRule::new().with_uri("1:x"), "URI"),
        (PeerRule::new().with_uri("spiffe://a/b"), "SPIFFE ID"),
        (PeerRule::new().with_uri("SPIFFE://a/b"), "SPIFFE ID"),
        (good().with_common_name("b"), "two common names"),
        (
            PeerRule::new().with_subject("CN=a").with_subject("CN=b"),
            "two subjects",
        ),
        (
            PeerRule::new()
                .with_spiffe_id(spiffe("b"))
                .with_spiffe_id(spiffe("c")),
            "two SPIFFE IDs",
        ),
        (
            PeerRule::new()
                .with_spiffe_id(spiffe("b"))
                .with_uri("https://x"),
            "another URI",
        ),
    ] {
        let error = Authorization::any_of([good(), rule])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("rule 2: ") && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn a_file_says_what_the_builder_says_and_nothing_unknown() {
    let text = r#"
        [[allow]]
        common_name = "a"
        organization = "b"
        [[allow]]
        subject = "CN=a"
        [[allow]]
        dns_name = "a.test"
        [[allow]]
        ip = "10.0.0.1"
        [[allow]]
        uri = "https://a"
        [[allow]]
        spiffe_id = "spiffe://a/b"
        [[allow]]
        spiffe_trust_domain = "a"
    "#;
    let built = Authorization::any_of([
        PeerRule::new().with_common_name("a").with_organization("b"),
        PeerRule::new().with_subject("CN=a"),
        PeerRule::new().with_dns_name("a.test"),
        PeerRule::new().with_ip([10, 0, 0, 1]),
        PeerRule::new().with_uri("https://a"),
        PeerRule::new().with_spiffe_id(SpiffeId::new("spiffe://a/b").unwrap()),
        PeerRule::new().with_spiffe_trust_domain(TrustDomain::new("a").unwrap()),
    ]);
    assert_eq!(Authorization::from_toml(text), built);
    let json = r#"{"allow": [{"common_name": "a"}]}"#;
    assert!(serde_json::from_str::<Authorization>(json).is_ok());
    assert!(serde_json::from_str::<Authorization>(r#"{"allow": []}"#).is_err());
    for (text, words) in [
        ("", "allow"),
        ("allow = []", "no rule"),
        ("[[allow]]", "rule 1: it names nothing"),
        ("[[allow]]\ncommon-name = \"a\"", "common-name"),
        ("[[allow]]\nCommon_Name = \"a\"", "Common_Name"),
        ("[[allow]]\ncommon_name = [\"a\"]", "string"),
        ("[[allow]]\ncommon_name = 1", "string"),
        (
            "[[allow]]\ncommon_name = \"a\"\ncommon_name = \"b\"",
            "duplicate",
        ),
        ("[[allow]]\ncommon_name = \"a\"\n[[deny]]", "deny"),
        ("[allow]\ncommon_name = \"a\"", "sequence"),
        ("[[allow]]\nip = \"10.0.0.0/8\"", "address"),
        ("[[allow]]\nip = \"010.0.0.1\"", "address"),
        ("[[allow]]\nspiffe_id = \"spiffe://A/b\"", "SPIFFE-ID §2.1"),
        (
            "[[allow]]\nspiffe_trust_domain = \"spiffe://a\"",
            "SPIFFE-ID §2.1",
        ),
        ("[[allow]]\ndns_name = \"*.a\"", "wildcard"),
        ("[[allow", "TOML"),
    ] {
        let error = Authorization::from_toml(text).unwrap_err().to_string();
        assert!(error.contains(words), "{words:?} is not in: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn rules_that_differ_have_other_pieces() {
    let of = |rule: PeerRule| only(rule).pieces();
    let rules = [
        PeerRule::new().with_common_name("a"),
        PeerRule::new().with_organization("a"),
        PeerRule::new().with_common_name("a").with_organization("a"),
        PeerRule::new().with_dns_name("a"),
    ];
    for (index, rule) in rules.iter().enumerate() {
        assert!(
            rules[..index]
                .iter()
                .all(|other| of(other.clone()) != of(rule.clone()))
        );
    }
    let two = Authorization::any_of([rules[0].clone(), rules[1].clone()]).unwrap();
    assert_ne!(two.pieces(), of(rules[2].clone()));
    let name = |name: &str| of(PeerRule::new().with_dns_name(name));
    assert_eq!(name("A.test"), name("a.test"));
}
