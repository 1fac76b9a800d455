//! Each rule of the lint has a certificate that breaks it; what is issued here breaks none, and
//! a tree in k3s's own shape exactly those that are known of it.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{DAY, START, boundary, made, openssl};
use fips_certs::lint::{self, RULES, Severity};
use fips_certs::{
    Authority, AuthorityParams, Certificate, FixedClock, LeafParams, Subject, Usages, key,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
    SignatureAlgorithm, SigningKey,
};
use time::OffsetDateTime;

/// The point of P-256's base, as a public key whose signatures nobody verifies.
struct Stub(Vec<u8>, &'static SignatureAlgorithm);

impl Stub {
    fn new() -> Self {
        let hex = "046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C2964FE342E2FE1A7\
                   F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5";
        let point = data_encoding::HEXUPPER.decode(hex.as_bytes()).unwrap();
        Self(point, &rcgen::PKCS_ECDSA_P256_SHA256)
    }
}

impl PublicKeyData for Stub {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.1
    }
}

impl SigningKey for Stub {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(vec![0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01])
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("ca");
    params.serial_number = Some(SerialNumber::from_slice(&[0x40; 20]));
    params.not_before = START;
    params.not_after = START + DAY * 3650;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]);
    params
}

fn leaf() -> CertificateParams {
    let mut params = authority();
    params.distinguished_name = name("leaf");
    params.not_after = START + DAY * 365;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
    params.use_authority_key_identifier_extension = true;
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![9; 20]);
    params
}

fn name(common_name: &str) -> rcgen::DistinguishedName {
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn root(params: &CertificateParams) -> Vec<u8> {
    params.self_signed(&Stub::new()).unwrap().der().to_vec()
}

fn issued(params: &CertificateParams, issuer: &CertificateParams) -> Vec<u8> {
    let issuer = Issuer::from_params(issuer, Stub::new());
    params
        .signed_by(&Stub::new(), &issuer)
        .unwrap()
        .der()
        .to_vec()
}

/// A leaf with a change to its parameters.
fn changed(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = leaf();
    change(&mut params);
    issued(&params, &authority())
}

fn changed_root(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = authority();
    change(&mut params);
    root(&params)
}

/// The elements of a SEQUENCE's content.
fn elements(mut content: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let (header, length) = match content[1] {
            short @ 0..=0x7f => (2, usize::from(short)),
            0x81 => (3, usize::from(content[2])),
            _ => (4, usize::from(content[2]) << 8 | usize::from(content[3])),
        };
        found.push(content[..header + length].to_vec());
        content = &content[header + length..];
    }
    found
}

