//! One file, read again and again.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fips_core::digest::{Algorithm, digest};
use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

use crate::error::Error;

/// A larger file is read when the system says that it changed, or at every tenth look.
const ALWAYS_READ: u64 = 1 << 20;
const LOOKS: u32 = 10;

/// A file below some size, and what was last seen of it.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    most: u64,
    last: Option<Stamp>,
    looks: u32,
}

/// What a change of the content changes as well, unless it comes within a tick of the system's
/// clock: so nothing but skipping a large file rests on it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

pub(super) struct Content {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) digest: [u8; 32],
    /// Permission bits.
    pub(super) mode: u32,
    /// When it was last written to, where the file system tells.
    pub(super) modified: Option<SystemTime>,
}

impl Content {
    /// How long it has not been written to.
    pub(super) fn age(&self) -> Duration {
        let since = self.modified.map(|modified| modified.elapsed());
        since.and_then(Result::ok).unwrap_or_default()
    }
}

impl Watch {
    pub(super) fn new(path: PathBuf, most: u64) -> Self {
        Self {
            path,
            most,
            last: None,
            looks: 0,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The content; `None` where it is surely that of the last look.
    pub(super) fn look(&mut self) -> Result<Option<Content>, Error> {
        let result = self.open_and_read();
        if result.is_err() {
            self.last = None;
        }
        result.map_err(|source| Error::File {
            path: self.path.clone(),
            source,
        })
    }

    /// The content, in any case.
    pub(super) fn read(&mut self) -> Result<Content, Error> {
        self.last = None;
        // Nothing was seen before, so that nothing is left out.
        self.look()?.ok_or_else(|| Error::File {
            path: self.path.clone(),
            source: io::ErrorKind::UnexpectedEof.into(),
        })
    }

    fn open_and_read(&mut self) -> io::Result<Option<Content>> {
        // Opening a pipe would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = File::from(rustix::fs::open(&self.path, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file: put a file in its place",
            ));
        }
        let size = metadata.len();
        if size > self.most {
            return Err(self.too_large());
        }
        let stamp = Stamp {
            place: (metadata.dev(), metadata.ino()),
            size,
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        self.looks += 1;
        let same = self.last.as_ref() == Some(&stamp);
        if same && size > ALWAYS_READ && !self.looks.is_multiple_of(LOOKS) {
            return Ok(None);
        }
        let bytes = self.bytes(file, size)?;
        let digest = digest(Algorithm::Sha256, &bytes)
            .ok()
            .and_then(|digest| digest.as_ref().try_into().ok())
            .ok_or_else(|| io::Error::other("the module does not digest it"))?;
        self.last = Some(stamp);
        Ok(Some(Content {
            bytes,
            digest,
            mode: metadata.mode() & 0o7777,
            modified: metadata.modified().ok(),
        }))
    }

    /// A file that grows meanwhile is read as far as it was long, and once more by the next look:
    /// so no buffer grows and leaves a part of a key behind.
    fn bytes(&self, file: File, size: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let room = usize::try_from(size).map_err(|_| self.too_large())?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn too_large(&self) -> io::Error {
        let why = format!("larger than {} bytes", self.most);
        io::Error::new(io::ErrorKind::FileTooLarge, why)
    }
}
