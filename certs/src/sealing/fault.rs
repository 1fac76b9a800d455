//! Why something could not be sealed or opened.

use super::passphrase::MOST_ITERATIONS;

/// What is wrong with a sealed thing, or with what it was to be sealed or opened by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealingFault {
    /// Something follows the end.
    #[error("bytes follow its end: something was appended; nothing of it is to be used")]
    Appended,
    /// A chunk does not authenticate.
    #[error(
        "chunk {chunk} does not authenticate: it was changed, or belongs to another file; nothing \
         of it is to be used"
    )]
    Changed {
        /// Its number, from 0.
        chunk: u64,
    },
    /// Sealed for another cluster.
    #[error("it was sealed for {sealed}, and {expected} is expected; name the cluster it is of")]
    Cluster {
        /// The cluster it names.
        sealed: String,
        /// The one expected.
        expected: String,
    },
    /// A header that no release writes.
    #[error("its header cannot be understood: {why}; it was changed, or is of a later release")]
    Header {
        /// What is wrong with it.
        why: &'static str,
    },
    /// More or fewer iterations than are taken.
    #[error(
        "{found} iterations of PBKDF2; from 1000 (SP 800-132 §5.2) to {MOST_ITERATIONS} are taken"
    )]
    Iterations {
        /// Iterations asked for.
        found: u32,
    },
    /// What k3s stores has another form.
    #[error(
        "it is not in the form k3s stores bootstrap data in: {why}; give the value of the key \
         /bootstrap/..., as it is"
    )]
    K3sForm {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The token does not open what k3s stored.
    #[error(
        "the token does not open it, or it was changed; of a token K10...::USER:SECRET k3s takes \
         the SECRET alone"
    )]
    K3sToken,
    /// A key file that holds no key.
    #[error(
        "the key file does not hold a key: 32 bytes are expected, as 64 hexadecimal digits or 44 \
         characters of base64, in one line"
    )]
    KeyFile,
    /// Sealed under the other kind of key.
    #[error("it was sealed under {sealed}, and {given} was given")]
    KeySource {
        /// What it was sealed under.
        sealed: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// A name that cannot be bound to.
    #[error("the {what} must have 1 to 255 visible ASCII characters, no spaces")]
    Name {
        /// Which one.
        what: &'static str,
    },
    /// Not of this crate.
    #[error("it is not sealed: it does not begin as {expected} does")]
    NotSealed {
        /// What was expected.
        expected: &'static str,
    },
    /// A chunk in the place of another.
    #[error(
        "chunk {found} stands where chunk {expected} belongs: chunks were moved, doubled or left \
         out; nothing of it is to be used"
    )]
    Order {
        /// The number that belongs there.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// A passphrase too short or too long.
    #[error("the passphrase has {found} bytes; 14 (112 bits) to 1024 are taken")]
    PassphraseLength {
        /// Its bytes.
        found: usize,
    },
    /// Text in which there is no sealed thing.
    #[error("it is not a text with one section {label}: {why}")]
    Pem {
        /// The label expected.
        label: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Sealed for another purpose.
    #[error("it was sealed as `{sealed}`, and `{expected}` is expected; name what it is")]
    Purpose {
        /// The purpose it names.
        sealed: String,
        /// The one expected.
        expected: String,
    },
    /// More than an envelope takes.
    #[error("{found} bytes are more than the {most} an envelope takes; seal them as a stream")]
    TooLarge {
        /// Bytes given.
        found: usize,
        /// The most bytes.
        most: usize,
    },
    /// It ends before its end.
    #[error(
        "it ends inside or after chunk {after}, before its last chunk: it was cut off; nothing of \
         it is to be used"
    )]
    Truncated {
        /// Whole chunks that were read.
        after: u64,
    },
    /// It ends inside its header.
    #[error("it ends inside its header: it was cut off")]
    TruncatedHeader,
    /// A version this release does not read.
    #[error("it has version {found} of the format, and this release reads version 1 alone")]
    Version {
        /// The version it names.
        found: u16,
    },
    /// The key file's key does not open it.
    #[error(
        "the key of the key file does not open it: it is another key, or the header was changed"
    )]
    WrongKey,
    /// The passphrase does not open it.
    #[error("the passphrase does not open it: it is another one, or the header was changed")]
    WrongPassphrase,
}
