//! Reading and proving.

use std::path::Path;

use fips_certs::csr::{CertificateRequest, SigningRule};
use fips_certs::import::Reason;
use fips_certs::key::{self, KeyType};
use fips_certs::{Error, IntoSigner, Subject, Usages};

use super::common::go::go;
use super::common::{boundary, certtool, diagnostic, openssl, run};
use super::{names, prove, read, write_serving};

fn reasons(folder: &Path, file: &str) -> Vec<Reason> {
    match prove(folder, file) {
        Err(Error::Import { reasons, .. }) => reasons,
        other => panic!("{file}: {other:?}"),
    }
}

#[test]
fn requests_of_openssl_gnutls_nss_and_go_are_read_and_proven() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rule = SigningRule::kubelet_serving("node-1", &names()).unwrap();
    let taken = |who: &str, file: &str| {
        let request = prove(folder, file).unwrap_or_else(|error| panic!("{who}: {error}"));
        let grant = rule.authorise(&request, "server-ca", None).unwrap();
        assert_eq!(grant.names(), names(), "{who}");
        assert_eq!(
            grant.subject().to_string(),
            "CN=system:node:node-1,O=system:nodes",
            "{who}"
        );
    };

    for (kind, algorithm) in [
        ("EC -pkeyopt ec_paramgen_curve:P-256", "-sha256"),
        ("EC -pkeyopt ec_paramgen_curve:P-384", "-sha384"),
        ("RSA -pkeyopt rsa_keygen_bits:2048", "-sha256"),
        (
            "RSA -pkeyopt rsa_keygen_bits:2048",
            "-sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest",
        ),
    ] {
        openssl(folder, &format!("genpkey -algorithm {kind} -out k.key"));
        write_serving(folder, "k.key", "");
        openssl(
            folder,
            &format!("req -new -config req.cnf -key k.key {algorithm} -out openssl.csr"),
        );
        taken(&format!("openssl {kind} {algorithm}"), "openssl.csr");
    }

    let template = "cn = system:node:node-1\norganization = system:nodes\ndns_name = node-1\n\
                    ip_address = 192.0.2.10\nip_address = 2001:db8::10\ntls_www_server\n\
                    signing_key\n";
    std::fs::write(folder.join("template"), template).unwrap();
    for kind in [
        "ecdsa --curve secp256r1",
        "ecdsa --curve secp384r1",
        "rsa --bits 2048",
    ] {
        certtool(
            folder,
            &format!("--generate-privkey --key-type {kind} --outfile g.key"),
        );
        let hash = if kind.contains("384") {
            "SHA384"
        } else {
            "SHA256"
        };
        certtool(
            folder,
            &format!(
                "--generate-request --load-privkey g.key --template template --hash {hash} \
                 --outfile gnutls.csr"
            ),
        );
        taken(&format!("certtool {kind}"), "gnutls.csr");
    }

    std::fs::create_dir(folder.join("nss")).unwrap();
    std::fs::write(folder.join("noise"), [7; 64]).unwrap();
    let nss = |arguments: &[&str]| {
        let output = run("certutil", "libnss3-tools", arguments, folder);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "certutil {arguments:?}: {text}");
    };
    nss(&["-N", "-d", "nss", "--empty-password"]);
    for kind in [["ec", "-q", "secp256r1"], ["rsa", "-g", "2048"]] {
        let mut arguments = vec!["-R", "-d", "nss", "-z", "noise", "-a", "-Z", "SHA256", "-k"];
        arguments.extend(kind);
        arguments.extend([
            "-s",
            "CN=system:node:node-1,O=system:nodes",
            "-o",
            "nss.csr",
        ]);
        arguments.extend(["--extSAN", "dns:node-1,ip:192.0.2.10,ip:2001:db8::10"]);
        nss(&arguments);
        taken(&format!("certutil {kind:?}"), "nss.csr");
    }

    for kind in ["p256", "p384", "rsa2048"] {
        go(folder, &format!("-request go.csr -key {kind}")).unwrap();
        taken(&format!("go {kind}"), "go.csr");
    }
}

