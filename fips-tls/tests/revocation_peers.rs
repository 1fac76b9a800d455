//! Lists that other programs made, and other programs that are revoked.

mod support;

use std::fmt::Write as _;
use std::process::Command;

use fips_tls::{ClientConfig, Profile, RefusalReason, Revocation, ServerConfig, last_refusal};
use rustls::{CertificateError, Error as TlsError};
use time::OffsetDateTime;

use support::memory::Pair;
use support::pki::{Files, key_pem, openssl_issue};
use support::program::{self, Program};
use support::refusal::refusing;
use support::tree::{Authority, Issued, new_key, part, with_lists};
use support::{NAME, boundary};

fn hex(serial: &[u8]) -> String {
    let mut text = String::new();
    for byte in serial {
        write!(text, "{byte:02X}").unwrap();
    }
    text
}

/// `openssl ca` with a database of these revoked serial numbers.
fn openssl_list(root: &Authority, revoked: &[&[u8]]) -> String {
    let files = Files::new();
    files.write("ca.crt", &root.pem);
    files.write("ca.key", &key_pem(&root.key()));
    files.write("number", "01\n");
    let mut database = String::new();
    for serial in revoked {
        let serial = hex(serial);
        writeln!(
            database,
            "R\t390101000000Z\t250101000000Z,keyCompromise\t{serial}\tunknown\t/CN=peer"
        )
        .unwrap();
    }
    files.write("index.txt", &database);
    let dir = files.path("");
    let dir = dir.display();
    let config = files.write(
        "ca.cnf",
        &format!(
            "[ca]\ndefault_ca = ours\n[ours]\ndatabase = {dir}/index.txt\n\
             crlnumber = {dir}/number\ncertificate = {dir}/ca.crt\nprivate_key = {dir}/ca.key\n\
             default_md = sha256\ndefault_crl_days = 3\ncrl_extensions = list\n\
             [list]\nauthorityKeyIdentifier = keyid\n"
        ),
    );
    program::run(
        program::openssl()
            .args(["ca", "-gencrl", "-config"])
            .arg(config),
    )
}

/// GnuTLS's `certtool`.
fn gnutls_list(root: &Authority, revoked: &[&Issued]) -> String {
    let files = Files::new();
    let ca = files.write("ca.crt", &root.pem);
    let key = files.write("ca.key", &key_pem(&root.key()));
    let template = files.write("template", "crl_next_update = 3\ncrl_number = 5\n");
    let chains: String = revoked.iter().map(|issued| issued.chain.as_str()).collect();
    let mut command = Command::new("certtool");
    command
        .arg("--generate-crl")
        .arg("--load-ca-certificate")
        .arg(ca)
        .arg("--load-ca-privkey")
        .arg(key)
        .arg("--template")
        .arg(template);
    if !revoked.is_empty() {
        command
            .arg("--load-certificate")
            .arg(files.write("revoked.crt", &chains));
    }
    let text = program::run(&mut command);
    let begin = text.find("-----BEGIN X509 CRL-----").unwrap();
    text[begin..].to_owned()
}

fn server(root: &Authority, lists: &[String], shown: &Issued) -> ServerConfig {
    ServerConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_identity(shown.identity())
        .with_client_trust(with_lists(root.trust(), lists))
        .build()
        .unwrap()
}

fn client(root: &Authority, shown: &Issued) -> ClientConfig {
    ClientConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_trust(root.trust())
        .with_identity(shown.identity())
        .build()
        .unwrap()
}

