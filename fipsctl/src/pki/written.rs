//! New files outside of a PKI: made with their mode, never over something, all or none.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// Files made so far; removed again when dropped before [`keep`](Self::keep).
#[derive(Default)]
pub(super) struct NewFiles(Vec<PathBuf>);

impl NewFiles {
    /// Writes a file that everybody may read.
    pub(super) fn public(&mut self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        self.write(path, content, 0o644)
    }

    /// Writes a file that its owner alone may read.
    pub(super) fn secret(&mut self, path: &Path, content: &[u8]) -> Result<(), Failure> {
        self.write(path, content, 0o600)
    }

    fn write(&mut self, path: &Path, content: &[u8], mode: u32) -> Result<(), Failure> {
        let failed = |action| {
            move |source| Failure::File {
                action,
                path: path.to_owned(),
                source,
            }
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .map_err(failed("create"))?;
        self.0.push(path.to_owned());
        file.write_all(content)
            .and_then(|()| file.sync_all())
            .map_err(failed("write"))
    }

    /// Makes them stay, also through a crash of the machine.
    pub(super) fn keep(mut self) -> Result<(), Failure> {
        for path in std::mem::take(&mut self.0) {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|source| Failure::File {
                    action: "sync",
                    path: folder.to_owned(),
                    source,
                })?;
        }
        Ok(())
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in &self.0 {
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
