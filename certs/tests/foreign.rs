//! Files another program made: OpenSSL's keys, authorities and trees.

mod common;

use std::path::Path;

use common::{DAY, MemoryStore, boundary, catalogue, diagnostic, openssl, row};
use fips_certs::pki::{RenewalPolicy, Status, Thresholds};
use fips_certs::{
    Authority, Certificate, Clock, Error, LeafParams, Pki, Subject, SystemClock, Usages, key,
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

/// A tree in RKE2's layout by the `openssl` program alone, with the habits of k3s: key
/// encipherment on an elliptic key, no basic constraints on leaves, serial numbers of its own.
fn tree(folder: &Path) {
    for (name, subject) in [
        ("client-ca", "/CN=rke2-client-ca@1700000000"),
        ("server-ca", "/CN=rke2-server-ca@1700000000"),
        ("request-header-ca", "/CN=rke2-request-header-ca@1700000000"),
        ("etcd/server-ca", "/CN=etcd-server-ca@1700000000"),
        ("etcd/peer-ca", "/CN=etcd-peer-ca@1700000000"),
    ] {
        std::fs::create_dir_all(folder.join("tls/etcd")).unwrap();
        let name = format!("tls/{name}");
        root(
            folder,
            &name,
            subject,
            "-addext keyUsage=critical,digitalSignature,keyCertSign",
        );
        std::fs::copy(
            folder.join(format!("{name}.crt")),
            folder.join(format!("{name}.nochain.crt")),
        )
        .unwrap();
    }
    for entry in catalogue().leaves() {
        let parent = folder.join(entry.key_file().as_str());
        std::fs::create_dir_all(parent.parent().unwrap()).unwrap();
        let organization = entry.subject.organization();
        let subject = format!(
            "{}/CN={}",
            organization
                .map(|name| format!("/O={name}"))
                .unwrap_or_default(),
            entry.subject.common_name()
        );
        openssl(
            folder,
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {} \
                 -out request.csr -subj {subject}",
                entry.key_file()
            ),
        );
        let purposes: Vec<&str> = [
            (entry.usages.server(), "serverAuth"),
            (entry.usages.client(), "clientAuth"),
        ]
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
        .collect();
        let names: Vec<String> = entry
            .names
            .iter()
            .map(|name| match name {
                fips_certs::SubjectAltName::Ip(address) => format!("IP:{address}"),
                name => format!("DNS:{name}"),
            })
            .collect();
        let names = if names.is_empty() {
            String::new()
        } else {
            format!("subjectAltName={}\n", names.join(","))
        };
        std::fs::write(
            folder.join("extensions"),
            format!(
                "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage={}\n\
                 authorityKeyIdentifier=keyid\n{names}",
                purposes.join(",")
            ),
        )
        .unwrap();
        openssl(
            folder,
            &format!(
                "x509 -req -in request.csr -CA tls/{0}.crt -CAkey tls/{0}.key -days 365 \
                 -set_serial 0x1234 -extfile extensions -out {1}",
                entry.issuer,
                entry.file()
            ),
        );
        let chain = [
            read(folder, entry.file().as_str()),
            read(folder, &format!("tls/{}.crt", entry.issuer)),
        ];
        std::fs::write(folder.join(entry.file().as_str()), chain.concat()).unwrap();
    }
}

#[test]
fn a_tree_of_another_program_is_read_and_renewed() {
    let folder = tempfile::tempdir().unwrap();
    tree(folder.path());
    let store = MemoryStore::default();
    for path in catalogue().paths() {
        let file = folder.path().join(path.as_str());
        if file.exists() {
            store.set(path.as_str(), std::fs::read(file).unwrap());
        }
    }
    assert!(matches!(Pki::open(&store), Err(Error::NoPki { .. })));
    let pki = Pki::adopt(&store, catalogue()).unwrap();
    let now = SystemClock.now();
    let rows = pki
        .check(&diagnostic(), now, Thresholds::default())
        .unwrap();
    for row in &rows {
        let not_there = row.file.starts_with("cred/") || row.file == "tls/service.key";
        let expected = if not_there { Status::Torn } else { Status::Ok };
        assert_eq!(row.status, expected, "{row:?}");
    }
    assert_eq!(
        row(&rows, "tls/client-admin.crt").serial.as_deref(),
        Some("1234")
    );

    let mut policy = RenewalPolicy::default();
    policy.force = true;
    let plan = pki.renewals(&diagnostic(), now, &policy).unwrap();
    let report = pki.renew(&boundary(), &plan, &SystemClock).unwrap();
    assert_eq!(report.issued.len(), 15);
    let pki = Pki::open(&store).unwrap();
    let record = pki.record().unwrap();
    assert_eq!(record.made, fips_certs::pki::Made::Adopted);
    for row in pki
        .check(&diagnostic(), now, Thresholds::default())
        .unwrap()
    {
        // What is made once is not made anew.
        let lost = [
            "tls/service.key",
            "cred/passwd",
            "cred/encryption-config.json",
        ];
        let expected = if lost.contains(&row.file.as_str()) {
            Status::Torn
        } else {
            Status::Ok
        };
        assert_eq!(row.status, expected, "{row:?}");
    }
    store.write_to(folder.path());
    for entry in catalogue().leaves() {
        openssl(
            folder.path(),
            &format!("verify -CAfile tls/{}.crt {}", entry.issuer, entry.file()),
        );
    }
    assert!(matches!(
        Pki::adopt(&store, catalogue()),
        Err(Error::Exists { .. })
    ));
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
