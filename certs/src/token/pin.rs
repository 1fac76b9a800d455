//! What a token knows its cluster by.

use std::fmt;

use data_encoding::HEXLOWER;
use fips_core::Diagnostic;
use fips_core::digest::Algorithm;
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::error::Error;

/// The SHA-256 by which k3s names a CA: 64 digits, lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin(String);

impl Pin {
    /// The pin of a CA's file: with one certificate, the SHA-256 of the file as it is; with
    /// more, that of the root's DER, to which the first leads. Where it leads to no root of the
    /// file, that of the file, too.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] for a file that holds other than certificates; a failure of the
    /// module.
    pub fn of_file(diagnostic: &Diagnostic, file: &[u8]) -> Result<Self, Error> {
        let certificates = Certificate::from_pem(file)?;
        match root(diagnostic, &certificates) {
            Some(root) => Self::of_bytes(diagnostic, root.der()),
            None => Self::of_bytes(diagnostic, file),
        }
    }

    pub(super) fn of_bytes(diagnostic: &Diagnostic, bytes: &[u8]) -> Result<Self, Error> {
        let digest = diagnostic.digest(Algorithm::Sha256, bytes)?;
        Ok(Self(HEXLOWER.encode(digest.as_ref())))
    }

    /// Reads 64 digits. Upper case is refused: k3s compares text, and computes lower case.
    pub(super) fn from_digits(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (digits && text.len() == 64).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The root behind the first of `certificates`, as Go's verifier finds it for k3s: over those
/// behind it in any order, none with the name and key of one before it. Dates are not looked at.
fn root<'c>(diagnostic: &Diagnostic, certificates: &'c [Certificate]) -> Option<&'c Certificate> {
    let (first, others) = certificates.split_first()?;
    let mut path = vec![first];
    loop {
        let last = path.last()?;
        let known = |other: &Certificate| {
            path.iter().any(|one| {
                one.facts().subject_der == other.facts().subject_der
                    && one.public_key() == other.public_key()
            })
        };
        let next = others
            .iter()
            .find(|other| !known(other) && last.verify_issued_by(diagnostic, other).is_ok())?;
        if next.verify_issued_by(diagnostic, next).is_ok() {
            return Some(next);
        }
        path.push(next);
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Pin {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_digits(&text).ok_or("a pin is 64 digits of 0-9 and a-f")
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        pin.0
    }
}
