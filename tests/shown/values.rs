//! Values made of known secrets, and what they show of themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use fips_boundary::certs::catalogue::{Catalogue, Options, Program};
use fips_boundary::certs::crl::{RevocationListParams, RevocationReason};
use fips_boundary::certs::key::{self, KeySecrets, KeyType, KeyUnlock};
use fips_boundary::certs::pki::rotation::{Advance, Rotated};
use fips_boundary::certs::pki::{RenewalPolicy, Target, Thresholds};
use fips_boundary::certs::sealing::{
    self, Binding, FileKey, Passphrase, Secret, envelope, open_k3s_bootstrap,
};
use fips_boundary::certs::store::{Change, DirStore, EntryPath, Secrecy};
use fips_boundary::certs::{self, Certificate, Clock, Pki, SecretSource, SystemClock};
use fips_boundary::core::agreement::{Curve, EphemeralKey};
use fips_boundary::core::digest::{Algorithm, Context};
use fips_boundary::core::hkdf::Prk;
use fips_boundary::core::kem::{self, DecapsulationKey, ParameterSet};
use fips_boundary::core::key_wrap::{self, KeyEncryptionKey, Mode};
use fips_boundary::core::record::{Cipher, Opener, Protocol, Sealer};
use fips_boundary::core::seal::SealingKey;
use fips_boundary::core::signing::PrivateKey;
use fips_boundary::core::{self, Boundary, Diagnostic, Requirements, hmac, pbkdf2, pem, random};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::Serialize;

/// What one type's values show, and by which traits they were asked.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) texts: BTreeSet<String>,
    pub(crate) traits: BTreeSet<&'static str>,
}

#[derive(Default)]
pub(crate) struct Values {
    pub(crate) shown: BTreeMap<&'static str, Shown>,
    pub(crate) secrets: Vec<Vec<u8>>,
}

impl Values {
    fn add(&mut self, path: &'static str, of: &'static str, text: String) {
        let shown = self.shown.entry(path).or_default();
        shown.traits.insert(of);
        shown.texts.insert(text);
    }

    pub(crate) fn debug(&mut self, path: &'static str, value: &(impl Debug + ?Sized)) {
        self.add(path, "Debug", format!("{value:?}"));
        self.add(path, "Debug", format!("{value:#?}"));
    }

    pub(crate) fn error(&mut self, path: &'static str, value: &(impl Debug + Display)) {
        self.debug(path, value);
        self.add(path, "Display", value.to_string());
    }

    pub(crate) fn data(&mut self, path: &'static str, value: &(impl Debug + Serialize)) {
        self.debug(path, value);
        self.add(path, "Serialize", serde_json::to_string(value).unwrap());
    }

    /// A secret that no text may show.
    pub(crate) fn secret(&mut self, secret: &[u8]) {
        self.secrets.push(secret.to_vec());
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let secret = random::bytes().unwrap();
        self.secret(&secret);
        secret
    }

    /// A key, its PKCS#8 and its PEM.
    pub(crate) fn key(&mut self, boundary: &Boundary) -> (PrivateKey, Vec<u8>, String) {
        let key = key::generate(boundary, KeyType::P256).unwrap();
        let der = key.to_pkcs8().unwrap().to_vec();
        self.secret(scalar(&der));
        let text = key::to_pem(&key).unwrap().to_string();
        (key, der, text)
    }
}

/// The secret of a key on P-256 in PKCS#8.
fn scalar(pkcs8: &[u8]) -> &[u8] {
    assert_eq!(pkcs8[34..36], [0x04, 0x20], "an OCTET STRING of 32 bytes");
    &pkcs8[36..68]
}

