//! An open directory: every operation is relative to its descriptor and follows no link.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::change::Secrecy;
use super::disk::{Disk, Operation};
use super::journal::JOURNAL;
use crate::error::Error;

/// The most bytes of one entry: far above a certificate list of any real size, low enough that
/// a wrong file does not fill the memory.
pub(super) const MOST_ENTRY_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes of the journal: a step of a rotation is one change, which writes each leaf below
/// the authority, certificate and key; of some hundred thousand of those it has to tell. Tests of
/// this crate fill a smaller one.
pub(super) const MOST_JOURNAL_BYTES: usize = if cfg!(test) { 1 << 20 } else { 256 << 20 };

/// The mode of a new directory.
const DIRECTORY_MODE: u32 = 0o700;
/// Whoever may write to a directory can put another file in a key's place.
const DIRECTORY_LOOSEST: u32 = 0o755;

/// An open directory.
#[derive(Debug)]
pub(super) struct Folder {
    disk: Disk,
    descriptor: OwnedFd,
    /// For messages only: the directory may have been moved since.
    path: PathBuf,
}

impl Folder {
    /// Opens the root of a store. Links on the way to it are followed: where the store lives
    /// is the operator's to say; what lies inside is the store's.
    pub(super) fn open_root(path: &Path, disk: Disk) -> Result<Self, Error> {
        let opened = disk
            .before(Operation::Open, path)
            .and_then(|()| open_directory(CWD, path, OFlags::empty()));
        match opened {
            Ok(descriptor) => Self::checked(disk, descriptor, path.to_owned()),
            Err(Errno::NOTDIR) => Err(Error::NotADirectory {
                path: path.to_owned(),
            }),
            Err(errno) => Err(failed("open", path, errno)),
        }
    }

