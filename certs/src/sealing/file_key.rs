//! The key of a key file: 32 bytes that wrap other keys.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use base64ct::{Base64, Encoding};
use fips_core::{Boundary, random};
use rustix::fs::{FileType, Mode, OFlags};
use zeroize::Zeroizing;

use super::{Leftover, NewFile, SealingFault};
use crate::error::Error;

/// Bytes of a key.
const KEY_LEN: usize = 32;
/// The same in base64.
const BASE64_LEN: usize = 44;
/// The largest file that is looked at: a key with blanks around it.
const MOST_BYTES: usize = 256;

/// A key that wraps the keys of sealed things; wiped when dropped.
pub struct FileKey(Zeroizing<Vec<u8>>);

impl FileKey {
    /// Makes a key from the module's DRBG.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`].
    pub fn generate(boundary: &Boundary) -> Result<Self, Error> {
        let mut key = Zeroizing::new(vec![0; KEY_LEN]);
        boundary
            .still_open()
            .and_then(|()| random::fill(&mut key))
            .map_err(|source| Error::Crypto {
                action: "make a key",
                source,
            })?;
        Ok(Self(key))
    }

    /// Reads the text of a key file: 32 bytes as 64 hexadecimal digits or as base64
    /// (RFC 4648 §4), white space around them.
    ///
    /// # Errors
    ///
    /// [`SealingFault::KeyFile`].
    ///
    /// # Security
    ///
    /// A key that was not made in an approved module is weaker than it looks:
    /// [`generate`](Self::generate) makes one inside.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let text = text.trim_ascii();
        let mut key = Zeroizing::new(vec![0; KEY_LEN]);
        let whole = match text.len() {
            BASE64_LEN => Base64::decode(text, &mut key).is_ok_and(|key| key.len() == KEY_LEN),
            64 => text
                .chunks_exact(2)
                .zip(key.iter_mut())
                .all(
                    |(digits, byte)| match (digit(digits[0]), digit(digits[1])) {
                        (Some(high), Some(low)) => {
                            *byte = high << 4 | low;
                            true
                        }
                        _ => false,
                    },
                ),
            _ => false,
        };
        if whole {
            Ok(Self(key))
        } else {
            Err(SealingFault::KeyFile.into())
        }
    }

    /// Reads a key file, which nobody but its owner may read or write.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Mode`] for one open to others; [`Error::NotAFile`];
    /// [`SealingFault::KeyFile`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let fail = |action, source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        };
        // Without NONBLOCK, opening a FIFO would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let descriptor = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| fail("open", errno.into()))?;
        let stat = rustix::fs::fstat(&descriptor).map_err(|errno| fail("stat", errno.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::NotAFile {
                path: path.to_owned(),
                found: "something else",
            });
        }
        let found = stat.st_mode & 0o7777;
        if found & 0o077 != 0 {
            return Err(Error::Mode {
                path: path.to_owned(),
                found,
                allowed: 0o600,
            });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
        File::from(descriptor)
            .take(MOST_BYTES as u64 + 1)
            .read_to_end(&mut text)
            .map_err(|source| fail("read", source))?;
        if text.len() > MOST_BYTES {
            return Err(SealingFault::KeyFile.into());
        }
        Self::parse(&text)
    }

    /// Writes the key as a new file of mode 0600, in base64. What is there is never written
    /// over.
    ///
    /// # Errors
    ///
    /// As [`NewFile::create`] and [`NewFile::commit`].
    pub fn write_new(&self, path: &Path) -> Result<(), Error> {
        let mut line = Zeroizing::new([b'\n'; BASE64_LEN + 1]);
        Base64::encode(&self.0, &mut line[..BASE64_LEN]).map_err(|_| SealingFault::KeyFile)?;
        let mut file = NewFile::create(path, false, Leftover::Nothing)?;
        file.write_all(&line[..]).map_err(|source| Error::Io {
            action: "write",
            path: path.to_owned(),
            source,
        })?;
        file.commit()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

    #[test]
    fn both_texts_give_the_same_key_and_others_none() {
        let expected: Vec<u8> = (0..32).collect();
        for text in [
            BASE64.to_owned(),
            format!("{BASE64}\n"),
            format!(" {HEX}\r\n"),
        ] {
            assert_eq!(FileKey::parse(text.as_bytes()).unwrap().bytes(), expected);
        }
        for text in [
            "",
            &BASE64[1..],
            &HEX[2..],
            &BASE64.replace('=', "A"),
            &BASE64.replace('B', "!"),
            &HEX.replace('f', "g"),
            &format!("{HEX}00"),
        ] {
            let error = FileKey::parse(text.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Sealing(SealingFault::KeyFile)));
        }
    }

    #[test]
    fn a_file_open_to_others_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, BASE64).unwrap();
        for (mode, taken) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(FileKey::read(&path).is_ok(), taken, "{mode:o}");
        }
        assert!(FileKey::read(folder.path()).is_err());
        assert!(FileKey::read(&folder.path().join("none")).is_err());
        let long = folder.path().join("long");
        FileKey::parse(BASE64.as_bytes())
            .unwrap()
            .write_new(&long)
            .unwrap();
        fs::write(&long, format!("{BASE64}{}", " ".repeat(MOST_BYTES))).unwrap();
        assert!(FileKey::read(&long).is_err());
    }

    #[test]
    fn a_new_file_is_its_owner_s_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = FileKey::parse(HEX.as_bytes()).unwrap();
        key.write_new(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(FileKey::read(&path).unwrap().bytes(), key.bytes());
        let other = FileKey::parse(BASE64.replace('H', "I").as_bytes()).unwrap();
        assert!(other.write_new(&path).is_err());
        assert_eq!(FileKey::read(&path).unwrap().bytes(), key.bytes());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
