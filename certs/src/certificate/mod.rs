//! A certificate as read: the fields this crate looks at, and its signature.

mod description;
pub(crate) mod name;
pub(crate) mod parse;
pub(crate) mod signature;

use std::fmt;

use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::catalogue::Found;
use crate::error::Error;
use crate::names::SubjectAltName;
use crate::pem;

pub use description::Description;
pub(crate) use name::distinguished_name;
pub(crate) use parse::{content_of_algorithm, judge_key, outer};
pub use signature::NotIssued;
pub(crate) use signature::{is_signature_algorithm, scheme};

/// An X.509 version 3 certificate (RFC 5280), parsed once and whole.
///
/// Parsing judges the form alone. Signature, validity and purpose are separate questions.
#[derive(Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    facts: Facts,
}

/// What was read. Names are written by RFC 4514; other text has its control characters escaped.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) subject: String,
    pub(crate) subject_der: Vec<u8>,
    pub(crate) issuer: String,
    pub(crate) issuer_der: Vec<u8>,
    pub(crate) common_names: Vec<String>,
    pub(crate) organizations: Vec<String>,
    /// Whether the subject or the issuer bears [`fips_core::EVALUATION_MARK`].
    pub(crate) marked: bool,
    pub(crate) serial: Vec<u8>,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
    pub(crate) is_authority: bool,
    pub(crate) path_length: Option<u32>,
    pub(crate) key_usages: Option<KeyUsages>,
    pub(crate) extended_usages: Vec<String>,
    pub(crate) names: Vec<FoundName>,
    pub(crate) constrains_names: bool,
    /// Critical extensions that nobody here acts upon, by their identifiers.
    pub(crate) unknown_critical: Vec<String>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    pub(crate) authority_key_id: Option<Vec<u8>>,
    pub(crate) key_name: String,
    pub(crate) key_allowed: bool,
    pub(crate) key_algorithm: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) tbs: Vec<u8>,
    pub(crate) signature_algorithm: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// Bits of the key usage extension that matter here (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUsages {
    pub(crate) digital_signature: bool,
    pub(crate) key_cert_sign: bool,
    pub(crate) crl_sign: bool,
}

/// A subject alternative name as found; one of another kind is kept as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FoundName {
    Known(SubjectAltName),
    Other(String),
}

impl fmt::Display for FoundName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => name.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Certificate {
    /// Reads one certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] for bytes that are no DER of a certificate, have bytes after it,
    /// extensions twice or of a form RFC 5280 does not give them.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            facts: parse::facts(der).map_err(|why| Error::Certificate { why })?,
            der: CertificateDer::from(der.to_vec()),
        })
    }

    /// Reads every certificate that a kubeconfig embeds: the user's, then its authorities'.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] for what is no kubeconfig, embeds none, or one that cannot be read.
    pub fn from_kubeconfig(file: &[u8]) -> Result<Vec<Self>, Error> {
        let refuse = |why: String| Error::Certificate { why };
        let found = Found::parse(file).map_err(|why| refuse(format!("the kubeconfig {why}")))?;
        let mut certificates = Vec::new();
        for pem in found.certificate.iter().chain(&found.authority) {
            certificates.extend(Self::from_pem(pem)?);
        }
        if certificates.is_empty() {
            let why = "the kubeconfig embeds no certificate, it names files: look at those";
            return Err(refuse(why.to_owned()));
        }
        Ok(certificates)
    }

    /// Reads every certificate of a PEM file, in its order.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] when one cannot be read, when there is none, or when the file
    /// holds anything else, such as a key.
    pub fn from_pem(file: &[u8]) -> Result<Vec<Self>, Error> {
        pem::certificates(file)
            .map_err(|why| Error::Certificate { why })?
            .iter()
            .map(|der| Self::from_der(der))
            .collect()
    }

    /// The DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// One PEM section `CERTIFICATE`.
    pub fn to_pem(&self) -> String {
        std::mem::take(&mut *pem::encode("CERTIFICATE", &self.der))
    }

    /// The subject as RFC 4514 writes it, such as `CN=system:admin,O=system:masters`.
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// The issuer, written likewise.
    pub fn issuer(&self) -> &str {
        &self.facts.issuer
    }

    /// The serial number as OpenSSL prints it: hexadecimal, upper case, two digits a byte.
    pub fn serial(&self) -> String {
        hexadecimal(&self.facts.serial)
    }

    /// The first second of its validity.
    pub fn not_before(&self) -> OffsetDateTime {
        self.facts.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> OffsetDateTime {
        self.facts.not_after
    }

    /// Whether its basic constraints make it an authority.
    pub fn is_authority(&self) -> bool {
        self.facts.is_authority
    }

    /// How many authorities may follow below it; `None` when unlimited.
    pub fn path_length(&self) -> Option<u32> {
        self.facts.path_length
    }

    /// The subject key identifier.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.facts.subject_key_id.as_deref()
    }

    /// The key identifier of the issuer.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.facts.authority_key_id.as_deref()
    }

    /// The public key as in the BIT STRING: a point, or the DER of `RSAPublicKey`.
    pub fn public_key(&self) -> &[u8] {
        &self.facts.public_key
    }

    /// The purposes as `check` prints them: `CertSign`, `CRLSign` for an authority,
    /// `ServerAuth`, `ClientAuth` for a leaf.
    pub fn usages(&self) -> Vec<String> {
        let mut usages = Vec::new();
        if let Some(bits) = self.facts.key_usages {
            if bits.key_cert_sign {
                usages.push("CertSign".to_owned());
            }
            if bits.crl_sign {
                usages.push("CRLSign".to_owned());
            }
        }
        usages.extend(self.facts.extended_usages.iter().cloned());
        usages
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// The content of a DER INTEGER in hexadecimal, two digits a byte.
pub(crate) fn hexadecimal(integer: &[u8]) -> String {
    // DER puts a zero byte before a number whose first bit is set.
    let number = match integer {
        [0, rest @ ..] if !rest.is_empty() => rest,
        number => number,
    };
    data_encoding::HEXUPPER.encode(number)
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.facts.subject)
            .field("issuer", &self.facts.issuer)
            .field("serial", &self.serial())
            .field("not_after", &self.facts.not_after)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}
