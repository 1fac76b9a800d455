//! The names of entries.

use std::fmt;

use super::secrets;
use crate::error::Error;

/// The most bytes of a whole name.
const MOST_BYTES: usize = 1024;
/// The most bytes of one component: what Linux file systems take (`NAME_MAX`).
const MOST_COMPONENT_BYTES: usize = 255;
/// The most components, so that walking a store has an end.
const MOST_COMPONENTS: usize = 16;

/// The name of an entry: a relative path of plain components, such as `etcd/server-ca.crt`.
///
/// Components are separated by one `/`. None is empty or begins with a dot: `.` and `..` would
/// leave the store, and hidden names are the store's own (lock, journal, staged files).
///
/// ```
/// use fips_certs::store::EntryPath;
///
/// assert_eq!(EntryPath::new("etcd/server-ca.crt")?.as_str(), "etcd/server-ca.crt");
/// assert!(EntryPath::new("../server-ca.crt").is_err());
/// # Ok::<(), fips_certs::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(String);

impl EntryPath {
    /// Judges a name.
    ///
    /// # Errors
    ///
    /// [`Error::Path`] for a name that is empty or absolute, has an empty component or one that
    /// begins with a dot, holds a control character, or is longer than 1024 bytes in all,
    /// 255 bytes in one component or 16 components.
    pub fn new(path: impl Into<String>) -> Result<Self, Error> {
        let path = path.into();
        match flaw(&path) {
            Some(why) => Err(Error::Path { path, why }),
            None => Ok(Self(path)),
        }
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The store's own record of secret entries, which no caller can name.
    pub(super) fn record() -> Self {
        Self(secrets::RECORD.to_owned())
    }

    /// Whether this is the store's own record.
    pub(super) fn is_record(&self) -> bool {
        self.0 == secrets::RECORD
    }

    /// Whether the name alone makes the entry secret.
    pub(super) fn is_key(&self) -> bool {
        self.0.ends_with(".key")
    }

    /// The directories above the entry, outermost first, each by its whole path; the root,
    /// which is the empty one, comes first.
    pub(super) fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::once("").chain(self.0.match_indices('/').map(|(at, _)| &self.0[..at]))
    }

    /// The directory of the entry (empty for the root) and its name there.
    pub(super) fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

fn flaw(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() > MOST_BYTES {
        return Some("it is longer than 1024 bytes");
    }
    if path.starts_with('/') {
        return Some("it is absolute; name it relative to the store");
    }
    if path.contains(char::is_control) {
        return Some("it holds a control character");
    }
    if path.split('/').count() > MOST_COMPONENTS {
        return Some("it has more than 16 components");
    }
    path.split('/').find_map(|component| {
        if component.is_empty() {
            Some("a component of it is empty")
        } else if component.starts_with('.') {
            Some("a component of it begins with a dot; such names are the store's own")
        } else if component.len() > MOST_COMPONENT_BYTES {
            Some("a component of it is longer than 255 bytes")
        } else {
            None
        }
    })
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