#[test]
fn lists_of_openssl_and_of_gnutls_count() {
    let root = Authority::root("root");
    let (good, bad, also_bad) = (root.leaf(), root.leaf(), root.leaf());
    let empty = [openssl_list(&root, &[]), gnutls_list(&root, &[])];
    let full = [
        openssl_list(&root, &[&also_bad.serial, &bad.serial]),
        gnutls_list(&root, &[&also_bad, &bad]),
    ];
    for list in empty {
        for shown in [&good, &bad] {
            let server = server(&root, std::slice::from_ref(&list), &good);
            Pair::new(&client(&root, shown), &server).finish();
        }
    }
    for list in full {
        let lists = Revocation::from_pem(&list).unwrap();
        let read = lists.lists().next().unwrap();
        assert_eq!((read.len(), read.issuer()), (2, "CN=root"));
        assert!(read.is_current_at(OffsetDateTime::now_utc().into()));
        let server = server(&root, &[list], &good);
        Pair::new(&client(&root, &good), &server).finish();
        for shown in [&bad, &also_bad] {
            let outcome = Pair::new(&client(&root, shown), &server).run();
            assert_eq!(
                outcome.server,
                Some(TlsError::InvalidCertificate(CertificateError::Revoked))
            );
        }
    }
}

#[test]
fn openssl_revoked_learns_so() {
    let root = Authority::root("root");
    let (own, stolen) = (root.leaf(), root.leaf());
    let files = Files::new();
    let certificate = files.write("client.crt", &stolen.chain);
    let key = files.write("client.key", &stolen.key);
    for version in ["-tls1_3", "-tls1_2"] {
        last_refusal();
        let server = server(&root, &[root.list(&[&stolen.serial])], &own);
        let (address, refused) = refusing(&server);
        let mut command = program::openssl();
        command
            .args(["s_client", "-connect", &address, version, "-cert"])
            .arg(&certificate)
            .arg("-key")
            .arg(&key);
        let mut peer = Program::start(command);
        assert_eq!(
            refused.join().unwrap(),
            TlsError::InvalidCertificate(CertificateError::Revoked)
        );
        // certificate_revoked (RFC 8446 §6.2).
        peer.wait_for("SSL alert number 44");
    }
}

#[test]
fn a_server_of_openssl_that_is_revoked_is_refused() {
    let root = Authority::root("root");
    let stolen = root.leaf_with("stolen", |_| {});
    let files = Files::new();
    let certificate = files.write("server.crt", &stolen.chain);
    let key = files.write("server.key", &stolen.key);
    let (_peer, address) = program::s_server(|command| {
        command.arg("-cert").arg(&certificate).arg("-key").arg(&key);
    });
    let config = ClientConfig::builder(&boundary(), Profile::sp800_52r2())
        .with_trust(root.trust_without(&[&stolen.serial]))
        .build()
        .unwrap();
    last_refusal();
    let error = support::refusal::refused_by(&config, address);
    assert_eq!(
        error,
        TlsError::InvalidCertificate(CertificateError::Revoked)
    );
    let refusal = last_refusal().unwrap();
    assert_eq!(refusal.subject, "CN=stolen");
    assert_eq!(refusal.reason, RefusalReason::Revoked);
}

#[test]
fn a_place_for_some_reasons_or_of_another_issuer_is_none() {
    let root = Authority::root("root");
    let place = "http://crl.test/part";
    let list = root.list_with(&[], |list| {
        list.issuing_distribution_point = Some(part(place))
    });
    let key = key_pem(&new_key());
    let with = |more: &str| {
        let extensions = format!(
            "subjectAltName=DNS:{NAME}\nextendedKeyUsage=clientAuth,serverAuth\n\
             crlDistributionPoints=point\n[point]\nfullname=URI:{place}\n{more}\n\
             [issuer]\nCN=root\n"
        );
        let authority = (root.pem.as_str(), key_pem(&root.key()));
        let chain = openssl_issue(
            (authority.0, &authority.1),
            &key,
            "peer",
            &extensions,
            "-sha256",
        );
        Issued {
            chain,
            key: key.clone(),
            serial: Vec::new(),
        }
    };
    for (more, taken) in [
        ("", true),
        ("reasons=keyCompromise", false),
        ("CRLissuer=dirName:issuer", false),
    ] {
        let shown = with(more);
        let server = server(&root, std::slice::from_ref(&list), &shown);
        last_refusal();
        let outcome = Pair::new(&client(&root, &shown), &server).run();
        assert_eq!(outcome.server.is_none(), taken, "{more}: {outcome:?}");
        if !taken {
            let refusal = last_refusal().unwrap();
            assert_eq!(refusal.reason, RefusalReason::RevocationUnknown, "{more}");
        }
    }
}
