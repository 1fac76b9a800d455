//! What stands before sealed data: the format, what it is for, and how its key comes back.

mod bytes;

use std::io::{self, Read};

use fips_core::key_wrap::{Cipher, KeyEncryptionKey, Mode};
use fips_core::seal::{self, SealingKey};
use fips_core::{Boundary, Opening, digest, pbkdf2, random};
use zeroize::Zeroizing;

use super::{Binding, Passphrase, SealingFault, Secret};
use crate::error::{Error, GateMismatch};

const VERSION: u16 = 1;
/// Bytes of a data key under AES key wrap.
const WRAPPED_LEN: usize = seal::KEY_LEN + 8;
/// A sealed message of nothing: nonce and tag.
const PROOF_LEN: usize = seal::OVERHEAD;

/// Which of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Envelope,
    Stream,
}

impl Form {
    const ALL: [Self; 2] = [Self::Envelope, Self::Stream];

    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Envelope => b"FIPSENVL",
            Self::Stream => b"FIPSSEAL",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "an envelope of fips-boundary",
            Self::Stream => "a sealed stream of fips-boundary",
        }
    }
}

/// The header of something sealed.
///
/// # Security
///
/// [`inspect`](Self::inspect) reads it without a key: nothing of it is authenticated until the
/// thing is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    binding: Binding,
    evaluation: bool,
    form: Form,
    protection: Protection,
}

/// What the key of a sealed thing comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealedUnder {
    /// A key file.
    FileKey,
    /// A passphrase.
    Passphrase {
        /// Iterations of PBKDF2-HMAC-SHA-256.
        iterations: u32,
    },
}

/// What is kept of the data key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Protection {
    FileKey {
        wrapped: [u8; WRAPPED_LEN],
    },
    Passphrase {
        salt: [u8; pbkdf2::SALT_LEN],
        iterations: u32,
    },
}

/// A header and the key behind it.
pub(super) struct Keyed {
    pub(super) key: SealingKey,
    /// The header as it is stored, its proof included.
    pub(super) bytes: Vec<u8>,
    /// SHA-256 of these, which binds every chunk to them.
    pub(super) hash: digest::Digest,
}

impl Header {
    /// Reads the header alone, of a stream or of an envelope's content. Needs no key and no
    /// open gate.
    ///
    /// # Errors
    ///
    /// [`Error::Stream`]; [`SealingFault::NotSealed`], [`SealingFault::Version`],
    /// [`SealingFault::Header`], [`SealingFault::Iterations`],
    /// [`SealingFault::TruncatedHeader`].
    pub fn inspect(input: impl Read) -> Result<Self, Error> {
        Ok(Self::read(input, &Form::ALL)?.0)
    }

    /// The version of the format.
    pub fn version(&self) -> u16 {
        VERSION
    }

    /// What it was sealed for.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Whether it was sealed under evaluation.
    pub fn is_evaluation(&self) -> bool {
        self.evaluation
    }

    /// Whether it is an envelope; else it is a stream.
    pub fn is_envelope(&self) -> bool {
        self.form == Form::Envelope
    }

    /// What its key comes from.
    pub fn sealed_under(&self) -> SealedUnder {
        match self.protection {
            Protection::FileKey { .. } => SealedUnder::FileKey,
            Protection::Passphrase { iterations, .. } => SealedUnder::Passphrase { iterations },
        }
    }

    /// Whether it can be what is expected, under that kind of secret, at a gate opened like
    /// that: all that can be told without the key.
    ///
    /// # Errors
    ///
    /// [`SealingFault::Purpose`], [`SealingFault::Cluster`], [`SealingFault::KeySource`];
    /// [`Error::Gate`].
    pub fn admit(
        &self,
        expected: &Binding,
        secret: &Secret,
        opening: Option<Opening>,
    ) -> Result<(), Error> {
        match (self.evaluation, opening) {
            (true, Some(Opening::Strict)) => {
                return Err(Error::Gate(GateMismatch::SealedUnderEvaluation));
            }
            (false, Some(Opening::Evaluation)) => {
                return Err(Error::Gate(GateMismatch::SealedUnderStrictGate));
            }
            _ => {}
        }
        self.binding.admit(expected)?;
        match (&self.protection, secret) {
            (Protection::FileKey { .. }, Secret::FileKey(_))
            | (Protection::Passphrase { .. }, Secret::Passphrase(_)) => Ok(()),
            (protection, secret) => Err(SealingFault::KeySource {
                sealed: protection.kind(),
                given: secret.kind(),
            }
            .into()),
        }
    }