fn content(element: &[u8]) -> &[u8] {
    match element[1] {
        0x81 => &element[3..],
        0x82 => &element[4..],
        _ => &element[2..],
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut found = vec![tag];
    match length {
        0..=0x7f => found.push(length as u8),
        _ => found.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    found.extend(content);
    found
}

/// `der` with the element `at` of its signed part changed.
fn edited(der: &[u8], at: usize, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut outer = elements(content(der));
    let mut tbs = elements(content(&outer[0]));
    tbs[at] = change(std::mem::take(&mut tbs[at]));
    outer[0] = tlv(0x30, &tbs.concat());
    tlv(0x30, &outer.concat())
}

const VERSION: usize = 0;
const SERIAL: usize = 1;
const ALGORITHM: usize = 2;
const ISSUER: usize = 3;
const VALIDITY: usize = 4;
const SUBJECT: usize = 5;
const KEY: usize = 6;
const EXTENSIONS: usize = 7;

/// Every extension with this OID's last bytes, changed; `None` takes it away.
fn extension(der: &[u8], oid: &[u8], change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    edited(der, EXTENSIONS, |found| {
        let list = elements(content(content(&found)));
        let kept: Vec<Vec<u8>> = list
            .iter()
            .filter_map(|one| {
                let parts = elements(content(one));
                if parts[0].ends_with(oid) {
                    change(one)
                } else {
                    Some(one.clone())
                }
            })
            .collect();
        assert_ne!(kept, list);
        tlv(0xa3, &tlv(0x30, &kept.concat()))
    })
}

fn without(der: &[u8], oid: &[u8]) -> Vec<u8> {
    extension(der, oid, |_| None)
}

/// The extension made critical, or not.
fn critical(der: &[u8], oid: &[u8]) -> Vec<u8> {
    extension(der, oid, |one| {
        let mut parts = elements(content(one));
        if parts.len() == 3 {
            parts.remove(1);
        } else {
            parts.insert(1, vec![0x01, 0x01, 0xff]);
        }
        Some(tlv(0x30, &parts.concat()))
    })
}

fn value(der: &[u8], oid: &[u8], value: &[u8]) -> Vec<u8> {
    extension(der, oid, |one| {
        let mut parts = elements(content(one));
        *parts.last_mut().unwrap() = tlv(0x04, value);
        Some(tlv(0x30, &parts.concat()))
    })
}

const SKI: &[u8] = &[0x55, 0x1d, 0x0e];
const USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SAN: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC: &[u8] = &[0x55, 0x1d, 0x13];
const AKI: &[u8] = &[0x55, 0x1d, 0x23];
const EKU: &[u8] = &[0x55, 0x1d, 0x25];

fn subject(entries: &[(DnType, DnValue)]) -> Vec<u8> {
    changed(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in entries {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
    })
}

fn raw_subject(tag: u8, oid: u8, text: &[u8]) -> Vec<u8> {
    let attribute = [tlv(0x06, &[0x55, 0x04, oid]), tlv(tag, text)].concat();
    let name = tlv(0x30, &tlv(0x31, &tlv(0x30, &attribute)));
    edited(&changed(|_| {}), SUBJECT, |_| name)
}

fn text(text: &str) -> DnValue {
    DnValue::Utf8String(text.to_owned())
}

/// A certificate for each rule, beside the rule.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let (good, ca) = (changed(|_| {}), root(&authority()));
    let other_key = |point: &[u8]| tlv(0x03, &[&[0], point].concat());
    let secp256k1 = edited(&good, KEY, |found| {
        let bits = elements(content(&found)).remove(1);
        let ec = tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]);
        let curve = tlv(0x06, &[0x2b, 0x81, 0x04, 0x00, 0x0a]);
        let _ = other_key;
        tlv(0x30, &[tlv(0x30, &[ec, curve].concat()), bits].concat())
    });
    let late = |at: OffsetDateTime| changed(|params| params.not_after = at);
    let year = 365 * 24 * 3600;
    let sha1 = tlv(
        0x30,
        &tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01]),
    );
    let mut weak = elements(content(&edited(&good, ALGORITHM, |_| sha1.clone())));
    weak[1].clone_from(&sha1);
    vec![
        ("aki-critical", critical(&good, AKI)),
        ("aki-missing", without(&good, AKI)),
        ("basic-constraints-critical", critical(&ca, BASIC)),
        ("basic-constraints-missing", without(&good, BASIC)),
        ("der", good[..good.len() - 1].to_vec()),
        ("dn-country", raw_subject(0x13, 6, b"DEU")),
        ("dn-empty-value", raw_subject(0x0c, 3, b"")),
        ("dn-encoding", raw_subject(0x14, 3, b"leaf")),
        (
            "dn-length",
            subject(&[(DnType::CommonName, text(&"a".repeat(65)))]),
        ),
        ("dn-printable", raw_subject(0x13, 3, b"a*b")),
        (
            "eku-any",
            changed(|params| {
                params
                    .extended_key_usages
                    .push(ExtendedKeyUsagePurpose::Any)
            }),
        ),
        ("eku-missing", without(&good, EKU)),
        (
            "extension-duplicate",
            extension(&good, SKI, |one| Some(one.repeat(2))),
        ),
        ("extension-form", value(&good, BASIC, &[0x04, 0x00])),
        (
            "extension-unknown-critical",
            changed(|params| {
                let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
                unknown.set_criticality(true);
                params.custom_extensions.push(unknown);
            }),
        ),
        ("issuer-empty", edited(&good, ISSUER, |_| tlv(0x30, &[]))),
        ("key-policy", secp256k1),
        ("key-usage-authority", without(&ca, USAGE)),
        ("key-usage-critical", critical(&good, USAGE)),
        (
            "key-usage-crl-sign",
            changed_root(|params| {
                params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            }),
        ),
        (
            "key-usage-ec-encipherment",
            changed(|params| {
                params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
            }),
        ),
        (
            "key-usage-leaf-cert-sign",
            changed(|params| {
                params.key_usages.push(KeyUsagePurpose::KeyCertSign);
            }),
        ),
        ("key-usage-missing", without(&good, USAGE)),
        (
            "key-usage-no-signature",
            changed(|params| {
                params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
            }),
        ),
        (
            "kubelet-name",
            subject(&[(DnType::CommonName, text("system:node:n1"))]),
        ),
        (
            "kubelet-name",
            subject(&[
                (DnType::CommonName, text("n1")),
                (DnType::OrganizationName, text("system:nodes")),
            ]),
        ),
        ("lifetime", late(START + DAY * 900)),
        (
            "lifetime",
            changed_root(|params| params.not_after = START + DAY * 8000),
        ),
        (
            "path-length-leaf",
            value(&good, BASIC, &[0x30, 0x03, 0x02, 0x01, 0x00]),
        ),
        (
            "path-length-missing",
            changed_root(|params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
        ),
        ("san-critical", critical(&good, SAN)),
        (
            "san-form",
            value(&good, SAN, &tlv(0x30, &tlv(0x82, b"a.*.b"))),
        ),
        (
            "san-form",
            value(&good, SAN, &tlv(0x30, &tlv(0x87, &[1, 2, 3]))),
        ),
        ("san-missing", without(&good, SAN)),
        ("self-issued-leaf", root(&leaf())),
        (
            "serial-entropy",
            changed(|params| params.serial_number = Some(7_u64.into())),
        ),
        (
            "serial-length",
            edited(&good, SERIAL, |_| tlv(0x02, &[0x40; 21])),
        ),
        (
            "serial-positive",
            edited(&good, SERIAL, |_| tlv(0x02, &[0])),
        ),
        (
            "serial-positive",
            edited(&good, SERIAL, |_| tlv(0x02, &[0x80; 16])),
        ),
        ("signature-algorithm", tlv(0x30, &weak.concat())),
        (
            "signature-mismatch",
            edited(&good, ALGORITHM, |_| sha1.clone()),
        ),
        ("ski-critical", critical(&good, SKI)),
        ("ski-missing", without(&good, SKI)),
        ("subject-empty", edited(&ca, SUBJECT, |_| tlv(0x30, &[]))),
        (
            "validity-encoding",
            edited(&good, VALIDITY, |_| {
                let times = [tlv(0x18, b"20261122120000Z"), tlv(0x17, b"271122120000Z")];
                tlv(0x30, &times.concat())
            }),
        ),
        (
            "validity-order",
            edited(&good, VALIDITY, |_| {
                let times = [tlv(0x17, b"271122120000Z"), tlv(0x17, b"261122120000Z")];
                tlv(0x30, &times.concat())
            }),
        ),
        (
            "version",
            edited(&good, VERSION, |_| tlv(0xa0, &[0x02, 0x01, 0x01])),
        ),
        // Between a certificate and its issuer: told below.
        (
            "lifetime",
            late(START + std::time::Duration::from_secs(year * 4)),
        ),
    ]
}

