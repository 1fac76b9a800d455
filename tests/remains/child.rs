//! The process that is searched: it tells its secrets in a masked form, works, drops all, waits.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fips_boundary::certs::catalogue::{Catalogue, Options, Program};
use fips_boundary::certs::pki::{RenewalPolicy, Thresholds};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Clock, Pki, SystemClock, key};
use fips_boundary::core::agreement::{Curve, EphemeralKey, SharedSecret};
use fips_boundary::core::digest::Algorithm;
use fips_boundary::core::hkdf::Prk;
use fips_boundary::core::kem::{self, DecapsulationKey, ParameterSet};
use fips_boundary::core::key_wrap::{self, KeyEncryptionKey, Mode};
use fips_boundary::core::seal::SealingKey;
use fips_boundary::core::signing::{KeyAlgorithm, PrivateKey};
use fips_boundary::core::{Boundary, Diagnostic, Requirements, hmac, pbkdf2, random, tls12_prf};
use fips_boundary::tls::{
    ClientConfig, FleetKeys, Identity, Profile, ServerConfig, Suite, Trust, Version, provider,
};
use rustls::crypto::{
    ActiveKeyExchange, CompletedKeyExchange, SharedSecret as TlsSecret, SupportedKxGroup,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::server::ProducesTickets;
use rustls::{
    ClientConnection, HandshakeKind, KeyLog, NamedGroup, ProtocolVersion, ServerConnection,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use zeroize::Zeroizing;

use super::{FREED, HELD, MASK};
use crate::wire::carry;

/// Tells the parent a secret, such that its own bytes stand nowhere.
fn tell(kind: &str, name: &str, secret: &[u8]) {
    let mut line = format!("@\t{kind}\t{name}\t");
    for byte in secret {
        line += &format!("{:02x}", byte ^ MASK);
    }
    line.push('\n');
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Says how far it is, and waits until the parent has looked.
fn pause(phase: &str) {
    tell("phase", phase, &[]);
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
}

pub(crate) fn run(work: &Path) {
    // Where Yama lets only parents look: gcore is the parent's child.
    let _ = rustix::process::set_ptracer(rustix::process::PTracer::Any);
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let alive = Alive::new(&boundary, work);
    pause("alive");
    drop(alive);
    drop(planted(FREED));
    let held = planted(HELD);
    pause("dropped");
    drop(held);
}

/// A secret that nothing wipes: the search must be able to find it.
fn planted(name: &str) -> Vec<u8> {
    let mut secret = vec![0; 1000];
    random::fill(&mut secret).unwrap();
    tell("bytes", name, &secret);
    secret
}

/// Everything made, held until it was searched for.
struct Alive {
    _keys: Vec<PrivateKey>,
    _written: Vec<(Zeroizing<Vec<u8>>, Zeroizing<String>)>,
    _identities: Vec<Identity>,
    _sealing: SealingKey,
    _wrapping: KeyEncryptionKey,
    _opened: Zeroizing<Vec<u8>>,
    _mac: hmac::Key,
    _prks: Vec<Prk>,
    _shared: Vec<SharedSecret>,
    _inputs: Vec<Zeroizing<Vec<u8>>>,
    _outputs: Vec<Zeroizing<Vec<u8>>>,
    _fleet: Vec<(FleetKeys, ServerConfig)>,
    _connections: Vec<(ClientConnection, ServerConnection)>,
    _configs: Vec<(Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>)>,
}

impl Alive {
    fn new(boundary: &Boundary, work: &Path) -> Self {
        let mut inputs = Vec::new();
        let mut input = |name: &str, len: usize| {
            let mut secret = Zeroizing::new(vec![0; len]);
            random::fill(&mut secret).unwrap();
            tell("bytes", name, &secret);
            inputs.push(secret);
            inputs.last().unwrap().clone()
        };

        let sealing = SealingKey::from_bytes(boundary, &input("sealing key", 32)).unwrap();
        let sealed = sealing.seal(b"aad", &input("sealed content", 100)).unwrap();
        let opened = sealing.open(b"aad", &sealed).unwrap();
        assert!(sealing.open(b"other", &sealed).is_err());

        let mac = hmac::Key::new(Algorithm::Sha256, &input("HMAC key", 32)).unwrap();
        let tag = mac.sign(&[b"data"]).unwrap();
        mac.verify(b"data", tag.as_ref()).unwrap();

        let extracted =
            Prk::extract(Algorithm::Sha384, &[0; 48], &input("HKDF secret", 48)).unwrap();
        let taken = Prk::from_bytes(Algorithm::Sha256, &input("HKDF key", 32)).unwrap();
        let prks = vec![extracted, taken];
        let mut outputs = Vec::new();
        for prk in &prks {
            let mut output = Zeroizing::new(vec![0; 64]);
            prk.expand(&[b"info"], &mut output).unwrap();
            tell(
                "bytes",
                &format!("HKDF {:?} output", prk.algorithm()),
                &output,
            );
            outputs.push(output);
        }
        let mut master = Zeroizing::new(vec![0; 48]);
        tls12_prf::derive(
            Algorithm::Sha384,
            &input("PRF secret", 48),
            tls12_prf::EXTENDED_MASTER_SECRET,
            &[7; 48],
            &mut master,
        )
        .unwrap();
        tell("bytes", "PRF output", &master);
        outputs.push(master);

        let wrapping = KeyEncryptionKey::from_bytes(
            boundary,
            key_wrap::Cipher::Aes256,
            &input("key-encryption key", 32),
        )
        .unwrap();
        for mode in [Mode::Kw, Mode::Kwp] {
            let wrapped = wrapping
                .wrap_key(mode, &input(&format!("{mode:?} content"), 48))
                .unwrap();
            outputs.push(wrapping.unwrap_key(mode, &wrapped).unwrap());
        }
        let (salt, key) =
            pbkdf2::derive_new(Algorithm::Sha256, &input("password", 24), 1000, 32).unwrap();
        assert_eq!(salt.len(), pbkdf2::SALT_LEN);
        tell("bytes", "PBKDF2 output", &key);
        outputs.push(key);

        let mut connections = Vec::new();
        let mut configs = Vec::new();
        for version in [Version::Tls12, Version::Tls13] {
            let ends = Ends::new(boundary, version, work);
            for (kind, word) in [
                (HandshakeKind::Full, "full"),
                (HandshakeKind::Resumed, "resumed"),
            ] {
                let connection = ends.connect(word);
                assert_eq!(connection.0.handshake_kind(), Some(kind), "{version:?}");
                connections.push(connection);
            }
            configs.push((ends.client, ends.server));
        }

        for (name, profile) in [
            ("provider", Profile::sp800_52r2()),
            ("hybrid", Profile::sp800_52r2().with_hybrids().unwrap()),
        ] {
            let bare = Ends::of_provider(boundary, work, name, &profile);
            connections.push(bare.connect("full"));
            configs.push((bare.client, bare.server));
        }

        make_pki(boundary, work);
        let (generated, written) = generated_keys(boundary);
        let keys = generated
            .into_iter()
            .chain(read_keys(boundary, work))
            .inspect(|key| drop(key.sign(key.algorithm().schemes()[0], b"message").unwrap()))
            .collect();

        Self {
            _keys: keys,
            _written: written,
            _identities: identities(boundary, work),
            _sealing: sealing,
            _wrapping: wrapping,
            _opened: opened,
            _mac: mac,
            _prks: prks,
            _shared: shared_secrets().into_iter().chain(encapsulated()).collect(),
            _inputs: inputs,
            _outputs: outputs,
            _fleet: fleet(boundary, work),
            _connections: connections,
            _configs: configs,
        }
    }
}

/// Keys of a fleet, as made, rotated and read back, each in a server that has sealed and opened.
fn fleet(boundary: &Boundary, work: &Path) -> Vec<(FleetKeys, ServerConfig)> {
    let made = FleetKeys::generate(boundary).unwrap();
    let rotated = made.rotated().unwrap();
    let read = FleetKeys::from_bytes(boundary, &rotated.to_bytes()).unwrap();
    for (name, keys) in [("made", &made), ("rotated", &rotated)] {
        let bytes = keys.to_bytes();
        for (place, root) in bytes[19..].chunks(32).enumerate() {
            tell("bytes", &format!("fleet root {place}, {name}"), root);
        }
    }
    let identity = || identity(boundary, work, "tls-handshake");
    let servers: Vec<_> = [made, rotated, read]
        .into_iter()
        .map(|keys| {
            let server = ServerConfig::builder(boundary, Profile::sp800_52r2())
                .with_identity(identity())
                .without_client_authentication()
                .with_fleet_keys(keys.clone())
                .build()
                .unwrap();
            (keys, server)
        })
        .collect();
    let tickets = |place: usize| servers[place].1.rustls().ticketer.clone();
    let ticket = tickets(1).encrypt(b"a session").unwrap();
    for place in 0..servers.len() {
        assert!(tickets(place).decrypt(&ticket).is_some());
    }
    servers
}

fn shared_secrets() -> Vec<SharedSecret> {
    [Curve::P256, Curve::P384, Curve::P521]
        .into_iter()
        .flat_map(|curve| {
            let one = EphemeralKey::generate(curve).unwrap();
            let other = EphemeralKey::generate(curve).unwrap();
            let (share, other_share) = (one.public_key().to_vec(), other.public_key().to_vec());
            let secrets = [
                one.agree(&other_share).unwrap(),
                other.agree(&share).unwrap(),
            ];
            tell("bytes", &format!("ECDH {curve:?}"), secrets[0].as_bytes());
            secrets
        })
        .collect()
}

fn encapsulated() -> Vec<SharedSecret> {
    [ParameterSet::MlKem768, ParameterSet::MlKem1024]
        .into_iter()
        .flat_map(|parameters| {
            let key = DecapsulationKey::generate(parameters).unwrap();
            let (ciphertext, secret) =
                kem::encapsulate(parameters, key.encapsulation_key()).unwrap();
            tell("bytes", &format!("{parameters:?}"), secret.as_bytes());
            [secret, key.decapsulate(&ciphertext).unwrap()]
        })
        .collect()
}

/// A file of secrets, in one block of memory that is wiped.
fn read(path: PathBuf) -> Zeroizing<Vec<u8>> {
    let mut file = std::fs::File::open(path).unwrap();
    let len = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let mut content = Zeroizing::new(vec![0; len]);
    std::io::Read::read_exact(&mut file, &mut content).unwrap();
    content
}

/// Keys, and their forms in DER and PEM.
type Generated = (
    Vec<PrivateKey>,
    Vec<(Zeroizing<Vec<u8>>, Zeroizing<String>)>,
);

fn generated_keys(boundary: &Boundary) -> Generated {
    [
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::EcdsaP521,
        KeyAlgorithm::Rsa2048,
    ]
    .map(|algorithm| {
        let key = PrivateKey::generate(boundary, algorithm).unwrap();
        let der = key.to_pkcs8().unwrap();
        tell("key", &format!("generated {algorithm}"), &der);
        let text = key::to_pem(&key).unwrap();
        (key, (der, text))
    })
    .into_iter()
    .unzip()
}

fn read_keys(boundary: &Boundary, work: &Path) -> Vec<PrivateKey> {
    let mut keys: Vec<_> = ["certs-sec1", "certs-pkcs1", "certs-pkcs8"]
        .iter()
        .map(|name| {
            let file = read(work.join(name).with_extension("key"));
            key::from_pem(boundary, &file).unwrap()
        })
        .collect();
    let der = read(work.join("from-der.key"));
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(&der[..]));
    keys.push(PrivateKey::from_der(boundary, &der).unwrap());
    keys
}

fn identities(boundary: &Boundary, work: &Path) -> Vec<Identity> {
    ["tls-pkcs8", "tls-sec1", "tls-pkcs1"]
        .map(|name| identity(boundary, work, name))
        .into()
}

fn identity(boundary: &Boundary, work: &Path, name: &str) -> Identity {
    let path = work.join(name);
    Identity::from_files(
        boundary,
        path.with_extension("crt"),
        path.with_extension("key"),
    )
    .unwrap()
}

/// Its keys lie in its folder, where the parent reads them.
fn make_pki(boundary: &Boundary, work: &Path) {
    let store = DirStore::create_or_open(work.join("server")).unwrap();
    let catalogue = Catalogue::new(Options::new(Program::Rke2, "localhost")).unwrap();
    let (pki, _) = Pki::init(boundary, &store, catalogue, &SystemClock).unwrap();
    let (diagnostic, now) = (Diagnostic::new().unwrap(), SystemClock.now());
    pki.check(&diagnostic, now, Thresholds::default()).unwrap();
    let mut policy = RenewalPolicy::default();
    policy.force = true;
    policy.keep_keys = true;
    let plan = pki.renewals(&diagnostic, now, &policy).unwrap();
    pki.renew(boundary, &plan, &SystemClock).unwrap();
}

/// A client and a server of ours, whose secrets are told.
struct Ends {
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
    log: Arc<Teller>,
}

impl Ends {
    fn new(boundary: &Boundary, version: Version, work: &Path) -> Self {
        let log = Arc::new(Teller {
            version: format!("{version:?}"),
            word: Mutex::new(""),
        });
        // The suites whose keys the parent derives.
        let suites = [Suite::Aes256GcmSha384, Suite::EcdheEcdsaAes256GcmSha384];
        let profile = || {
            Profile::sp800_52r2()
                .narrow_suites(&suites)
                .unwrap()
                .narrowed_to(version)
                .unwrap()
        };
        let trust = || Trust::from_file(work.join("ca.crt")).unwrap();
        let identity = || identity(boundary, work, "tls-handshake");

        let client = ClientConfig::builder(boundary, profile())
            .with_trust(trust())
            .with_identity(identity())
            .build()
            .unwrap();
        let mut client = (*client.rustls()).clone();
        client.key_log = Arc::clone(&log) as Arc<dyn KeyLog>;
        let server = ServerConfig::builder(boundary, profile())
            .with_identity(identity())
            .with_client_trust(trust())
            .build()
            .unwrap();
        let mut server = (*server.rustls()).clone();
        server.ticketer = Arc::new(Tickets {
            inner: server.ticketer,
            log: Arc::clone(&log),
        });
        Self {
            client: Arc::new(client),
            server: Arc::new(server),
            log,
        }
    }

    /// Over the bare provider, which is also asked to load the key; the shared secret of the
    /// exchange is told, too.
    fn of_provider(
        boundary: &Boundary,
        work: &Path,
        name: &'static str,
        profile: &Profile,
    ) -> Self {
        let log = Arc::new(Teller {
            version: name.to_owned(),
            word: Mutex::new(""),
        });
        let mut provider = rustls::crypto::CryptoProvider::clone(&provider(boundary, profile));
        provider.kx_groups = provider
            .kx_groups
            .into_iter()
            .map(|group| &*Box::leak(Box::new(Group(group, name))) as &dyn SupportedKxGroup)
            .collect();
        let provider = Arc::new(provider);
        let der = read(work.join("from-der.key"));
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.to_vec()));
        let chain = CertificateDer::from_pem_file(work.join("from-der.crt")).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(work.join("ca.crt")).unwrap())
            .unwrap();
        let mut client = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.key_log = Arc::clone(&log) as Arc<dyn KeyLog>;
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], der)
            .unwrap();
        Self {
            client: Arc::new(client),
            server: Arc::new(server),
            log,
        }
    }

    fn connect(&self, word: &'static str) -> (ClientConnection, ServerConnection) {
        *self.log.word.lock().unwrap() = word;
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(&self.server)).unwrap();
        let mut hello = true;
        while client.is_handshaking() || server.is_handshaking() {
            let wire = carry(&mut client, &mut server);
            // Record, handshake, version; then the server's random (RFC 8446 §4.1.3).
            if std::mem::take(&mut hello) {
                self.log.tell("public", "server random", &wire[11..43]);
            }
        }
        for _ in 0..3 {
            client.writer().write_all(b"from the client").unwrap();
            server.writer().write_all(b"from the server").unwrap();
            carry(&mut client, &mut server);
            let mut answer = [0; 15];
            std::io::Read::read_exact(&mut client.reader(), &mut answer).unwrap();
            std::io::Read::read_exact(&mut server.reader(), &mut answer).unwrap();
        }
        (client, server)
    }
}

