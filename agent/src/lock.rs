//! One agent a directory.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use crate::error::Error;

/// The lock file's name, hidden from the store.
const NAME: &str = ".fips-agent-lock";

/// The right to keep a directory, for as long as this lives. The store's own lock is taken for
/// each change alone, so that commands can change it between.
#[derive(Debug)]
pub struct AgentLock {
    file: File,
}

impl AgentLock {
    /// Takes it, without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyKept`]; [`Error::Io`].
    pub fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(NAME);
        let failed = |action: &str, source: std::io::Error| Error::Io {
            action: format!("{action} {}", path.display()),
            source,
        };
        let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(flags)
            .open(&path)
            .map_err(|source| failed("open", source))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let read = (&mut file).take(32).read_to_string(&mut text);
                let holder = match (read, text.trim().parse::<u32>()) {
                    (Ok(_), Ok(id)) => format!("process {id}"),
                    _ => "another process".to_owned(),
                };
                return Err(Error::AlreadyKept { path, holder });
            }
            Err(errno) => return Err(failed("lock", errno.into())),
        }
        // Only for the message.
        let _ = file
            .rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        Ok(Self { file })
    }

    /// Whether an agent keeps `dir` now.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when that cannot be found out.
    pub fn held(dir: &Path) -> Result<bool, Error> {
        let path = dir.join(NAME);
        let failed = |source: std::io::Error| Error::Io {
            action: format!("look at {}", path.display()),
            source,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(errno) => Err(failed(errno.into())),
        }
    }
}

impl Drop for AgentLock {
    fn drop(&mut self) {
        // A child that was forked and has not reached its exec would keep it.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_never_keep_one_directory() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!AgentLock::held(folder.path()).unwrap());
        let lock = AgentLock::take(folder.path()).unwrap();
        assert!(AgentLock::held(folder.path()).unwrap());
        let told = AgentLock::take(folder.path()).unwrap_err().to_string();
        assert!(told.contains(&std::process::id().to_string()), "{told}");
        drop(lock);
        assert!(!AgentLock::held(folder.path()).unwrap());
        AgentLock::take(folder.path()).unwrap();
    }
}
