//! A procfs that is the kernel's own, and files of it that nothing is mounted over.
//!
//! An unprivileged account can make a user and mount namespace and lay a tmpfs over `/proc`, with
//! every file in it as it likes. So nothing below `/proc` is believed before the kernel itself
//! has said, on an open descriptor, that this is procfs and which mount it lies on: `fstatfs` and
//! `statx` answer from the kernel, not from a file.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, PROC_SUPER_MAGIC, StatxFlags, fstatfs, openat, statx,
};
use rustix::io::Errno;

/// The inode of procfs's root (`PROC_ROOT_INO`). A folder of procfs bound over `/proc` has another.
const ROOT_INODE: u64 = 1;

/// The most that is read of one file: a mount table of a large host is below it.
const LIMIT: u64 = 16 << 20;

/// How to mend what keeps procfs from being read.
pub(crate) const MEND: &str = "mount the kernel's own procfs at /proc, whole (not subset=pid), \
     and let this process look at it (modes; openat, fstatfs and statx in its seccomp filter); \
     Linux 5.8 or later";

/// The root of a procfs, proven.
pub(crate) struct Procfs {
    root: OwnedFd,
    mount: u64,
    /// Where it is mounted, without symbolic links.
    path: PathBuf,
}

/// Why something is not a procfs to be believed.
pub(crate) enum Fault {
    /// It is there, and no procfs, or not its root.
    NotProcfs(String),
    /// It cannot be looked at.
    Unreadable(String),
}

impl Procfs {
    /// Opens the procfs mounted at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let unreadable =
            |error: io::Error| Fault::Unreadable(format!("{}: {error}", path.display()));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, path, flags, Mode::empty()).map_err(|e| unreadable(e.into()))?;
        let kind = fstatfs(&root).map_err(|e| unreadable(e.into()))?.f_type;
        if kind != PROC_SUPER_MAGIC {
            // A mount point with nothing in it pretends nothing.
            if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) {
                return Err(Fault::Unreadable(format!(
                    "{} is an empty folder: no procfs is mounted there",
                    path.display()
                )));
            }
            return Err(Fault::NotProcfs(format!("a file system of type {kind:#x}")));
        }
        let (inode, mount) = place(&root).map_err(unreadable)?;
        if inode != ROOT_INODE {
            return Err(Fault::NotProcfs(
                "a folder of procfs, not its root".to_owned(),
            ));
        }
        let path = fs::canonicalize(path).map_err(unreadable)?;
        Ok(Self { root, mount, path })
    }

    /// Opens `below`, whatever is mounted on the way. Its last component is not followed.
    pub(crate) fn open_below(&self, below: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(openat(&self.root, below, flags, Mode::empty())?)
    }

    /// The path by which this process sees `below`.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.path.join(below)
    }

    /// Reads a file of this process, such as `mountinfo`, refusing one that is mounted over.
    pub(crate) fn read_own(&self, name: &str) -> Result<String, String> {
        let path = format!("{}/self/{name}", self.path.display());
        let failed = |error: io::Error| format!("{path}: {error}");
        let file = self
            .open_below(&format!("self/{name}"), OFlags::RDONLY)
            .map_err(failed)?;
        let (_, mount) = place(&file).map_err(failed)?;
        if mount != self.mount {
            return Err(format!("{path}: another file is mounted over it"));
        }
        let mut text = String::new();
        fs::File::from(file)
            .take(LIMIT)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Ok(text)
    }
}

/// Inode and mount id of an open file, from the kernel.
pub(crate) fn place(file: impl AsFd) -> io::Result<(u64, u64)> {
    let wanted = StatxFlags::INO | StatxFlags::MNT_ID;
    match statx(file, "", AtFlags::EMPTY_PATH, wanted) {
        Ok(found) if StatxFlags::from_bits_retain(found.stx_mask).contains(wanted) => {
            Ok((found.stx_ino, found.stx_mnt_id))
        }
        Ok(_) | Err(Errno::NOSYS) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this kernel does not tell the mount of an open file (statx, Linux 5.8)",
        )),
        Err(error) => Err(error.into()),
    }
}
