//! curl, a client alone.

use std::net::SocketAddr;
use std::process::Command;

use fips_tls::Version;

use crate::matrix::{Account, Case, Limit, Peer, Role, Service, after, find, side};
use crate::openssl::{common_name, suite_named, version_named};
use crate::ours::MESSAGE;
use crate::support::NAME;
use crate::support::pki::Files;
use crate::support::program::{self, Program};

pub const CLIENT: &str = "a client alone";
pub const NO_ML_KEM: &str = "no ML-KEM (OpenSSL 3.5 brought it)";
pub const NO_TICKETS: &str = "takes no tickets in TLS 1.2, and our server keeps no sessions";

pub struct Curl;

impl Peer for Curl {
    fn name(&self) -> String {
        let version = program::run(Command::new("curl").arg("--version"));
        let line = version.lines().next().unwrap_or_default();
        let words: Vec<_> = line.split(' ').collect();
        format!("curl {} ({})", words[1], words[4])
    }

    fn limits(&self) -> &'static [Limit] {
        &[
            Limit {
                reason: CLIENT,
                applies: |case, _| case.role == Role::Server,
                // There is no option that could be tried.
                fails_with: None,
            },
            Limit {
                reason: NO_ML_KEM,
                applies: |case, _| case.has_ml_kem(),
                fails_with: Some(&["failed setting curves list"]),
            },
            Limit {
                reason: NO_TICKETS,
                applies: |case, resumed| resumed && case.version() == Version::Tls12,
                fails_with: Some(&["our resumed is not the cell's"]),
            },
        ]
    }

    fn connect(
        &self,
        case: &Case,
        own: &Files,
        address: SocketAddr,
    ) -> Result<[Account; 2], String> {
        let url = format!("https://{NAME}:{}/", address.port());
        let suite = case.suite.openssl_name();
        let mut command = Command::new("curl");
        command
            // Its own words among the answer's.
            .args([
                "--disable",
                "--verbose",
                "--no-progress-meter",
                "--stderr",
                "-",
            ])
            .args(["--noproxy", "*", "--max-time", "20", "--http1.1"])
            .args(["--resolve", &format!("{NAME}:{}:127.0.0.1", address.port())])
            // It has no words for the group, so it offers the one.
            .args(["--curves", case.group.openssl_name()])
            .args(["--data", &format!("{MESSAGE}\n"), "--cacert"])
            .arg(own.path("ca.crt"));
        match case.version() {
            Version::Tls12 => {
                command.args(["--tlsv1.2", "--tls-max", "1.2", "--ciphers", suite]);
            }
            Version::Tls13 => {
                command.args(["--tlsv1.3", "--tls13-ciphers", suite]);
            }
        }
        if case.mutual {
            let client = side(own, "client");
            command.arg("--cert").arg(client.chain);
            command.arg("--key").arg(client.key);
        }
        command.args([&url, &url]);
        let mut program = Program::start(command);
        let (status, lines) = program.finish();
        if !status.success() {
            return Err(format!("{status}: {}", lines.join("\n")));
        }
        let places: Vec<_> = (0..lines.len())
            .filter(|place| lines[*place].starts_with("* Connected to "))
            .collect();
        let [_, second] = places[..] else {
            return Err(format!("not two connections: {}", lines.join("\n")));
        };
        let (first, second) = lines.split_at(second);
        Ok([said(first)?, said(second)?])
    }

    fn serve(&self, _: &Case, _: &Files) -> Result<Box<dyn Service>, String> {
        Err("curl serves nothing".into())
    }
}

fn said(lines: &[String]) -> Result<Account, String> {
    after(lines, &MESSAGE.to_uppercase())?;
    after(lines, "SSL certificate verify ok")?;
    let (version, suite) = after(lines, "SSL connection using ")?
        .split_once(" / ")
        .ok_or_else(|| lines.join("\n"))?;
    // A session brings the certificate back: none comes.
    let certificate = find(lines, "(IN), TLS handshake, Certificate (11)");
    Ok(Account {
        version: Some(version_named(version)?),
        suite: Some(suite_named(suite)?),
        group: None,
        resumed: Some(certificate.is_none()),
        shown: Some(Some(common_name(after(lines, "subject: ")?)?)),
    })
}
