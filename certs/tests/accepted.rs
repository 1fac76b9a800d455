//! What is issued passes the verifiers of OpenSSL, GnuTLS, NSS and Go: each kind of key and usage,
//! below a root, below an intermediate authority, and across two roots.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::go::go;
use common::{DAY, boundary, certtool, openssl, run};
use fips_certs::key::{self, KeyType};
use fips_certs::{
    Authority, AuthorityParams, Certificate, LeafParams, Subject, SystemClock, Usages,
};

const NAME: &str = "server.example.org";

fn params(name: &str, path_length: u8) -> AuthorityParams {
    AuthorityParams::new(Subject::new(name).unwrap(), DAY * 100).with_path_length(path_length)
}

fn key(key_type: KeyType) -> fips_core::signing::PrivateKey {
    key::generate(&boundary(), key_type).unwrap()
}

fn leaf(issuer: &Authority, key_type: KeyType, usages: Usages) -> Certificate {
    LeafParams::new(Subject::new("leaf").unwrap(), usages, DAY)
        .with_names([NAME.parse().unwrap(), "192.0.2.7".parse().unwrap()])
        .signed_by(&key(key_type), issuer, &SystemClock)
        .unwrap()
}

fn write(folder: &Path, file: &str, certificates: &[&Certificate]) {
    let text: String = certificates.iter().map(|one| one.to_pem()).collect();
    std::fs::write(folder.join(file), text).unwrap();
}

/// Has each program judge `leaf` with the certificates that follow it, under the trust `root`.
fn accepted(folder: &Path, root: &Certificate, chain: &[&Certificate], usages: Usages) {
    write(folder, "root.pem", &[root]);
    write(folder, "chain.pem", chain);
    write(folder, "leaf.pem", &chain[..1]);
    let nss = nss(folder, root, chain);
    for (wanted, openssl_purpose, gnutls_purpose, nss_usage, go_usage) in [
        (
            usages.server(),
            "sslserver",
            "1.3.6.1.5.5.7.3.1",
            "V",
            "server",
        ),
        (
            usages.client(),
            "sslclient",
            "1.3.6.1.5.5.7.3.2",
            "C",
            "client",
        ),
    ] {
        let openssl_judges = || {
            let purpose = format!(
                "verify -x509_strict -purpose {openssl_purpose} -CAfile root.pem -untrusted \
                 chain.pem leaf.pem"
            );
            let arguments: Vec<&str> = purpose.split_whitespace().collect();
            run("openssl", "openssl", &arguments, folder)
                .status
                .success()
        };
        let gnutls_judges = || {
            let purpose = format!(
                "--verify --load-ca-certificate root.pem --infile chain.pem --verify-purpose \
                 {gnutls_purpose}"
            );
            let arguments: Vec<&str> = purpose.split_whitespace().collect();
            run("certtool", "gnutls-bin", &arguments, folder)
                .status
                .success()
        };
        // A leaf of one usage is refused for the other: the programs do look.
        assert_eq!(openssl_judges(), wanted, "openssl {openssl_purpose}");
        assert_eq!(gnutls_judges(), wanted, "gnutls {gnutls_purpose}");
        assert_eq!(nss(nss_usage), wanted, "nss {nss_usage}");
        let name = if go_usage == "server" {
            NAME
        } else {
            "192.0.2.7"
        };
        let arguments = format!("-roots root.pem -chain chain.pem -usage {go_usage} -name {name}");
        assert_eq!(go(folder, &arguments).is_ok(), wanted, "go {go_usage}");
    }
    let other = "-roots root.pem -chain chain.pem -usage server -name other.example.org";
    assert!(go(folder, other).is_err());
    if usages.server() {
        certtool(
            folder,
            &format!(
                "--verify --load-ca-certificate root.pem --infile chain.pem --verify-hostname {NAME}"
            ),
        );
        openssl(
            folder,
            &format!(
                "verify -x509_strict -verify_hostname {NAME} -CAfile root.pem -untrusted \
                 chain.pem leaf.pem"
            ),
        );
    }
}

/// A database of NSS with the root trusted, and what `certutil -V` says of the leaf.
fn nss<'f>(
    folder: &'f Path,
    root: &Certificate,
    chain: &[&Certificate],
) -> impl Fn(&str) -> bool + use<'f> {
    let _ = std::fs::remove_dir_all(folder.join("nss"));
    std::fs::create_dir(folder.join("nss")).unwrap();
    let certutil = move |arguments: &[&str]| {
        let arguments = [&["-d", "nss"], arguments].concat();
        run("certutil", "libnss3-tools", &arguments, folder)
            .status
            .success()
    };
    assert!(certutil(&["-N", "--empty-password"]));
    for (position, certificate) in chain.iter().chain([&root]).enumerate() {
        write(folder, "one.pem", &[certificate]);
        let trust = if position == chain.len() {
            "CT,,"
        } else {
            ",,"
        };
        let name = format!("n{position}");
        assert!(certutil(&[
            "-A", "-n", &name, "-t", trust, "-a", "-i", "one.pem"
        ]));
    }
    move |usage| certutil(&["-V", "-n", "n0", "-e", "-u", usage])
}

#[test]
fn each_kind_of_key_and_usage_below_an_intermediate() {
    let folder = tempfile::tempdir().unwrap();
    for key_type in KeyType::ALL {
        let root = params("root", 1)
            .self_signed(key(key_type), &SystemClock)
            .unwrap();
        let between = params("between", 0)
            .signed_by(key(key_type), &root, &SystemClock)
            .unwrap();
        let usages: &[Usages] = match key_type {
            KeyType::P256 | KeyType::Rsa2048 => {
                &[Usages::Client, Usages::Server, Usages::ServerAndClient]
            }
            _ => &[Usages::Server],
        };
        for usages in usages {
            let leaf = leaf(&between, key_type, *usages);
            let chain = [&leaf, between.certificate()];
            accepted(folder.path(), root.certificate(), &chain, *usages);
        }
        let leaf = leaf(&root, key_type, Usages::ServerAndClient);
        accepted(
            folder.path(),
            root.certificate(),
            &[&leaf],
            Usages::ServerAndClient,
        );
    }
}

#[test]
fn across_two_roots_that_signed_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let old = params("old", 1)
        .self_signed(key(KeyType::P256), &SystemClock)
        .unwrap();
    let new = params("new", 1)
        .self_signed(key(KeyType::P384), &SystemClock)
        .unwrap();
    let across = |name: &str, of: &Authority, by: &Authority| {
        params(name, 0)
            .signed_by(Arc::clone(of.signer()), by, &SystemClock)
            .unwrap()
            .certificate()
            .clone()
    };
    let new_by_old = across("new", &new, &old);
    let old_by_new = across("old", &old, &new);
    for (issuer, other, cross) in [(&new, &old, &new_by_old), (&old, &new, &old_by_new)] {
        let leaf = leaf(issuer, KeyType::P256, Usages::ServerAndClient);
        // For who trusts the one alone, and for who trusts the other alone: the same file.
        let chain = [&leaf, cross];
        accepted(
            folder.path(),
            issuer.certificate(),
            &chain,
            Usages::ServerAndClient,
        );
        accepted(
            folder.path(),
            other.certificate(),
            &chain,
            Usages::ServerAndClient,
        );
    }
}
