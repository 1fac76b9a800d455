//! NSS: `tstclnt` and `selfserv`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use fips_core::signing::KeyAlgorithm;
use fips_tls::{Group, Suite, Version};

use crate::loopback::Loopback;
use crate::matrix::{Account, Case, Limit, Peer, Service, after, find, policy, side};
use crate::openssl::common_name;
use crate::ours::MESSAGE;
use crate::support::NAME;
use crate::support::pki::Files;
use crate::support::program::{self, Program};

pub const NO_ML_KEM: &str = "no ML-KEM";

pub struct Nss {
    loopback: Loopback,
    /// A database per key, with what both sides show.
    databases: Mutex<HashMap<KeyAlgorithm, Arc<Files>>>,
}

impl Nss {
    pub fn new(loopback: Loopback) -> Self {
        Self {
            loopback,
            databases: Mutex::default(),
        }
    }

    fn database(&self, case: &Case, own: &Files) -> Arc<Files> {
        let mut databases = self.databases.lock().unwrap();
        let entry = databases.entry(case.key());
        Arc::clone(entry.or_insert_with(|| Arc::new(make_database(own))))
    }
}

/// Names in the database, by the role.
fn make_database(own: &Files) -> Files {
    let files = Files::new();
    let database = format!("sql:{}", files.path("").display());
    let certutil = || {
        let mut command = Command::new("certutil");
        command.args(["-d", &database]);
        command
    };
    program::run(certutil().args(["-N", "--empty-password"]));
    program::run(
        certutil()
            .args(["-A", "-n", "ca", "-t", "CT,,", "-a", "-i"])
            .arg(own.path("ca.crt")),
    );
    for name in ["client", "server"] {
        let side = side(own, name);
        let bundle = files.path("bundle.p12");
        program::run(
            program::openssl()
                .args([
                    "pkcs12", "-export", "-name", name, "-passout", "pass:", "-in",
                ])
                .arg(side.leaf)
                .arg("-inkey")
                .arg(side.key)
                .arg("-out")
                .arg(&bundle),
        );
        program::run(
            Command::new("pk12util")
                .args(["-d", &database, "-W", "", "-i"])
                .arg(&bundle),
        );
    }
    files
}

impl Peer for Nss {
    fn name(&self) -> String {
        // The programs do not say their version; the library is as old as they are.
        let version = program::run(Command::new("dpkg-query").args([
            "--show",
            "--showformat=${Version}",
            "libnss3-tools",
        ]));
        format!("NSS {version}")
    }

    fn limits(&self) -> &'static [Limit] {
        &[Limit {
            reason: NO_ML_KEM,
            applies: |case, _| case.has_ml_kem(),
            fails_with: Some(&["Bad group specified."]),
        }]
    }

    fn connect(
        &self,
        case: &Case,
        own: &Files,
        address: SocketAddr,
    ) -> Result<[Account; 2], String> {
        let database = self.database(case, own);
        let message = database.write("message", &format!("{MESSAGE}\n"));
        let mut command = Command::new("tstclnt");
        command
            .args(["-h", "127.0.0.1", "-a", NAME])
            .args(["-p", &address.port().to_string()])
            // Two connections; the first speaks at once.
            .args(["-L", "2", "-f", "-v", "-A"])
            .arg(&message);
        // Every suite: tstclnt 3.87 frees what `-c` names with the first connection, and
        // again with the second.
        settings(&mut command, case, &database, &case.offered());
        if case.mutual {
            command.args(["-n", "client"]);
        }
        let mut program = Program::start(command);
        let (status, lines) = program.finish();
        if !status.success() {
            return Err(format!("{status}: {}", lines.join("\n")));
        }
        let places: Vec<_> = (0..lines.len())
            .filter(|place| lines[*place].contains("tstclnt: SSL version "))
            .collect();
        let [_, second] = places[..] else {
            return Err(format!("not two connections: {}", lines.join("\n")));
        };
        let (first, second) = lines.split_at(second);
        Ok([described(case, first)?, described(case, second)?])
    }

    fn serve(&self, case: &Case, own: &Files) -> Result<Box<dyn Service>, String> {
        let database = self.database(case, own);
        let mut command = Command::new("selfserv");
        command.args(["-p", "1", "-v"]);
        settings(&mut command, case, &database, &[case.group]);
        command.args(["-c", &format!(":{:04X}", case.suite.code())]);
        command.args(match case.key().is_rsa() {
            true => ["-n", "server"],
            false => ["-e", "server"],
        });
        if case.mutual {
            // Requested, and required.
            command.args(["-r", "-r"]);
        }
        let (program, address) = self.loopback.start(command)?;
        Ok(Box::new(Server {
            program,
            address,
            case: *case,
            _database: database,
        }))
    }
}

