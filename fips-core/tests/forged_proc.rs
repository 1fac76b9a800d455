//! An unprivileged account can make namespaces of its own and lay what it likes over `/proc`.
//! None of it may read as a kernel in FIPS mode.

#![allow(clippy::print_stdout, reason = "the child answers on stdout")]

use std::process::Command;

use fips_core::{Boundary, KernelDetector, KernelFips, NotGenuine, Outcome, Requirements};

/// The child's part: says what this process finds. On its own it is a test like any other.
#[test]
fn says_what_it_finds() {
    let state = KernelDetector::default().detect();
    let evidence = Boundary::examine(Requirements::strict());
    for check in &evidence.checks {
        if check.outcome == Outcome::Failed {
            println!("FAILED {}", check.id);
        }
    }
    let word = match state {
        KernelFips::Enabled => "enabled",
        KernelFips::Disabled => "disabled",
        KernelFips::Absent => "absent",
        KernelFips::Unreadable(_) => "unreadable",
        KernelFips::NotGenuine(NotGenuine::OtherFileSystem { .. }) => "other file system",
        KernelFips::NotGenuine(NotGenuine::OtherProcFile { .. }) => "other proc file",
        KernelFips::Unexpected(_) => "unexpected",
    };
    println!("FOUND {word}");
    assert_eq!(
        word == "enabled",
        !evidence
            .checks
            .iter()
            .any(|check| { check.id == "kernel.fips-mode" && check.outcome == Outcome::Failed })
    );
}

/// Runs `script` in user and mount namespaces of its own, then the child's part.
fn inside(script: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let script = format!(
        "set -eu\n{script}\nexec \"$TEST\" --exact says_what_it_finds --nocapture --test-threads 1"
    );
    let out = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .env("TEST", test)
        .output()
        .expect("unshare (Debian package util-linux) is needed");
    let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "user namespaces must be allowed here: {stdout}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    stdout
}

const FORGED_PROC: &str = r"
forge=$(mktemp -d)
trap 'umount $forge' EXIT
mount -t tmpfs tmpfs $forge
mkdir -p $forge/sys/crypto $forge/self/fdinfo
echo 1 > $forge/sys/crypto/fips_enabled
echo '42 1 0:21 / /proc rw - proc proc rw' > $forge/self/mountinfo
for n in 0 1 2 3 4 5 6 7 8 9 10 11 12; do echo 'mnt_id: 42' > $forge/self/fdinfo/$n; done
printf 'TracerPid:\t0\n' > $forge/self/status
mount --bind $forge /proc
trap - EXIT
";

#[test]
fn a_false_proc_as_a_whole() {
    let found = inside(FORGED_PROC);
    assert!(found.contains("FOUND other file system"), "{found}");
    assert!(found.contains("FAILED kernel.fips-mode"), "{found}");
    // Nothing else of it is believed either.
    assert!(found.contains("FAILED environment.tracer"), "{found}");
}

#[test]
fn a_file_system_over_a_part_of_proc() {
    for part in ["sys", "sys/kernel"] {
        let found = inside(&format!(
            "mount -t tmpfs tmpfs /proc/{part}\n\
             if [ {part} = sys ]; then mkdir /proc/sys/crypto; echo 1 > /proc/sys/crypto/fips_enabled; fi"
        ));
        if part == "sys" {
            assert!(found.contains("FOUND other file system"), "{found}");
            assert!(found.contains("FAILED kernel.fips-mode"), "{found}");
        } else {
            // Beside the flag: nothing of ours.
            assert!(!found.contains("FOUND other"), "{found}");
        }
    }
    // Hiding the flag is not a kernel without it.
    let found = inside("mount -t tmpfs tmpfs /proc/sys");
    assert!(found.contains("FOUND other file system"), "{found}");
}

#[test]
fn a_mount_table_of_their_own() {
    // The table is what proves the flag: a false one must not even be read.
    let found = inside(
        "forge=$(mktemp); echo '1 1 0:21 / / rw - proc proc rw' > $forge\n\
         mount --bind $forge /proc/$$/mountinfo; rm $forge",
    );
    assert!(found.contains("FOUND unreadable"), "{found}");
    let found = inside(
        "forge=$(mktemp); printf 'TracerPid:\\t0\\n' > $forge\n\
         mount --bind $forge /proc/$$/status; rm $forge",
    );
    assert!(found.contains("FAILED environment.tracer"), "{found}");
}

#[test]
fn a_folder_of_procfs_over_proc() {
    let found = inside("mount --bind /proc/$$ /proc");
    assert!(found.contains("FAILED kernel.fips-mode"), "{found}");
    assert!(found.contains("FOUND other file system"), "{found}");
}
