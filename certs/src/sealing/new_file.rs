//! A file that is seen only once it is whole.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::error::Error;

/// How hidden names begin.
const PART: &str = ".fips-part-";

/// What may be left beside the target when the process is killed before its file is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// Nothing: for plaintext and keys. Needs a file system with unnamed files (`O_TMPFILE`).
    Nothing,
    /// A hidden file with a part of it, where the file system has no unnamed ones: for what is
    /// sealed.
    Part,
}

/// A new file, mode 0600 unless said otherwise, that has no name until [`commit`](Self::commit).
/// Dropped without that, or killed, nothing of it stays. One exception: there is no step that
/// replaces a file by one without a name, so it has a hidden name for a moment before it takes the
/// place of another. Killed there, it is removed by the next new file in its folder.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    folder: OwnedFd,
    name: OsString,
    path: PathBuf,
    replace: bool,
    /// Its name so far, where it needs one.
    part: Option<String>,
    /// How many hidden files were removed that killed processes had left.
    swept: usize,
}

impl NewFile {
    /// Begins the file at `path`. With `replace` it takes the place of a regular file there.
    ///
    /// # Errors
    ///
    /// [`Error::FileExists`]; [`Error::NotAFile`] for what is never replaced; [`Error::Mode`]
    /// where the file system keeps no modes; [`Error::Io`].
    pub fn create(path: &Path, replace: bool, leftover: Leftover) -> Result<Self, Error> {
        Self::with_mode(path, replace, leftover, Mode::RUSR | Mode::WUSR)
    }

