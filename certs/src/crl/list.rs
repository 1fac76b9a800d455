//! A revocation list as read.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use super::parse;
use super::reason::RevocationReason;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::pem;

/// The largest list taken: hundreds of thousands of entries, and no way to fill the memory.
const MOST_BYTES: usize = 16 << 20;

/// A revocation list (RFC 5280 §5.1), parsed once and whole.
///
/// Parsing judges the form alone. Who signed it, whether it is current, and whether it says
/// enough to be used are what [`verify`](Self::verify) asks.
#[derive(Clone)]
pub struct RevocationList {
    der: Vec<u8>,
    facts: Facts,
}

/// What was read. Names are written by RFC 4514.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) issuer: String,
    pub(super) issuer_der: Vec<u8>,
    pub(super) this_update: OffsetDateTime,
    pub(super) next_update: Option<OffsetDateTime>,
    /// In decimal; in hexadecimal after `0x` where it has more than 128 bits.
    pub(super) number: Option<String>,
    pub(super) authority_key_id: Option<Vec<u8>>,
    pub(super) delta: bool,
    pub(super) scope: Scope,
    /// Why it does not say enough: indirect, parts by reason, attribute certificates.
    pub(super) partial: Option<Partial>,
    /// The first critical extension that is not understood, of the list or of an entry.
    pub(super) unknown_critical: Option<String>,
    pub(super) entries: BTreeMap<String, ListedRevocation>,
    pub(super) tbs: Vec<u8>,
    pub(super) signature_algorithm: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// What a list leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partial {
    Attribute,
    Indirect,
    Reasons,
}

/// Which certificates of its issuer a list speaks of (RFC 5280 §5.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every one.
    #[default]
    All,
    /// Those of authorities alone.
    Authorities,
    /// Those of end entities alone.
    Leaves,
}

/// One revoked certificate of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListedRevocation {
    /// The serial number in hexadecimal.
    pub serial: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub revoked_at: OffsetDateTime,
    /// Why; one this crate does not revoke for is [`RevocationReason::Unspecified`].
    pub reason: RevocationReason,
}

impl RevocationList {
    /// Reads one list in DER.
    ///
    /// # Errors
    ///
    /// [`Error::RevocationList`] for bytes that are no DER of a list, have bytes after it, an
    /// extension or a serial number twice, or are more than 16 MiB.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let refuse = |why| Error::RevocationList { why };
        if der.len() > MOST_BYTES {
            return Err(refuse(format!(
                "has {} bytes, more than the {MOST_BYTES} taken",
                der.len()
            )));
        }
        Ok(Self {
            facts: parse::facts(der).map_err(refuse)?,
            der: der.to_vec(),
        })
    }

    /// Reads the one list of a file: DER (RFC 2585 §3), or a PEM section `X509 CRL`.
    ///
    /// # Errors
    ///
    /// As [`from_der`](Self::from_der); for a file with anything else, or several lists.
    pub fn from_file(file: &[u8]) -> Result<Self, Error> {
        if file.first() == Some(&0x30) {
            return Self::from_der(file);
        }
        let refuse = |why| Error::RevocationList { why };
        if file.len() > MOST_BYTES {
            return Err(refuse(format!(
                "has more than the {MOST_BYTES} bytes taken"
            )));
        }
        let sections = fips_core::pem::sections(file)
            .map_err(|why| refuse(format!("is not whole PEM: {why}")))?;
        match &sections[..] {
            [] => Err(refuse(
                "holds neither DER nor a PEM section X509 CRL".into(),
            )),
            [one] if one.label() == b"X509 CRL" => {
                Self::from_der(&one.decode().map_err(|why| refuse(pem::not_pem(why)))?)
            }
            [one] => Err(refuse(format!(
                "holds a section {} where X509 CRL is expected",
                pem::name(one)
            ))),
            _ => Err(refuse(
                "holds several PEM sections where one is expected".into(),
            )),
        }
    }

    /// The DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// One PEM section `X509 CRL`.
    pub fn to_pem(&self) -> String {
        std::mem::take(&mut *pem::encode("X509 CRL", &self.der))
    }

    /// The issuer as RFC 4514 writes it.
    pub fn issuer(&self) -> &str {
        &self.facts.issuer
    }

    /// When it was issued.
    pub fn this_update(&self) -> OffsetDateTime {
        self.facts.this_update
    }

    /// By when the next is there; a list without is never used.
    pub fn next_update(&self) -> Option<OffsetDateTime> {
        self.facts.next_update
    }

    /// Its number (RFC 5280 §5.2.3): in decimal, or in hexadecimal after `0x` where it has more
    /// than 128 bits.
    pub fn number(&self) -> Option<&str> {
        self.facts.number.as_deref()
    }

    /// The key identifier of the issuer.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.facts.authority_key_id.as_deref()
    }

    /// Which certificates it speaks of.
    pub fn scope(&self) -> Scope {
        self.facts.scope
    }

    /// What it revokes, in the order of the serial numbers' text.
    pub fn entries(&self) -> impl Iterator<Item = &ListedRevocation> {
        self.facts.entries.values()
    }

    /// What it says of the serial number `serial`, written as
    /// [`Certificate::serial`](crate::Certificate::serial) does.
    pub fn entry(&self, serial: &str) -> Option<&ListedRevocation> {
        self.facts.entries.get(serial)
    }

    /// Whether it revokes `certificate`, which must be of its issuer. The list must have been
    /// [verified](Self::verify).
    pub fn revokes(&self, certificate: &Certificate) -> Option<&ListedRevocation> {
        (certificate.facts().issuer_der == self.facts.issuer_der)
            .then(|| self.entry(&certificate.serial()))
            .flatten()
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("issuer", &self.facts.issuer)
            .field("number", &self.facts.number)
            .field("this_update", &self.facts.this_update)
            .field("next_update", &self.facts.next_update)
            .field("entries", &self.facts.entries.len())
            .finish_non_exhaustive()
    }
}