/// A PEM text of a key, broken in each way that leaves its secret in it.
pub(crate) fn broken(text: &str) -> Vec<String> {
    let body = text.find("\n").unwrap() + 1;
    let mut broken: Vec<_> = (body..text.len() - 1)
        .step_by(7)
        .map(|cut| text[..cut].to_owned())
        .collect();
    for at in (body..text.len()).step_by(7) {
        for wrong in ["!", "=", "A", "-----", "ä"] {
            broken.push(format!("{}{wrong}{}", &text[..at], &text[at + 1..]));
        }
    }
    broken.push(text.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    broken.push(text.replace("PRIVATE KEY", "RSA PRIVATE KEY"));
    broken.push(text.replace("PRIVATE KEY", "SECRET"));
    broken.push(text.replacen("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n", 1));
    broken.push(text.replace("-----", ""));
    broken
}

pub(crate) fn all() -> Values {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
    let work = tempfile::tempdir().unwrap();
    let mut values = Values::default();
    of_core(&mut values, &boundary);
    crate::connections::of_tls(&mut values, &boundary, work.path());
    of_certs(&mut values, &boundary, work.path());
    crate::tokens::of_tokens(&mut values, &boundary, work.path());
    of_sealing(&mut values, &boundary);
    values
}

fn of_core(values: &mut Values, boundary: &Boundary) {
    let (key, der, text) = values.key(boundary);
    values.debug("fips_core::signing::PrivateKey", &key);
    for section in pem::sections(text.as_bytes()).unwrap() {
        values.debug("fips_core::pem::Section", &section);
    }

    let secret: [u8; 32] = values.random();
    let mac = hmac::Key::new(Algorithm::Sha256, &secret).unwrap();
    let tag = mac.sign(&[&secret]).unwrap();
    values.secret(tag.as_ref());
    values.debug("fips_core::hmac::Key", &mac);
    values.debug("fips_core::hmac::Tag", &tag);
    let mut context = Context::new(Algorithm::Sha256);
    context.update(&secret);
    values.debug("fips_core::digest::Context", &context);
    for prk in [
        Prk::from_bytes(Algorithm::Sha256, &secret),
        Prk::extract(Algorithm::Sha256, &[0; 32], &secret),
    ] {
        values.debug("fips_core::hkdf::Prk", &prk.unwrap());
    }
    let sealing = SealingKey::from_bytes(boundary, &secret).unwrap();
    values.debug("fips_core::seal::SealingKey", &sealing);
    let sealer = Sealer::new(Protocol::Tls13, Cipher::Aes256Gcm, &secret).unwrap();
    values.debug("fips_core::record::Sealer", &sealer);
    let opener = Opener::new(Protocol::Tls13, Cipher::Aes256Gcm, &secret).unwrap();
    values.debug("fips_core::record::Opener", &opener);
    let (one, other) = (
        EphemeralKey::generate(Curve::P256).unwrap(),
        EphemeralKey::generate(Curve::P256).unwrap(),
    );
    // Its own secret cannot be asked for; this is all that it may say.
    assert_eq!(format!("{one:?}"), "EphemeralKey { curve: P256, .. }");
    values.debug("fips_core::agreement::EphemeralKey", &one);
    let shared = one.agree(other.public_key()).unwrap();
    values.secret(shared.as_bytes());
    values.debug("fips_core::agreement::SharedSecret", &shared);

    let kem = DecapsulationKey::generate(ParameterSet::MlKem768).unwrap();
    assert_eq!(
        format!("{kem:?}"),
        "DecapsulationKey { parameters: MlKem768, .. }"
    );
    values.debug("fips_core::kem::DecapsulationKey", &kem);
    let (_, shared) = kem::encapsulate(ParameterSet::MlKem768, kem.encapsulation_key()).unwrap();
    values.secret(shared.as_bytes());
    values.debug("fips_core::agreement::SharedSecret", &shared);
    let wrapping =
        KeyEncryptionKey::from_bytes(boundary, key_wrap::Cipher::Aes256, &secret).unwrap();
    values.debug("fips_core::key_wrap::KeyEncryptionKey", &wrapping);

    let torn = |der: &[u8]| {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der));
        PrivateKey::from_der(boundary, &der).unwrap_err()
    };
    let mut errors = vec![
        SealingKey::from_bytes(boundary, &secret[..31]).unwrap_err(),
        Sealer::new(Protocol::Tls12, Cipher::Aes128Gcm, &secret).unwrap_err(),
        Opener::new(Protocol::Tls12, Cipher::Aes128Gcm, &secret).unwrap_err(),
        Prk::from_bytes(Algorithm::Sha384, &secret).unwrap_err(),
        Prk::extract(Algorithm::Sha384, b"", &secret).unwrap_err(),
        hmac::Key::new(Algorithm::Sha256, &secret[..13]).unwrap_err(),
        sealing.open(b"", &secret).unwrap_err(),
        other.agree(&secret).unwrap_err(),
        kem.decapsulate(&secret).unwrap_err(),
        KeyEncryptionKey::from_bytes(boundary, key_wrap::Cipher::Aes128, &secret).unwrap_err(),
        wrapping.wrap_key(Mode::Kw, &secret[..31]).unwrap_err(),
        wrapping.unwrap_key(Mode::Kwp, &secret).unwrap_err(),
        pbkdf2::derive(Algorithm::Sha256, &secret[..13], &[0; 16], 1000, 32).unwrap_err(),
    ];
    errors.extend((0..der.len()).map(|len| torn(&der[..len])));
    for error in errors {
        values.error("fips_core::error::Error", &error);
        if let core::Error::Guard { guard, .. } = error {
            values.error("fips_core::error::Guard", &guard);
        }
    }
}

