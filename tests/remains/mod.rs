//! What is left in memory of secrets that were dropped: a child works with them, and its memory
//! and its core are searched for them from outside.

mod child;
mod needle;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use fips_boundary::certs::key::{self, KeyType};
use fips_boundary::certs::{
    Authority, AuthorityParams, LeafParams, Subject, SubjectAltName, SystemClock, Usages,
};
use fips_boundary::core::digest::Algorithm;
use fips_boundary::core::hkdf::Prk;
use fips_boundary::core::signing::PrivateKey;
use fips_boundary::core::{Boundary, Requirements, tls12_prf};
use needle::{Index, Needle};

/// What the child exclusive-ors its secrets with before it tells them.
const MASK: u8 = 0xa5;
/// The secret that the child frees without wiping it.
pub(crate) const FREED: &str = "planted and freed";
/// The secret that the child holds to its end.
pub(crate) const HELD: &str = "planted and held";
/// Tells the child its folder.
const WORK: &str = "FIPS_BOUNDARY_REMAINS";

/// The needles found, by name, and the forms each was found in.
pub(crate) type Found = BTreeMap<String, BTreeSet<&'static str>>;

/// What was found at each look.
pub(crate) struct Remains {
    /// Every needle and its forms.
    pub(crate) needles: Found,
    /// While everything was held.
    pub(crate) alive: Found,
    /// After everything was dropped.
    pub(crate) dropped: Found,
    /// The same, in a core.
    pub(crate) core: Found,
}

impl Remains {
    /// What is held is found where it lies, so that the needles have the right form: a key that
    /// was made here as the module holds it, in DER and in the text of PEM.
    pub(crate) fn assert_alive(&self) {
        for (name, forms) in &self.needles {
            // Gone by then in this work; their forms are those of the others.
            let gone = name.starts_with("PKI ")
                || name.contains("HANDSHAKE_TRAFFIC")
                || name.ends_with("pre-master secret")
                // A full handshake leaves one session, which the resumed one takes.
                || name == "Tls13 full: session secret"
                || [FREED, HELD].contains(&&**name);
            let found = self.alive.get(name);
            assert!(
                gone || found.is_some(),
                "{name} is not found where it is held"
            );
            if name.starts_with("generated ") {
                assert_eq!(found, Some(forms), "{name}");
            }
        }
        // A search that gave up early would find nothing as well.
        assert!(self.dropped.contains_key(HELD) && self.core.contains_key(HELD));
    }
}

/// In the child: works and returns `None`. In the parent: runs the test called `test` of this
/// program as the child, and searches it.
pub(crate) fn search(test: &str) -> Option<Remains> {
    if let Some(work) = std::env::var_os(WORK) {
        child::run(Path::new(&work));
        return None;
    }
    let work = tempfile::tempdir().unwrap();
    let mut needles = Vec::new();
    prepare(work.path(), &mut needles);

    let mut child = Running::start(test, work.path());
    child.listen_until("alive", &mut needles);
    let pki = work.path().join("server");
    for path in key_files(&pki) {
        let file = fs::read(&path).unwrap();
        let boundary = boundary();
        let der = key::from_pem(&boundary, &file).unwrap().to_pkcs8().unwrap();
        let name = path.strip_prefix(&pki).unwrap().display();
        needles.push(Needle::key(format!("PKI {name}"), &der));
    }
    let alive = child.memory(&needles);
    child.go_on();
    child.listen_until("dropped", &mut needles);
    let dropped = child.memory(&needles);
    let core = child.core(&needles, work.path());
    let forms = |needle: Needle| {
        let forms = needle.forms.iter().map(|form| form.name).collect();
        (needle.name, forms)
    };
    Some(Remains {
        needles: needles.into_iter().map(forms).collect(),
        alive,
        dropped,
        core,
    })
}

fn boundary() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).unwrap()
}

