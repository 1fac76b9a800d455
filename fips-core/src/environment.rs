//! What the security policy forbids around a running module (§6.2), as far as we can see it.

use std::path::Path;

use crate::check::{Check, Group};
use crate::procfs::{self, Fault, Procfs};

const SOURCE: &str = "security policy of #5314, §6.2";

pub(crate) fn checks() -> [Check; 2] {
    [tracer(), unseen()]
}

fn tracer() -> Check {
    const STATUS: &str = "/proc/self/status";
    let check = Check::passed(
        Group::Environment,
        "environment.tracer",
        "no tracer is attached",
    )
    .read_from(format!("{STATUS}, TracerPid"))
    .source(SOURCE);
    let status = Procfs::open(Path::new("/proc"))
        .map_err(|fault| match fault {
            Fault::NotProcfs(kind) => format!("/proc is {kind}"),
            Fault::Unreadable(why) => why,
        })
        .and_then(|procfs| procfs.read_own("status"));
    let status = match status {
        Ok(status) => status,
        Err(why) => return check.found(why).fails_with(procfs::MEND),
    };
    match tracer_pid(&status) {
        Some(0) => check.found("none"),
        Some(pid) => check
            .found(format!("process {pid} traces this one"))
            .fails_with("detach the debugger or tracer (gdb, strace, ptrace) and start again"),
        None => check
            .found("no TracerPid line")
            .fails_with("run under a kernel whose procfs has it"),
    }
}

pub(crate) fn tracer_pid(status: &str) -> Option<u32> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"))
        .and_then(|pid| pid.trim().parse().ok())
}

/// Forbidden too, and not visible from inside an unprivileged process.
fn unseen() -> Check {
    Check::passed(
        Group::Environment,
        "environment.kernel-tracing",
        "no ftrace, systemtap or live patch touches this process",
    )
    .found("not visible from inside this process: who runs it answers for it")
    .read_from("nothing")
    .source(SOURCE)
    .unchecked()
}

/// Makes this process non-dumpable. Called last on an entry, when all else has passed: it changes
/// the owner of this process's files in procfs.
pub(crate) fn become_non_dumpable() -> Check {
    use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

    let check = dumpable();
    let set =
        set_dumpable_behavior(DumpableBehavior::NotDumpable).and_then(|()| dumpable_behavior());
    let found = match set {
        Ok(DumpableBehavior::NotDumpable) => return check.found("not dumpable"),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("prctl failed: {error}"),
    };
    check
        .found(found)
        .fails_with("allow prctl(PR_SET_DUMPABLE) in this process's seccomp filter")
}

/// What an entry would do, without doing it.
pub(crate) fn would_become_non_dumpable() -> Check {
    dumpable().found("set on entering, not now").unchecked()
}

fn dumpable() -> Check {
    Check::passed(
        Group::Environment,
        "environment.dumpable",
        "no core dump and no ptrace by this user",
    )
    .read_from("prctl(PR_GET_DUMPABLE)")
    .source("prctl(2); asked for by Requirements::non_dumpable()")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tracer_is_read() {
        assert_eq!(tracer_pid("Name:\tx\nTracerPid:\t0\n"), Some(0));
        assert_eq!(tracer_pid("TracerPid:\t4711\n"), Some(4711));
        assert_eq!(tracer_pid("Name:\tx\n"), None);
    }
}
