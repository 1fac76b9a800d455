//! What an identity, a trust and a peer are made from, and what is refused on the way.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{
    CertificateReason, Error, Identity, IdentityFault, PeerIdentity, PemFault, Trust, TrustFault,
};

use fips_core::EVALUATION_MARK;
use support::pki::{self, Ca, Files, Leaf};
use support::{NAME, boundary, program};

const P256: KeyAlgorithm = KeyAlgorithm::EcdsaP256;

fn rsa_pem(bits: u32) -> String {
    rsa_pem_with(bits, 65537)
}

fn rsa_pem_with(bits: u32, exponent: u32) -> String {
    program::run(program::openssl().args([
        "genpkey",
        "-quiet",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        &format!("rsa_keygen_bits:{bits}"),
        "-pkeyopt",
        &format!("rsa_keygen_pubexp:{exponent}"),
    ]))
}

#[test]
fn every_key_with_its_chain_is_an_identity() {
    for algorithm in KeyAlgorithm::ALL {
        let identity = Ca::test().identity(&Leaf::server(), algorithm);
        assert_eq!(identity.algorithm(), algorithm);
        // Leaf and CA, as RKE2 writes them.
        assert_eq!(identity.chain().len(), 2);
        assert_eq!(identity.leaf().common_name(), Some("test server"));
        assert!(!format!("{identity:?}").contains("PRIVATE"));
    }
}

#[test]
fn a_file_without_an_end_or_of_any_size_is_refused() {
    let files = Files::new();
    let sparse = files.write("sparse", "");
    let sparse_file = fs::File::options().write(true).open(&sparse).unwrap();
    sparse_file.set_len(1 << 40).unwrap();
    for endless in [sparse.as_path(), Path::new("/dev/zero")] {
        let error = Identity::from_files(&boundary(), endless, &sparse).unwrap_err();
        assert!(error.to_string().contains("larger than"), "{error}");
        let error = Trust::from_file(endless).unwrap_err();
        assert!(error.to_string().contains("larger than"), "{error}");
    }
}

#[test]
fn keys_in_the_forms_openssl_writes() {
    let (chain, key) = Ca::test().issue(&Leaf::server(), P256);
    let files = Files::new();
    let pkcs8 = files.write("key", &key);
    let sec1 = program::run(program::openssl().arg("ec").arg("-in").arg(&pkcs8));
    assert!(sec1.contains("BEGIN EC PRIVATE KEY"));
    Identity::from_pem(&boundary(), &chain, &sec1).unwrap();

    let (chain, key) = Ca::test().issue(&Leaf::server(), KeyAlgorithm::Rsa2048);
    let pkcs8 = files.write("key", &key);
    let pkcs1 = program::run(
        program::openssl()
            .args(["rsa", "-traditional", "-in"])
            .arg(&pkcs8),
    );
    assert!(pkcs1.contains("BEGIN RSA PRIVATE KEY"));
    Identity::from_pem(&boundary(), &chain, &pkcs1).unwrap();

    let encrypted = program::run(
        program::openssl()
            .args(["pkcs8", "-topk8", "-passout", "pass:secret", "-in"])
            .arg(&pkcs8),
    );
    assert!(matches!(
        Identity::from_pem(&boundary(), &chain, &encrypted),
        Err(Error::Pem {
            fault: PemFault::EncryptedKey,
            ..
        })
    ));
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let (chain, key) = Ca::test().issue(&Leaf::server(), P256);
    let files = Files::new();
    let chain = files.write("tls.crt", &chain);
    let key = files.write("tls.key", &key);
    for mode in [0o600, 0o400, 0o700] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        Identity::from_files(&boundary(), &chain, &key).unwrap();
    }
    for mode in [0o640, 0o604, 0o660, 0o644, 0o601, 0o777] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let error = Identity::from_files(&boundary(), &chain, &key).unwrap_err();
        assert!(matches!(
            &error,
            Error::Identity(IdentityFault::KeyFileMode { mode: found, .. }) if *found == mode
        ));
        let text = error.to_string();
        assert!(text.contains("chmod") && text.contains("tls.key"), "{text}");
    }
    let error = Identity::from_files(&boundary(), files.path("none"), &key).unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
}