#[test]
fn ours_are_proven_by_openssl_gnutls_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for key_type in KeyType::ALL {
        let signer = key::generate(&boundary(), key_type)
            .unwrap()
            .into_signer()
            .unwrap();
        let subject = Subject::new("system:node:node-1").unwrap();
        let subject = subject.with_organization("system:nodes").unwrap();
        let made = CertificateRequest::new(&*signer, &subject, &names(), Usages::Server).unwrap();
        std::fs::write(folder.join("ours.csr"), made.to_pem()).unwrap();
        let said = openssl(folder, "req -in ours.csr -noout -verify -text");
        for expected in [
            "verify OK",
            "DNS:node-1, IP Address:192.0.2.10",
            "TLS Web Server Authentication",
            "O = system:nodes, CN = system:node:node-1",
        ] {
            assert!(said.contains(expected), "{key_type}: {said}");
        }
        let said = certtool(folder, "--crq-info --infile ours.csr");
        assert!(
            said.contains("Self signature: verified"),
            "{key_type}: {said}"
        );
        go(folder, "-check ours.csr").unwrap();

        let again = read(folder, "ours.csr").unwrap();
        assert_eq!(again, made);
        let proven = again.prove(&diagnostic()).unwrap();
        let rule = SigningRule::kubelet_serving("node-1", &names()).unwrap();
        let grant = rule.authorise(&proven, "server-ca", None).unwrap();
        assert_eq!(grant.usages(), Usages::Server);
    }
}

#[test]
fn every_reason_against_a_key_or_signature_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = |found: &str| Reason::Key {
        found: found.into(),
    };
    let signed = |found: &str| Reason::SignatureAlgorithm {
        found: found.into(),
    };
    for (kind, arguments, expected) in [
        (
            "EC -pkeyopt ec_paramgen_curve:P-224",
            "-sha256",
            vec![key("ECDSA P-224")],
        ),
        (
            "EC -pkeyopt ec_paramgen_curve:secp256k1",
            "-sha256",
            vec![key("ECDSA on secp256k1")],
        ),
        ("ED25519", "", vec![key("Ed25519"), signed("Ed25519")]),
        (
            "RSA -pkeyopt rsa_keygen_bits:1024",
            "-sha256",
            vec![key("RSA 1024")],
        ),
        (
            "RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
            "-sha256",
            vec![key("RSA 2048 with a small or even exponent")],
        ),
        (
            "RSA -pkeyopt rsa_keygen_bits:1024",
            "-sha1",
            vec![key("RSA 1024"), signed("RSA with SHA-1")],
        ),
        (
            "RSA -pkeyopt rsa_keygen_bits:2048",
            "-sha1",
            vec![signed("RSA with SHA-1")],
        ),
        (
            "EC -pkeyopt ec_paramgen_curve:P-256",
            "-sha1",
            vec![signed("ECDSA with SHA-1")],
        ),
        (
            "EC -pkeyopt ec_paramgen_curve:P-384",
            "-sha256",
            vec![signed("ECDSA with SHA-256")],
        ),
        (
            "EC -pkeyopt ec_paramgen_curve:P-521",
            "-sha512",
            vec![Reason::KeyNotIssued {
                found: "ECDSA P-521".into(),
            }],
        ),
    ] {
        openssl(folder, &format!("genpkey -algorithm {kind} -out k.key"));
        openssl(
            folder,
            &format!("req -new -key k.key {arguments} -subj /CN=a -out request.csr"),
        );
        assert_eq!(
            reasons(folder, "request.csr"),
            expected,
            "{kind} {arguments}"
        );
    }
}

#[test]
fn what_nobody_here_knows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, "ecparam -name prime256v1 -genkey -noout -out k.key");
    for (more, expected) in [
        (
            "nsComment=hello\n",
            vec![Reason::UnknownExtension {
                oid: "2.16.840.1.113730.1.13".into(),
            }],
        ),
        (
            "1.2.3.4=critical,ASN1:NULL\n",
            vec![Reason::UnknownExtension {
                oid: "1.2.3.4".into(),
            }],
        ),
        (
            "nameConstraints=permitted;DNS:a\n",
            vec![Reason::UnknownExtension {
                oid: "2.5.29.30".into(),
            }],
        ),
    ] {
        write_serving(folder, "k.key", more);
        assert_eq!(reasons(folder, "request.csr"), expected, "{more}");
    }
    let config = "[req]\nprompt=no\ndistinguished_name=dn\nattributes=at\n[dn]\nCN=a\n\
                  [at]\nchallengePassword=secret\nunstructuredName=x\n";
    std::fs::write(folder.join("req.cnf"), config).unwrap();
    openssl(
        folder,
        "req -new -config req.cnf -key k.key -out request.csr",
    );
    let mut found = reasons(folder, "request.csr");
    found.sort_by_key(ToString::to_string);
    assert_eq!(
        found,
        ["1.2.840.113549.1.9.2", "1.2.840.113549.1.9.7"]
            .map(|oid| Reason::UnknownAttribute { oid: oid.into() })
    );
    let said = prove(folder, "request.csr").unwrap_err().to_string();
    assert!(
        said.contains("leave it out") && !said.contains("secret"),
        "{said}"
    );
}

