//! What is issued verifies under three independent readers, for every kind of key.

mod common;

use std::time::Duration;

use common::{DAY, START, boundary, certtool, clock, diagnostic, openssl};
use fips_certs::key::{self, KeyType};
use fips_certs::{
    Authority, AuthorityParams, BACKDATE, Certificate, Clock, Error, FixedClock, LeafParams,
    Subject, SubjectAltName, SystemClock, Usages,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

fn root(key_type: KeyType, clock: &dyn Clock) -> Authority {
    AuthorityParams::new(subject(&format!("root {key_type}@1")), DAY * 3650)
        .with_path_length(1)
        .self_signed(key::generate(&boundary(), key_type).unwrap(), clock)
        .unwrap()
}

fn leaf(key_type: KeyType, issuer: &Authority, clock: &dyn Clock) -> Certificate {
    let names = [
        "server.example.org",
        "192.0.2.1",
        "::1",
        "spiffe://cluster/ns/etcd",
    ];
    LeafParams::new(
        subject("server")
            .with_organization("system:masters")
            .unwrap(),
        Usages::ServerAndClient,
        DAY * 365,
    )
    .with_names(names.map(|name| name.parse::<SubjectAltName>().unwrap()))
    .signed_by(
        &key::generate(&boundary(), key_type).unwrap(),
        issuer,
        clock,
    )
    .unwrap()
}

fn webpki_accepts(leaf: &Certificate, chain: &[Certificate], root: &Certificate, now: u64) {
    let anchors = [anchor_from_trusted_cert(root.der()).unwrap()];
    let chain: Vec<CertificateDer<'_>> = chain.iter().map(|found| found.der().clone()).collect();
    let end = EndEntityCert::try_from(leaf.der()).unwrap();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now));
    for usage in [KeyUsage::server_auth(), KeyUsage::client_auth()] {
        let algorithms = fips_core::verification::ALL;
        end.verify_for_usage(algorithms, &anchors, &chain, time, usage, None, None)
            .unwrap();
    }
    for name in ["server.example.org", "192.0.2.1", "::1"] {
        end.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
            .unwrap();
    }
    let other = ServerName::try_from("other.example.org").unwrap();
    assert!(end.verify_is_valid_for_subject_name(&other).is_err());
}

#[test]
fn every_kind_of_key_verifies_everywhere_as_authority_and_as_leaf() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let clock = SystemClock;
    let now = u64::try_from(clock.now().unix_timestamp()).unwrap();
    // A ring: each kind signs the next, so that each is authority once and leaf once.
    let mut next = KeyType::ALL.into_iter().cycle().skip(1);
    for authority_type in KeyType::ALL {
        let leaf_type = next.next().unwrap();
        let root = root(authority_type, &clock);
        let leaf = leaf(leaf_type, &root, &clock);
        assert!(root.is_root(&diagnostic()));
        leaf.verify_issued_by(&diagnostic(), root.certificate())
            .unwrap();
        webpki_accepts(&leaf, &[], root.certificate(), now);

        let chain = leaf.to_pem() + &root.certificate().to_pem();
        std::fs::write(folder.join("root.crt"), root.certificate().to_pem()).unwrap();
        std::fs::write(folder.join("leaf.crt"), leaf.to_pem()).unwrap();
        std::fs::write(folder.join("chain.crt"), chain).unwrap();
        for purpose in ["sslserver", "sslclient"] {
            openssl(
                folder,
                &format!(
                    "verify -x509_strict -check_ss_sig -purpose {purpose} -CAfile root.crt leaf.crt"
                ),
            );
        }
        let text = openssl(folder, "x509 -in leaf.crt -noout -text");
        assert!(text.contains("CA:FALSE") && text.contains("X509v3 Subject Key Identifier"));
        assert_eq!(
            text.contains("Key Encipherment"),
            leaf_type.algorithm().is_rsa(),
            "{text}"
        );
        let text = openssl(folder, "x509 -in root.crt -noout -text");
        assert!(text.contains("CA:TRUE, pathlen:1") && text.contains("Certificate Sign, CRL Sign"));

        certtool(folder, "--verify-chain --infile chain.crt");
        let text = certtool(folder, "-i --infile leaf.crt");
        assert!(text.contains("TLS WWW Server") && text.contains("Authority Key Identifier"));
    }
}