#[test]
fn pairs_that_do_not_belong_together_are_refused() {
    let ca = Ca::test();
    let (chain, key) = ca.issue(&Leaf::server(), P256);
    for other in [KeyAlgorithm::EcdsaP384, KeyAlgorithm::Rsa2048] {
        let (_, other) = ca.issue(&Leaf::server(), other);
        let error = Identity::from_pem(&boundary(), &chain, other).unwrap_err();
        assert!(
            matches!(error, Error::Identity(IdentityFault::KeyMismatch { .. })),
            "{error}"
        );
    }
    let leaf_last = ca.pem.clone() + chain.strip_suffix(&ca.pem).unwrap();
    let error = Identity::from_pem(&boundary(), leaf_last, key).unwrap_err();
    assert!(matches!(
        error,
        Error::Identity(IdentityFault::LeafNotFirst { position: 1 })
    ));
}

#[test]
fn text_that_is_not_what_it_should_be() {
    let (chain, key) = Ca::test().issue(&Leaf::server(), P256);
    for (chain, key, expected) in [
        ("", &*key, PemFault::NoCertificate),
        (&*key, &key, PemFault::NoCertificate),
        (&chain, "", PemFault::NoKey),
        (&chain, &chain, PemFault::NoKey),
    ] {
        let error = Identity::from_pem(&boundary(), chain, key).unwrap_err();
        assert!(
            matches!(&error, Error::Pem { fault, .. } if *fault == expected),
            "{error}"
        );
    }
    let broken = pki::pem("CERTIFICATE", b"not a certificate");
    assert!(matches!(
        Identity::from_pem(&boundary(), broken, key),
        Err(Error::Certificate { refused, .. }) if refused.reason == CertificateReason::Malformed
    ));
}

#[test]
fn keys_and_signatures_under_the_floor_are_refused() {
    let ca = Ca::test();
    let key = rsa_pem(1024);
    let chain = ca.issue_with_openssl(&key, "weak", "extendedKeyUsage=serverAuth\n", "-sha256");
    let error = Identity::from_pem(&boundary(), &chain, &key).unwrap_err();
    assert!(error.to_string().contains("RSA of 1024 bits"), "{error}");

    let good = pki::key_pem(&pki::key(P256));
    let chain = ca.issue_with_openssl(&good, "sha1", "extendedKeyUsage=serverAuth\n", "-sha1");
    let error = Identity::from_pem(&boundary(), &chain, &good).unwrap_err();
    assert!(error.to_string().contains("ECDSA with SHA-1"), "{error}");

    for curve in ["secp224r1", "secp256k1"] {
        let key = program::run(program::openssl().args([
            "genpkey",
            "-quiet",
            "-algorithm",
            "EC",
            "-pkeyopt",
            &format!("ec_paramgen_curve:{curve}"),
        ]));
        let chain = ca.issue_with_openssl(&key, curve, "extendedKeyUsage=serverAuth\n", "-sha256");
        let error = Identity::from_pem(&boundary(), &chain, &key).unwrap_err();
        assert!(error.to_string().contains("object identifier"), "{error}");
    }
    let key = program::run(program::openssl().args(["genpkey", "-algorithm", "ED25519"]));
    let chain = ca.issue_with_openssl(&key, "ed", "extendedKeyUsage=serverAuth\n", "-sha256");
    assert!(Identity::from_pem(&boundary(), &chain, &key).is_err());
}

#[test]
fn trust_takes_cas_alone() {
    assert_eq!(Ca::test().trust().certificates().len(), 1);
    let two = Ca::test().pem.clone() + &Ca::new("second CA", KeyAlgorithm::EcdsaP384).pem;
    assert_eq!(Trust::from_pem(two).unwrap().certificates().len(), 2);

    assert!(matches!(
        Trust::from_pem(""),
        Err(Error::Pem {
            fault: PemFault::NoCertificate,
            ..
        })
    ));
    let (chain, _) = Ca::test().issue(&Leaf::server(), P256);
    assert!(matches!(
        Trust::from_pem(chain),
        Err(Error::Trust(TrustFault::NotACa { position: 0, .. }))
    ));
    assert!(matches!(
        Trust::from_file("/nonexistent/ca.crt"),
        Err(Error::File { .. })
    ));
}

#[test]
fn trust_judges_keys_and_the_signatures_of_others() {
    let self_signed = |key: &str, hash: &str| {
        let files = Files::new();
        let key = files.write("ca.key", key);
        program::run(
            program::openssl()
                .args(["req", "-x509", "-new", hash, "-days", "30"])
                .args(["-subj", "/CN=old CA", "-key"])
                .arg(&key),
        )
    };
    let strong = rsa_pem(2048);
    // A root's signature over itself proves nothing, so its hash does not matter.
    Trust::from_pem(self_signed(&strong, "-sha1")).unwrap();
    let error = Trust::from_pem(self_signed(&rsa_pem(1024), "-sha256")).unwrap_err();
    assert!(error.to_string().contains("RSA of 1024 bits"), "{error}");
    let error = Trust::from_pem(self_signed(&rsa_pem_with(2048, 3), "-sha256")).unwrap_err();
    assert!(error.to_string().contains("FIPS 186-5 §5.1"), "{error}");

    let issuing = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n";
    let cross = Ca::test().issue_with_openssl(&strong, "cross CA", issuing, "-sha1");
    let error = Trust::from_pem(cross).unwrap_err();
    assert!(error.to_string().contains("SHA-1"), "{error}");
}

