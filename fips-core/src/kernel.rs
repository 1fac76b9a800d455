//! The kernel's FIPS flag, and whether the file that says so is the kernel's own.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::Serialize;

use crate::check::{Check, Group};
use crate::procfs::{self, Fault, Procfs, place};

/// Where the flag lives below the root of procfs.
const FLAG: &str = "sys/crypto/fips_enabled";

/// What the detector found. Only [`Enabled`](Self::Enabled) opens a strict gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "detail")]
pub enum KernelFips {
    /// The genuine file reads `1`.
    Enabled,
    /// The genuine file reads `0`.
    Disabled,
    /// procfs is there and genuine, the file is not: a kernel without FIPS mode.
    Absent,
    /// The file, or what proves it genuine, cannot be read: procfs not mounted, mode, seccomp.
    Unreadable(String),
    /// Something else lies where the kernel's file should.
    NotGenuine(NotGenuine),
    /// The genuine file holds neither `0` nor `1`.
    Unexpected(String),
}

/// Why the file is not the kernel's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum NotGenuine {
    /// It lies on a file system that is not procfs.
    OtherFileSystem {
        /// Type of the file system it lies on.
        kind: String,
        /// Where that is mounted.
        mount_point: String,
    },
    /// It is another file of procfs, bound over this one.
    OtherProcFile {
        /// Which one.
        path: String,
    },
}

/// Reads the flag below one root of procfs.
#[derive(Clone, Debug)]
pub struct KernelDetector {
    proc_root: PathBuf,
}

impl Default for KernelDetector {
    /// The system's own `/proc`.
    fn default() -> Self {
        Self::new("/proc")
    }
}

impl KernelDetector {
    /// A detector below `proc_root`; [`Boundary::enter`](crate::Boundary::enter) always uses
    /// `/proc`.
    pub fn new(proc_root: impl Into<PathBuf>) -> Self {
        Self {
            proc_root: proc_root.into(),
        }
    }

    /// The file it reads.
    pub fn path(&self) -> PathBuf {
        self.proc_root.join(FLAG)
    }

