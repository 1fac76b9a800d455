//! Runs the matrix of a peer, prints it and judges it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use fips_core::signing::KeyAlgorithm;
use fips_tls::{Identity, Session, Version};

use crate::matrix::{Account, Case, Limit, Peer, Role, policy};
use crate::ours::{self, Acceptor};
use crate::support::pki::{Ca, Files, Leaf};
use crate::support::{boundary, client, server};

/// Certificates and keys of both sides, in files and for rustls.
pub struct Material {
    /// Per key; the server's identity, then the client's.
    pub keys: HashMap<KeyAlgorithm, (Files, [Identity; 2])>,
}

impl Material {
    pub fn new() -> Self {
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
                    Identity::from_pem(&boundary(), chain, key_pem).unwrap()
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
    let limits = peer.limits();
    let mut totals = Totals::default();
    let mut facts = [0, 0];
    let mut failures = Vec::new();
    let mut table = format!("\n{:<92} full resumed  mutual: full resumed\n", peer.name());
    for role in [Role::Client, Role::Server] {
        let cases: Vec<_> = Case::all(role).collect();
        // Without and with a client's certificate.
        for pair in cases.chunks(2) {
            let case = &pair[0];
            let _ = write!(
                table,
                "  as {:<6} {:<40} {:<20} {:<18}",
                format!("{role:?}").to_lowercase(),
                case.suite.to_string(),
                case.group.to_string(),
                case.key().to_string(),
            );
            for case in pair {
                let limited = [false, true].map(|resumed| {
                    limits
                        .iter()
                        .position(|limit| (limit.applies)(case, resumed))
                });
                let can_be_tried = |limit: usize| limits[limit].fails_with.is_some();
                let results = match limited {
                    [Some(full), Some(again)] if !can_be_tried(full) && !can_be_tried(again) => {
                        [Err(String::new()), Err(String::new())]
                    }
                    _ => {
                        let limit = limited.iter().flatten().next();
                        let words = limit.and_then(|limit| limits[*limit].fails_with);
                        attempt(peer, case, &material, words.unwrap_or_default())
                    }
                };
                for (cell, name) in ["full", "resumed"].into_iter().enumerate() {
                    let limit = limited[cell];
                    let word = match judge(limit.map(|limit| &limits[limit]), &results[cell]) {
                        Err(error) => {
                            failures.push(format!("{case}, {name}: {error}"));
                            "FAILED".to_owned()
                        }
                        Ok(None) => {
                            totals.done += 1;
                            "done".to_owned()
                        }
                        Ok(Some(reason)) => {
                            *totals.cannot.entry(reason).or_default() += 1;
                            format!("[{}]", limit.unwrap_or_default() + 1)
                        }
                    };
                    let _ = write!(table, "{word:>8}");
                }
                for account in results.iter().flatten() {
                    let said = account.facts();
                    facts[0] += said.iter().filter(|said| **said).count();
                    facts[1] += said.len();
                }
            }
            table.push('\n');
        }
    }
    for (place, limit) in limits.iter().enumerate() {
        let shown = match limit.fails_with {
            Some(words) => format!("each was tried and failed with {words:?}"),
            None => "nothing can be tried".to_owned(),
        };
        let _ = writeln!(
            table,
            "  [{}] cannot: {} ({} cells; {shown})",
            place + 1,
            limit.reason,
            totals.cannot.get(limit.reason).unwrap_or(&0),
        );
    }
    let [said, all] = facts;
    let _ = writeln!(
        table,
        "  {} done, {} cannot; of {all} facts about those done the peer says {said}, and its \
         settings leave no choice of the others",
        totals.done,
        totals.cannot.values().sum::<usize>(),
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

/// The full handshake and its resumption; `words` are those it should fail with.
fn attempt(
    peer: &dyn Peer,
    case: &Case,
    material: &Material,
    words: &[&str],
) -> [Result<Account, String>; 2] {
    let (files, identities) = &material.keys[&case.key()];
    let pairs = match case.role {
        Role::Client => as_client(peer, case, files, &identities[0]),
        Role::Server => as_server(peer, case, files, &identities[1], words),
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
    let acceptor = Acceptor::start(server(profile, identity.clone(), trust).rustls());
    let accounts = peer.connect(case, files, acceptor.address());
    let served = acceptor.finish();
    let accounts = accounts.map_err(|error| format!("{error}\nours: {served:?}"))?;
    let sessions = served.map_err(|error| format!("{error}\n{accounts:?}"))?;
    let sessions: Vec<Session> = sessions.into_iter().map(|(session, _)| session).collect();
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
    words: &[&str],
) -> Result<Pairs, String> {
    let profile = policy().narrow_suites(&[case.suite]).unwrap();
    let shown = case.mutual.then(|| identity.clone());
    let config = client(profile, Ca::test().trust(), shown);
    let mut service = peer.serve(case, files)?;
    let mut once = || {
        let (session, _) = ours::connect(config.rustls(), service.as_mut()).map_err(|error| {
            match words.iter().any(|word| error.contains(word)) {
                true => error,
                // Its own words may come after ours.
                false => format!("{error}\n{}", service.program().wait_for_any(words)),
            }
        })?;
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
