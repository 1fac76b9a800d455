//! Certificate requests (PKCS#10, RFC 2986): read, judged, made.
//!
//! A request is words of somebody else. What it says is read whole or refused; that its maker
//! holds the key is proven ([`CertificateRequest::prove`]); and what may be issued for it is said
//! by a [`SigningRule`] of the one who signs, never by the request.

mod make;
mod parse;
mod pattern;
mod rule;
mod rules;

use std::fmt;

use fips_core::Diagnostic;

use crate::certificate::{FoundName, signature};
use crate::error::Error;
use crate::import::{Reason, algorithm};
use crate::key::{self, KeyType, SubjectKey};
use crate::pem;

pub use rule::{Denied, Grant, SigningRule};
pub use rules::SigningRules;

/// A request as read. That it is genuine is another question: see [`prove`](Self::prove).
#[derive(Clone)]
pub struct CertificateRequest {
    der: Vec<u8>,
    facts: Facts,
}

/// What was read.
#[derive(Clone, Debug)]
struct Facts {
    subject: String,
    /// The attributes of the subject, by type and text.
    attributes: Vec<(String, String)>,
    names: Vec<FoundName>,
    /// The purposes asked for, by the names `check` prints; none where nothing is said.
    purposes: Option<Vec<String>>,
    /// The key usages asked for, as RFC 5280 names them.
    key_usages: Option<Vec<&'static str>>,
    /// Whether it asks to be an authority.
    authority: bool,
    unknown_attributes: Vec<String>,
    unknown_extensions: Vec<String>,
    key_name: String,
    key_allowed: bool,
    key_algorithm: Vec<u8>,
    public_key: Vec<u8>,
    signed: Vec<u8>,
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl CertificateRequest {
    /// Reads one request.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] for bytes that are not one request in DER, from its first byte to its
    /// last.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            facts: parse::facts(der).map_err(|why| Error::Request { why })?,
            der: der.to_vec(),
        })
    }

    /// Reads a PEM file with one request: `CERTIFICATE REQUEST` (RFC 7468 §7), or
    /// `NEW CERTIFICATE REQUEST` as NSS writes it.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] also for a file that holds anything else, such as a key.
    pub fn from_pem(file: &[u8]) -> Result<Self, Error> {
        let refuse = |why| Error::Request { why };
        let sections = pem::sections(file).map_err(refuse)?;
        let [section] = &sections[..] else {
            return Err(refuse(format!(
                "holds {} PEM sections where one request is expected",
                sections.len()
            )));
        };
        match section.label() {
            b"CERTIFICATE REQUEST" | b"NEW CERTIFICATE REQUEST" => {}
            _ => {
                return Err(refuse(format!(
                    "holds a section {} where a CERTIFICATE REQUEST is expected{}",
                    pem::name(section),
                    if pem::name(section).contains("PRIVATE KEY") {
                        "; a private key stays where it was made: send the request alone"
                    } else {
                        ""
                    }
                )));
            }
        }
        let der = section.decode().map_err(|why| refuse(pem::not_pem(why)))?;
        Self::from_der(&der)
    }

    /// The DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// One PEM section `CERTIFICATE REQUEST`.
    pub fn to_pem(&self) -> String {
        std::mem::take(&mut *pem::encode("CERTIFICATE REQUEST", &self.der))
    }

    /// The subject it names, as RFC 4514 writes it.
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// The names it asks for, in words.
    pub fn names(&self) -> Vec<String> {
        self.facts.names.iter().map(ToString::to_string).collect()
    }

    /// The purposes it asks for: `ServerAuth`, `ClientAuth` and so on.
    pub fn usages(&self) -> &[String] {
        self.facts.purposes.as_deref().unwrap_or_default()
    }

    /// Kind and size of its key.
    pub fn key(&self) -> &str {
        &self.facts.key_name
    }

    /// The public key it asks for, as it is encoded in a certificate's BIT STRING.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.facts.public_key
    }

    /// Whether both say the same of the same key, whatever their signatures.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.facts.signed == other.facts.signed
    }

    /// Looks that its maker holds the key, that the key is of a kind that is issued for, and that
    /// it asks for nothing unknown (RFC 2986 §4.2).
    ///
    /// # Errors
    ///
    /// [`Error::Import`] with every reason against it.
    pub fn prove(self, diagnostic: &Diagnostic) -> Result<ProvenRequest, Error> {
        let facts = &self.facts;
        let mut reasons = Vec::new();
        let key_type = key::named(&facts.key_name).ok();
        if !facts.key_allowed {
            reasons.push(Reason::Key {
                found: facts.key_name.clone(),
            });
        } else if key_type.is_none() {
            reasons.push(Reason::KeyNotIssued {
                found: facts.key_name.clone(),
            });
        }
        let scheme = signature::scheme(&facts.signature_algorithm, &facts.key_algorithm);
        let known = signature::is_signature_algorithm(&facts.signature_algorithm);
        match scheme {
            Some(scheme) if facts.key_allowed => {
                let key = &facts.public_key;
                let held = diagnostic.verify(scheme, key, &facts.signed, &facts.signature);
                if held.is_err() {
                    reasons.push(Reason::Possession);
                }
            }
            None if facts.key_allowed || !known => reasons.push(Reason::SignatureAlgorithm {
                found: algorithm::name(&facts.signature_algorithm),
            }),
            // The key's kind alone makes it unverifiable, and is said above.
            Some(_) | None => {}
        }
        let attributes = facts.unknown_attributes.iter().cloned();
        reasons.extend(attributes.map(|oid| Reason::UnknownAttribute { oid }));
        let extensions = facts.unknown_extensions.iter().cloned();
        reasons.extend(extensions.map(|oid| Reason::UnknownExtension { oid }));
        match key_type {
            Some(key_type) if reasons.is_empty() => Ok(ProvenRequest {
                request: self,
                key_type,
            }),
            _ => Err(Error::Import {
                what: format!("the request of `{}`", self.subject()),
                reasons,
            }),
        }
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateRequest")
            .field("subject", &self.facts.subject)
            .field("names", &self.facts.names)
            .field("key", &self.facts.key_name)
            .finish_non_exhaustive()
    }
}

impl PartialEq for CertificateRequest {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for CertificateRequest {}

/// A request whose maker holds the key, which is of a kind that is issued for. Only
/// [`CertificateRequest::prove`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenRequest {
    request: CertificateRequest,
    key_type: KeyType,
}

impl ProvenRequest {
    /// The request.
    pub fn request(&self) -> &CertificateRequest {
        &self.request
    }
}

impl SubjectKey for ProvenRequest {
    fn key_type(&self) -> Result<KeyType, Error> {
        Ok(self.key_type)
    }

    fn public_key(&self) -> &[u8] {
        self.request.public_key()
    }
}