#[test]
fn a_chain_of_three_verifies_and_path_lengths_are_kept() {
    let clock = clock();
    let root = root(KeyType::P256, &clock);
    let key = || key::generate(&boundary(), KeyType::P384).unwrap();
    let middle = AuthorityParams::new(subject("middle"), DAY * 9000)
        .signed_by(key(), &root, &clock)
        .unwrap();
    assert_eq!(
        middle.certificate().not_after(),
        root.certificate().not_after()
    );
    assert!(!middle.is_root(&diagnostic()));
    let end = leaf(KeyType::P256, &middle, &clock);
    let now = u64::try_from(START.unix_timestamp()).unwrap();
    webpki_accepts(
        &end,
        &[middle.certificate().clone()],
        root.certificate(),
        now,
    );
    for (issuer, length) in [(&middle, 0), (&root, 1)] {
        let refused = AuthorityParams::new(subject("below"), DAY)
            .with_path_length(length)
            .signed_by(key(), issuer, &clock);
        assert!(
            matches!(refused, Err(Error::Authority { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn serials_are_random_positive_and_of_159_bits() {
    let clock = clock();
    let root = root(KeyType::P256, &clock);
    let mut serials: Vec<String> = (0..50)
        .map(|_| leaf(KeyType::P256, &root, &clock).serial())
        .collect();
    for serial in &serials {
        assert_eq!(serial.len(), 40);
        assert!(
            ('4'..='7').contains(&serial.chars().next().unwrap()),
            "{serial}"
        );
    }
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 50);
}

#[test]
fn key_identifiers_are_those_of_rfc_7093_and_the_issuers_are_copied() {
    let clock = clock();
    let root = root(KeyType::P256, &clock);
    let leaf = leaf(KeyType::P256, &root, &clock);
    for certificate in [root.certificate(), &leaf] {
        let digest = diagnostic()
            .digest(
                fips_core::digest::Algorithm::Sha256,
                certificate.public_key(),
            )
            .unwrap();
        assert_eq!(
            certificate.subject_key_id().unwrap(),
            &digest.as_ref()[..20]
        );
    }
    assert_eq!(leaf.authority_key_id(), root.certificate().subject_key_id());
}

#[test]
fn validity_is_clamped_to_the_issuers_and_backdated_within_it() {
    let clock = clock();
    let root = AuthorityParams::new(subject("root"), DAY * 30)
        .self_signed(key::generate(&boundary(), KeyType::P256).unwrap(), &clock)
        .unwrap();
    assert_eq!(root.certificate().not_before(), START - BACKDATE);
    assert_eq!(root.certificate().not_after(), START + DAY * 30);

    // Younger than the backdating: the leaf does not begin before its issuer.
    let early = FixedClock::new(START - Duration::from_secs(120));
    let leaf = |clock: &dyn Clock, lifetime| {
        LeafParams::new(subject("client"), Usages::Client, lifetime).signed_by(
            &key::generate(&boundary(), KeyType::P256).unwrap(),
            &root,
            clock,
        )
    };
    let first = leaf(&early, DAY).unwrap();
    assert_eq!(first.not_before(), root.certificate().not_before());
    let long = leaf(&clock, DAY * 365).unwrap();
    assert_eq!(long.not_after(), root.certificate().not_after());
    let short = leaf(&clock, DAY).unwrap();
    assert_eq!(short.not_after(), START + DAY);

    for (at, lifetime) in [
        (START - DAY, DAY),
        (START + DAY * 30, DAY),
        (START + DAY * 31, DAY),
        (START, Duration::ZERO),
        (START, Duration::MAX),
    ] {
        let refused = leaf(&FixedClock::new(at), lifetime);
        assert!(
            matches!(refused, Err(Error::Authority { .. })),
            "{at} {lifetime:?}"
        );
    }
}

#[test]
fn senseless_leaves_are_refused() {
    let clock = clock();
    let root = root(KeyType::P256, &clock);
    let key = key::generate(&boundary(), KeyType::P256).unwrap();
    let nameless = LeafParams::new(subject("server"), Usages::Server, DAY);
    assert!(nameless.signed_by(&key, &root, &clock).is_err());
    // An authority made here bears the mark of evaluation; the leaf's name has none.
    let folder = tempfile::tempdir().unwrap();
    openssl(
        folder.path(),
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key \
         -out ca.crt -subj /CN=plain",
    );
    let read = |file: &str| std::fs::read(folder.path().join(file)).unwrap();
    let plain = Authority::load(
        Certificate::from_pem(&read("ca.crt")).unwrap().remove(0),
        key::from_pem(&boundary(), &read("ca.key")).unwrap(),
    )
    .unwrap();
    let same = LeafParams::new(subject("plain"), Usages::Client, DAY);
    let refused = same.signed_by(&key, &plain, &SystemClock).unwrap_err();
    assert!(
        refused.to_string().contains("its issuer's name"),
        "{refused}"
    );
    let p521 = fips_core::signing::PrivateKey::generate(
        &boundary(),
        fips_core::signing::KeyAlgorithm::EcdsaP521,
    )
    .unwrap();
    let client = LeafParams::new(subject("client"), Usages::Client, DAY);
    assert!(matches!(
        client.signed_by(&p521, &root, &clock),
        Err(Error::Key { .. })
    ));
    assert!(client.signed_by(&key, &root, &clock).is_ok());
}

#[test]
fn an_authority_needs_its_own_key() {
    let clock = clock();
    let root = root(KeyType::P256, &clock);
    let other = key::generate(&boundary(), KeyType::P256).unwrap();
    let refused = Authority::load(root.certificate().clone(), other);
    assert!(matches!(refused, Err(Error::Authority { .. })));
    let key = key::generate(&boundary(), KeyType::P256).unwrap();
    let leaf = LeafParams::new(subject("client"), Usages::Client, DAY)
        .signed_by(&key, &root, &clock)
        .unwrap();
    assert!(matches!(
        Authority::load(leaf, key),
        Err(Error::Authority { .. })
    ));
}

#[test]
fn a_name_in_a_certificate_cannot_steer_a_terminal_or_pass_the_signature() {
    let clock = clock();
    let root = root(KeyType::P256, &clock);
    let leaf = leaf(KeyType::P256, &root, &clock);
    let mut der = leaf.der().to_vec();
    let at = der.windows(6).position(|bytes| bytes == b"server").unwrap();
    der[at] = 0x1b;
    let changed = Certificate::from_der(&der).unwrap();
    assert!(
        !changed.subject().contains('\u{1b}'),
        "{}",
        changed.subject()
    );
    assert_eq!(
        changed.verify_issued_by(&diagnostic(), root.certificate()),
        Err(fips_certs::NotIssued::Signature)
    );
}
