//! GnuTLS: `gnutls-cli` and `gnutls-serv`.

use std::net::SocketAddr;
use std::process::Command;

use fips_tls::{Group, Suite, Version};

use crate::loopback::Loopback;
use crate::matrix::{Account, Case, Limit, Peer, Service, after, find, side};
use crate::openssl::common_name;
use crate::ours::MESSAGE;
use crate::support::NAME;
use crate::support::pki::Files;
use crate::support::program::{self, Program};

pub const NO_ML_KEM: &str = "no ML-KEM";

pub struct GnuTls(pub Loopback);

impl Peer for GnuTls {
    fn name(&self) -> String {
        let version = program::run(Command::new("gnutls-cli").arg("--version"));
        let line = version.lines().next().unwrap_or_default();
        line.replace("gnutls-cli", "GnuTLS")
    }

    fn limits(&self) -> &'static [Limit] {
        &[Limit {
            reason: NO_ML_KEM,
            applies: |case, _| case.has_ml_kem(),
            fails_with: Some(&["Syntax error at: +GROUP-"]),
        }]
    }

    fn connect(
        &self,
        case: &Case,
        own: &Files,
        address: SocketAddr,
    ) -> Result<[Account; 2], String> {
        let client = side(own, "client");
        let once = |resumed: bool| {
            let mut command = Command::new("gnutls-cli");
            command
                .args(["--priority", &priority(case, &case.offered())])
                .arg("--x509cafile")
                .arg(own.path("ca.crt"))
                .args(["--sni-hostname", NAME, "--verify-hostname", NAME])
                .args(["--port", &address.port().to_string()]);
            if resumed {
                // Two connections, the first without a word.
                command.args(["--resume", "--waitresumption"]);
            }
            if case.mutual {
                command
                    .arg("--x509certfile")
                    .arg(&client.chain)
                    .arg("--x509keyfile")
                    .arg(&client.key);
            }
            command.arg("127.0.0.1");
            let mut program = Program::start(command);
            program.say(&format!("{MESSAGE}\n"));
            let (status, lines) = program.finish();
            after(&lines, &MESSAGE.to_uppercase())?;
            if !status.success() {
                return Err(format!("{status}: {}", lines.join("\n")));
            }
            let lines = match lines
                .iter()
                .position(|line| line.contains("Connecting again"))
            {
                Some(again) => &lines[again..],
                None => &lines[..],
            };
            let mut account = described(lines, resumed)?;
            // Silent on the server's certificate where a session brings it back.
            if !account.resumed.unwrap_or_default() {
                after(lines, "Status: The certificate is trusted.")?;
                let subject = after(lines, "subject `")?;
                let subject = subject.split('\'').next().unwrap_or_default();
                account.shown = Some(Some(common_name(subject)?));
            }
            Ok(account)
        };
        Ok([once(false)?, once(true)?])
    }

    fn serve(&self, case: &Case, own: &Files) -> Result<Box<dyn Service>, String> {
        let server = side(own, "server");
        let mut command = Command::new("gnutls-serv");
        command
            .args(["--echo", "--port", "1"])
            .args(["--priority", &priority(case, &[case.group])])
            .arg("--x509certfile")
            .arg(server.chain)
            .arg("--x509keyfile")
            .arg(server.key)
            .arg("--x509cafile")
            .arg(own.path("ca.crt"));
        match case.mutual {
            true => command.args(["--require-client-cert", "--verify-client-cert"]),
            false => command.arg("--disable-client-cert"),
        };
        let (program, address) = self.0.start(command)?;
        Ok(Box::new(Server { program, address }))
    }
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::P256 => "+GROUP-SECP256R1",
        Group::P384 => "+GROUP-SECP384R1",
        Group::P521 => "+GROUP-SECP521R1",
        Group::MlKem768 => "+GROUP-MLKEM768",
        Group::MlKem1024 => "+GROUP-MLKEM1024",
        Group::SecP256r1MlKem768 => "+GROUP-SECP256R1-MLKEM768",
        Group::SecP384r1MlKem1024 => "+GROUP-SECP384R1-MLKEM1024",
    }
}

