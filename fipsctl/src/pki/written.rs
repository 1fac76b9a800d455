//! New files outside of a PKI: made with their mode, never over something, all or none.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use fips_boundary::certs::sealing::{Leftover, NewFile};

use crate::exit::Failure;

/// Whole files without a name yet, and those named so far; nothing of them stays when dropped
/// before [`keep`](Self::keep), and a process that is killed leaves no half of one.
#[derive(Default)]
pub(super) struct NewFiles {
    unnamed: Vec<(PathBuf, NewFile)>,
    named: Vec<PathBuf>,
}

impl NewFiles {
    /// Writes a file that everybody may read.
    pub(super) fn public(&mut self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        self.write(path, NewFile::create_public(path)?, content)
    }

    /// Writes a file that its owner alone may read.
    pub(super) fn secret(&mut self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        let file = NewFile::create(path, false, Leftover::Nothing)?;
        self.write(path, file, content)
    }

    fn write(&mut self, path: &Path, mut file: NewFile, content: &[u8]) -> Result<(), Failure> {
        file.write_all(content).map_err(|source| Failure::File {
            action: "write",
            path: path.to_owned(),
            source,
        })?;
        self.unnamed.push((path.to_owned(), file));
        Ok(())
    }

    /// Gives them their names in the order they were written, and makes them stay, also through
    /// a crash of the machine.
    pub(super) fn keep(mut self) -> Result<(), Failure> {
        for (path, file) in std::mem::take(&mut self.unnamed) {
            file.commit()?;
            self.named.push(path);
        }
        self.named.clear();
        Ok(())
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in &self.named {
            let _ = fs::remove_file(path);
        }
    }
}

/// Refuses a path that is there already, before any work.
pub(super) fn free(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Failure::File {
            action: "look at",
            path: path.to_owned(),
            source,
        }),
        Ok(_) => Err(Failure::Usage(format!(
            "{} exists already, and nothing is written over: name another file",
            path.display()
        ))),
    }
}

/// Reads a file of bounded size.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    const MOST: u64 = 1 << 20;
    let failed = |source| Failure::File {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut content = Vec::new();
    let file = File::open(path).map_err(failed)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST + 1), &mut content)
        .map_err(failed)?;
    if content.len() as u64 > MOST {
        return Err(Failure::Usage(format!(
            "{} has more than {MOST} bytes: it is no file of certificates, a request or rules",
            path.display()
        )));
    }
    Ok(content)
}
