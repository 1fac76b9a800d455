//! The product of the policy and the peers, and what became of each cell of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{Group, Identity, Profile, Session, Suite, Version};

use crate::ours::{self, Acceptor};
use crate::support::pki::{Ca, Files, Leaf};
use crate::support::program::Program;
use crate::support::{client, server};

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
            groups.flat_map(move |group| {
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

    /// The key of both sides. It follows from suite and group, such that every algorithm comes
    /// in either version: in TLS 1.2 a peer's groups are also the curves it takes in
    /// certificates (RFC 8422 §5.1).
    pub fn key(&self) -> KeyAlgorithm {
        let place = match self.group {
            Group::P256 => 0,
            Group::P384 => 1,
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
    /// [`ours::MESSAGE`] and hearing it in upper case.
    fn connect(
        &self,
        case: &Case,
        own: &Files,
        address: SocketAddr,
    ) -> Result<[Account; 2], String>;

    /// Starts to listen. It echoes.
    fn serve(&self, case: &Case, own: &Files) -> Result<Box<dyn Service>, String>;
}

/// Certificates and keys of both sides, in files and for rustls.
pub struct Material {
    keys: HashMap<KeyAlgorithm, (Files, [Identity; 2])>,
}

impl Material {
    fn new() -> Self {
        let ca = Ca::test();
        let keys = KeyAlgorithm::ALL.map(|key| {
            let files = Files::new();
            files.write("ca.crt", &ca.pem);
            let identities =
                [("server", Leaf::server()), ("client", Leaf::client())].map(|(name, leaf)| {
                    let (chain, key_pem) = ca.issue(&leaf, key);
                    files.write(&format!("{name}-chain.crt"), &chain);
                    files.write_chain(name, &chain);
                    files.write(&format!("{name}.key"), &key_pem);
                    Identity::from_pem(&crate::support::boundary(), chain, key_pem).unwrap()
                });
            (key, (files, identities))
        });
        Self { keys: keys.into() }
    }
}

/// How many cells ended in which way.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub done: usize,
    pub cannot: BTreeMap<&'static str, usize>,
}

impl Totals {
    pub fn of<const N: usize>(done: usize, cannot: [(&'static str, usize); N]) -> Self {
        Self {
            done,
            cannot: cannot.into(),
        }
    }
}

/// Tries every case, prints the table, and fails when a cell is neither done nor a limit that
/// showed itself.
#[track_caller]
pub fn run(peer: &dyn Peer, expected: &Totals) {
    let material = Material::new();
    let mut totals = Totals::default();
    let mut table = format!("\n{}\n", peer.name());
    let mut facts = [0, 0];
    let mut failures = Vec::new();
    for role in [Role::Client, Role::Server] {
        for case in Case::all(role) {
            let limits = [false, true].map(|resumed| {
                let mut limits = peer.limits().iter();
                limits.find(|limit| (limit.applies)(&case, resumed))
            });
            let tried = limits
                .iter()
                .any(|limit| limit.is_none_or(|limit| limit.fails_with.is_some()));
            let results = if tried {
                attempt(peer, &case, &material)
            } else {
                [Err(String::new()), Err(String::new())]
            };
            let words = [0, 1].map(|cell| {
                let name = ["full", "resumed"][cell];
                let word = match judge(limits[cell], &results[cell]) {
                    Ok(None) => {
                        totals.done += 1;
                        "done".to_owned()
                    }
                    Ok(Some(reason)) => {
                        *totals.cannot.entry(reason).or_default() += 1;
                        format!("cannot: {reason}")
                    }
                    Err(error) => {
                        failures.push(format!("{case}, {name}: {error}"));
                        "FAILED".to_owned()
                    }
                };
                (name, word)
            });
            for account in results.iter().flatten() {
                let said = account.facts();
                facts[0] += said.iter().filter(|said| **said).count();
                facts[1] += said.len();
            }
            let word = match &words {
                [(_, full), (_, resumed)] if full == resumed => format!("both {full}"),
                [(_, full), (_, resumed)] => format!("full {full}, resumed {resumed}"),
            };
            let shown = if case.mutual { "client shown" } else { "" };
            let _ = writeln!(
                table,
                "  as {:<7} {:<40} {:<20} {:<10} {shown:<13} {word}",
                format!("{role:?}").to_lowercase(),
                case.suite.to_string(),
                case.group.to_string(),
                case.key().to_string(),
            );
        }
    }
    let [said, all] = facts;
    let _ = writeln!(
        table,
        "  {}: {} done, cannot: {:?}; {said} of {all} facts said by the peer",
        peer.name(),
        totals.done,
        totals.cannot
    );
    // One piece: the tests of other peers print at the same time.
    print(&table);
    let some = &failures[..failures.len().min(5)];
    assert!(
        failures.is_empty(),
        "{} failures, the first:\n{}",
        failures.len(),
        some.join("\n\n")
    );
    assert_eq!(totals, *expected);
}

#[expect(clippy::print_stdout, reason = "the table is what the test is for")]
fn print(table: &str) {
    println!("{table}");
}

/// The reason why a cell is not done; an error where it should have been, or should not.
fn judge(
    limit: Option<&'static Limit>,
    result: &Result<Account, String>,
) -> Result<Option<&'static str>, String> {
    match (limit, result) {
        (None, Ok(_)) => Ok(None),
        (None, Err(error)) => Err(error.clone()),
        (Some(limit), Ok(_)) => Err(format!(
            "out of date: the peer can do this, against its limit {:?}: remove the limit, and \
             count the cells as done",
            limit.reason
        )),
        (Some(limit), Err(error)) => match limit.fails_with {
            Some(words) if !words.iter().any(|word| error.contains(word)) => {
                Err(format!("does not fail by one of {words:?}: {error}"))
            }
            _ => Ok(Some(limit.reason)),
        },
    }
}

/// The full handshake and its resumption.
fn attempt(peer: &dyn Peer, case: &Case, material: &Material) -> [Result<Account, String>; 2] {
    let (files, identities) = &material.keys[&case.key()];
    let pairs = match case.role {
        Role::Client => as_client(peer, case, files, &identities[0]),
        Role::Server => as_server(peer, case, files, &identities[1]),
    };
    match pairs {
        Err(error) => [Err(error.clone()), Err(error)],
        Ok([(full, first), (again, second)]) => [
            check(case, false, &full, first),
            check(case, true, &again, second),
        ],
    }
}

type Pairs = [(Session, Account); 2];

/// Our server takes the case's suite and group alone.
fn as_client(
    peer: &dyn Peer,
    case: &Case,
    files: &Files,
    identity: &Identity,
) -> Result<Pairs, String> {
    let profile = policy().narrow_suites(&[case.suite]).unwrap();
    let profile = profile.narrow_groups(&[case.group]).unwrap();
    let trust = case.mutual.then(|| Ca::test().trust());
    let acceptor = Acceptor::start(&server(profile, identity.clone(), trust));
    let accounts = peer.connect(case, files, acceptor.address());
    let served = acceptor.finish();
    let accounts = accounts.map_err(|error| format!("{error}\nours: {served:?}"))?;
    let sessions = served.map_err(|error| format!("{error}\n{accounts:?}"))?;
    let sessions: [Session; 2] = sessions
        .try_into()
        .map_err(|sessions| format!("not two connections with data: {sessions:?}"))?;
    let [full, again] = sessions;
    let [first, second] = accounts;
    Ok([(full, first), (again, second)])
}

/// Our client takes the case's suite alone and offers every group; the peer's server has the
/// one.
fn as_server(
    peer: &dyn Peer,
    case: &Case,
    files: &Files,
    identity: &Identity,
) -> Result<Pairs, String> {
    let profile = policy().narrow_suites(&[case.suite]).unwrap();
    let shown = case.mutual.then(|| identity.clone());
    let config = client(profile, Ca::test().trust(), shown);
    let mut service = peer.serve(case, files)?;
    let mut once = || {
        let session = ours::connect(&config, service.as_mut())
            .map_err(|error| format!("{error}\n{}", service.program().so_far()))?;
        let account = service
            .account()
            .map_err(|error| format!("{error}\nours: {session:?}"))?;
        Ok::<_, String>((session, account))
    };
    Ok([once()?, once()?])
}

/// Both sides saw what the cell asks for.
fn check(
    case: &Case,
    resumed: bool,
    session: &Session,
    account: Account,
) -> Result<Account, String> {
    // A resumed TLS 1.2 session has no key exchange.
    let group = (!resumed || case.version() == Version::Tls13).then_some(case.group);
    let (ours, theirs) = match case.role {
        Role::Client => (case.mutual.then_some("test client"), Some("test server")),
        Role::Server => (Some("test server"), case.mutual.then_some("test client")),
    };
    let theirs = theirs.map(str::to_owned);
    let name = session.peer.as_ref().and_then(|peer| peer.common_name());
    let said = &account;
    let is = |said: Option<bool>| said.unwrap_or(true);
    let checks = [
        ("our resumed", session.resumed == resumed),
        ("our version", session.version == case.version()),
        ("our suite", session.suite == case.suite),
        ("our group", session.group == group),
        ("our peer", name == ours),
        ("its resumed", is(said.resumed.map(|it| it == resumed))),
        (
            "its version",
            is(said.version.map(|it| it == case.version())),
        ),
        ("its suite", is(said.suite.map(|it| it == case.suite))),
        ("its group", is(said.group.map(|it| Some(it) == group))),
        ("its peer", is(said.shown.as_ref().map(|it| *it == theirs))),
    ];
    match checks.iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(format!(
            "{what} is not the cell's:\n{session:?}\n{account:?}"
        )),
        None => Ok(account),
    }
}

impl Account {
    fn facts(&self) -> [bool; 5] {
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
