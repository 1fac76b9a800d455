//! What can go wrong, and how to mend it.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use rustix::io::Errno;

use crate::csr::Denied;
use crate::import::{Reason, in_one_line};
use crate::sealing::SealingFault;
use crate::store::EntryPath;
use crate::token::TokenRefused;

/// What helps against an answer of the operating system, to stand behind it: empty where the answer
/// says it all.
pub fn remedy(answer: &io::Error) -> &'static str {
    // The kinds also where another said more about the answer; these two have none.
    match (
        answer.kind(),
        answer.raw_os_error().map(Errno::from_raw_os_error),
    ) {
        (ErrorKind::QuotaExceeded, _) => "; raise the quota or remove files, and do it again",
        (ErrorKind::ReadOnlyFilesystem, _) => {
            "; mount its file system writable (mount -o remount,rw), and do it again"
        }
        (ErrorKind::StorageFull, _) => {
            "; make room on its file system (df, df -i), and do it again"
        }
        (_, Some(Errno::MFILE)) => {
            "; raise the limit of open files (ulimit -n, LimitNOFILE=), and do it again"
        }
        (_, Some(Errno::NFILE)) => {
            "; raise the system's limit of open files (fs.file-max), and do it again"
        }
        _ => "",
    }
}

/// Why a PKI could not be made, read, checked or renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The authority cannot sign what was asked for.
    #[error("{authority} cannot issue: {why}")]
    Authority {
        /// Subject of the authority.
        authority: String,
        /// Why not, and how to mend it.
        why: String,
    },
    /// The audit log cannot be continued, so that nothing is done either.
    #[error(
        "the audit log cannot be continued at {path}: {why}; see what pki audit verify finds, and \
         restore fips/audit from a backup"
    )]
    Audit {
        /// The entry.
        path: EntryPath,
        /// What is wrong with it.
        why: String,
    },
    /// The options of a catalogue do not make sense.
    #[error("catalogue option `{option}`: {why}")]
    Catalogue {
        /// The option.
        option: String,
        /// What is wrong with it.
        why: String,
    },
    /// A catalogue written as TOML does not make sense.
    #[error("catalogue file, line {line}: {why}")]
    CatalogueFile {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// Bytes that are no certificate this crate reads.
    #[error("not a usable certificate: {why}")]
    Certificate {
        /// What is wrong with them.
        why: String,
    },
    /// Another change came between reading and writing.
    #[error("{path} was changed by another in between; nothing was done: do it again")]
    Changed {
        /// The entry.
        path: EntryPath,
    },
    /// The module refused or failed.
    #[error("cannot {action}: {source}")]
    Crypto {
        /// What was being done.
        action: &'static str,
        /// The module's answer.
        source: fips_core::Error,
    },
    /// A certificate could not be encoded.
    #[error("the certificate for {subject} could not be encoded: {why}")]
    Encode {
        /// Its subject.
        subject: String,
        /// What the encoder answered.
        why: String,
    },
    /// Something is there already.
    #[error(
        "{path} exists already; a PKI is never written over: remove it or choose another folder"
    )]
    Exists {
        /// The entry.
        path: EntryPath,
    },
    /// A file is there already, and may not be replaced.
    #[error("{path} exists already; choose another name, or ask for it to be replaced", path = path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// The gate of this process, and the PKI's record or a sealed thing's header, do not fit.
    #[error("{0}")]
    Gate(GateMismatch),
    /// Something foreign is refused.
    #[error("{what} is refused: {}", in_one_line(.reasons))]
    Import {
        /// What it is.
        what: String,
        /// Every reason.
        reasons: Vec<Reason>,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}{}", remedy(source), path = path.display())]
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
    /// Bytes that are no private key this crate takes.
    #[error("not a usable private key: {why}")]
    Key {
        /// What is wrong with them.
        why: String,
    },
    /// An authority's key cannot be sealed, or unsealed.
    #[error("the key of {authority} stays as it is: {why}")]
    KeyForm {
        /// The authority's name.
        authority: String,
        /// Why, and how to mend it.
        why: String,
    },
    /// Text that names no key on a token.
    #[error("not a usable PKCS#11 URI: {why}")]
    KeyUri {
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
    /// A name that cannot stand in a certificate.
    #[error("{name:?} cannot be a name in a certificate: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The store holds no audit log.
    #[error(
        "{path} is not there: this program logged nothing in this folder; name the folder that \
         holds the PKI"
    )]
    NoAuditLog {
        /// The head that was looked for.
        path: EntryPath,
    },
    /// A sealed key, and nothing to open it with.
    #[error("{key} is sealed, or shall be, and nobody named a passphrase or a key file; name one")]
    NoSecret {
        /// The key's file.
        key: EntryPath,
    },
    /// The store holds no PKI of this crate.
    #[error(
        "{path} is not there: this program made no PKI in this folder; make one first. One that \
         another program made is looked at with --layout (Pki::adopt) and taken over by `fipsctl \
         pki adopt` (Pki::take_over)"
    )]
    NoPki {
        /// The record that was looked for.
        path: EntryPath,
    },
    /// A rule does not allow what a request asks for.
    #[error("rule {rule:?} does not allow the request of `{subject}`: {}", in_one_line(.reasons))]
    NotAuthorised {
        /// Whom the request names.
        subject: String,
        /// The rule.
        rule: String,
        /// Every reason.
        reasons: Vec<Denied>,
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
    /// A regular file was expected.
    #[error(
        "{path} is {found}, not a regular file; move it away",
        path = path.display()
    )]
    NotAFile {
        /// What was found in its place.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A renewal policy that makes no sense.
    #[error("the renewal policy cannot be used: {why}")]
    Policy {
        /// What is wrong with it.
        why: String,
    },
    /// What was written could not be confirmed when read back; the old set is untouched.
    #[error("{path} was written but does not hold when read back: {why}; nothing was changed")]
    ReadBack {
        /// The entry.
        path: EntryPath,
        /// What is wrong.
        why: String,
    },
    /// The store was opened for reading.
    #[error("the store was opened for reading only; open it for writing to change it")]
    ReadOnly,
    /// The linked module may not even look at certificates.
    #[error(transparent)]
    Refused(Box<fips_core::Refusal>),
    /// The record of the PKI cannot be understood.
    #[error("the record {path} cannot be used: {why}; restore it from a backup")]
    Record {
        /// The record.
        path: EntryPath,
        /// What is wrong with it.
        why: String,
    },
    /// Bytes that are no certificate request this crate reads.
    #[error("not a usable certificate request: {why}")]
    Request {
        /// What is wrong with them.
        why: String,
    },
    /// Something cannot be revoked.
    #[error("{what} cannot be revoked: {why}")]
    Revocation {
        /// What was to be revoked.
        what: String,
        /// Why not, and how to mend it.
        why: String,
    },
    /// Bytes that are no revocation list this crate takes, or a list that cannot be made.
    #[error("not a usable revocation list: {why}")]
    RevocationList {
        /// What is wrong.
        why: String,
    },
    /// Rules for signing that cannot be used.
    #[error("the rules for signing cannot be used: {why}")]
    Rules {
        /// What is wrong with them.
        why: String,
    },
    /// Something could not be sealed or opened.
    #[error(transparent)]
    Sealing(#[from] SealingFault),
    /// A PIN or a passphrase could not be read.
    #[error("cannot read a secret from {from}: {why}")]
    Secret {
        /// Where it was looked for.
        from: String,
        /// What is wrong.
        why: String,
    },
    /// A step of a rotation cannot be taken.
    #[error("the rotation of {name}: {why}")]
    Rotation {
        /// What is rotated.
        name: String,
        /// Why not, and how to mend it.
        why: String,
    },
    /// The journal of a rotation cannot be understood.
    #[error("the rotation's journal {path} cannot be used: {why}; restore it from a backup")]
    RotationJournal {
        /// The journal.
        path: EntryPath,
        /// What is wrong with it.
        why: String,
    },
    /// A key that is not the module's could not be used.
    #[error("{origin} cannot {action}: {why}")]
    Signer {
        /// Where the key lies.
        origin: String,
        /// What was being done.
        action: &'static str,
        /// What was answered, and how to mend it.
        why: String,
    },
    /// A stream could not be read or written.
    #[error("cannot {action}: {source}{}", remedy(source))]
    Stream {
        /// What was being done.
        action: &'static str,
        /// What the operating system answered.
        source: io::Error,
    },
    /// A join token or a node's password is not taken.
    #[error("refused: {0}")]
    Token(#[from] TokenRefused),
    /// A file is larger than any entry may be.
    #[error("{path} is larger than {limit} bytes, the most an entry may have", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes.
        limit: usize,
    },
    /// A change is longer than the store's journal may be.
    #[error(
        "the change \"{change}\" of {entries} entries is more than the store's journal holds; \
         make fewer at a time. Nothing was changed"
    )]
    ChangeTooLong {
        /// What it was for.
        change: String,
        /// How many entries it makes or removes.
        entries: usize,
    },
    /// A change was decided but not finished; the next opening finishes it.
    #[error(
        "the change of {path} was decided but not finished ({source}); open the store again, \
         which finishes it",
        path = path.display()
    )]
    Unfinished {
        /// The store.
        path: PathBuf,
        /// What stopped it.
        source: Box<Self>,
    },
    /// A name that the catalogue does not have.
    #[error("the catalogue has nothing called {name:?}; it has: {known}")]
    UnknownEntry {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A component that the catalogue does not have.
    #[error("the catalogue has no service {name:?}; it has: {known}")]
    UnknownService {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl From<fips_core::Error> for Error {
    fn from(source: fips_core::Error) -> Self {
        Self::Crypto {
            action: "use the module",
            source,
        }
    }
}

/// Why the gate of this process may not be used on a PKI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateMismatch {
    /// Made under evaluation, and this process is strict.
    #[error(
        "this PKI was made under evaluation, outside of a FIPS kernel; a strict boundary does not \
         use it: make a new one in another folder"
    )]
    MadeUnderEvaluation,
    /// Made under a strict gate, and this process runs an evaluation.
    #[error(
        "this PKI was made under a strict boundary; an evaluation does not touch it: enter the \
         boundary strictly, or evaluate on a PKI of its own"
    )]
    MadeUnderStrictGate,
    /// Sealed under evaluation, and this process is strict.
    #[error(
        "this was sealed under evaluation, outside of a FIPS kernel; a strict boundary does not \
         open it: seal it again from its source"
    )]
    SealedUnderEvaluation,
    /// Sealed under a strict gate, and this process runs an evaluation.
    #[error(
        "this was sealed under a strict boundary; an evaluation does not open it: enter the \
         boundary strictly"
    )]
    SealedUnderStrictGate,
}
