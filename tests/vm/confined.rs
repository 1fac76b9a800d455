//! Runs a program under a seccomp filter, as a sandbox or an older kernel would answer it.
//!
//! `confined ENOSYS statx fipsctl status`: the system call fails with that error;
//! `confined kill socket fipsctl serve …`: the process dies at the call.
//! `openat` stands for those calls of it that ask for no more than a path (`O_PATH`), since no
//! program starts without the others.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stderr,
    reason = "a command line program speaks on stderr"
)]

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

fn main() -> ExitCode {
    // Comes back only when it failed.
    let error = run().unwrap_or_else(|error| error);
    eprintln!("confined: {error}");
    ExitCode::from(2)
}

/// Puts on the filter and becomes the program.
fn run() -> Result<Box<dyn Error>, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [effect, call, program, rest @ ..] = &arguments[..] else {
        return Err("usage: confined EPERM|ENOSYS|kill CALL PROGRAM [ARGUMENT…]".into());
    };
    let effect = match effect.as_str() {
        "ENOSYS" => SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
        "EPERM" => SeccompAction::Errno(libc::EPERM.cast_unsigned()),
        "kill" => SeccompAction::KillProcess,
        other => return Err(format!("unknown effect {other:?}").into()),
    };
    let (number, rules) = match call.as_str() {
        "fstatfs" => (libc::SYS_fstatfs, vec![]),
        "openat" => (libc::SYS_openat, vec![path_only()?]),
        "socket" => (libc::SYS_socket, vec![]),
        "statx" => (libc::SYS_statx, vec![]),
        other => return Err(format!("unknown call {other:?}").into()),
    };
    let filter: BpfProgram = SeccompFilter::new(
        BTreeMap::from([(number, rules)]),
        SeccompAction::Allow,
        effect,
        env::consts::ARCH.try_into()?,
    )?
    .try_into()?;
    apply_filter(&filter)?;
    Ok(Command::new(program).args(rest).exec().into())
}

/// `openat` whose flags, the third argument, have `O_PATH`.
fn path_only() -> Result<SeccompRule, seccompiler::BackendError> {
    let flag = u64::from(libc::O_PATH.cast_unsigned());
    SeccompRule::new(vec![SeccompCondition::new(
        2,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(flag),
        flag,
    )?])
}
