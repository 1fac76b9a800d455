//! Where a PIN or a passphrase comes from: never the command line or the environment, which
//! others read.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::Error;

/// The longest secret taken.
const MOST_BYTES: usize = 4096;

/// Where a secret is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A credential of the service, by its name below `$CREDENTIALS_DIRECTORY`
    /// (systemd.exec(5), `LoadCredential=` and `LoadCredentialEncrypted=`).
    Credential(String),
    /// A descriptor that this process was started with, such as 3 of `3<file`.
    Descriptor(u32),
    /// A file that group and others cannot read.
    File(PathBuf),
}

impl SecretSource {
    /// Reads the secret, without the line break at its end.
    ///
    /// A pipe gives its content once.
    ///
    /// # Errors
    ///
    /// [`Error::Secret`] when it cannot be read, is empty or longer than 4096 bytes; for a
    /// terminal; and for a file that others can read.
    pub fn read(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.content().map_err(|why| Error::Secret {
            from: self.to_string(),
            why,
        })
    }

    fn content(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        // systemd's access list shows as the group's bits.
        let (path, loosest) = match self {
            Self::Credential(name) => (credential(name)?, 0o740),
            Self::Descriptor(1 | 2) => return Err("it is for output".into()),
            Self::Descriptor(number) => (PathBuf::from(format!("/proc/self/fd/{number}")), 0o700),
            Self::File(path) => (path.clone(), 0o700),
        };
        let file =
            open(&path, matches!(self, Self::Descriptor(_))).map_err(|error| match self {
                Self::Descriptor(number) if error.kind() == ErrorKind::NotFound => {
                    format!("it is not open: open it in the shell ({number}<FILE)")
                }
                _ => error.to_string(),
            })?;
        if file.is_terminal() {
            return Err(
                "it is a terminal, which would show the secret; use a pipe or a file".into(),
            );
        }
        let status = file.metadata().map_err(|error| error.to_string())?;
        let mode = status.mode() & 0o777;
        if status.is_dir() {
            return Err("it is a directory".into());
        }
        if status.is_file() && mode & !loosest != 0 {
            return Err(format!(
                "it has mode {mode:04o}, so others can read or change it; run chmod 0600 on it"
            ));
        }
        trimmed(file)
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(name) => write!(f, "the credential {name:?}"),
            Self::Descriptor(number) => write!(f, "the file descriptor {number}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

fn credential(name: &str) -> Result<PathBuf, String> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err("that is no name of a credential".into());
    }
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or(
        "CREDENTIALS_DIRECTORY is not set: systemd sets it for a service with LoadCredential=",
    )?;
    Ok(Path::new(&folder).join(name))
}

fn open(path: &Path, follow: bool) -> io::Result<File> {
    let mut options = File::options();
    // A descriptor is named by a link in procfs; a secret's file is none.
    let flags = if follow {
        rustix::fs::OFlags::empty()
    } else {
        rustix::fs::OFlags::NOFOLLOW
    } | rustix::fs::OFlags::NOCTTY;
    options.read(true).custom_flags(flags.bits().cast_signed());
    options.open(path)
}

fn trimmed(mut file: File) -> Result<Zeroizing<Vec<u8>>, String> {
    // One buffer, so that no copy is left behind where it grew.
    let mut secret = Zeroizing::new(vec![0; MOST_BYTES + 2]);
    let mut length = 0;
    while length < secret.len() {
        match file.read(&mut secret[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    for ending in [b'\n', b'\r'] {
        if length > 0 && secret[length - 1] == ending {
            length -= 1;
        }
    }
    if length == 0 {
        return Err("it is empty".into());
    }
    if length > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    secret.truncate(length);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn one_line_break_is_no_part_of_the_secret() {
        for (content, secret) in [
            (&b"1234"[..], &b"1234"[..]),
            (b"1234\n", b"1234"),
            (b"1234\r\n", b"1234"),
            (b"1234\n\n", b"1234\n"),
            (b" 12 34 ", b" 12 34 "),
        ] {
            let (_folder, path) = file(content, 0o600);
            assert_eq!(SecretSource::File(path).read().unwrap().as_slice(), secret);
        }
    }

    #[test]
    fn what_others_can_read_or_nobody_can_is_refused() {
        let refused = |source: SecretSource, why: &str| {
            let error = source.read().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(!error.contains("hush"), "{error}");
        };
        for mode in [0o640, 0o604, 0o620, 0o602, 0o644] {
            let (_folder, path) = file(b"hush", mode);
            refused(SecretSource::File(path.clone()), "chmod");
            let opened = File::open(&path).unwrap();
            let number = u32::try_from(opened.as_raw_fd()).unwrap();
            refused(SecretSource::Descriptor(number), "chmod");
        }
        refused(SecretSource::File("/nowhere/secret".into()), "No such file");
        for content in [&b""[..], b"\n", b"\r\n"] {
            let (_folder, path) = file(content, 0o600);
            refused(SecretSource::File(path), "empty");
        }
        let (_folder, path) = file(&vec![b'h'; MOST_BYTES + 1], 0o600);
        refused(SecretSource::File(path), "more than");
        let (folder, path) = file(b"hush", 0o600);
        refused(SecretSource::File(folder.path().into()), "directory");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        refused(SecretSource::File(link), "symbolic link");
        for name in ["", ".", "..", "../secret", "/etc/passwd"] {
            refused(SecretSource::Credential(name.into()), "no name");
        }
        refused(SecretSource::Descriptor(2), "output");
        refused(SecretSource::Descriptor(u32::MAX), "not open");
    }

    #[test]
    fn a_descriptor_of_a_pipe_is_read() {
        let (reader, mut writer) = io::pipe().unwrap();
        io::Write::write_all(&mut writer, b"hush\n").unwrap();
        drop(writer);
        let number = u32::try_from(reader.as_raw_fd()).unwrap();
        let secret = SecretSource::Descriptor(number).read().unwrap();
        assert_eq!(secret.as_slice(), b"hush");
        let again = SecretSource::Descriptor(number).read().unwrap_err();
        assert!(again.to_string().contains("empty"), "{again}");
    }
}
