//! The product of the policy and a peer's roles, and what a peer is.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{Group, Profile, Suite, Version};

use crate::support::CURVES;
use crate::support::pki::Files;
use crate::support::program::Program;

/// What the peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Client,
    Server,
}

/// A full handshake and its resumption, each a cell of the matrix.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What the peer is.
    pub role: Role,
    pub suite: Suite,
    pub group: Group,
    /// Whether the client shows a certificate.
    pub mutual: bool,
}

impl Case {
    /// Every case of the policy with the peer in `role`.
    pub fn all(role: Role) -> impl Iterator<Item = Self> {
        let profile = policy();
        let groups: Vec<_> = profile.groups().iter().map(|row| row.value).collect();
        let suites: Vec<_> = profile.suites().iter().map(|row| row.value).collect();
        suites.into_iter().flat_map(move |suite| {
            let groups = groups.clone().into_iter();
            let usable = groups.filter(move |group| group.usable_in(suite.version()));
            usable.flat_map(move |group| {
                [false, true].map(|mutual| Self {
                    role,
                    suite,
                    group,
                    mutual,
                })
            })
        })
    }

    pub fn version(&self) -> Version {
        self.suite.version()
    }

    /// Whether ML-KEM takes part in the key exchange.
    pub fn has_ml_kem(&self) -> bool {
        !CURVES.contains(&self.group)
    }

    /// What a client offers: every curve, so that the server asks for another share where it
    /// takes none but the second or third; or the one group with ML-KEM, which would leave
    /// them no choice.
    pub fn offered(&self) -> Vec<Group> {
        match self.has_ml_kem() {
            true => vec![self.group],
            false => CURVES.to_vec(),
        }
    }

    /// The key of both sides. It follows from suite and group, such that every algorithm comes
    /// in either version: in TLS 1.2 a peer's groups are also the curves it takes in
    /// certificates (RFC 8422 §5.1).
    pub fn key(&self) -> KeyAlgorithm {
        let place = match self.group {
            Group::P256 | Group::MlKem768 | Group::SecP256r1MlKem768 => 0,
            Group::P384 | Group::MlKem1024 | Group::SecP384r1MlKem1024 => 1,
            Group::P521 => 2,
        };
        match self.suite {
            Suite::Aes128GcmSha256
            | Suite::EcdheEcdsaAes128GcmSha256
            | Suite::EcdheEcdsaAes256GcmSha384 => [
                KeyAlgorithm::EcdsaP256,
                KeyAlgorithm::EcdsaP384,
                KeyAlgorithm::EcdsaP521,
            ][place],
            Suite::Aes256GcmSha384
            | Suite::EcdheRsaAes128GcmSha256
            | Suite::EcdheRsaAes256GcmSha384 => [
                KeyAlgorithm::Rsa2048,
                KeyAlgorithm::Rsa3072,
                KeyAlgorithm::Rsa4096,
            ][place],
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            role,
            suite,
            group,
            mutual,
        } = self;
        let key = self.key();
        write!(f, "peer as {role:?}, {suite} {group} {key} mutual={mutual}")
    }
}

/// The widest policy.
pub fn policy() -> Profile {
    Profile::sp800_52r2()
        .with_hybrids()
        .and_then(Profile::with_ml_kem)
        .unwrap()
}

/// What a peer says of a connection; `None` is what it has no words for. Then its settings,
/// or those of our side, leave nothing else.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub version: Option<Version>,
    pub suite: Option<Suite>,
    pub group: Option<Group>,
    pub resumed: Option<bool>,
    /// The common name of the certificate it was shown, if it was shown one.
    pub shown: Option<Option<String>>,
}

/// Why a peer cannot do some cells.
pub struct Limit {
    /// In the table.
    pub reason: &'static str,
    /// By the case, and whether the cell is that of the resumption.
    pub applies: fn(&Case, bool) -> bool,
    /// What the failure says when the cell is tried all the same. A peer that does not fail,
    /// or fails otherwise, makes the test fail. Without one there is nothing to try.
    pub fails_with: Option<&'static [&'static str]>,
}

/// A running server of a peer.
pub trait Service {
    fn address(&self) -> SocketAddr;

    /// Sends back what came, where the program does not do so by itself.
    fn answer(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// What it says of the connection that has just ended.
    fn account(&mut self) -> Result<Account, String>;

    fn program(&mut self) -> &mut Program;
}

/// A program that speaks TLS.
pub trait Peer {
    fn name(&self) -> String;

    fn limits(&self) -> &'static [Limit];

    /// Connects twice to `address`, the second time resuming, each time saying
    /// [`MESSAGE`](crate::ours::MESSAGE) and hearing it in upper case.
    fn connect(
        &self,
        case: &Case,
        own: &Files,
        address: SocketAddr,
    ) -> Result<[Account; 2], String>;

    /// Starts to listen. It echoes.
    fn serve(&self, case: &Case, own: &Files) -> Result<Box<dyn Service>, String>;
}

impl Account {
    /// Which of the facts it says.
    pub fn facts(&self) -> [bool; 5] {
        [
            self.version.is_some(),
            self.suite.is_some(),
            self.group.is_some(),
            self.resumed.is_some(),
            self.shown.is_some(),
        ]
    }
}

/// The paths of the files of a side: chain, leaf alone, issuers alone, key.
pub struct Side {
    pub chain: PathBuf,
    pub leaf: PathBuf,
    pub issuers: PathBuf,
    pub key: PathBuf,
}

pub fn side(files: &Files, name: &str) -> Side {
    Side {
        chain: files.path(&format!("{name}-chain.crt")),
        leaf: files.path(&format!("{name}.crt")),
        issuers: files.path(&format!("{name}-issuers.crt")),
        key: files.path(&format!("{name}.key")),
    }
}

/// What follows `label` in the first line that has it.
pub fn after<'a>(lines: &'a [String], label: &str) -> Result<&'a str, String> {
    find(lines, label).ok_or_else(|| format!("no {label:?} in:\n{}", lines.join("\n")))
}

/// As [`after`], where it may be missing.
pub fn find<'a>(lines: &'a [String], label: &str) -> Option<&'a str> {
    lines
        .iter()
        .find_map(|line| line.split_once(label).map(|(_, rest)| rest))
}