fn of_sealing(values: &mut Values, boundary: &Boundary) {
    // As text, so that it is a passphrase, a key file and a token in one.
    let key: [u8; 32] = values.random();
    let text = data_encoding::BASE64.encode(&key);
    values.secret(text.as_bytes());
    let passphrase = |text: &str| {
        let passphrase = Passphrase::new(text.as_bytes().to_vec()).unwrap();
        passphrase.with_iterations(1000).unwrap()
    };
    let file_key = || FileKey::parse(text.as_bytes()).unwrap();
    values.debug(
        "fips_certs::sealing::passphrase::Passphrase",
        &passphrase(&text),
    );
    values.debug("fips_certs::sealing::file_key::FileKey", &file_key());
    let secrets: [Secret; 2] = [passphrase(&text).into(), file_key().into()];
    // The text is a PIN, too, and was read as one.
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &text).unwrap();
    let unlock = KeySecrets::default()
        .with_pin(SecretSource::File(file.path().into()))
        .with_secret(Arc::new(passphrase(&text).into()));
    let uri = "pkcs11:token=t;object=o?module-path=/m.so".parse().unwrap();
    assert!(unlock.pin(&uri).unwrap().is_some());
    values.debug("fips_certs::key::unlock::KeySecrets", &unlock);
    let mut errors = Vec::new();
    for broken in [&text[1..], &text.replace('=', "A"), &text.repeat(30)] {
        errors.extend(FileKey::parse(broken.as_bytes()).err());
        errors.extend(Passphrase::new(broken.as_bytes().to_vec()).err());
        errors.extend(open_k3s_bootstrap(boundary, text.as_bytes(), broken.as_bytes()).err());
        errors.extend(Binding::new(format!("{broken}\n")).err());
    }
    let binding = Binding::new("shown").unwrap();
    let other = passphrase("another passphrase").into();
    let (private, _, plain) = values.key(boundary);
    for secret in &secrets {
        values.debug("fips_certs::sealing::secret::Secret", secret);
        let mut sealed = Vec::new();
        sealing::seal(boundary, &binding, secret, plain.as_bytes(), &mut sealed).unwrap();
        for at in [
            0,
            9,
            10,
            11,
            12,
            14,
            40,
            sealed.len() - 40,
            sealed.len() - 1,
        ] {
            let mut bent = sealed.clone();
            bent[at] ^= 0x80;
            for input in [&bent[..], &sealed[..at], text.as_bytes()] {
                for secret in [secret, &other] {
                    let mut out = Vec::new();
                    errors.extend(sealing::open(boundary, &binding, secret, input, &mut out).err());
                }
            }
        }
        let sealed = key::to_sealed_pem(boundary, &private, secret).unwrap();
        errors.extend(key::from_pem(boundary, sealed.as_bytes()).err());
        errors.extend(envelope::open(boundary, &binding, secret, sealed.as_bytes()).err());
        errors.extend(key::from_sealed_pem(boundary, plain.as_bytes(), secret).err());
        errors.extend(key::from_sealed_pem(boundary, sealed.as_bytes(), &other).err());
    }
    for error in errors {
        values.error("fips_certs::error::Error", &error);
        if let certs::Error::Sealing(fault) = error {
            values.error("fips_certs::sealing::fault::SealingFault", &fault);
        }
    }
}