fn key_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(key_files(&path));
        } else if path.extension().is_some_and(|end| end == "key") {
            found.push(path);
        }
    }
    found
}

/// Writes the files that the child reads.
fn prepare(work: &Path, needles: &mut Vec<Needle>) {
    let boundary = boundary();
    let day = Duration::from_secs(86_400);
    let authority: Authority = AuthorityParams::new(Subject::new("search").unwrap(), 9 * day)
        .self_signed(
            key::generate(&boundary, KeyType::P256).unwrap(),
            &SystemClock,
        )
        .unwrap();
    fs::write(work.join("ca.crt"), authority.certificate().to_pem()).unwrap();
    for (name, key_type) in [
        ("certs-pkcs1", KeyType::Rsa2048),
        ("certs-pkcs8", KeyType::P384),
        ("certs-sec1", KeyType::P256),
        ("from-der", KeyType::P256),
        ("tls-handshake", KeyType::P256),
        ("tls-pkcs1", KeyType::Rsa2048),
        ("tls-pkcs8", KeyType::P256),
        ("tls-sec1", KeyType::P384),
    ] {
        let key: PrivateKey = key::generate(&boundary, key_type).unwrap();
        let leaf = LeafParams::new(Subject::new("leaf").unwrap(), Usages::ServerAndClient, day)
            .with_names([SubjectAltName::dns("localhost").unwrap()])
            .signed_by(&key, &authority, &SystemClock)
            .unwrap();
        fs::write(work.join(name).with_extension("crt"), leaf.to_pem()).unwrap();

        let der = key.to_pkcs8().unwrap();
        let inner = needle::inner(&der);
        let file = match name.rsplit_once('-').unwrap().1 {
            "der" => der.to_vec(),
            "pkcs1" => pem("RSA PRIVATE KEY", inner),
            // As OpenSSL writes it.
            "sec1" => [
                pem("EC PARAMETERS", b"\x06\x00"),
                pem("EC PRIVATE KEY", inner),
            ]
            .concat(),
            _ => pem("PRIVATE KEY", &der),
        };
        let path = work.join(name).with_extension("key");
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(path).unwrap().write_all(&file).unwrap();
        needles.push(Needle::key(name, &der));
    }
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        data_encoding::BASE64.encode_append(line, &mut text);
        text.push('\n');
    }
    (text + &format!("-----END {label}-----\n")).into_bytes()
}

/// The child, ended with this value.
struct Running {
    child: Child,
    told: BufReader<ChildStderr>,
}

