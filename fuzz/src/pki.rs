//! Makes the fixtures: test keys, and certificates over them.

use std::{fs, io};

use data_encoding::BASE64;
use fips_core::digest;
use fips_core::signing::{KeyAlgorithm, PrivateKey, Scheme};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData,
    RevokedCertParams, SerialNumber, SignatureAlgorithm, SigningKey,
};
use time::OffsetDateTime;

use crate::fixtures::{self, NAME, boundary};

/// Names of the fixtures with certificates.
pub const CHAINS: [&str; 11] = [
    "ca.pem",
    "client.pem",
    "deep.pem",
    "early.pem",
    "expired.pem",
    "nameless.pem",
    "odd-name.pem",
    "other-ca.pem",
    "server-rsa.pem",
    "server.pem",
    "stray.pem",
];

/// Names of the fixtures with revocation lists.
pub const LISTS: [&str; 4] = [
    "ca.crl",
    "ca-revoked.crl",
    "other-key.crl",
    "other-name.crl",
];

/// Names of the fixtures with keys.
pub const KEYS: [(&str, KeyAlgorithm); 4] = [
    ("p256.key", KeyAlgorithm::EcdsaP256),
    ("p384.key", KeyAlgorithm::EcdsaP384),
    ("p521.key", KeyAlgorithm::EcdsaP521),
    ("rsa2048.key", KeyAlgorithm::Rsa2048),
];

const BEGIN: (i32, i32) = (2026, 2040);

/// Writes what is not there yet. Those that are there stay: the corpora were made with them.
///
/// # Errors
///
/// That of the file system.
pub fn write_missing() -> io::Result<()> {
    fs::create_dir_all(fixtures::path(""))?;
    for (name, algorithm) in KEYS {
        if !fixtures::path(name).exists() {
            let key = PrivateKey::generate(boundary(), algorithm).expect("the module makes keys");
            let der = key.to_pkcs8().expect("the module encodes keys");
            fs::write(fixtures::path(name), pem("PRIVATE KEY", &der))?;
        }
    }
    for name in CHAINS {
        if !fixtures::path(name).exists() {
            fs::write(fixtures::path(name), make(name))?;
        }
    }
    for name in LISTS {
        if !fixtures::path(name).exists() {
            fs::write(fixtures::path(name), make_list(name))?;
        }
    }
    Ok(())
}

fn make_list(name: &str) -> String {
    let ca = "fuzz test CA";
    let (issuer, key, number, revoked) = match name {
        "ca.crl" => (ca, KeyAlgorithm::EcdsaP384, 1, false),
        "ca-revoked.crl" => (ca, KeyAlgorithm::EcdsaP384, 2, true),
        "other-key.crl" => (ca, KeyAlgorithm::EcdsaP256, 3, false),
        "other-name.crl" => ("fuzz test other CA", KeyAlgorithm::EcdsaP384, 4, false),
        other => panic!("no fixture is called {other}"),
    };
    let key = Key(key);
    let issuer = authority(issuer, key);
    let begin = time::Date::from_ordinal_date(2029, 300).expect("a day of that year");
    let begin = OffsetDateTime::new_utc(begin, time::Time::MIDNIGHT);
    let server = &fixtures::chain("server.pem")[0];
    let (_, server) = x509_parser::parse_x509_certificate(server).expect("a certificate");
    let list = CertificateRevocationListParams {
        this_update: begin + time::Duration::days(number),
        next_update: begin + time::Duration::days(2000),
        crl_number: SerialNumber::from(number as u64),
        issuing_distribution_point: None,
        revoked_certs: revoked
            .then(|| RevokedCertParams {
                serial_number: SerialNumber::from_slice(server.raw_serial()),
                revocation_time: begin,
                reason_code: None,
                invalidity_date: None,
            })
            .into_iter()
            .collect(),
        key_identifier_method: issuer.key_identifier_method.clone(),
    };
    let list = list.signed_by(&Issuer::from_params(&issuer, key));
    pem("X509 CRL", list.expect("rcgen signs").der())
}

