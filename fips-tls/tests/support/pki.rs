use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use fips_core::digest;
use fips_core::signing::{KeyAlgorithm, PrivateKey, Scheme};
use fips_tls::{Identity, Trust};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
    SigningKey,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use super::{NAME, boundary, program};

/// A key of this process, made once per algorithm: RSA takes its time.
pub fn key(algorithm: KeyAlgorithm) -> Arc<PrivateKey> {
    // A slot of its own per algorithm: one slow key does not hold up the others.
    type Slot = Arc<OnceLock<Arc<PrivateKey>>>;
    static KEYS: LazyLock<Mutex<HashMap<KeyAlgorithm, Slot>>> = LazyLock::new(Mutex::default);
    let slot = Arc::clone(KEYS.lock().unwrap().entry(algorithm).or_default());
    Arc::clone(slot.get_or_init(|| Arc::new(PrivateKey::generate(&boundary(), algorithm).unwrap())))
}

pub fn key_pem(key: &PrivateKey) -> String {
    pem("PRIVATE KEY", &key.to_pkcs8().unwrap())
}

pub fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let bytes = [
                group[0],
                *group.get(1).unwrap_or(&0),
                *group.get(2).unwrap_or(&0),
            ];
            let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
            for place in 0..4 {
                let sextet = (bits >> (18 - 6 * place)) & 63;
                text.push(if place <= group.len() {
                    char::from(ALPHABET[sextet as usize])
                } else {
                    '='
                });
            }
        }
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

pub struct RcgenKey(pub Arc<PrivateKey>);

impl PublicKeyData for RcgenKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.0.algorithm() {
            KeyAlgorithm::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyAlgorithm::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            KeyAlgorithm::EcdsaP521 => unreachable!("rcgen has none: issue with OpenSSL"),
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
                &rcgen::PKCS_RSA_SHA256
            }
        }
    }
}

impl SigningKey for RcgenKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let scheme = match self.0.algorithm() {
            KeyAlgorithm::EcdsaP256 => Scheme::EcdsaP256Sha256,
            KeyAlgorithm::EcdsaP384 => Scheme::EcdsaP384Sha384,
            KeyAlgorithm::EcdsaP521 => Scheme::EcdsaP521Sha512,
            _ => Scheme::RsaPkcs1Sha256,
        };
        self.0
            .sign(scheme, message)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// What a test leaf says.
#[derive(Clone)]
pub struct Leaf {
    pub names: Vec<&'static str>,
    pub usage: ExtendedKeyUsagePurpose,
    pub common_name: &'static str,
    pub starts: Duration,
    pub ends: Duration,
}

impl Leaf {
    pub fn server() -> Self {
        Self {
            names: vec![NAME],
            usage: ExtendedKeyUsagePurpose::ServerAuth,
            common_name: "test server",
            starts: -Duration::hours(1),
            ends: Duration::days(30),
        }
    }

    pub fn client() -> Self {
        Self {
            names: vec![],
            usage: ExtendedKeyUsagePurpose::ClientAuth,
            common_name: "test client",
            ..Self::server()
        }
    }
}

pub struct Ca {
    name: &'static str,
    key: Arc<PrivateKey>,
    params: CertificateParams,
    pub pem: String,
}