impl Running {
    fn start(test: &str, work: &Path) -> Self {
        let keep = work.join("keep.so");
        let out = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-fno-builtin", "-o"])
            .arg(&keep)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/remains/keep.c"))
            .output()
            .expect("cc is needed: apt-get install build-essential");
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env("LD_PRELOAD", keep)
            .args(["--exact", test, "--nocapture", "--test-threads", "1"])
            .env(WORK, work)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            told: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Takes what the child tells, until it waits.
    fn listen_until(&mut self, phase: &str, needles: &mut Vec<Needle>) {
        let mut other = String::new();
        let mut tls = Vec::new();
        let mut public = HashMap::new();
        loop {
            let mut line = String::new();
            let len = self.told.read_line(&mut line).unwrap();
            assert!(len > 0, "the child ended before it was {phase}: {other}");
            let words: Vec<_> = line.trim_end_matches('\n').split('\t').collect();
            let ["@", kind, name, masked] = words[..] else {
                other += &line;
                continue;
            };
            let secret = unmask(masked);
            match kind {
                "bytes" => needles.push(Needle::bytes(name, &secret)),
                "key" => needles.push(Needle::key(name, &secret)),
                "phase" => {
                    assert_eq!(name, phase);
                    break;
                }
                "public" => drop(public.insert(name.to_owned(), secret)),
                "tls" => tls.push((name.to_owned(), secret)),
                other => panic!("{other}"),
            }
        }
        for (name, secret) in tls {
            match name.strip_suffix("CLIENT_RANDOM") {
                Some(connection) => {
                    let random = |whose| &public[&format!("{connection}{whose} random")][..];
                    let seed = [random("server"), random("client")].concat();
                    needles.extend(tls12(connection, &secret, &seed));
                }
                None => needles.extend(tls13(&name, &secret)),
            }
        }
    }

    /// Searches all memory that can be written to.
    fn memory(&self, needles: &[Needle]) -> Found {
        const STEP: usize = 1 << 20;
        let folder = format!("/proc/{}", self.child.id());
        let memory = File::open(format!("{folder}/mem")).unwrap();
        let index = Index::new(needles);
        let mut found = Found::new();
        let mut chunk = vec![0; STEP + 7];
        for map in fs::read_to_string(format!("{folder}/maps"))
            .unwrap()
            .lines()
        {
            let words: Vec<_> = map.split_whitespace().collect();
            if !words[1].starts_with("rw") {
                continue;
            }
            let (start, end) = words[0].split_once('-').unwrap();
            let address = |hex| u64::from_str_radix(hex, 16).unwrap();
            let (mut at, end) = (address(start), address(end));
            while at < end {
                let len = chunk.len().min((end - at) as usize);
                memory.read_exact_at(&mut chunk[..len], at).unwrap();
                index.search(&chunk[..len], |needle, form| {
                    add(&mut found, &needles[needle], form);
                });
                at += STEP as u64;
            }
        }
        found
    }

    /// Takes a core of the child and searches it.
    fn core(&self, needles: &[Needle], work: &Path) -> Found {
        let pid = self.child.id().to_string();
        let out = Command::new("gcore")
            .arg("-o")
            .arg(work.join("core"))
            .arg(&pid)
            .stdin(Stdio::null())
            .output()
            .expect("gcore is needed: apt-get install gdb");
        let core = fs::read(work.join(format!("core.{pid}"))).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&out.stderr));
        });
        let mut found = Found::new();
        Index::new(needles).search(&core, |needle, form| {
            add(&mut found, &needles[needle], form);
        });
        found
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn add(found: &mut Found, needle: &Needle, form: usize) {
    let forms = found.entry(needle.name.clone()).or_default();
    forms.insert(needle.forms[form].name);
}

fn unmask(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap() ^ MASK)
        .collect()
}

/// The master secret, and the keys of its key block (RFC 5246 §6.3; AES-GCM, RFC 5288 §3).
fn tls12(connection: &str, master: &[u8], seed: &[u8]) -> Vec<Needle> {
    // AES-256-GCM with SHA-384.
    let mut block = [0; 64];
    tls12_prf::derive(
        Algorithm::Sha384,
        master,
        b"key expansion",
        seed,
        &mut block,
    )
    .unwrap();
    vec![
        Needle::bytes(format!("{connection}master secret"), master),
        Needle::bytes(format!("{connection}client's key"), &block[..32]),
        Needle::bytes(format!("{connection}server's key"), &block[32..]),
    ]
}

/// A secret of TLS 1.3, and the traffic key that is expanded from it (RFC 8446 §7.3).
fn tls13(name: &str, secret: &[u8]) -> Vec<Needle> {
    let mut found = vec![Needle::bytes(name, secret)];
    if name.contains("TRAFFIC_SECRET") {
        let (algorithm, len) = match secret.len() {
            32 => (Algorithm::Sha256, 16),
            48 => (Algorithm::Sha384, 32),
            other => panic!("a secret of {other} bytes"),
        };
        let mut key = vec![0; usize::from(len)];
        Prk::from_bytes(algorithm, secret)
            .unwrap()
            .expand(&[&[0, len, 9], b"tls13 key", &[0]], &mut key)
            .unwrap();
        found.push(Needle::bytes(format!("{name}, its key"), &key));
    }
    found
}
