//! What can go wrong, and how to mend it.

use std::io;
use std::path::PathBuf;

/// Why a PKI could not be made, read, checked or renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was being done: "read", "create", "rename to".
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The store's journal cannot be understood.
    #[error(
        "the journal {path} cannot be used ({why}); restore the folder from a backup, or remove \
         the journal after checking that every key fits its certificate",
        path = path.display()
    )]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another process holds the store.
    #[error(
        "{path} is locked by {holder}; wait for it to finish, or stop it",
        path = path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as far as is known.
        holder: String,
    },
    /// A file is open to more users than its content allows.
    #[error(
        "{path} has mode {found:04o}, at most {allowed:04o} is allowed; run chmod {allowed:04o} on it",
        path = path.display()
    )]
    Mode {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        found: u32,
        /// The loosest mode allowed.
        allowed: u32,
    },
    /// A folder was expected.
    #[error("{path} is not a directory; name the folder that holds the PKI", path = path.display())]
    NotADirectory {
        /// What was named.
        path: PathBuf,
    },
    /// A name that cannot be an entry of a store.
    #[error("{path:?} cannot be an entry of a store: {why}")]
    Path {
        /// The name.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The store was opened for reading.
    #[error("the store was opened for reading only; open it for writing to change it")]
    ReadOnly,
}
