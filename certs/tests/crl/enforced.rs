//! Independent programs refuse what a list of ours names.

use std::path::Path;

use fips_certs::crl::{Register, RevocationListParams, Scope};
use fips_certs::{AuthorityParams, Clock, Subject, SystemClock, key};

use crate::common::{DAY, boundary, certtool, diagnostic, openssl};
use crate::{LIST, revoked_now, tried};

#[test]
fn openssl_and_gnutls_enforce_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = revoked_now(folder);
    let ca = "tls/etcd/server-ca.crt";
    openssl(
        folder,
        &format!("crl -inform DER -in {LIST} -noout -CAfile {ca}"),
    );
    let verify = |file: &str| {
        let arguments =
            format!("verify -x509_strict -crl_check -CRLfile {LIST}.pem -CAfile {ca} {file}");
        tried("openssl", "openssl", &arguments, folder)
    };
    assert!(verify("tls/etcd/server-client.crt").0);
    let (good, text) = verify("tls/etcd/client.crt");
    assert!(!good && text.contains("certificate revoked"), "{text}");

    certtool(
        folder,
        &format!("--verify-crl --load-ca-certificate {ca} --infile {LIST}.pem"),
    );
    for (name, good) in [("client", false), ("server-client", true)] {
        let leaf = &store.certificates(&format!("tls/etcd/{name}.crt"))[0];
        std::fs::write(folder.join("leaf.pem"), leaf.to_pem()).unwrap();
        let arguments =
            format!("--verify --load-ca-certificate {ca} --load-crl {LIST}.pem --infile leaf.pem");
        let (held, text) = tried("certtool", "gnutls-bin", &arguments, folder);
        assert_eq!(held, good, "{name}: {text}");
        assert!(good || text.contains("revoked"), "{text}");
    }
}

#[test]
fn nss_enforces_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = revoked_now(folder);
    let nss = |program: &str, arguments: &str| {
        tried(
            program,
            "libnss3-tools",
            &format!("{arguments} -d sql:."),
            folder,
        )
    };
    assert!(nss("certutil", "-N --empty-password").0);
    assert!(
        nss(
            "certutil",
            "-A -n ca -t CT,C,C -i tls/etcd/server-ca.nochain.crt"
        )
        .0
    );
    for name in ["client", "server-client"] {
        let leaf = &store.certificates(&format!("tls/etcd/{name}.crt"))[0];
        std::fs::write(folder.join("leaf.pem"), leaf.to_pem()).unwrap();
        assert!(nss("certutil", &format!("-A -n {name} -t ,, -i leaf.pem")).0);
        assert!(
            nss("certutil", &format!("-V -u C -n {name}")).0,
            "{name} before"
        );
    }
    let (good, text) = nss("crlutil", &format!("-I -i {LIST}"));
    assert!(good, "{text}");
    let (good, text) = nss("certutil", "-V -u C -n client");
    assert!(!good && text.contains("revoked"), "{text}");
    assert!(nss("certutil", "-V -u C -n server-client").0);
}

#[test]
fn go_reads_and_verifies_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = revoked_now(folder);
    let program = r#"package main

import ("crypto/x509"; "encoding/pem"; "fmt"; "os")

func main() {
	der, err := os.ReadFile(os.Args[1])
	if err != nil { panic(err) }
	list, err := x509.ParseRevocationList(der)
	if err != nil { panic(err) }
	text, err := os.ReadFile(os.Args[2])
	if err != nil { panic(err) }
	block, _ := pem.Decode(text)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil { panic(err) }
	if err := list.CheckSignatureFrom(ca); err != nil { panic(err) }
	for _, entry := range list.RevokedCertificates { fmt.Printf("%X\n", entry.SerialNumber) }
}
"#;
    std::fs::write(folder.join("list.go"), program).unwrap();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-build");
    let output = std::process::Command::new("go")
        .args(["run", "list.go", LIST, "tls/etcd/server-ca.crt"])
        .current_dir(folder)
        .env("GOCACHE", cache)
        .env("GO111MODULE", "off")
        .output()
        .expect("go is needed (Debian package golang-go)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let serial = store.certificates("tls/etcd/client.crt")[0].serial();
    assert_eq!(text.trim(), serial.trim_start_matches('0'));
}

#[test]
fn a_distribution_point_is_critical_and_read_by_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let key = key::generate(&boundary(), key::KeyType::Rsa2048).unwrap();
    let authority = AuthorityParams::new(Subject::new("ca").unwrap(), DAY)
        .self_signed(key, &SystemClock)
        .unwrap();
    let params = RevocationListParams::default();
    assert!(
        params
            .clone()
            .with_distribution_point([""; 0], Scope::All)
            .is_err()
    );
    let params = params
        .with_distribution_point(["http://pki.example.org/ca.crl"], Scope::Leaves)
        .unwrap();
    let list = params
        .signed_by(&mut Register::new("ca"), &authority, &SystemClock)
        .unwrap();
    // Clamped to the authority.
    assert_eq!(
        list.next_update(),
        Some(authority.certificate().not_after())
    );
    assert_eq!(list.scope(), Scope::Leaves);
    list.verify(&diagnostic(), authority.certificate(), SystemClock.now())
        .unwrap();
    std::fs::write(folder.path().join("list.pem"), list.to_pem()).unwrap();
    let text = openssl(folder.path(), "crl -in list.pem -noout -text");
    for words in [
        "X509v3 Issuing Distribution Point: critical",
        "URI:http://pki.example.org/ca.crl",
        "Only User Certificates",
    ] {
        assert!(text.contains(words), "{text}");
    }
}
