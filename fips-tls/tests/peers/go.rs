//! Go: `crypto/tls` of the distribution's Go and of a current one, through `go/main.go`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use fips_tls::{Group, Suite, Version};

use crate::matrix::{Account, Case, Limit, Peer, Service, after, policy, side};
use crate::ours::MESSAGE;
use crate::support::NAME;
use crate::support::pki::Files;
use crate::support::program::{self, Program};

pub const NO_EMS: &str = "no extended master secret in TLS 1.2 (Go 1.20 brought it)";
pub const NO_ML_KEM: &str = "no ML-KEM";
pub const NO_ML_KEM_768: &str = "no MLKEM768 alone";

/// Where Cargo builds.
const TARGET: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/..");

pub struct Go {
    name: String,
    /// `go/main.go`, built.
    program: PathBuf,
    limits: &'static [Limit],
}

impl Go {
    /// The `go` of the path, which also builds the module.
    pub fn of_the_distribution() -> Self {
        Self::build(
            "go".into(),
            &[
                Limit {
                    reason: NO_EMS,
                    applies: |case, _| case.version() == Version::Tls12,
                    // Ours, of the peer.
                    fails_with: Some(&["speaks TLS 1.2 without extended master secret"]),
                },
                Limit {
                    reason: NO_ML_KEM,
                    applies: |case, _| case.has_ml_kem(),
                    fails_with: Some(&["unsupported curve"]),
                },
            ],
        )
    }

    /// The one that `scripts/peers` installs.
    pub fn current() -> Self {
        let go = Path::new(TARGET).join("peers/go/bin/go");
        assert!(
            go.exists(),
            "this test needs a current Go at {}: run scripts/peers, which installs it",
            go.display()
        );
        Self::build(
            go,
            &[Limit {
                reason: NO_ML_KEM_768,
                applies: |case, _| case.group == Group::MlKem768,
                // It leaves the group out: as a client it offers others, as a server it has none.
                fails_with: Some(&[
                    "the peer offers no group of the profile",
                    "no key exchanges supported by both client and server",
                ]),
            }],
        )
    }

    fn build(go: PathBuf, limits: &'static [Limit]) -> Self {
        let offline = |command: &mut Command| {
            for (name, value) in [
                ("CGO_ENABLED", "0"),
                ("GO111MODULE", "off"),
                ("GOENV", "off"),
                ("GOFLAGS", ""),
                ("GOPROXY", "off"),
                ("GOTELEMETRY", "off"),
                ("GOTOOLCHAIN", "local"),
            ] {
                command.env(name, value);
            }
            // Settings of the caller's that change what is built, or what its TLS does.
            for name in ["GODEBUG", "GOFIPS140", "GOROOT", "GOPATH"] {
                command.env_remove(name);
            }
            command.env("GOCACHE", Path::new(TARGET).join("peers/go-cache"));
        };
        let mut version = Command::new(&go);
        offline(version.args(["env", "GOVERSION"]));
        let name = program::run(&mut version).trim().replace("go", "Go ");
        let program = Path::new(TARGET).join(format!("peers/{}", name.replace(' ', "-")));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/go/main.go");
        let mut build = Command::new(&go);
        offline(build.args(["build", "-o"]).arg(&program).arg(source));
        program::run(&mut build);
        Self {
            name,
            program,
            limits,
        }
    }

    fn command(&self, case: &Case, own: &Files, groups: &[Group]) -> Command {
        let version = u16::from(case.version() == Version::Tls13) + 0x0303;
        let groups: Vec<_> = groups
            .iter()
            .map(|group| group.code().to_string())
            .collect();
        let mut command = Command::new(&self.program);
        command
            .env_remove("GODEBUG")
            .args(["-name", NAME, "-message", MESSAGE])
            .args(["-version", &version.to_string()])
            .args(["-suite", &case.suite.code().to_string()])
            .args(["-groups", &groups.join(",")])
            .arg("-ca")
            .arg(own.path("ca.crt"));
        command
    }

    /// Whether it says which group was agreed on.
    fn tells_groups(&self) -> bool {
        !self.name.starts_with("Go 1.1")
    }
}

impl Peer for Go {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn limits(&self) -> &'static [Limit] {
        self.limits
    }

    fn connect(
        &self,
        case: &Case,
        own: &Files,
        address: SocketAddr,
    ) -> Result<[Account; 2], String> {
        // Every group, so that the server asks for another share where it takes none but the
        // second or third; or the one, when nothing else would say which it was.
        let profile = policy();
        let all: Vec<_> = profile.groups().iter().map(|row| row.value).collect();
        let groups = if self.tells_groups() {
            &all[..]
        } else {
            &[case.group]
        };
        let mut command = self.command(case, own, groups);
        command
            .args(["-connect", &address.to_string()])
            .args(["-answer", &MESSAGE.to_uppercase()]);
        if case.mutual {
            let client = side(own, "client");
            command.arg("-chain").arg(client.chain);
            command.arg("-key").arg(client.key);
        }
        let mut program = Program::start(command);
        let (status, lines) = program.finish();
        match &lines[..] {
            [first, second] if status.success() => Ok([self.said(first)?, self.said(second)?]),
            _ => Err(format!("{status}: {}", lines.join("\n"))),
        }
    }

    fn serve(&self, case: &Case, own: &Files) -> Result<Box<dyn Service>, String> {
        let server = side(own, "server");
        let mut command = self.command(case, own, &[case.group]);
        command.arg("-listen").arg("-chain").arg(server.chain);
        command.arg("-key").arg(server.key);
        if case.mutual {
            command.arg("-mutual");
        }
        let mut program = Program::start(command);
        let lines = program.take_until("listening on ")?;
        let address = after(&lines, "listening on ")?;
        let address = address.parse().map_err(|_| address.to_owned())?;
        Ok(Box::new(Server {
            go: Self {
                name: self.name.clone(),
                program: self.program.clone(),
                limits: self.limits,
            },
            program,
            address,
        }))
    }
}

impl Go {
    fn said(&self, line: &str) -> Result<Account, String> {
        let field = |name: &str| {
            line.split(';')
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
                .ok_or_else(|| format!("no {name} in {line}"))
        };
        let number = |name: &str| {
            field(name)?
                .parse::<u16>()
                .map_err(|error| error.to_string())
        };
        let group = match number("group")? {
            0 if !self.tells_groups() => None,
            // Of a resumed TLS 1.2 session that of the handshake it comes from.
            _ if field("resumed")? == "true" && number("version")? == 0x0303 => None,
            code => Some(Group::from_code(code).ok_or_else(|| line.to_owned())?),
        };
        Ok(Account {
            version: Some(match number("version")? {
                0x0303 => Version::Tls12,
                0x0304 => Version::Tls13,
                _ => return Err(line.to_owned()),
            }),
            suite: Some(Suite::from_code(number("suite")?).ok_or_else(|| line.to_owned())?),
            group,
            resumed: Some(field("resumed")? == "true"),
            shown: Some(Some(field("peer")?.to_owned()).filter(|name| !name.is_empty())),
        })
    }
}

struct Server {
    go: Go,
    program: Program,
    address: SocketAddr,
}

impl Service for Server {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn account(&mut self) -> Result<Account, String> {
        let lines = self.program.take_until("version=")?;
        self.go.said(&lines[lines.len() - 1])
    }

    fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}
