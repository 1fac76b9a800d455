//! An authority, a server's files, and the server that follows them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fips_tls::live::{Current, IdentityStatus, Live, PartStatus, Status, TrustFiles, Watched};
use fips_tls::{Error, Profile, ServerConfig, Session};

use crate::support::memory::Pair;
use crate::support::pki::Files;
use crate::support::program::PATIENCE;
use crate::support::tree::{Authority, Clock, Issued};
use crate::support::{self, boundary};

/// Looks are asked for; nothing comes by itself in such a time.
pub const NEVER: Duration = Duration::from_secs(3600);

pub fn serial(issued: &Issued) -> String {
    // DER leaves zeros before a number out.
    let digits = issued.serial.iter().skip_while(|byte| **byte == 0);
    digits.map(|byte| format!("{byte:02X}")).collect()
}

/// Writes in place.
pub fn write(path: &Path, content: &str) {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .unwrap();
}

/// Writes beside and renames over.
pub fn replace(path: &Path, content: &str) {
    let beside = path.with_extension("new");
    write(&beside, content);
    fs::rename(beside, path).unwrap();
}

pub struct Node {
    pub ca: Authority,
    pub files: Files,
    pub clock: Arc<Clock>,
    /// What is served first.
    pub first: Issued,
}

impl Node {
    pub fn new() -> Self {
        let ca = Authority::root("live CA");
        let first = ca.leaf();
        let node = Self {
            files: Files::new(),
            clock: Clock::new(),
            ca,
            first,
        };
        node.write(&node.first);
        write(&node.files.path("ca.crt"), &node.ca.pem);
        write(&node.files.path("ca.crl"), &node.ca.list(&[]));
        node
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.files.path(name)
    }

    pub fn write(&self, issued: &Issued) {
        write(&self.files.path("node.crt"), &issued.chain);
        write(&self.files.path("node.key"), &issued.key);
    }

    pub fn replace(&self, issued: &Issued) {
        replace(&self.files.path("node.crt"), &issued.chain);
        replace(&self.files.path("node.key"), &issued.key);
    }

    pub fn watched(&self) -> Watched {
        Watched::new(&boundary())
            .with_time_provider(self.clock.provider())
            .with_settling(Duration::from_millis(5))
    }

    /// Follows the identity alone, looking when asked.
    pub fn still(&self) -> Live<ServerConfig> {
        self.follow(self.watched().with_interval(NEVER).without_events())
            .unwrap()
    }

    pub fn follow(&self, mut files: Watched) -> Result<Live<ServerConfig>, Error> {
        let node = files.identity(self.path("node.crt"), self.path("node.key"))?;
        let clock = self.clock.provider();
        files.start(move || {
            ServerConfig::builder(&boundary(), Profile::sp800_52r2())
                .with_identity(node.current())
                .without_client_authentication()
                .with_time_provider(Arc::clone(&clock))
                .build()
        })
    }

    /// Follows identity, anchors and lists for mutual TLS.
    pub fn mutual(
        &self,
        mut files: Watched,
        trust: TrustFiles,
    ) -> Result<Live<ServerConfig>, Error> {
        let node = files.identity(self.path("node.crt"), self.path("node.key"))?;
        let clients = files.trust(trust)?;
        let clock = self.clock.provider();
        files.start(move || {
            ServerConfig::builder(&boundary(), Profile::sp800_52r2())
                .with_identity(node.current())
                .with_client_trust(clients.current())
                .with_time_provider(Arc::clone(&clock))
                .build()
        })
    }

    /// The serial number a client sees.
    pub fn seen(&self, live: &Live<ServerConfig>) -> String {
        let client = support::client(Profile::sp800_52r2(), self.ca.trust(), None);
        let mut pair = Pair::new(&client, &live.current());
        pair.finish();
        let session = Session::of(&pair.client).unwrap();
        session.peer.unwrap().serial().to_owned()
    }
}

pub fn identity(status: &Status) -> &IdentityStatus {
    let PartStatus::Identity(identity) = &status.parts[0] else {
        panic!("{status}");
    };
    identity
}

/// Waits until the status is as wanted.
#[track_caller]
pub fn until(live: &Live<ServerConfig>, wanted: impl Fn(&Status) -> bool) -> Status {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = live.status();
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "still:\n{status}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