    /// Opens the file once, proves by its mount that it is the kernel's, reads it.
    ///
    /// The proof: the root of procfs is one by `fstatfs` and its inode; the mount id of the open
    /// file, from `statx`, names a row of the mount table, which is itself read from that procfs
    /// with nothing mounted over it; that mount is of type `proc` and its root joined with the
    /// path below its mount point is exactly `/sys/crypto/fips_enabled`. A read-only remount of
    /// `/proc/sys`, as container runtimes make it, passes; a file bound over it does not,
    /// wherever it comes from, nor does a false `/proc` as a whole.
    ///
    /// Limits: needs Linux 5.8 (`statx` with mount ids), else the answer is
    /// [`Unreadable`](KernelFips::Unreadable); and whoever controls the kernel can still lie.
    pub fn detect(&self) -> KernelFips {
        let procfs = match Procfs::open(&self.proc_root) {
            Ok(procfs) => procfs,
            Err(Fault::Unreadable(why)) => return KernelFips::Unreadable(why),
            Err(Fault::NotProcfs(kind)) => {
                return KernelFips::NotGenuine(NotGenuine::OtherFileSystem {
                    kind,
                    mount_point: self.proc_root.display().to_string(),
                });
            }
        };
        let path = self.path();
        match procfs.open_below(FLAG, OFlags::RDONLY) {
            Ok(flag) => judge_file(&procfs, flag.into(), &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => judge_absence(&procfs, &path),
            Err(error) => KernelFips::Unreadable(format!("{}: {error}", path.display())),
        }
    }

    /// The gate's check.
    pub(crate) fn check(&self) -> (KernelFips, Check) {
        let state = self.detect();
        let check = self.describe(&state);
        (state, check)
    }

    pub(crate) fn describe(&self, state: &KernelFips) -> Check {
        let check = Check::passed(
            Group::Kernel,
            "kernel.fips-mode",
            "the kernel's own flag reads 1",
        )
        .read_from(self.path().display().to_string())
        .source(
            "Linux admin-guide, kernel parameter fips=; this project's own rule: a FIPS boundary stands on a kernel in FIPS mode",
        );
        match state {
            KernelFips::Enabled => check.found("enabled: the genuine file reads 1"),
            KernelFips::Disabled => check
                .found("disabled: the genuine file reads 0")
                .fails_with(BOOT),
            KernelFips::Absent => check
                .found("absent: this kernel has no FIPS mode (CONFIG_CRYPTO_FIPS is off)")
                .fails_with(
                    "boot a kernel with CONFIG_CRYPTO_FIPS=y, with fips=1 on its command line",
                ),
            KernelFips::Unreadable(why) => check
                .found(format!("unreadable: {why}"))
                .fails_with(procfs::MEND),
            KernelFips::NotGenuine(NotGenuine::OtherFileSystem { kind, mount_point }) => check
                .found(format!(
                    "forged: what lies there is {kind}, mounted at {mount_point}"
                ))
                .fails_with("remove that mount; the flag is the kernel's to set"),
            KernelFips::NotGenuine(NotGenuine::OtherProcFile { path }) => check
                .found(format!("forged: procfs's {path} is mounted over it"))
                .fails_with("remove that mount; the flag is the kernel's to set"),
            KernelFips::Unexpected(content) => check
                .found(format!("unexpected content {content:?}"))
                .fails_with(BOOT),
        }
    }
}

const BOOT: &str = "boot with fips=1 on the kernel command line (RHEL: fips-mode-setup --enable; \
                    Ubuntu Pro: pro enable fips)";

fn judge_file(procfs: &Procfs, mut flag: File, path: &Path) -> KernelFips {
    match genuine(procfs, &flag, FLAG) {
        Ok(None) => {}
        Ok(Some(lie)) => return KernelFips::NotGenuine(lie),
        Err(error) => return KernelFips::Unreadable(error),
    }
    // A genuine file holds two bytes; one that never ends must not hold us.
    let mut content = Vec::new();
    if let Err(error) = (&mut flag).take(64).read_to_end(&mut content) {
        return KernelFips::Unreadable(format!("{}: {error}", path.display()));
    }
    match content.strip_suffix(b"\n").unwrap_or(&content) {
        b"1" => KernelFips::Enabled,
        b"0" => KernelFips::Disabled,
        other => KernelFips::Unexpected(String::from_utf8_lossy(other).into_owned()),
    }
}

/// No file: a kernel without FIPS mode, unless a mount on the way hides it.
fn judge_absence(procfs: &Procfs, path: &Path) -> KernelFips {
    for (folder, required) in [("sys", true), ("sys/crypto", false)] {
        let fd = match procfs.open_below(folder, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(fd) => fd,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required => continue,
            Err(error) => {
                return KernelFips::Unreadable(format!(
                    "{}: {error}",
                    procfs.path(folder).display()
                ));
            }
        };
        match genuine(procfs, &fd, folder) {
            Ok(None) => {}
            Ok(Some(lie)) => return KernelFips::NotGenuine(lie),
            Err(error) => return KernelFips::Unreadable(format!("{}: {error}", path.display())),
        }
    }
    KernelFips::Absent
}

/// Whether the open `file` is procfs's own `below`.
fn genuine(procfs: &Procfs, file: impl AsFd, below: &str) -> Result<Option<NotGenuine>, String> {
    let path = procfs.path(below);
    let (_, mount) = place(file).map_err(|error| format!("{}: {error}", path.display()))?;
    let mounts = procfs.read_own("mountinfo")?;
    judge_mount(&mounts, mount, &path, &format!("/{below}"))
}

/// Looks `mount_id` up in `mountinfo` (proc(5)) and compares.
pub(crate) fn judge_mount(
    mountinfo: &str,
    mount_id: u64,
    path: &Path,
    expected: &str,
) -> Result<Option<NotGenuine>, String> {
    let row = mountinfo
        .lines()
        .find(|line| line.split(' ').next().and_then(|id| id.parse().ok()) == Some(mount_id))
        .ok_or_else(|| format!("/proc/self/mountinfo has no mount {mount_id}"))?;
    // id parent major:minor root mount-point options [optional…] - type source super-options
    let (left, right) = row
        .split_once(" - ")
        .ok_or_else(|| format!("/proc/self/mountinfo: odd row {row:?}"))?;
    let mut fields = left.split(' ').skip(3);
    let (Some(root), Some(mount_point)) = (fields.next(), fields.next()) else {
        return Err(format!("/proc/self/mountinfo: odd row {row:?}"));
    };
    let (root, mount_point) = (unescape(root), unescape(mount_point));
    let kind = right.split(' ').next().unwrap_or_default();
    if kind != "proc" {
        return Ok(Some(NotGenuine::OtherFileSystem {
            kind: kind.to_owned(),
            mount_point,
        }));
    }
    let below = path.strip_prefix(&mount_point).map_err(|_| {
        format!(
            "{} is not below its mount point {mount_point}",
            path.display()
        )
    })?;
    let inside = if below.as_os_str().is_empty() {
        PathBuf::from(root)
    } else {
        Path::new(&root).join(below)
    };
    if inside == Path::new(expected) {
        Ok(None)
    } else {
        Ok(Some(NotGenuine::OtherProcFile {
            path: inside.display().to_string(),
        }))
    }
}

/// Undoes mountinfo's octal escapes (space, tab, newline, backslash).
fn unescape(field: &str) -> String {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "/proc/sys/crypto/fips_enabled";
    const EXPECTED: &str = "/sys/crypto/fips_enabled";

    fn judge(row: &str) -> Option<NotGenuine> {
        judge_mount(row, 42, Path::new(FILE), EXPECTED).unwrap()
    }

    #[test]
    fn plain_and_read_only_procfs_are_genuine() {
        assert_eq!(judge("42 27 0:21 / /proc rw,relatime - proc proc rw"), None);
        // runc binds /proc/sys onto itself, read-only.
        assert_eq!(
            judge(
                "9 1 0:3 / / rw - ext4 /dev/a rw\n42 27 0:21 /sys /proc/sys ro shared:7 - proc proc rw"
            ),
            None
        );
    }

    #[test]
    fn bound_files_are_forged() {
        assert_eq!(
            judge("42 27 0:30 /x /proc/sys/crypto/fips_enabled rw - tmpfs tmpfs rw"),
            Some(NotGenuine::OtherFileSystem {
                kind: "tmpfs".into(),
                mount_point: FILE.into()
            })
        );
        assert_eq!(
            judge("42 27 0:21 /sys/vm/swappiness /proc/sys/crypto/fips_enabled rw - proc proc rw"),
            Some(NotGenuine::OtherProcFile {
                path: "/sys/vm/swappiness".into()
            })
        );
        assert_eq!(
            judge("42 27 0:21 /sys/kernel /proc/sys/crypto rw - proc proc rw"),
            Some(NotGenuine::OtherProcFile {
                path: "/sys/kernel/fips_enabled".into()
            })
        );
    }

    #[test]
    fn odd_mount_tables_are_errors() {
        for row in [
            "",
            "41 27 0:21 / /proc rw - proc proc rw",
            "42 27",
            "42 27 0:21 / - proc",
        ] {
            assert!(
                judge_mount(row, 42, Path::new(FILE), EXPECTED).is_err(),
                "{row:?}"
            );
        }
        assert!(
            judge_mount(
                "42 1 0:2 / /elsewhere rw - proc proc rw",
                42,
                Path::new(FILE),
                EXPECTED
            )
            .is_err()
        );
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r"/a\040b\134c\9"), r"/a b\c\9");
    }

    #[test]
    fn a_file_outside_of_procfs_is_not_genuine() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("sys/crypto")).unwrap();
        fs::write(dir.path().join(FLAG), "1\n").unwrap();
        let state = KernelDetector::new(dir.path()).detect();
        assert!(
            matches!(
                state,
                KernelFips::NotGenuine(NotGenuine::OtherFileSystem { .. })
            ),
            "{state:?}"
        );
    }

    #[test]
    fn without_procfs_the_answer_is_never_absent() {
        let dir = tempfile::tempdir().unwrap();
        // An empty mount point: procfs is not mounted.
        let state = KernelDetector::new(dir.path()).detect();
        assert!(matches!(state, KernelFips::Unreadable(_)), "{state:?}");
        fs::create_dir(dir.path().join("self")).unwrap();
        let state = KernelDetector::new(dir.path()).detect();
        assert!(matches!(state, KernelFips::NotGenuine(_)), "{state:?}");
        let state = KernelDetector::new(dir.path().join("none")).detect();
        assert!(matches!(state, KernelFips::Unreadable(_)), "{state:?}");
        // A folder of a genuine procfs is not its root.
        let state = KernelDetector::new("/proc/self").detect();
        assert!(matches!(state, KernelFips::NotGenuine(_)), "{state:?}");
    }

    #[test]
    fn this_machine_answers_as_its_own_proc_reads() {
        let expected = match fs::read_to_string(FILE) {
            Ok(text) if text == "1\n" => KernelFips::Enabled,
            Ok(text) if text == "0\n" => KernelFips::Disabled,
            Err(error) if error.kind() == io::ErrorKind::NotFound => KernelFips::Absent,
            other => panic!("this machine's {FILE}: {other:?}"),
        };
        assert_eq!(KernelDetector::default().detect(), expected);
    }
}
