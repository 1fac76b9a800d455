//! Text files of operators: small, and read to their end.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::error::Error;

/// The most bytes of one.
const MOST_BYTES: u64 = 1 << 20;

pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let read = || {
        let mut text = String::new();
        let length = fs::File::open(path)?
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)?;
        if length as u64 > MOST_BYTES {
            let why = format!("larger than {MOST_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(text)
    };
    read().map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_or_of_no_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.toml");
        fs::write(&path, "text").unwrap();
        assert_eq!(read(&path).unwrap(), "text");
        fs::write(&path, [0xff]).unwrap();
        for path in [
            &path,
            Path::new("/dev/zero"),
            &folder.path().join("none"),
            folder.path(),
        ] {
            let error = read(path).unwrap_err();
            assert!(matches!(error, Error::File { .. }), "{error}");
        }
    }
}