/// One version, suite and key exchange.
fn priority(case: &Case, groups: &[Group]) -> String {
    let groups: Vec<_> = groups.iter().copied().map(group_name).collect();
    let groups = groups.join(":");
    let exchange = match case.suite {
        Suite::Aes128GcmSha256 | Suite::Aes256GcmSha384 => "+VERS-TLS1.3",
        Suite::EcdheEcdsaAes128GcmSha256 | Suite::EcdheEcdsaAes256GcmSha384 => {
            "+VERS-TLS1.2:+ECDHE-ECDSA"
        }
        Suite::EcdheRsaAes128GcmSha256 | Suite::EcdheRsaAes256GcmSha384 => {
            "+VERS-TLS1.2:+ECDHE-RSA"
        }
    };
    let cipher = match case.suite.is_aes256() {
        true => "+AES-256-GCM",
        false => "+AES-128-GCM",
    };
    format!("NONE:{exchange}:{cipher}:+AEAD:+SIGN-ALL:+COMP-NULL:+CTYPE-X509:{groups}")
}

/// Of a description such as `(TLS1.2-X.509)-(ECDHE-SECP256R1)-(ECDSA-SHA256)-(AES-128-GCM)`;
/// a resumed session has no signature, in TLS 1.3 no exchange either, and in TLS 1.2 that of
/// the handshake it comes from.
fn described(lines: &[String], resumed: bool) -> Result<Account, String> {
    let description = after(lines, "Description: ")?;
    let unknown = || format!("unknown description {description}");
    let parts: Vec<_> = description
        .split(['(', ')'])
        .filter(|part| !part.is_empty() && !part.chars().all(|char| char == '-'))
        .collect();
    let version = match parts.first() {
        Some(part) if part.starts_with("TLS1.2") => Version::Tls12,
        Some(part) if part.starts_with("TLS1.3") => Version::Tls13,
        _ => return Err(unknown()),
    };
    let is_aes256 = match parts.last() {
        Some(&"AES-128-GCM") => false,
        Some(&"AES-256-GCM") => true,
        _ => return Err(unknown()),
    };
    let is_resumed = find(lines, "*** This is a resumed session").is_some();
    let (group, signature) = match (parts.get(1..parts.len() - 1), is_resumed) {
        (Some([exchange, signature]), false) => {
            let curve = exchange.strip_prefix("ECDHE-").ok_or_else(unknown)?;
            let group = Group::ALL
                .into_iter()
                .find(|group| group_name(*group) == format!("+GROUP-{curve}"))
                .ok_or_else(unknown)?;
            (Some(group), Some(*signature))
        }
        (Some([] | [_]), true) => (None, None),
        _ => return Err(format!("{}; expected resumed={resumed}", unknown())),
    };
    let suite = match (version, signature) {
        (Version::Tls13, _) => Some(match is_aes256 {
            true => Suite::Aes256GcmSha384,
            false => Suite::Aes128GcmSha256,
        }),
        // Silent on the kind of key where a session brings it back.
        (Version::Tls12, None) => None,
        (Version::Tls12, Some(signature)) => {
            Some(match (signature.starts_with("ECDSA"), is_aes256) {
                (true, true) => Suite::EcdheEcdsaAes256GcmSha384,
                (true, false) => Suite::EcdheEcdsaAes128GcmSha256,
                (false, true) => Suite::EcdheRsaAes256GcmSha384,
                (false, false) => Suite::EcdheRsaAes128GcmSha256,
            })
        }
    };
    Ok(Account {
        version: Some(version),
        suite,
        group,
        resumed: Some(is_resumed),
        shown: None,
    })
}

struct Server {
    program: Program,
    address: SocketAddr,
}

impl Service for Server {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn account(&mut self) -> Result<Account, String> {
        // It prints the message when it receives and again when it answers.
        let lines = self.program.take_until(MESSAGE)?;
        self.program.take_until(MESSAGE)?;
        let resumed = find(&lines, "*** This is a resumed session").is_some();
        let mut account = described(&lines, resumed)?;
        account.shown = Some(match find(&lines, "Subject: ") {
            Some(subject) => Some(common_name(subject)?),
            None => None,
        });
        Ok(account)
    }

    fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}