fn make(name: &str) -> String {
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};

    let ca = Authority::root("fuzz test CA", Key(KeyAlgorithm::EcdsaP384));
    let server = |names: &[&str]| leaf("fuzz test server", names, ServerAuth);
    let p256 = || Key(KeyAlgorithm::EcdsaP256);
    let texts = match name {
        "ca.pem" => vec![ca.pem()],
        "client.pem" => vec![ca.issue(leaf("fuzz test client", &[], ClientAuth), p256())],
        "deep.pem" => {
            let intermediate = Authority::below(&ca, "fuzz test intermediate", p256());
            vec![
                intermediate.issue(server(&[NAME]), p256()),
                intermediate.pem(),
            ]
        }
        "early.pem" => vec![ca.issue(years(server(&[NAME]), (2035, 2040)), p256())],
        "expired.pem" => vec![ca.issue(years(server(&[NAME]), (2026, 2029)), p256())],
        "nameless.pem" => vec![ca.issue(leaf("fuzz test server", &[], ServerAuth), p256())],
        "odd-name.pem" => {
            let odd = "a\u{1b}[2J\n, O=system:masters+CN=b \u{202e}";
            vec![ca.issue(
                leaf(odd, &[NAME, "*.test", "127.0.0.1", "::1"], ServerAuth),
                p256(),
            )]
        }
        "other-ca.pem" => vec![Authority::root("fuzz test other CA", p256()).pem()],
        "server-rsa.pem" => vec![ca.issue(server(&[NAME]), Key(KeyAlgorithm::Rsa2048))],
        "server.pem" => vec![
            ca.issue(server(&[NAME, "127.0.0.1"]), p256()),
            fixtures::pem("ca.pem"),
        ],
        "stray.pem" => {
            let other = Authority::root("fuzz test other CA", p256());
            vec![other.issue(server(&[NAME]), p256())]
        }
        other => panic!("no fixture is called {other}"),
    };
    texts.concat()
}

/// A test key, as rcgen signs with it.
#[derive(Clone, Copy)]
struct Key(KeyAlgorithm);

impl Key {
    fn of(self) -> &'static PrivateKey {
        fixtures::key(self.0)
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.of().public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.0 {
            KeyAlgorithm::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlgorithm::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            _ => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let scheme = match self.0 {
            KeyAlgorithm::EcdsaP256 => Scheme::EcdsaP256Sha256,
            KeyAlgorithm::EcdsaP384 => Scheme::EcdsaP384Sha384,
            _ => Scheme::RsaPkcs1Sha256,
        };
        self.of()
            .sign(scheme, message)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

struct Authority {
    key: Key,
    params: CertificateParams,
    text: String,
}

impl Authority {
    fn root(name: &str, key: Key) -> Self {
        let params = authority(name, key);
        let certificate = params.self_signed(&key).expect("rcgen signs");
        Self {
            key,
            text: pem("CERTIFICATE", certificate.der()),
            params,
        }
    }

    fn below(issuer: &Self, name: &str, key: Key) -> Self {
        let params = authority(name, key);
        let text = issuer.sign(&params, key);
        Self { key, params, text }
    }

    fn pem(&self) -> String {
        self.text.clone()
    }

    fn issue(&self, leaf: CertificateParams, key: Key) -> String {
        self.sign(&with_ids(leaf, key), key)
    }

    fn sign(&self, params: &CertificateParams, key: Key) -> String {
        let issuer = Issuer::from_params(&self.params, self.key);
        let certificate = params.signed_by(&key, &issuer).expect("rcgen signs");
        pem("CERTIFICATE", certificate.der())
    }
}

fn authority(name: &str, key: Key) -> CertificateParams {
    let mut params = with_ids(base(name, &[]), key);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(name: &str, names: &[&str], usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = base(name, names);
    params.extended_key_usages = vec![usage];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
        .distinguished_name
        .push(DnType::OrganizationName, "fuzz test organization");
    params
}

fn base(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("test names are names");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    years(params, BEGIN)
}

fn years(mut params: CertificateParams, (from, to): (i32, i32)) -> CertificateParams {
    let first = |year| {
        time::Date::from_ordinal_date(year, 1)
            .map(|date| OffsetDateTime::new_utc(date, time::Time::MIDNIGHT))
            .expect("test years are years")
    };
    params.not_before = first(from);
    params.not_after = first(to);
    params
}

fn with_ids(mut params: CertificateParams, key: Key) -> CertificateParams {
    let mut serial = fips_core::random::bytes::<16>().expect("the module makes numbers");
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let id = digest::digest(digest::Algorithm::Sha256, key.of().public_key())
        .expect("the module makes digests");
    params.key_identifier_method = KeyIdMethod::PreSpecified(id.as_ref()[..20].to_vec());
    params
}

/// DER as PEM (RFC 7468).
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: String = text
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line) + "\n")
        .collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}