#[test]
fn a_request_of_another_key_or_with_a_key_in_its_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["a", "b"] {
        openssl(
            folder,
            &format!("ecparam -name prime256v1 -genkey -noout -out {name}.key"),
        );
        openssl(
            folder,
            &format!("req -new -key {name}.key -subj /CN=a -out {name}.csr"),
        );
    }
    // The key of one in the request of the other, signed by who does not have it.
    let (a, b) = (
        read(folder, "a.csr").unwrap(),
        read(folder, "b.csr").unwrap(),
    );
    let point = |request: &CertificateRequest| {
        let der = request.der();
        // Its coordinates begin after the BIT STRING of 66 bytes: 00 and 04.
        let at = der
            .windows(4)
            .position(|part| part == [0x03, 0x42, 0x00, 0x04])
            .unwrap();
        at + 4..at + 68
    };
    let mut der = a.der().to_vec();
    der[point(&a)].copy_from_slice(&b.der()[point(&b)]);
    let stolen = CertificateRequest::from_der(&der).unwrap();
    let refused = stolen.prove(&diagnostic()).unwrap_err();
    assert!(
        matches!(&refused, Error::Import { reasons, .. } if reasons[..] == [Reason::Possession]),
        "{refused}"
    );

    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    for (file, expected) in [
        (text("a.key"), "a private key stays where it was made"),
        (text("a.csr") + &text("a.key"), "2 PEM sections"),
        (text("a.csr") + &text("b.csr"), "2 PEM sections"),
        (String::new(), "is empty"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n".into(), "PEM"),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n".into(),
            "1 bytes follow",
        ),
    ] {
        let said = CertificateRequest::from_pem(file.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(said.contains(expected), "{said}");
    }
}

/// A request of ours, signed by its P-256 key.
fn web() -> CertificateRequest {
    let key = key::generate(&boundary(), KeyType::P256).unwrap();
    let signer = key.into_signer().unwrap();
    let subject = Subject::new("web").unwrap();
    CertificateRequest::new(&*signer, &subject, &names(), Usages::Server).unwrap()
}

#[test]
fn no_changed_or_cut_byte_of_a_request_passes() {
    let made = web();
    let diagnostic = diagnostic();
    assert!(made.clone().prove(&diagnostic).is_ok());
    let der = made.der();
    let mut taken = 0;
    for at in 0..der.len() {
        for bit in 0..8 {
            let mut changed = der.to_vec();
            changed[at] ^= 1 << bit;
            let Ok(request) = CertificateRequest::from_der(&changed) else {
                continue;
            };
            taken += 1;
            assert!(request.prove(&diagnostic).is_err(), "byte {at}, bit {bit}");
        }
    }
    // Most changes leave a readable request, whose signature fails.
    assert!(taken > 1000, "{taken}");
    for end in 0..der.len() {
        assert!(CertificateRequest::from_der(&der[..end]).is_err(), "{end}");
    }
    let longer = [der, &[0]].concat();
    let said = CertificateRequest::from_der(&longer)
        .unwrap_err()
        .to_string();
    assert!(said.contains("1 bytes follow"), "{said}");
}

/// What stands in an algorithm or an attribute is read by others too, whose words count as much:
/// a request they cannot read is refused before its signature is.
#[test]
fn a_request_that_other_readers_cannot_read_is_refused() {
    let made = web();
    let der = made.der();
    // ecdsa-with-SHA256, no parameters (RFC 5758 §3.2).
    let algorithm = [
        &[0x30, 10, 6, 8][..],
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
    ]
    .concat();
    let at = der
        .windows(algorithm.len())
        .rposition(|window| window == algorithm)
        .expect("it is signed by its P-256 key");
    let with = |other: &[u8]| {
        let mut changed = [&der[..at], other, &der[at + algorithm.len()..]].concat();
        let content = u16::try_from(changed.len() - 4).unwrap();
        changed[2..4].copy_from_slice(&content.to_be_bytes());
        CertificateRequest::from_der(&changed)
    };
    assert_eq!(&der[..2], &[0x30, 0x82], "a length of two bytes");
    assert!(with(&algorithm).is_ok());
    for unreadable in [&[0x30, 0][..], &[0x30, 2, 5, 0]] {
        let read = with(unreadable);
        let Err(error) = read else {
            panic!("{unreadable:02x?} is read");
        };
        assert!(error.to_string().contains("RFC 2986"), "{error}");
    }
}