#[test]
fn a_peer_is_read_with_all_its_names() {
    let key = pki::key_pem(&pki::key(P256));
    let extensions = "extendedKeyUsage=clientAuth\n\
        subjectAltName=DNS:a.test,DNS:b.test,IP:10.0.0.1,IP:fd00::1,URI:spiffe://test/node\n";
    let chain = Ca::test().issue_with_openssl(
        &key,
        "system:node:one/O=system:nodes/O=second",
        extensions,
        "-sha256",
    );
    let identity = Identity::from_pem(&boundary(), &chain, &key).unwrap();
    let peer = PeerIdentity::from_certificates(Some(identity.chain()))
        .unwrap()
        .unwrap();
    assert_eq!(&peer, identity.leaf());
    assert_eq!(peer.common_name(), Some("system:node:one"));
    assert_eq!(peer.organizations(), ["system:nodes", "second"]);
    assert_eq!(peer.dns_names(), ["a.test", "b.test"]);
    let addresses: Vec<_> = peer
        .ip_addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(addresses, ["10.0.0.1", "fd00::1"]);
    assert_eq!(peer.uris(), ["spiffe://test/node"]);
    let files = Files::new();
    let leaf = files.write("leaf.crt", &chain);
    let serial = program::run(
        program::openssl()
            .args(["x509", "-noout", "-serial", "-in"])
            .arg(leaf),
    );
    assert_eq!(serial.trim(), format!("serial={}", peer.serial()));
    assert_eq!(peer.subject(), "O=second,O=system:nodes,CN=system:node:one");
    assert_eq!(peer.issuer(), "CN=test CA");
    let now = SystemTime::now();
    assert!(peer.is_valid_at(now));
    assert!(!peer.is_valid_at(peer.not_after() + std::time::Duration::from_secs(1)));
    assert!(peer.not_before() <= now);

    assert_eq!(PeerIdentity::from_certificates(None).unwrap(), None);
    assert_eq!(PeerIdentity::from_certificates(Some(&[])).unwrap(), None);
    assert_eq!(NAME, "server.test");
}

fn peer(common_name: &str, names: &str) -> PeerIdentity {
    let key = pki::key_pem(&pki::key(P256));
    let extensions = format!("extendedKeyUsage=clientAuth\n{names}");
    let chain = Ca::test().issue_with_openssl(&key, common_name, &extensions, "-sha256");
    let identity = Identity::from_pem(&boundary(), &chain, &key).unwrap();
    identity.leaf().clone()
}

#[test]
fn of_several_common_names_none_is_the_user() {
    assert_eq!(peer("admin", "").common_name(), Some("admin"));
    let two = peer("nobody/O=one/CN=admin", "");
    assert_eq!(two.subject(), "CN=admin,O=one,CN=nobody");
    assert_eq!(two.common_name(), None);
    assert_eq!(two.organizations(), ["one"]);
    // In one relative name as well.
    let both = peer("nobody+CN=admin", "");
    assert!(both.subject().contains("+CN="), "{}", both.subject());
    assert_eq!(both.common_name(), None);
}

#[test]
fn a_name_that_nothing_visible_spells_is_no_host_and_no_resource() {
    let names = "subjectAltName=DNS:a.test,DNS:b\u{1b}[2J.test,DNS:c d,URI:x:y,URI:x:\u{7f}\n";
    let peer = peer("names", names);
    assert_eq!(peer.dns_names(), ["a.test"]);
    assert_eq!(peer.uris(), ["x:y"]);
}

#[test]
fn the_evaluation_mark_passes_under_evaluation() {
    let ca = Ca::with_unit("marked CA", Some(EVALUATION_MARK), P256);
    let identity = ca.identity(&Leaf::server(), P256);
    assert_eq!(
        identity.leaf().issuer(),
        format!("OU={EVALUATION_MARK},CN=marked CA")
    );
    let server = support::server(fips_tls::Profile::default(), identity, Some(ca.trust()));
    server.check(&server.rustls()).unwrap();
}
