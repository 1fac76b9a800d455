//! Running fipsctl and looking at what it did.

use std::ffi::OsStr;
use std::fmt;
use std::process::{Command, Stdio};

/// What a run came to.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// Runs fipsctl with `args` to its end.
pub(crate) fn fipsctl(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    run(Command::new(env!("CARGO_BIN_EXE_fipsctl")).args(args))
}

/// Runs any command to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    let out = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Run {
        code: out.status.code(),
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}
