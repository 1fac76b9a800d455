//! OpenSSL: `s_client` and `s_server`.

use std::net::SocketAddr;
use std::process::Command;

use fips_tls::{Group, Suite, Version};

use crate::matrix::{Account, Case, Limit, Peer, Service, after, find, side};
use crate::ours::MESSAGE;
use crate::support::NAME;
use crate::support::pki::Files;
use crate::support::program::{self, Program};

pub const NO_ML_KEM: &str = "no ML-KEM (OpenSSL 3.5 brought it)";

pub struct OpenSsl;

impl Peer for OpenSsl {
    fn name(&self) -> String {
        let version = program::run(program::openssl().arg("version"));
        let words: Vec<_> = version.split(' ').take(2).collect();
        words.join(" ")
    }

    fn limits(&self) -> &'static [Limit] {
        &[Limit {
            reason: NO_ML_KEM,
            applies: |case, _| case.has_ml_kem(),
            fails_with: Some(&["cannot be set"]),
        }]
    }

    fn connect(
        &self,
        case: &Case,
        own: &Files,
        address: SocketAddr,
    ) -> Result<[Account; 2], String> {
        let saved = Files::new();
        let client = side(own, "client");
        let groups: Vec<_> = case
            .offered()
            .into_iter()
            .map(Group::openssl_name)
            .collect();
        let groups = groups.join(":");
        let once = |option| {
            let mut command = program::openssl();
            command
                .args(["s_client", "-connect", &address.to_string()])
                .args(["-servername", NAME, "-verify_hostname", NAME])
                .args(["-verify_return_error", "-CAfile"])
                .arg(own.path("ca.crt"))
                .args(["-groups", &groups, option])
                .arg(saved.path("session"));
            settings(&mut command, case);
            if case.mutual {
                command
                    .arg("-cert")
                    .arg(client.leaf.as_os_str())
                    .arg("-cert_chain")
                    .arg(client.issuers.as_os_str())
                    .arg("-key")
                    .arg(client.key.as_os_str());
            }
            let mut program = Program::start(command);
            program.say(&format!("{MESSAGE}\n"));
            let (status, lines) = program.finish();
            after(&lines, &MESSAGE.to_uppercase())?;
            if !status.success() {
                return Err(format!("{status}: {}", lines.join("\n")));
            }
            let new = find(&lines, "New, ");
            let summary = match new {
                Some(summary) => summary,
                None => after(&lines, "Reused, ")?,
            };
            let (version, suite) = summary
                .split_once(", Cipher is ")
                .ok_or_else(|| summary.to_owned())?;
            Ok(Account {
                version: Some(version_named(version)?),
                suite: Some(suite_named(suite)?),
                group: match find(&lines, "Server Temp Key: ECDH, ") {
                    Some(key) => Some(group_named(key)?),
                    // No key exchange.
                    None if new.is_none() && case.version() == Version::Tls12 => None,
                    None => return Err(lines.join("\n")),
                },
                resumed: Some(new.is_none()),
                shown: Some(Some(common_name(after(&lines, "subject=")?)?)),
            })
        };
        Ok([once("-sess_out")?, once("-sess_in")?])
    }

    fn serve(&self, case: &Case, own: &Files) -> Result<Box<dyn Service>, String> {
        let server = side(own, "server");
        let mut command = program::openssl();
        command
            .args(["s_server", "-accept", "127.0.0.1:0", "-groups"])
            .arg(case.group.openssl_name())
            .arg("-cert")
            .arg(server.leaf)
            .arg("-cert_chain")
            .arg(server.issuers)
            .arg("-key")
            .arg(server.key)
            .arg("-CAfile")
            .arg(own.path("ca.crt"));
        settings(&mut command, case);
        if case.mutual {
            command.args(["-Verify", "1", "-verify_return_error"]);
        }
        let mut program = Program::start(command);
        let lines = program.take_until("ACCEPT ")?;
        let address = after(&lines, "ACCEPT ")?;
        let address = address.parse().map_err(|_| address.to_owned())?;
        Ok(Box::new(Server { program, address }))
    }
}

fn settings(command: &mut Command, case: &Case) {
    let suite = case.suite.openssl_name();
    match case.version() {
        Version::Tls12 => command.args(["-tls1_2", "-cipher", suite]),
        Version::Tls13 => command.args(["-tls1_3", "-ciphersuites", suite]),
    };
}

/// Prints what comes, and sends what is typed.
struct Server {
    program: Program,
    address: SocketAddr,
}

impl Service for Server {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn answer(&mut self) -> Result<(), String> {
        // Typed too early, it would go to nobody.
        self.program.wait_until(MESSAGE)?;
        self.program.say(&format!("{MESSAGE}\n"));
        Ok(())
    }

    fn account(&mut self) -> Result<Account, String> {
        let lines = self.program.take_until(MESSAGE)?;
        let suite = suite_named(after(&lines, "CIPHER is ")?)?;
        Ok(Account {
            // Of the suite alone: it has no words for the rest, and its settings leave no other.
            version: None,
            suite: Some(suite),
            group: None,
            resumed: Some(find(&lines, "Reused session-id").is_some()),
            shown: Some(match find(&lines, "subject=") {
                Some(subject) => Some(common_name(subject)?),
                None => None,
            }),
        })
    }

    fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}

/// By the names OpenSSL and curl print.
pub fn suite_named(name: &str) -> Result<Suite, String> {
    Suite::ALL
        .into_iter()
        .find(|suite| suite.openssl_name() == name)
        .ok_or_else(|| format!("not a suite of ours: {name}"))
}

pub fn version_named(name: &str) -> Result<Version, String> {
    match name {
        "TLSv1.2" => Ok(Version::Tls12),
        "TLSv1.3" => Ok(Version::Tls13),
        other => Err(format!("not a version of ours: {other}")),
    }
}

fn group_named(key: &str) -> Result<Group, String> {
    let name = key.split(',').next().unwrap_or_default();
    match name {
        "prime256v1" => Ok(Group::P256),
        "secp384r1" => Ok(Group::P384),
        "secp521r1" => Ok(Group::P521),
        other => Err(format!("not a group of ours: {other}")),
    }
}

/// The common name in a subject such as `CN = x, O = y` or `CN=x; O=y`.
pub fn common_name(subject: &str) -> Result<String, String> {
    subject
        .split([',', ';'])
        .find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == "CN").then(|| value.trim().to_owned())
        })
        .ok_or_else(|| format!("no common name in {subject}"))
}