#[derive(Debug)]
struct Teller {
    version: String,
    word: Mutex<&'static str>,
}

impl Teller {
    fn tell(&self, kind: &str, name: &str, secret: &[u8]) {
        let word = self.word.lock().unwrap();
        tell(kind, &format!("{} {word}: {name}", self.version), secret);
    }
}

impl KeyLog for Teller {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.tell("public", "client random", client_random);
        self.tell("tls", label, secret);
    }
}

/// Our tickets, and what goes into them.
#[derive(Debug)]
struct Tickets {
    inner: Arc<dyn ProducesTickets>,
    log: Arc<Teller>,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.inner.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.inner.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        // A name, if there is one; version and suite; then the secret, each with its length.
        let after_name = match plain[0] {
            0 => 1,
            _ => 2 + usize::from(plain[1]),
        };
        let secret = &plain[after_name + 4..];
        self.log.tell(
            "bytes",
            "session secret",
            &secret[1..=usize::from(secret[0])],
        );
        self.inner.encrypt(plain)
    }

    fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        self.inner.decrypt(sealed)
    }
}

/// A group of the provider, and the secret it agrees on.
#[derive(Debug)]
struct Group(&'static dyn SupportedKxGroup, &'static str);

fn told(secret: TlsSecret, name: &str) -> TlsSecret {
    let name = format!("{name} full: pre-master secret");
    tell("bytes", &name, secret.secret_bytes());
    secret
}

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        Ok(Box::new(Exchange(self.0.start()?, self.1)))
    }

    fn start_and_complete(&self, share: &[u8]) -> Result<CompletedKeyExchange, rustls::Error> {
        let done = self.0.start_and_complete(share)?;
        let secret = told(done.secret, self.1);
        Ok(CompletedKeyExchange { secret, ..done })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        self.0.ffdhe_group()
    }

    fn name(&self) -> NamedGroup {
        self.0.name()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        self.0.usable_for_version(version)
    }
}

struct Exchange(Box<dyn ActiveKeyExchange>, &'static str);

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, share: &[u8]) -> Result<TlsSecret, rustls::Error> {
        Ok(told(self.0.complete(share)?, self.1))
    }

    fn pub_key(&self) -> &[u8] {
        self.0.pub_key()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        self.0.ffdhe_group()
    }

    fn group(&self) -> NamedGroup {
        self.0.group()
    }
}