    /// Begins a new file at `path` that everybody may read, as far as the umask lets them.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_public(path: &Path) -> Result<Self, Error> {
        Self::with_mode(path, false, Leftover::Part, Mode::from_raw_mode(0o644))
    }

    fn with_mode(
        path: &Path,
        replace: bool,
        leftover: Leftover,
        mode: Mode,
    ) -> Result<Self, Error> {
        let fail = |action, errno: Errno| failed(action, path, errno);
        let (Some(name), Some(parent)) = (path.file_name(), path.parent()) else {
            return Err(Error::NotAFile {
                path: path.to_owned(),
                found: "a directory",
            });
        };
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(parent, flags, Mode::empty())
            .map_err(|errno| failed("open", parent, errno))?;
        match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
                return Err(Error::NotAFile {
                    path: path.to_owned(),
                    found: "something else",
                });
            }
            Ok(_) if !replace => {
                return Err(Error::FileExists {
                    path: path.to_owned(),
                });
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(fail("stat", errno)),
        }
        let swept = sweep(&folder);
        if swept > 0 {
            tracing::warn!(folder = %parent.display(), swept, "killed processes had left files");
        }
        let unnamed = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        let (descriptor, part) = match rustix::fs::openat(&folder, ".", unnamed, mode) {
            Ok(descriptor) => {
                // Where a file system has no locks, nothing is swept either.
                let _ = hold(&descriptor);
                (descriptor, None)
            }
            // Also EISDIR, from kernels that do not know the flag.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => match leftover {
                Leftover::Nothing => {
                    let source = io::Error::new(
                        io::ErrorKind::Unsupported,
                        "this file system has no unnamed files (O_TMPFILE), and plaintext must \
                         not be left behind: choose a folder on ext4, xfs, btrfs or tmpfs",
                    );
                    return Err(failed_io("create", path, source));
                }
                Leftover::Part => {
                    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                    let open = |part: &str| {
                        let descriptor = rustix::fs::openat(&folder, part, flags, mode)?;
                        let is_ours = hold(&descriptor) != Err(Errno::WOULDBLOCK);
                        // Between the two calls another process may have swept it away.
                        if is_ours && rustix::fs::fstat(&descriptor)?.st_nlink > 0 {
                            Ok(descriptor)
                        } else {
                            Err(Errno::EXIST)
                        }
                    };
                    with_part_name(open)
                        .map(|(descriptor, part)| (descriptor, Some(part)))
                        .map_err(|errno| fail("create a part of", errno))?
                }
            },
            Err(errno) => return Err(fail("create", errno)),
        };
        let new = Self {
            file: File::from(descriptor),
            folder,
            name: name.to_owned(),
            path: path.to_owned(),
            replace,
            part,
            swept,
        };
        let stat = rustix::fs::fstat(&new.file).map_err(|errno| fail("stat", errno))?;
        let found = stat.st_mode & 0o7777;
        // vfat and some network file systems give every file to all.
        if leftover == Leftover::Nothing && found & 0o077 != 0 {
            return Err(Error::Mode {
                path: path.to_owned(),
                found,
                allowed: 0o600,
            });
        }
        Ok(new)
    }

    /// How many hidden files were removed from its folder that killed processes had left there.
    pub fn swept(&self) -> usize {
        self.swept
    }

    /// Makes the content last, then gives the file its name, in one step. After an error a file
    /// that was to be new is not there.
    ///
    /// # Errors
    ///
    /// [`Error::FileExists`] when something has appeared there meanwhile; [`Error::Io`].
    pub fn commit(mut self) -> Result<(), Error> {
        self.file
            .sync_all()
            .map_err(|source| failed_io("sync", &self.path, source))?;
        self.name_it().map_err(|errno| match errno {
            Errno::EXIST => Error::FileExists {
                path: self.path.clone(),
            },
            errno => failed("give the new file its name", &self.path, errno),
        })?;
        rustix::fs::fsync(&self.folder).map_err(|errno| {
            if !self.replace {
                // Told of failure, nobody looks for a file there.
                let _ = rustix::fs::unlinkat(&self.folder, &*self.name, AtFlags::empty());
            }
            failed("sync the folder of", &self.path, errno)
        })
    }

    fn name_it(&mut self) -> Result<(), Errno> {
        let (folder, name) = (&self.folder, &self.name);
        match (&self.part, self.replace) {
            (None, false) => self.link(name),
            (None, true) => {
                // Whole and lasting by now, so a second name is no risk; there is no link that
                // replaces.
                let ((), beside) = with_part_name(|beside| self.link(OsStr::new(beside)))?;
                rustix::fs::renameat(folder, &*beside, folder, name).inspect_err(|_| {
                    let _ = rustix::fs::unlinkat(folder, &*beside, AtFlags::empty());
                })
            }
            (Some(part), true) => {
                rustix::fs::renameat(folder, &**part, folder, name)?;
                self.part = None;
                Ok(())
            }
            (Some(part), false) => {
                match rustix::fs::linkat(folder, &**part, folder, name, AtFlags::empty()) {
                    // The part goes when this is dropped.
                    Ok(()) => Ok(()),
                    Err(Errno::PERM | Errno::OPNOTSUPP) => {
                        let flags = RenameFlags::NOREPLACE;
                        rustix::fs::renameat_with(folder, &**part, folder, name, flags)?;
                        self.part = None;
                        Ok(())
                    }
                    Err(errno) => Err(errno),
                }
            }
        }
    }

    fn link(&self, name: &OsStr) -> Result<(), Errno> {
        let unnamed = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        rustix::fs::linkat(CWD, &*unnamed, &self.folder, name, AtFlags::SYMLINK_FOLLOW)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            let _ = rustix::fs::unlinkat(&self.folder, &**part, AtFlags::empty());
        }
    }
}

/// Marks an open file as one that is worked on, as long as the process lives.
fn hold(file: impl AsFd) -> Result<(), Errno> {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)
}

