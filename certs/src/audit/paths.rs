//! The entries of the log in a store.

use crate::error::Error;
use crate::store::EntryPath;

/// The folder of the log.
const FOLDER: &str = "fips/audit/";
const SEGMENT_END: &str = ".jsonl";

/// Whether `path` is in the folder of the log.
pub(crate) fn holds(path: &EntryPath) -> bool {
    path.as_str().starts_with(FOLDER)
}

/// The head.
pub(super) fn head() -> Result<EntryPath, Error> {
    EntryPath::new(format!("{FOLDER}head.json"))
}

/// The file number `number`, counted from 1.
pub(super) fn segment(number: u64) -> Result<EntryPath, Error> {
    EntryPath::new(format!("{FOLDER}{number:08}{SEGMENT_END}"))
}

/// What the first change that is logged writes besides.
pub(crate) fn first_files() -> Result<[EntryPath; 2], Error> {
    Ok([segment(1)?, head()?])
}

/// The number of the file of lines at `path`, when it is one.
pub(super) fn number(path: &EntryPath) -> Option<u64> {
    let name = path.as_str().strip_prefix(FOLDER)?;
    let digits = name.strip_suffix(SEGMENT_END)?;
    let number = digits.parse().ok()?;
    // One name for each number: no sign, no missing or further zeros.
    (number > 0 && digits == format!("{number:08}")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_name() {
        for number_ in [1, 9, 99_999_999, 100_000_000, u64::MAX] {
            assert_eq!(number(&segment(number_).unwrap()), Some(number_));
        }
        for name in [
            "fips/audit/00000000.jsonl",
            "fips/audit/+0000001.jsonl",
            "fips/audit/0000001.jsonl",
            "fips/audit/000000001.jsonl",
            "fips/audit/00000001.json",
            "fips/audit/00000001.jsonl.jsonl",
            "fips/audit/x/00000001.jsonl",
            "fips/00000001.jsonl",
            "fips/audit/head.json",
        ] {
            assert_eq!(number(&EntryPath::new(name).unwrap()), None, "{name}");
        }
    }
}
