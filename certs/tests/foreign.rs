//! Files another program made: OpenSSL's keys and authorities. Its trees: `tests/trees`.

mod common;

use std::path::Path;

use common::{DAY, boundary, openssl, row};
use fips_certs::pki::Status;
use fips_certs::{
    Authority, Certificate, Clock, Error, LeafParams, Subject, SystemClock, Usages, key,
};

fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap()
}

fn load(folder: &Path, name: &str) -> Result<Authority, Error> {
    let certificate = Certificate::from_pem(&read(folder, &format!("{name}.crt")))?.remove(0);
    let key = key::from_pem(&boundary(), &read(folder, &format!("{name}.key")))?;
    Authority::load(certificate, key)
}

#[test]
fn every_plain_form_of_a_key_is_read_and_no_encrypted_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, "ecparam -name prime256v1 -genkey -out sec1.key");
    openssl(
        folder,
        "ecparam -name secp384r1 -genkey -noout -out sec1-384.key",
    );
    openssl(folder, "pkcs8 -topk8 -nocrypt -in sec1.key -out pkcs8.key");
    openssl(folder, "genrsa -traditional -out pkcs1.key 2048");
    openssl(folder, "pkcs8 -topk8 -nocrypt -in pkcs1.key -out rsa8.key");
    for name in ["sec1", "sec1-384", "pkcs8", "pkcs1", "rsa8"] {
        let key = key::from_pem(&boundary(), &read(folder, &format!("{name}.key"))).unwrap();
        let again = key::from_pem(&boundary(), key::to_pem(&key).unwrap().as_bytes()).unwrap();
        assert_eq!(key.public_key(), again.public_key());
        std::fs::write(
            folder.join("ours.key"),
            key::to_pem(&key).unwrap().as_bytes(),
        )
        .unwrap();
        assert_eq!(
            openssl(folder, "pkey -in ours.key -pubout"),
            openssl(folder, &format!("pkey -in {name}.key -pubout"))
        );
    }
    openssl(
        folder,
        "pkcs8 -topk8 -in sec1.key -out encrypted.key -passout pass:secret",
    );
    openssl(
        folder,
        "ec -aes256 -in sec1.key -out legacy.key -passout pass:secret",
    );
    openssl(folder, "genpkey -algorithm ed25519 -out ed25519.key");
    openssl(folder, "genrsa -out short.key 1024");
    openssl(
        folder,
        "ecparam -name secp256k1 -genkey -noout -out curve.key",
    );
    for (name, reason) in [
        ("encrypted", "encrypted"),
        ("legacy", "encrypted"),
        ("ed25519", "private key"),
        ("short", ""),
        ("curve", ""),
    ] {
        let refused = key::from_pem(&boundary(), &read(folder, &format!("{name}.key")));
        let Err(Error::Key { why }) = refused else {
            panic!("{name}: {refused:?}")
        };
        assert!(why.contains(reason), "{name}: {why}");
    }
    let two = [read(folder, "pkcs8.key"), read(folder, "rsa8.key")].concat();
    assert!(key::from_pem(&boundary(), &two).is_err());
}

/// Makes `NAME.crt` and `NAME.key`.
fn root(folder: &Path, name: &str, subject: &str, more: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
             -keyout {name}.key -out {name}.crt -subj {subject} {more}"
        ),
    );
}

#[test]
fn an_imported_authority_issues_what_openssl_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    root(
        folder,
        "ca",
        "/C=DE/O=Example/CN=corp-root",
        "-addext keyUsage=keyCertSign",
    );
    let authority = load(folder, "ca").unwrap();
    let key = key::generate(&boundary(), key::KeyType::P256).unwrap();
    let leaf = LeafParams::new(Subject::new("client").unwrap(), Usages::Client, DAY)
        .signed_by(&key, &authority, &SystemClock)
        .unwrap();
    assert_eq!(
        leaf.authority_key_id(),
        authority.certificate().subject_key_id()
    );
    std::fs::write(folder.join("leaf.crt"), leaf.to_pem()).unwrap();
    openssl(
        folder,
        "verify -x509_strict -purpose sslclient -CAfile ca.crt leaf.crt",
    );
}

#[test]
fn names_are_written_as_openssl_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for subject in [
        "/O=system:masters/CN=system:admin",
        "/CN=evil,O=system:masters",
        "/C=DE/ST=BE/L=Berlin/O=a+b/OU=<c>/CN=#x",
        "/DC=org/DC=example/CN=a;b",
        "/1.2.3.4=x/CN=odd",
    ] {
        root(folder, "name", subject, "");
        let found = Certificate::from_pem(&read(folder, "name.crt")).unwrap();
        let theirs = openssl(folder, "x509 -in name.crt -noout -subject -nameopt RFC2253");
        let theirs = theirs.trim().trim_start_matches("subject=");
        // OpenSSL writes the letters of a hexadecimal value large.
        assert_eq!(
            found[0].subject().to_lowercase(),
            theirs.to_lowercase(),
            "{subject}"
        );
        assert_eq!(found[0].issuer(), found[0].subject());
    }
}

#[test]
fn an_authority_whose_name_would_change_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    root(folder, "twice", "/O=One/O=Two/CN=root", "");
    root(folder, "domain", "/DC=org/DC=example/CN=root", "");
    root(folder, "joined", "/CN=root+O=One", "-multivalue-rdn");
    for name in ["twice", "domain", "joined"] {
        let Err(Error::Authority { why, .. }) = load(folder, name) else {
            panic!("{name} was taken")
        };
        assert!(why.contains("written differently"), "{name}: {why}");
    }
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout bare.key \
         -out bare.crt -subj /CN=bare -addext subjectKeyIdentifier=none",
    );
    let Err(Error::Authority { why, .. }) = load(folder, "bare") else {
        panic!("an authority without identifier was taken")
    };
    assert!(why.contains("subject key identifier"), "{why}");
}

#[test]
fn weak_keys_and_signatures_of_others_are_named() {
    for (options, words) in [
        ("rsa:1024 -sha1", ["RSA 1024", "algorithm outside"]),
        (
            "rsa:2048 -pkeyopt rsa_keygen_pubexp:3 -sha1",
            [
                "RSA 2048 with a small or even exponent",
                "algorithm outside",
            ],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        openssl(
            folder,
            &format!(
                "req -x509 -newkey {options} -nodes -days 10 -keyout ca.key -out ca.crt -subj /CN=weak"
            ),
        );
        let store = common::made();
        for (from, to) in [
            ("ca.crt", "crt"),
            ("ca.crt", "nochain.crt"),
            ("ca.key", "key"),
        ] {
            store.set(&format!("tls/client-ca.{to}"), read(folder, from));
        }
        let rows = common::check(&store, SystemClock.now());
        let row = row(&rows, "tls/client-ca.crt");
        assert_eq!(row.status, Status::Drifted, "{row:?}");
        let reasons = row.reasons.join("; ");
        for word in words {
            assert!(reasons.contains(word), "{word:?} is not in: {reasons}");
        }
    }
}
