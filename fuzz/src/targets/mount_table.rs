//! The kernel's mount table and a process's status (proc(5)): what is judged genuine is what an
//! own reading of the row says, and nothing in a row breaks a message's line.

use std::path::Path;

use fips_core::fuzzing::{judge_mount, kernel_check, tracer_pid};
use fips_core::{KernelFips, NotGenuine};

use crate::input::Input;
use crate::text::assert_one_line;

const FILE: &str = "/proc/sys/crypto/fips_enabled";
const BELOW: &str = "/sys/crypto/fips_enabled";
const ID: u64 = 42;

const PATHS: [&str; 8] = [
    "/",
    "/proc",
    "/proc/sys",
    "/sys",
    "/proc/sys/crypto",
    "/sys/crypto",
    FILE,
    BELOW,
];

pub(super) fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.u8() % 3 {
        0 => table(&mut input),
        1 => _ = judge(&String::from_utf8_lossy(input.rest())),
        _ => status(&String::from_utf8_lossy(input.rest())),
    }
}

/// Some other mounts, then the one in question, as the kernel writes it.
fn table(input: &mut Input<'_>) {
    let kind = *input.choose(&["proc", "tmpfs", "ext4", "fuse.proc", "procfs", "overlay"]);
    let root = path(input);
    let point = path(input);
    let other = path(input);
    let source = input.piece();
    let text = format!(
        "9 1 0:3 / {} rw shared:1 - tmpfs {} rw\n\
         42 27 0:21 {} {} rw,relatime shared:7 master:1 - {kind} {} rw\n\
         421 27 0:21 {BELOW} {FILE} rw - proc proc rw\n",
        escape(&other),
        escape(source),
        escape(&root),
        escape(&point),
        escape(source),
    );
    let answer = judge(&text);
    let genuine = kind == "proc" && leads_to_flag(&root, &point);
    assert_eq!(matches!(answer, Ok(None)), genuine, "{text}");
}

fn judge(table: &str) -> Result<Option<NotGenuine>, String> {
    let answer = judge_mount(table, ID, Path::new(FILE), BELOW);
    let state = match answer.clone() {
        Ok(None) => KernelFips::Enabled,
        Ok(Some(lie)) => KernelFips::NotGenuine(lie),
        Err(why) => KernelFips::Unreadable(why),
    };
    assert_one_line(&kernel_check(&state).found);
    answer
}

/// Whether the file lies on this mount and is the flag there. Written apart from what is tested:
/// component by component, without `Path`.
fn leads_to_flag(root: &[u8], point: &[u8]) -> bool {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && part != b".")
            .map(<[u8]>::to_vec)
            .collect()
    };
    let file = parts(FILE.as_bytes());
    let Some(below) = file.strip_prefix(&parts(point)[..]) else {
        return false;
    };
    [&parts(root)[..], below].concat() == parts(BELOW.as_bytes())
}

/// A path as the kernel has it: absolute, of any bytes but zero.
fn path(input: &mut Input<'_>) -> Vec<u8> {
    let known = input.choose(&PATHS).as_bytes();
    let bent: Vec<u8> = input.bend(known).into_iter().filter(|b| *b != 0).collect();
    [
        if bent.starts_with(b"/") {
            &b""[..]
        } else {
            b"/"
        },
        &bent,
    ]
    .concat()
}

/// As the kernel writes a path of a mount table (mangle_path in fs/seq_file.c).
fn escape(path: &[u8]) -> String {
    let mut out = Vec::new();
    for byte in path {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => out.extend(format!("\\{byte:03o}").bytes()),
            byte => out.push(*byte),
        }
    }
    // fips-core reads the table as text: a path that is none makes it unreadable.
    String::from_utf8_lossy(&out).into_owned()
}

/// A command's name is its owner's to choose, and stands above the tracer in the same file.
fn status(name: &str) {
    let name: String = name.chars().take(15).filter(|c| *c != '\0').collect();
    // As the kernel writes it (proc_task_name escapes newline and backslash).
    let name = name.replace('\\', "\\\\").replace('\n', "\\n");
    let text = format!("Name:\t{name}\nUmask:\t0022\nTracerPid:\t4711\nUid:\t0\n");
    assert_eq!(tracer_pid(&text), Some(4711), "{text}");
    assert_eq!(tracer_pid(&format!("Name:\t{name}\n")), None);
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    // Root and mount point by their number in `path`, each without a change.
    for (kind, root, point) in [
        (0, 0, 1),
        (0, 3, 2),
        (0, 5, 4),
        (0, 7, 6),
        (1, 0, 1),
        (0, 3, 1),
    ] {
        seeds.push(vec![
            0, kind, root, 0, point, 0, 0, 0, 0, 4, b'p', b'r', b'o', b'c',
        ]);
    }
    // A mount point with a space, a newline and a backslash in it.
    for byte in [b' ', b'\n', b'\\', 0x1b] {
        seeds.push(vec![0, 1, 0, 0, 6, 1, 2, 0, 5, byte, 0, 0, 0, 0]);
        seeds.push(vec![0, 0, 0, 0, 6, 1, 2, 0, 5, byte, 0, 0, 0, 0]);
    }
    for row in [
        "42 27 0:21 / /proc rw,relatime - proc proc rw\n",
        "42 27 0:21 /sys /proc/sys ro shared:7 - proc proc rw",
        "42 27 0:21 / /pr\\012oc rw - proc proc rw",
        "42 27 0:21 / - proc",
        "42",
    ] {
        seeds.push([&[1], row.as_bytes()].concat());
    }
    for name in ["sh", "TracerPid:\t0", "\nTracerPid:\t0", "a\rTracerPid:\t0"] {
        seeds.push([&[2], name.as_bytes()].concat());
    }
    seeds
}