    /// Makes the directory `path` and those above it that are missing, each 0700 and lasting.
    pub(super) fn make_root(path: &Path, disk: &Disk) -> Result<(), Error> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Self::make_root(parent, disk)?;
        let made = disk
            .before(Operation::MakeDirectory, path)
            .and_then(|()| rustix::fs::mkdir(path, Mode::from_raw_mode(DIRECTORY_MODE)));
        match made {
            // There already: a directory, or the opening says what.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed("create", path, errno)),
        }
        disk.before(Operation::Sync, parent)
            .and_then(|()| open_directory(CWD, parent, OFlags::empty()))
            .and_then(rustix::fs::fsync)
            .map_err(|errno| failed("sync", parent, errno))
    }

    /// The directory `name` in this one, when there is one.
    pub(super) fn child(&self, name: &str) -> Result<Option<Self>, Error> {
        let path = self.path.join(name);
        let opened = self
            .disk
            .before(Operation::Open, &path)
            .and_then(|()| open_directory(&self.descriptor, Path::new(name), OFlags::NOFOLLOW));
        match opened {
            Ok(descriptor) => Self::checked(self.disk.clone(), descriptor, path).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::NOTDIR | Errno::LOOP) => match self.kind(name)? {
                Some(FileType::Symlink) => Err(Error::NotAFile {
                    path,
                    found: describe(FileType::Symlink),
                }),
                _ => Err(Error::NotADirectory { path }),
            },
            Err(errno) => Err(failed("open", &path, errno)),
        }
    }

    /// The directory at the relative path `below` (empty: this one), when there is one.
    pub(super) fn descend(&self, below: &str) -> Result<Option<Self>, Error> {
        let mut at = self.again()?;
        for component in below.split('/').filter(|component| !component.is_empty()) {
            match at.child(component)? {
                Some(child) => at = child,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Makes the directory `name` in this one, 0700; whether it was missing.
    pub(super) fn make_child(&self, name: &str) -> Result<bool, Error> {
        let path = self.path.join(name);
        let made = self
            .disk
            .before(Operation::MakeDirectory, &path)
            .and_then(|()| {
                let mode = Mode::from_raw_mode(DIRECTORY_MODE);
                rustix::fs::mkdirat(&self.descriptor, name, mode)
            });
        match made {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(failed("create", &path, errno)),
        }
    }

    /// The refusal of a file `name` that no reading would take.
    pub(super) fn too_large(&self, name: &str) -> Error {
        Error::TooLarge {
            path: self.path.join(name),
            limit: MOST_ENTRY_BYTES,
        }
    }

    /// Writes the new file `name` and makes its content last.
    ///
    /// The file is created with its final mode, never changed after, so there is no moment at
    /// which others may read a key. The umask can only take bits away. What the file system
    /// made of the mode is looked at before the first byte is written: one without modes
    /// (vfat, some network mounts) would leave a key open to all.
    pub(super) fn create(&self, name: &str, secrecy: Secrecy, content: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        let mode = secrecy.mode();
        let fail = |action, errno| failed(action, &path, errno);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let descriptor = self
            .disk
            .before(Operation::Create, &path)
            .and_then(|()| self.open(name, flags, mode))
            .map_err(|errno| fail("create", errno))?;
        let found = self
            .disk
            .before(Operation::Stat, &path)
            .and_then(|()| rustix::fs::fstat(&descriptor))
            .map_err(|errno| fail("stat", errno))?
            .st_mode
            & 0o7777;
        if found & !mode != 0 {
            return Err(Error::Mode {
                path,
                found,
                allowed: mode,
            });
        }
        if found & 0o600 != 0o600 {
            // A umask that bars the owner: the file could not be read or renewed later.
            return Err(fail("create for its owner (see umask)", Errno::ACCESS));
        }
        let mut file = File::from(descriptor);
        if let Err(errno) = self.disk.before(Operation::Write, &path) {
            // What a full disk or a killed process leaves: a part.
            #[cfg(test)]
            let _ = file.write_all(&content[..content.len() / 2]);
            return Err(fail("write", errno));
        }
        file.write_all(content)
            .map_err(|source| failed_io("write", &path, source))?;
        self.disk
            .before(Operation::Sync, &path)
            .map_err(io::Error::from)
            .and_then(|()| file.sync_all())
            .map_err(|source| failed_io("sync", &path, source))
    }

    /// The whole content of the plain file `name`, when there is one; refused when others may
    /// write to it, or read it though it is secret.
    pub(super) fn read(
        &self,
        name: &str,
        secrecy: Secrecy,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let path = self.path.join(name);
        // Without NONBLOCK, opening a FIFO would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = self
            .disk
            .before(Operation::Open, &path)
            .and_then(|()| self.open(name, flags, 0));
        let descriptor = match opened {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(None),
            // A symbolic link, or what cannot be opened at all (a socket).
            Err(errno @ (Errno::LOOP | Errno::NXIO)) => {
                return Err(match self.kind(name)? {
                    Some(kind) => Error::NotAFile {
                        path,
                        found: describe(kind),
                    },
                    None => failed("open", &path, errno),
                });
            }
            Err(errno) => return Err(failed("open", &path, errno)),
        };
        let stat = self
            .disk
            .before(Operation::Stat, &path)
            .and_then(|()| rustix::fs::fstat(&descriptor))
            .map_err(|errno| failed("stat", &path, errno))?;
        let size = plain_file(&path, &stat, secrecy)?;
        self.disk
            .before(Operation::Read, &path)
            .map_err(|errno| failed("read", &path, errno))?;
        // One allocation of the final size: a growing buffer leaves copies that are not wiped.
        let mut content = Zeroizing::new(vec![0; size + 1]);
        let mut file = File::from(descriptor);
        let mut filled = 0;
        while filled < content.len() {
            match file.read(&mut content[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(failed_io("read", &path, source)),
            }
        }
        if filled != size {
            let source = io::Error::other("the file changed while it was read");
            return Err(failed_io("read", &path, source));
        }
        content.truncate(size);
        Ok(Some(content))
    }

    /// The state of `name` itself, when it is there: a link is not followed.
    pub(super) fn stat(&self, name: &str) -> Result<Option<Stat>, Error> {
        let path = self.path.join(name);
        let stat = self
            .disk
            .before(Operation::Stat, &path)
            .and_then(|()| rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW));
        match stat {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed("stat", &path, errno)),
        }
    }

    /// What `name` is, when it is there.
    fn kind(&self, name: &str) -> Result<Option<FileType>, Error> {
        let stat = self.stat(name)?;
        Ok(stat.map(|stat| FileType::from_raw_mode(stat.st_mode)))
    }

    /// Whether `name` is there; refused when it is anything but a plain file.
    pub(super) fn has_file(&self, name: &str) -> Result<bool, Error> {
        match self.kind(name)? {
            None => Ok(false),
            Some(FileType::RegularFile) => Ok(true),
            Some(kind) => Err(Error::NotAFile {
                path: self.path.join(name),
                found: describe(kind),
            }),
        }
    }

    /// Renames within this directory, over what is there.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let path = self.path.join(to);
        self.disk
            .before(Operation::Rename, &path)
            .and_then(|()| rustix::fs::renameat(&self.descriptor, from, &self.descriptor, to))
            .map_err(|errno| failed("rename the new file to", &path, errno))
    }

    /// Removes the file `name`; whether it was there.
    pub(super) fn unlink(&self, name: &str) -> Result<bool, Error> {
        let path = self.path.join(name);
        let removed = self
            .disk
            .before(Operation::Unlink, &path)
            .and_then(|()| rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()));
        match removed {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed("remove", &path, errno)),
        }
    }

    /// Removes the directory `name`, which must be empty.
    pub(super) fn remove_child(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        self.disk
            .before(Operation::RemoveDirectory, &path)
            .and_then(|()| rustix::fs::unlinkat(&self.descriptor, name, AtFlags::REMOVEDIR))
            .map_err(|errno| failed("remove", &path, errno))
    }

    /// Makes the names in this directory last.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.disk
            .before(Operation::Sync, &self.path)
            .and_then(|()| rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.descriptor)))
            .map_err(|errno| failed("sync", &self.path, errno))
    }

    /// The names in this directory and what each is, sorted.
    pub(super) fn names(&self) -> Result<Vec<(String, FileType)>, Error> {
        let fail = |errno| failed("list", &self.path, errno);
        self.disk
            .before(Operation::List, &self.path)
            .map_err(fail)?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(name) = entry.file_name().to_str() else {
                return Err(Error::Path {
                    path: self
                        .path
                        .join(&*entry.file_name().to_string_lossy())
                        .display()
                        .to_string(),
                    why: "it is not UTF-8",
                });
            };
            let kind = match entry.file_type() {
                // Some file systems do not tell it in the listing.
                FileType::Unknown => match self.kind(name)? {
                    Some(kind) => kind,
                    None => continue,
                },
                kind => kind,
            };
            names.push((name.to_owned(), kind));
        }
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(names)
    }

    /// Where `name` is, for messages.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens `name` in this directory.
    pub(super) fn open(&self, name: &str, flags: OFlags, mode: u32) -> Result<OwnedFd, Errno> {
        let mode = Mode::from_raw_mode(mode);
        rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags | OFlags::CLOEXEC, mode)
        })
    }

    /// A second handle on the same directory.
    fn again(&self) -> Result<Self, Error> {
        let descriptor = self
            .disk
            .before(Operation::Open, &self.path)
            .and_then(|()| open_directory(&self.descriptor, Path::new("."), OFlags::empty()))
            .map_err(|errno| failed("open", &self.path, errno))?;
        Ok(Self {
            disk: self.disk.clone(),
            descriptor,
            path: self.path.clone(),
        })
    }

    fn checked(disk: Disk, descriptor: OwnedFd, path: PathBuf) -> Result<Self, Error> {
        let stat = disk
            .before(Operation::Stat, &path)
            .and_then(|()| rustix::fs::fstat(&descriptor))
            .map_err(|errno| failed("stat", &path, errno))?;
        let found = stat.st_mode & 0o7777;
        if found & 0o022 != 0 {
            return Err(Error::Mode {
                path,
                found,
                allowed: DIRECTORY_LOOSEST,
            });
        }
        Ok(Self {
            disk,
            descriptor,
            path,
        })
    }
}

