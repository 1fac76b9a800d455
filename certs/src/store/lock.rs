//! One writer at a time.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::folder::{Folder, failed};
use crate::error::Error;

/// The lock file. It stays when the lock is released: removing it would let a second writer
/// lock a file that the first no longer sees.
pub(super) const LOCK: &str = ".fips-lock";

/// The exclusive lock of a store, released on drop and by the kernel when the process ends.
///
/// `flock` belongs to the open file, so it also keeps two threads of one process apart.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the store at `root`, without waiting.
    pub(super) fn take(root: &Folder) -> Result<Self, Error> {
        let path = root.place(LOCK);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let descriptor: OwnedFd = root
            .open(LOCK, flags, 0o600)
            .map_err(|errno| failed("open", &path, errno))?;
        let mut file = File::from(descriptor);
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let holder = holder(&mut file);
                return Err(Error::Locked { path, holder });
            }
            Err(errno) => return Err(failed("lock", &path, errno)),
        }
        if !still_named(root, &file)? {
            // Removed between our opening and our locking: another may hold the new one.
            let holder = "a process that has just replaced it".to_owned();
            return Err(Error::Locked { path, holder });
        }
        // Only for the message: a full disk must not keep a store from opening.
        let _ = file
            .set_len(0)
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, but for a child process that another thread has forked and that
        // has not reached its exec: its copy of the descriptor would keep the lock.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

/// Whether the lock file still is the one that is open as `file`.
fn still_named(root: &Folder, file: &File) -> Result<bool, Error> {
    let ours = rustix::fs::fstat(file).map_err(|errno| failed("stat", &root.place(LOCK), errno))?;
    let named = root.stat(LOCK)?;
    Ok(named.is_some_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)))
}

/// Who wrote its number into the lock file, if what is there is one.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(32).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(id)) if id == std::process::id() => format!("this process ({id})"),
        (Ok(_), Ok(id)) => format!("process {id}"),
        _ => "another process".to_owned(),
    }
}