fn of_certs(values: &mut Values, boundary: &Boundary, work: &Path) {
    let (_, _, text) = values.key(boundary);
    let change = Change::new("a change").put(
        EntryPath::new("a.key").unwrap(),
        Secrecy::Secret,
        text.clone().into_bytes(),
    );
    values.debug("fips_certs::store::change::Change", &change);
    for (_, action) in change.entries() {
        values.debug("fips_certs::store::change::Action", action);
    }
    let mut errors: Vec<certs::Error> = Vec::new();
    for text in broken(&text) {
        errors.extend(key::from_pem(boundary, text.as_bytes()).err());
        errors.extend(Certificate::from_pem(text.as_bytes()).err());
    }
    for error in errors {
        values.error("fips_certs::error::Error", &error);
    }

    // A PKI with a whole key, and one torn, open or another's in each place.
    let root = work.join("server");
    let store = DirStore::create_or_open(&root).unwrap();
    values.debug("fips_certs::store::dir::DirStore", &store);
    let mut options = Options::new(Program::Rke2, "localhost");
    options.service_account_key = KeyType::P256;
    let catalogue = Catalogue::new(options).unwrap();
    let (pki, report) = Pki::init(boundary, &store, catalogue, &SystemClock).unwrap();
    values.debug("fips_certs::pki::Pki", &pki);
    values.data("fips_certs::pki::report::Report", &report);
    for issued in &report.issued {
        values.data("fips_certs::pki::report::Issued", issued);
    }
    values.data("fips_certs::pki::record::Record", pki.record().unwrap());
    for waiver in &pki.record().unwrap().waivers {
        values.data("fips_certs::pki::record::WaiverRecord", waiver);
    }
    for written in report.written.iter().filter(|path| path.ends_with(".key")) {
        let file = fs::read(root.join(written)).unwrap();
        let der = key::from_pem(boundary, &file).unwrap().to_pkcs8().unwrap();
        values.secret(scalar(&der));
    }
    for (written, at) in [
        ("cred/passwd", 0),
        ("cred/ipsec.psk", 0),
        ("cred/encryption-config.json", 190),
    ] {
        let file = fs::read(root.join(written)).unwrap();
        values.secret(&file[at..at + 32]);
    }
    let diagnostic = Diagnostic::new().unwrap();
    let mut look = |name: &str, text: &[u8], mode| {
        let path = root.join(name);
        let old = fs::read(&path).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let now = SystemClock.now();
        for row in pki.check(&diagnostic, now, Thresholds::default()).unwrap() {
            values.data("fips_certs::pki::row::Row", &row);
        }
        for verdict in pki.verify(&diagnostic, now).unwrap() {
            values.data("fips_certs::pki::verify::Verdict", &verdict);
        }
        let plan = pki
            .renewals(&diagnostic, now, &RenewalPolicy::rke2())
            .unwrap();
        values.data("fips_certs::pki::plan::Plan", &plan);
        for renewal in &plan.renewals {
            values.data("fips_certs::pki::plan::Renewal", renewal);
        }
        for blocked in &plan.blocked {
            values.data("fips_certs::pki::plan::Blocked", blocked);
        }
        let diagnosis = pki.diagnose(&diagnostic, now, &[]).unwrap();
        values.data("fips_certs::pki::recover::Diagnosis", &diagnosis);
        for broken in &diagnosis.authorities {
            values.data("fips_certs::pki::recover::Broken", broken);
            values.data("fips_certs::pki::recover::Remedy", &broken.remedy);
        }
        if let Err(error) = pki.renew(boundary, &plan, &SystemClock) {
            values.error("fips_certs::error::Error", &error);
        }
        fs::write(&path, old).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    for name in ["tls/client-admin.key", "tls/server-ca.key"] {
        let file = fs::read(root.join(name)).unwrap();
        look(name, &file[..file.len() - 30], 0o600);
        look(name, &file[..file.len() / 2], 0o600);
        look(name, &file, 0o644);
        look(name, text.as_bytes(), 0o600);
    }
    for name in [
        "tls/service.key",
        "cred/passwd",
        "cred/ipsec.psk",
        "cred/encryption-config.json",
    ] {
        let file = fs::read(root.join(name)).unwrap();
        look(name, &file[..file.len() - 9], 0o600);
        look(name, &file, 0o644);
        look(name, text.as_bytes(), 0o600);
    }
    look("tls/server-ca.crt", text.as_bytes(), 0o644);
    rotations(values, boundary, &pki, &root);
}

/// Rotations of a PKI whose keys are among the secrets, and the new keys they make.
fn rotations(values: &mut Values, boundary: &Boundary, pki: &Pki<'_>, root: &Path) {
    let diagnostic = Diagnostic::new().unwrap();
    let now = SystemClock.now();
    let rotation = pki.rotation("etcd/server-ca").unwrap();
    values.debug("fips_certs::pki::rotation::Rotation", &rotation);
    let keys = pki.key_rotation(None).unwrap();
    values.debug("fips_certs::pki::rotation::keys::KeyRotation", &keys);
    for outline in rotation.plan(&diagnostic, now).unwrap() {
        values.data("fips_certs::pki::rotation::outline::Outline", &outline);
    }
    let mut steps = vec![
        rotation.start(boundary, &SystemClock).unwrap(),
        keys.start(boundary, None, &SystemClock).unwrap(),
    ];
    let mut advance = Advance::default();
    advance.force = true;
    for _ in 0..2 {
        steps.push(rotation.next(boundary, &advance, &SystemClock).unwrap());
        steps.push(keys.next(boundary, &advance, &SystemClock).unwrap());
    }
    for step in &steps {
        values.data("fips_certs::pki::rotation::step::Step", step);
    }
    for status in [
        rotation.status(&diagnostic, now).unwrap(),
        keys.status(now).unwrap(),
    ] {
        values.data("fips_certs::pki::rotation::status::Status", &status);
    }
    for journal in pki.rotations().unwrap() {
        values.data("fips_certs::pki::rotation::journal::Journal", &journal);
        values.data(
            "fips_certs::pki::rotation::journal::Rotated",
            &journal.subject,
        );
        for passed in &journal.passed {
            values.data("fips_certs::pki::rotation::journal::Passed", passed);
        }
        match &journal.subject {
            Rotated::Authority(authorities) => {
                values.data(
                    "fips_certs::pki::rotation::journal::Authorities",
                    &**authorities,
                );
                values.data(
                    "fips_certs::pki::rotation::journal::Identity",
                    &authorities.new,
                );
            }
            Rotated::Keys(keys) => values.data("fips_certs::pki::rotation::journal::Keys", keys),
            _ => {}
        }
    }
    let recovered = pki.recover(boundary, &[], &SystemClock).unwrap();
    values.data("fips_certs::pki::recover::Recovered", &recovered);
    values.data("fips_certs::pki::recover::Diagnosis", &recovered.diagnosis);

    let targets = [Target::Entry("client-admin".into())];
    let now = SystemClock.now();
    let reason = RevocationReason::KeyCompromise;
    let plan = pki.revocations(&diagnostic, now, &targets, reason).unwrap();
    values.data("fips_certs::pki::revocation::RevocationPlan", &plan);
    for planned in &plan.revocations {
        values.data("fips_certs::pki::revocation::PlannedRevocation", planned);
    }
    let params = RevocationListParams::default();
    let report = pki.revoke(boundary, &plan, &params, &SystemClock).unwrap();
    values.data("fips_certs::pki::revocation::RevocationReport", &report);
    for list in &report.lists {
        values.data("fips_certs::pki::revocation::IssuedList", list);
    }
    let list = root.join("fips/crl/client-ca.crl");
    fs::write(list, "").unwrap();
    let register = root.join("fips/revoked/client-ca.json");
    fs::write(register, "{}").unwrap();
    let refreshed = pki
        .refresh_due_lists(boundary, &params, &SystemClock)
        .unwrap();
    values.data("fips_certs::pki::revocation::ListsRefreshed", &refreshed);
    for blocked in &refreshed.blocked {
        values.data("fips_certs::pki::revocation::BlockedList", blocked);
    }
}