fn open_directory(parent: impl AsFd, path: &Path, more: OFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | more;
    rustix::io::retry_on_intr(|| rustix::fs::openat(&parent, path, flags, Mode::empty()))
}

/// The size of a plain file no looser and no larger than allowed.
fn plain_file(path: &Path, stat: &Stat, secrecy: Secrecy) -> Result<usize, Error> {
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind != FileType::RegularFile {
        return Err(Error::NotAFile {
            path: path.to_owned(),
            found: describe(kind),
        });
    }
    let found = stat.st_mode & 0o7777;
    let barred = match secrecy {
        Secrecy::Public => 0o022,
        Secrecy::Secret => 0o077,
    };
    if found & barred != 0 {
        return Err(Error::Mode {
            path: path.to_owned(),
            found,
            allowed: secrecy.mode(),
        });
    }
    let limit = if path.file_name().is_some_and(|name| name == JOURNAL) {
        MOST_JOURNAL_BYTES
    } else {
        MOST_ENTRY_BYTES
    };
    match usize::try_from(stat.st_size) {
        Ok(size) if size <= limit => Ok(size),
        _ => Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        }),
    }
}

fn describe(kind: FileType) -> &'static str {
    match kind {
        FileType::BlockDevice | FileType::CharacterDevice => "a device",
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::RegularFile => "a plain file",
        FileType::Socket => "a socket",
        FileType::Symlink => "a symbolic link",
        FileType::Unknown => "of an unknown kind",
    }
}

pub(super) fn failed(action: &'static str, path: &Path, errno: Errno) -> Error {
    failed_io(action, path, errno.into())
}

fn failed_io(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