/// Removes the hidden files that nobody works on any more, and counts them. What cannot be looked
/// at stays: others' files in a common folder.
fn sweep(folder: &OwnedFd) -> usize {
    let Ok(entries) = Dir::read_from(folder) else {
        return 0;
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let remove = |name: &CStr| {
        let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
        if kind != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        hold(&file)?;
        rustix::fs::unlinkat(folder, name, AtFlags::empty())
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_bytes().starts_with(PART.as_bytes()))
        .filter(|entry| remove(entry.file_name()).is_ok())
        .count()
}

/// Does something with a name that is not taken: killed processes may have left some.
fn with_part_name<T>(mut make: impl FnMut(&str) -> Result<T, Errno>) -> Result<(T, String), Errno> {
    for attempt in 0..100 {
        let part = format!("{PART}{}-{attempt}", std::process::id());
        match make(&part) {
            Err(Errno::EXIST) => {}
            made => return made.map(|made| (made, part)),
        }
    }
    Err(Errno::EXIST)
}

fn failed(action: &'static str, path: &Path, errno: Errno) -> Error {
    failed_io(action, path, errno.into())
}

fn failed_io(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for leftover in [Leftover::Nothing, Leftover::Part] {
            let mut new = NewFile::create(&path, false, leftover).unwrap();
            new.write_all(b"content").unwrap();
            assert!(names(folder.path()).is_empty());
            drop(new);
            assert!(names(folder.path()).is_empty());
        }
        let mut new = NewFile::create(&path, false, Leftover::Nothing).unwrap();
        new.write_all(b"content").unwrap();
        new.commit().unwrap();
        assert_eq!(names(folder.path()), ["file"]);
        assert_eq!(fs::read(&path).unwrap(), b"content");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
    }

    #[test]
    fn what_is_there_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        // It appears while the new one is written.
        let new = NewFile::create(&path, false, Leftover::Nothing).unwrap();
        fs::write(&path, b"old").unwrap();
        assert!(matches!(new.commit(), Err(Error::FileExists { .. })));
        let refused = NewFile::create(&path, false, Leftover::Nothing);
        assert!(matches!(refused, Err(Error::FileExists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"old");

        let mut new = NewFile::create(&path, true, Leftover::Nothing).unwrap();
        new.write_all(b"new").unwrap();
        new.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn what_killed_processes_left_goes_and_what_is_worked_on_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let named = |name: &str| folder.path().join(name);
        fs::write(named(".fips-part-1-0"), b"left").unwrap();
        fs::write(named(".fips-parts"), b"another's").unwrap();
        fs::create_dir(named(".fips-part-2-0")).unwrap();
        symlink(".fips-parts", named(".fips-part-3-0")).unwrap();
        let busy = File::create(named(".fips-part-4-0")).unwrap();
        hold(&busy).unwrap();
        let new = NewFile::create(&path, true, Leftover::Nothing).unwrap();
        assert_eq!(new.swept(), 1);
        let kept = [
            ".fips-part-2-0",
            ".fips-part-3-0",
            ".fips-part-4-0",
            ".fips-parts",
        ];
        assert_eq!(names(folder.path()), kept);

        // Its own hidden name is safe from others.
        new.link(OsStr::new(".fips-part-5-0")).unwrap();
        let other = NewFile::create(&path, true, Leftover::Nothing).unwrap();
        assert_eq!(other.swept(), 0);
    }

    #[test]
    fn links_folders_and_devices_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/dev/null", &link).unwrap();
        for path in [
            &*link,
            folder.path(),
            Path::new("/dev/null"),
            Path::new("/"),
        ] {
            let refused = NewFile::create(path, true, Leftover::Part);
            assert!(matches!(refused, Err(Error::NotAFile { .. })), "{path:?}");
        }
        let nowhere = folder.path().join("none/file");
        assert!(NewFile::create(&nowhere, true, Leftover::Part).is_err());
    }

    #[test]
    fn plaintext_is_refused_where_a_part_of_it_could_stay() {
        // procfs has no unnamed files.
        let refused = NewFile::create(Path::new("/proc/file"), false, Leftover::Nothing);
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("O_TMPFILE"), "{error}");
    }

    /// A file system without unnamed files: the parts that `O_TMPFILE` would spare.
    #[test]
    fn a_part_with_a_name_goes_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let begin = |replace| {
            let mut new = NewFile::create(&path, replace, Leftover::Part).unwrap();
            let part = folder.path().join(".fips-part-x");
            new.file = File::create_new(&part).unwrap();
            new.part = Some(".fips-part-x".to_owned());
            new.write_all(b"content").unwrap();
            new
        };
        drop(begin(false));
        assert!(names(folder.path()).is_empty());
        for replace in [false, true] {
            begin(replace).commit().unwrap();
            assert_eq!(names(folder.path()), ["file"]);
        }
        assert_eq!(fs::read(&path).unwrap(), b"content");
    }
}