fn ids(findings: &[lint::Finding]) -> BTreeSet<&'static str> {
    findings.iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn each_rule_has_a_certificate_that_breaks_it() {
    let issuer = Certificate::from_der(&root(&authority())).unwrap();
    for good in [root(&authority()), changed(|_| {})] {
        assert_eq!(lint::certificate(&good, Some(&issuer)), [], "{good:?}");
    }
    let mut tried = BTreeSet::new();
    for (rule, der) in broken() {
        let found = lint::certificate(&der, None);
        assert!(ids(&found).contains(rule), "{rule}: {found:?}");
        // A certificate that breaks one rule breaks few others with it.
        assert!(found.len() <= 4, "{rule}: {found:?}");
        tried.insert(rule);
    }
    let mut stranger = authority();
    stranger.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
    stranger.not_after = START + DAY * 30;
    let stranger = Certificate::from_der(&root(&stranger)).unwrap();
    let found = lint::certificate(&changed(|_| {}), Some(&stranger));
    assert_eq!(
        ids(&found),
        BTreeSet::from(["aki-mismatch", "issuer-clamp"])
    );
    tried.extend(ids(&found));
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(tried, all);
}

#[test]
fn rules_have_names_in_order_and_say_where_they_are_written() {
    let mut names: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, RULES.iter().map(|rule| rule.id).collect::<Vec<_>>());
    for rule in RULES {
        assert!(
            !rule.section.is_empty() && !rule.text.is_empty(),
            "{rule:?}"
        );
        assert_eq!(lint::rule(rule.id), Some(rule));
    }
    assert!(lint::rule("nothing").is_none());
}