    /// A new header, with a key that nothing else was sealed under.
    pub(super) fn create(
        boundary: &Boundary,
        form: Form,
        binding: &Binding,
        secret: &Secret,
    ) -> Result<Keyed, Error> {
        let (protection, data_key) = match secret {
            Secret::FileKey(file_key) => {
                let mut data_key = Zeroizing::new(vec![0; seal::KEY_LEN]);
                random::fill(&mut data_key).map_err(sealing)?;
                let wrapped =
                    KeyEncryptionKey::from_bytes(boundary, Cipher::Aes256, file_key.bytes())
                        .and_then(|key| key.wrap_key(Mode::Kw, &data_key))
                        .map_err(sealing)?;
                // KW of 32 bytes gives 40 (SP 800-38F §6.2).
                let wrapped = wrapped.try_into().map_err(|_| SealingFault::Header {
                    why: "the wrapped key has another length",
                })?;
                (Protection::FileKey { wrapped }, data_key)
            }
            Secret::Passphrase(passphrase) => {
                let iterations = passphrase.iterations();
                let (salt, data_key) = pbkdf2::derive_new(
                    digest::Algorithm::Sha256,
                    passphrase.bytes(),
                    iterations,
                    seal::KEY_LEN,
                )
                .map_err(sealing)?;
                (Protection::Passphrase { salt, iterations }, data_key)
            }
        };
        let header = Self {
            binding: binding.clone(),
            evaluation: boundary.status().opening() == Opening::Evaluation,
            form,
            protection,
        };
        let mut bytes = header.encode();
        let key = SealingKey::from_bytes(boundary, &data_key).map_err(sealing)?;
        let proof = key.seal(&bytes, &[]).map_err(sealing)?;
        bytes.extend(proof);
        Keyed::new(key, bytes)
    }

    /// Reads a header of `form`, judges it, and takes its key back.
    pub(super) fn open(
        boundary: &Boundary,
        form: Form,
        expected: &Binding,
        secret: &Secret,
        mut input: impl Read,
    ) -> Result<Keyed, Error> {
        let (header, mut bytes) = Self::read(&mut input, &[form])?;
        header.admit(expected, secret, Some(boundary.status().opening()))?;
        let mut proof = [0; PROOF_LEN];
        bytes::exactly(&mut input, &mut proof)?;
        let (data_key, wrong) = match (&header.protection, secret) {
            (Protection::FileKey { wrapped }, Secret::FileKey(file_key)) => (
                unwrap(boundary, file_key.bytes(), wrapped)?,
                SealingFault::WrongKey,
            ),
            (Protection::Passphrase { salt, iterations }, Secret::Passphrase(passphrase)) => (
                derive(passphrase, salt, *iterations)?,
                SealingFault::WrongPassphrase,
            ),
            (protection, secret) => {
                return Err(SealingFault::KeySource {
                    sealed: protection.kind(),
                    given: secret.kind(),
                }
                .into());
            }
        };
        let key = SealingKey::from_bytes(boundary, &data_key).map_err(opening)?;
        match key.open(&bytes, &proof) {
            Ok(_) => {}
            Err(fips_core::Error::Module { .. }) => return Err(wrong.into()),
            Err(source) => return Err(opening(source)),
        }
        bytes.extend(proof);
        Keyed::new(key, bytes)
    }
}

impl Protection {
    const fn kind(&self) -> &'static str {
        match self {
            Self::FileKey { .. } => "a key file",
            Self::Passphrase { .. } => "a passphrase",
        }
    }
}

impl Keyed {
    fn new(key: SealingKey, bytes: Vec<u8>) -> Result<Self, Error> {
        let hash = digest::digest(digest::Algorithm::Sha256, &bytes).map_err(sealing)?;
        Ok(Self { key, bytes, hash })
    }
}

fn unwrap(
    boundary: &Boundary,
    file_key: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = KeyEncryptionKey::from_bytes(boundary, Cipher::Aes256, file_key).map_err(opening)?;
    match key.unwrap_key(Mode::Kw, wrapped) {
        Ok(data_key) => Ok(data_key),
        Err(fips_core::Error::Module { .. }) => Err(SealingFault::WrongKey.into()),
        Err(source) => Err(opening(source)),
    }
}

fn derive(
    passphrase: &Passphrase,
    salt: &[u8],
    iterations: u32,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    pbkdf2::derive(
        digest::Algorithm::Sha256,
        passphrase.bytes(),
        salt,
        iterations,
        seal::KEY_LEN,
    )
    .map_err(opening)
}

pub(super) fn sealing(source: fips_core::Error) -> Error {
    Error::Crypto {
        action: "seal",
        source,
    }
}

pub(super) fn opening(source: fips_core::Error) -> Error {
    Error::Crypto {
        action: "open what is sealed",
        source,
    }
}

pub(super) fn reading(source: io::Error) -> Error {
    Error::Stream {
        action: "read the input",
        source,
    }
}
