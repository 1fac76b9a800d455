//! What the security policy forbids around a running module (§6.2), as far as we can see it.

use std::fs;

use crate::check::{Check, Group};

const SOURCE: &str = "security policy of #5314, §6.2";

pub(crate) fn checks(non_dumpable: bool) -> Vec<Check> {
    let mut checks = vec![tracer(), unseen()];
    if non_dumpable {
        checks.push(dumpable());
    }
    checks
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
    let status = match fs::read_to_string(STATUS) {
        Ok(status) => status,
        Err(error) => {
            return check
                .found(format!("{STATUS}: {error}"))
                .fails_with("mount procfs at /proc and let this process read it");
        }
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

fn tracer_pid(status: &str) -> Option<u32> {
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

fn dumpable() -> Check {
    use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

    let check = Check::passed(
        Group::Environment,
        "environment.dumpable",
        "no core dump and no ptrace by this user",
    )
    .read_from("prctl(PR_GET_DUMPABLE)")
    .source("prctl(2); asked for by Requirements::non_dumpable()");
    let set =
        set_dumpable_behavior(DumpableBehavior::NotDumpable).and_then(|()| dumpable_behavior());
    match set {
        Ok(DumpableBehavior::NotDumpable) => check.found("not dumpable"),
        Ok(other) => check
            .found(format!("{other:?}"))
            .fails_with("allow prctl(PR_SET_DUMPABLE) in this process's seccomp filter"),
        Err(error) => check
            .found(format!("prctl failed: {error}"))
            .fails_with("allow prctl(PR_SET_DUMPABLE) in this process's seccomp filter"),
    }
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