impl Ca {
    /// The CA of most tests.
    pub fn test() -> &'static Self {
        static CA: LazyLock<Ca> = LazyLock::new(|| Ca::new("test CA", KeyAlgorithm::EcdsaP256));
        &CA
    }

    pub fn new(name: &'static str, algorithm: KeyAlgorithm) -> Self {
        Self::with_unit(name, None, algorithm)
    }

    pub fn with_unit(name: &'static str, unit: Option<&str>, algorithm: KeyAlgorithm) -> Self {
        let key = Arc::new(PrivateKey::generate(&boundary(), algorithm).unwrap());
        let mut params = base(name, &key);
        if let Some(unit) = unit {
            params
                .distinguished_name
                .push(DnType::OrganizationalUnitName, unit);
        }
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&RcgenKey(Arc::clone(&key))).unwrap();
        Self {
            name,
            key,
            params,
            pem: pem("CERTIFICATE", certificate.der()),
        }
    }

    pub fn trust(&self) -> Trust {
        Trust::from_pem(&self.pem).unwrap()
    }

    /// Chain and key of a leaf, as PEM; the CA follows the leaf, as RKE2 writes it.
    pub fn issue(&self, leaf: &Leaf, algorithm: KeyAlgorithm) -> (String, String) {
        let key = key(algorithm);
        if algorithm == KeyAlgorithm::EcdsaP521 {
            let usage = match leaf.usage {
                ExtendedKeyUsagePurpose::ServerAuth => "serverAuth",
                _ => "clientAuth",
            };
            let names: Vec<_> = leaf
                .names
                .iter()
                .map(|name| format!("DNS:{name}"))
                .collect();
            let mut extensions = format!("extendedKeyUsage={usage}\n");
            if !names.is_empty() {
                extensions += &format!("subjectAltName={}\n", names.join(","));
            }
            let chain =
                self.issue_with_openssl(&key_pem(&key), leaf.common_name, &extensions, "-sha256");
            return (chain, key_pem(&key));
        }
        let mut params = base(leaf.common_name, &key);
        params
            .distinguished_name
            .push(DnType::OrganizationName, "test organization");
        params.subject_alt_names = CertificateParams::new(
            leaf.names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        )
        .unwrap()
        .subject_alt_names;
        params.extended_key_usages = vec![leaf.usage.clone()];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if algorithm.is_rsa() {
            // NSS takes no RSA server certificate without, whatever the key exchange.
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.not_before = OffsetDateTime::now_utc() + leaf.starts;
        params.not_after = OffsetDateTime::now_utc() + leaf.ends;
        let issuer = Issuer::from_params(&self.params, RcgenKey(Arc::clone(&self.key)));
        let certificate = params
            .signed_by(&RcgenKey(Arc::clone(&key)), &issuer)
            .unwrap();
        (
            pem("CERTIFICATE", certificate.der()) + &self.pem,
            key_pem(&key),
        )
    }

    pub fn identity(&self, leaf: &Leaf, algorithm: KeyAlgorithm) -> Identity {
        let (chain, key) = self.issue(leaf, algorithm);
        Identity::from_pem(&boundary(), chain, key).unwrap()
    }

    /// A certificate for any key OpenSSL can read, signed with any hash; this CA follows.
    pub fn issue_with_openssl(
        &self,
        key_pem: &str,
        common_name: &str,
        extensions: &str,
        hash: &str,
    ) -> String {
        openssl_issue(
            (&self.pem, &super::pki::key_pem(&self.key)),
            key_pem,
            common_name,
            extensions,
            hash,
        ) + &self.pem
    }

    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// Issues with the `openssl` program, for what this project refuses to make.
pub fn openssl_issue(
    (ca, ca_key): (&str, &str),
    key_pem: &str,
    common_name: &str,
    extensions: &str,
    hash: &str,
) -> String {
    let files = Files::new();
    let ca = files.write("ca.crt", ca);
    let ca_key = files.write("ca.key", ca_key);
    let key = files.write("leaf.key", key_pem);
    let extensions = files.write("ext", extensions);
    let request = files.path("leaf.csr");
    let subject = format!("/CN={common_name}");
    // One of its own: NSS takes no two certificates of an issuer with the same.
    let serial = u64::from_be_bytes(fips_core::random::bytes().unwrap()) >> 1;
    let serial = serial.to_string();
    program::run(
        program::openssl()
            .args(["req", "-new", "-sha256", "-subj", &subject, "-key"])
            .arg(&key)
            .arg("-out")
            .arg(&request),
    );
    program::run(
        program::openssl()
            .args(["x509", "-req", "-days", "30", hash, "-in"])
            .arg(&request)
            .arg("-CA")
            .arg(&ca)
            .arg("-CAkey")
            .arg(&ca_key)
            .arg("-extfile")
            .arg(&extensions)
            .args(["-set_serial", &serial]),
    )
}

pub fn base(name: &str, key: &PrivateKey) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let mut serial = fips_core::random::bytes::<16>().unwrap();
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let id = digest::digest(digest::Algorithm::Sha256, key.public_key()).unwrap();
    params.key_identifier_method = KeyIdMethod::PreSpecified(id.as_ref()[..20].to_vec());
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(365);
    params
}

/// Files that go with the test.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The leaf and, in a file of their own, the certificates that follow it: OpenSSL sends
    /// a whole chain given with `-cert_chain` after the leaf.
    pub fn write_chain(&self, name: &str, chain: &str) -> (PathBuf, PathBuf) {
        const END: &str = "-----END CERTIFICATE-----\n";
        let (leaf, issuers) = chain.split_once(END).unwrap();
        (
            self.write(&format!("{name}.crt"), &(leaf.to_owned() + END)),
            self.write(&format!("{name}-issuers.crt"), issuers),
        )
    }
}