fn settings(command: &mut Command, case: &Case, database: &Files, groups: &[Group]) {
    let groups: Vec<_> = groups.iter().copied().map(group_name).collect();
    let version = match case.version() {
        Version::Tls12 => "tls1.2:tls1.2",
        Version::Tls13 => "tls1.3:tls1.3",
    };
    command
        .args(["-d", &format!("sql:{}", database.path("").display())])
        .args(["-V", version, "-I", &groups.join(",")])
        // With an order of its own, NSS would sign with SHA-256 under any curve in TLS 1.2.
        .args(["-J", &schemes()])
        // Extended master secret; tickets.
        .args(["-G", "-u"]);
}

/// The profile's schemes in its order.
fn schemes() -> String {
    let profile = policy();
    let names: Vec<_> = profile
        .schemes()
        .iter()
        .map(|row| row.value.iana_name())
        .collect();
    names.join(",")
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::P256 => "P256",
        Group::P384 => "P384",
        Group::P521 => "P521",
        Group::MlKem768 => "mlkem768",
        Group::MlKem1024 => "mlkem1024",
        Group::SecP256r1MlKem768 => "mlkem768secp256r1",
        Group::SecP384r1MlKem1024 => "mlkem1024secp384r1",
    }
}

/// Of lines such as `SSL version 3.4 using 128-bit AES-GCM with 128-bit AEAD MAC` and
/// `Server Auth: 256-bit TLS 1.3, Key Exchange: 384-bit TLS 1.3`.
fn described(case: &Case, lines: &[String]) -> Result<Account, String> {
    let unknown = || format!("unknown description:\n{}", lines.join("\n"));
    let (version, cipher) = after(lines, "SSL version ")?
        .split_once(" using ")
        .ok_or_else(unknown)?;
    let version = match version {
        "3.3" => Version::Tls12,
        "3.4" => Version::Tls13,
        _ => return Err(unknown()),
    };
    let is_aes256 = match cipher {
        _ if cipher.starts_with("128-bit AES-GCM with") => false,
        _ if cipher.starts_with("256-bit AES-GCM with") => true,
        _ => return Err(unknown()),
    };
    let (authentication, exchange) = after(lines, "Server Auth: ")?
        .split_once(", Key Exchange: ")
        .ok_or_else(unknown)?;
    let suite = match (version, authentication.split(' ').nth(1), is_aes256) {
        (Version::Tls13, Some("TLS"), true) => Suite::Aes256GcmSha384,
        (Version::Tls13, Some("TLS"), false) => Suite::Aes128GcmSha256,
        (Version::Tls12, Some("ECDSA"), true) => Suite::EcdheEcdsaAes256GcmSha384,
        (Version::Tls12, Some("ECDSA"), false) => Suite::EcdheEcdsaAes128GcmSha256,
        (Version::Tls12, Some("RSA"), true) => Suite::EcdheRsaAes256GcmSha384,
        (Version::Tls12, Some("RSA"), false) => Suite::EcdheRsaAes128GcmSha256,
        _ => return Err(unknown()),
    };
    after(lines, "Extended Master Secret: Yes")?;
    let resumed = match after(lines, " stateless resumes") {
        // A count of the process.
        Ok(_) => lines
            .iter()
            .any(|line| line.contains("1 stateless resumes")),
        Err(error) => return Err(error),
    };
    // In bits; of a resumed TLS 1.2 session those of the handshake it comes from.
    let group = match exchange.split('-').next() {
        _ if resumed && case.version() == Version::Tls12 => None,
        Some("256") => Some(Group::P256),
        Some("384") => Some(Group::P384),
        Some("521") => Some(Group::P521),
        _ => return Err(unknown()),
    };
    let subject = find(lines, "subject DN: ");
    Ok(Account {
        version: Some(version),
        suite: Some(suite),
        group,
        resumed: Some(resumed),
        shown: Some(subject.map(common_name).transpose()?),
    })
}

struct Server {
    program: Program,
    address: SocketAddr,
    case: Case,
    _database: Arc<Files>,
}

impl Service for Server {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn account(&mut self) -> Result<Account, String> {
        let lines = self.program.take_until(" stateless resumes")?;
        let mut account = described(&self.case, &lines)?;
        // Shown nothing, it prints its own certificate's subject.
        account.shown = account
            .shown
            .map(|subject| subject.filter(|name| name != "test server"));
        Ok(account)
    }

    fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}