#[test]
fn what_is_issued_here_breaks_no_rule() {
    let store = made();
    let mut certificates = 0;
    for (path, content) in store.snapshot() {
        if path.as_str().ends_with(".crt") {
            for linted in lint::file(&content).unwrap() {
                assert_eq!(linted.findings, [], "{path}");
                certificates += 1;
            }
        }
    }
    assert!(certificates > 20, "{certificates}");
    // Every kind of key, kubelets, an authority below another, and dates past 2049.
    let clock = FixedClock::new(START);
    for key_type in key::KeyType::ALL {
        let new = || key::generate(&boundary(), key_type).unwrap();
        let params = |name: &str| AuthorityParams::new(Subject::new(name).unwrap(), DAY * 7300);
        let root = params("root")
            .with_path_length(1)
            .self_signed(new(), &clock)
            .unwrap();
        let below: Authority = params("below").signed_by(new(), &root, &clock).unwrap();
        let kubelet = Subject::new("system:node:n1").unwrap();
        let kubelet = kubelet.with_organization("system:nodes").unwrap();
        let leaf = LeafParams::new(kubelet, Usages::Client, DAY * 365)
            .signed_by(&new(), &below, &clock)
            .unwrap();
        for (certificate, issuer) in [
            (root.certificate(), root.certificate()),
            (below.certificate(), root.certificate()),
            (&leaf, below.certificate()),
        ] {
            assert_eq!(
                lint::certificate(certificate.der(), Some(issuer)),
                [],
                "{key_type}"
            );
        }
    }
    let late = FixedClock::new(START + DAY * 365 * 20);
    let key = key::generate(&boundary(), key::KeyType::P256).unwrap();
    let params = AuthorityParams::new(Subject::new("late").unwrap(), DAY * 3650);
    let root = params.self_signed(key, &late).unwrap();
    assert!(root.certificate().not_after().year() > 2050);
    assert_eq!(lint::certificate(root.certificate().der(), None), []);
}

fn of(folder: &Path, file: &str) -> BTreeSet<&'static str> {
    let content = std::fs::read(folder.join(file)).unwrap();
    let linted = lint::file(&content).unwrap();
    ids(&linted[0].findings)
}

/// The shape of k3s's own (dynamiclistener's factory): a CA with the serial number 0 and
/// without cRLSign, leaves with keyEncipherment on elliptic keys and no basic constraints.
#[test]
fn a_tree_in_the_shape_of_k3s_breaks_what_is_known_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(
        folder.join("x.cnf"),
        "[req]\ndistinguished_name=dn\n[dn]\n\
         [ca]\nkeyUsage=critical,digitalSignature,keyEncipherment,keyCertSign\n\
         basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n\
         [leaf]\nkeyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\n\
         subjectAltName=DNS:kubernetes\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=none\n",
    )
    .unwrap();
    openssl(
        folder,
        "req -x509 -config x.cnf -extensions ca -newkey ec -pkeyopt \
         ec_paramgen_curve:prime256v1 -nodes -days 3650 -set_serial 0 -keyout ca.key -out ca.crt \
         -subj /CN=k3s-server-ca@1700000000",
    );
    openssl(
        folder,
        "req -new -config x.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \
         leaf.key -out leaf.csr -subj /CN=kube-apiserver",
    );
    openssl(
        folder,
        "x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -set_serial 0x1122334455667788 -days \
         365 -extfile x.cnf -extensions leaf -out leaf.crt",
    );
    assert_eq!(
        of(folder, "ca.crt"),
        BTreeSet::from([
            "key-usage-crl-sign",
            "key-usage-ec-encipherment",
            "path-length-missing",
            "serial-entropy",
            "serial-positive",
        ])
    );
    let leaf = of(folder, "leaf.crt");
    assert_eq!(
        leaf,
        BTreeSet::from([
            "basic-constraints-missing",
            "key-usage-ec-encipherment",
            "ski-missing"
        ])
    );
    assert_eq!(
        lint::rule("basic-constraints-missing").unwrap().severity,
        Severity::Notice
    );
}

#[test]
fn weak_certificates_of_openssl_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (arguments, wanted) in [
        ("rsa:1024 -sha256", &["key-policy"][..]),
        ("rsa:2048 -sha1", &["signature-algorithm"]),
        ("ed25519", &["key-policy", "signature-algorithm"]),
    ] {
        openssl(
            folder,
            &format!(
                "req -x509 -newkey {arguments} -nodes -days 30 -keyout a.key -out a.crt -subj \
                 /CN=a -addext keyUsage=critical,keyCertSign,cRLSign"
            ),
        );
        let found = of(folder, "a.crt");
        for rule in wanted {
            assert!(found.contains(rule), "{arguments}: {found:?}");
        }
    }
}
