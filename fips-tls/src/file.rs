//! Files of operators that hold no secret, read to their end, which must come.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::Error;

/// The most bytes of a text, such as rules or a profile.
const MOST_TEXT: u64 = 1 << 20;

/// A file of at most so many bytes.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let read = || {
        let mut content = Vec::new();
        File::open(path)?.take(most + 1).read_to_end(&mut content)?;
        if content.len() as u64 > most {
            let why = format!("larger than {most} bytes: look whether it is the right file");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(content)
    };
    read().map_err(of(path))
}

/// A file of text.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path, MOST_TEXT)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not text in UTF-8"))
        .map_err(of(path))
}

fn of(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_or_of_no_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.toml");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(read_text(&path).unwrap(), "text");
        assert_eq!(read(&path, 4).unwrap(), b"text");
        assert!(read(&path, 3).is_err());
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read(&path, 4).unwrap(), [0xff]);
        for path in [
            &path,
            Path::new("/dev/zero"),
            &folder.path().join("none"),
            folder.path(),
        ] {
            let error = read_text(path).unwrap_err();
            assert!(matches!(error, Error::File { .. }), "{error}");
        }
    }
}
