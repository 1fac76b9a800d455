//! Servers that listen where they should not, made to listen on 127.0.0.1.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use crate::matrix::after;
use crate::support::pki::Files;
use crate::support::program::{self, Program};

/// What `loopback.c` says, before the port.
const SAYS: &str = "listening on 127.0.0.1:";

/// `loopback.c`, compiled.
pub struct Loopback(Files);

impl Loopback {
    pub fn new() -> Self {
        let files = Files::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/loopback.c");
        program::run(
            Command::new("cc")
                .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
                .arg(files.path("loopback.so"))
                .arg(source)
                .arg("-ldl"),
        );
        Self(files)
    }

    /// Starts a server and returns where it listens.
    pub fn start(&self, mut command: Command) -> Result<(Program, SocketAddr), String> {
        let library: OsString = self.0.path("loopback.so").into();
        command.env("LD_PRELOAD", library);
        let mut program = Program::start(command);
        let lines = program.take_until(SAYS)?;
        let port = after(&lines, SAYS)?;
        let port: u16 = port.trim().parse().map_err(|_| port.to_owned())?;
        Ok((program, SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }
}
