//! Revoking certificates, and issuing the lists that say so.

mod found;
mod publish;
mod targets;

use fips_core::Diagnostic;
use serde::Serialize;
use time::OffsetDateTime;

use super::{Pki, files};
use crate::catalogue::AuthorityEntry;
use crate::certificate::Certificate;
use crate::crl::{Revocation, RevocationList};
use crate::error::Error;
use crate::pki::Row;
use crate::pki::files::Pair;

pub(super) use found::{Revoked, Side, signs_lists};
pub(super) use publish::Signers;

/// What is to be revoked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Target {
    /// This certificate.
    Certificate(Box<Certificate>),
    /// The certificate that is in place of a leaf of the catalogue.
    Entry(String),
    /// A serial number in hexadecimal, of an authority of the catalogue; without one, of a
    /// certificate that is in place.
    Serial {
        /// The number.
        serial: String,
        /// The authority's name.
        authority: Option<String>,
    },
}

/// What a revocation would do. Only [`Pki::revocations`] makes one.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RevocationPlan {
    /// Each certificate to revoke.
    pub revocations: Vec<PlannedRevocation>,
}

/// One certificate to revoke.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PlannedRevocation {
    /// The authority that issued it, by its name in the catalogue.
    pub authority: String,
    /// The leaf of the catalogue whose certificate it is now: its renewal is then due.
    pub entry: Option<String>,
    /// What is written into the register.
    #[serde(flatten)]
    pub revocation: Revocation,
    /// Whether it was revoked before; then it stays as it is.
    pub already: bool,
}

/// What [`Pki::revoke`] or [`Pki::refresh_lists`] did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RevocationReport {
    /// Each list that was issued.
    pub lists: Vec<IssuedList>,
    /// Each file that was written, below the store's root.
    pub written: Vec<String>,
    /// Whether this was done under evaluation.
    pub evaluation: bool,
    /// What may be said about the process that did it.
    pub statement: String,
}

/// One list that was issued.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct IssuedList {
    /// The authority, by its name in the catalogue.
    pub authority: String,
    /// The file in DER; beside it the same in PEM, with `.pem` behind its name.
    pub file: String,
    /// Its number.
    pub number: u64,
    /// By when the next one comes.
    #[serde(with = "time::serde::rfc3339")]
    pub next_update: OffsetDateTime,
    /// How many certificates stand on it.
    pub listed: usize,
    /// How many were revoked with it.
    pub revoked: usize,
    /// How many were taken over from the list before, because the register lacked them.
    pub taken_over: usize,
}

/// What [`Pki::refresh_due_lists`] did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ListsRefreshed {
    /// Each list that was issued.
    pub lists: Vec<IssuedList>,
    /// Each authority of which the next list is due and cannot be issued, and why.
    pub blocked: Vec<BlockedList>,
}

/// An authority whose next list is due and cannot be issued.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BlockedList {
    /// Its name in the catalogue.
    pub authority: String,
    /// What is in the way.
    pub why: String,
}

impl Pki<'_> {
    /// The register and list of each authority that has one, judged.
    ///
    /// # Errors
    ///
    /// [`Error::Path`] for an authority whose name can be no file's.
    pub fn lists(&self, diagnostic: &Diagnostic, now: OffsetDateTime) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        for entry in self.catalogue.authorities() {
            rows.extend(self.revoked_of(diagnostic, entry, now)?.rows);
        }
        Ok(rows)
    }

    /// The certificates in place of the authority or leaf called `name`, the first its own.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; [`Error::Certificate`] when they cannot be read.
    pub fn certificates(&self, name: &str) -> Result<Vec<Certificate>, Error> {
        let found = if let Some(entry) = self.catalogue.authority(name) {
            files::certificates(self.store, &entry.certificate)
        } else if let Some(entry) = self.catalogue.leaf(name) {
            match Pair::of_leaf(self.store, entry) {
                Some(pair) => pair.certificates,
                None => Err(format!("{} is missing", entry.file())),
            }
        } else {
            return Err(self.unknown(name));
        };
        found.map_err(|why| Error::Certificate { why })
    }

    fn revoked_of(
        &self,
        diagnostic: &Diagnostic,
        entry: &AuthorityEntry,
        now: OffsetDateTime,
    ) -> Result<Revoked, Error> {
        let certificates = files::certificates(self.store, &entry.certificate);
        let first = certificates.as_ref().ok().and_then(|found| found.first());
        self.revoked(diagnostic, entry, first, now)
    }

    fn known_authority(&self, name: &str) -> Result<&AuthorityEntry, Error> {
        self.catalogue.authority(name).ok_or_else(|| {
            let names = self.catalogue.authorities().iter();
            Error::UnknownEntry {
                name: name.to_owned(),
                known: names
                    .map(|entry| entry.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            }
        })
    }
}

/// A list in a folder or file of this PKI, or another's: read and judged.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct JudgedList {
    /// The authority of the catalogue that signed it; none when none did.
    pub authority: Option<String>,
    /// Why it is not used; none when it is good.
    pub refused: Option<String>,
}

impl Pki<'_> {
    /// Looks which authority of the catalogue signed `list`, and whether it can be used at
    /// `now`. Authorities that are only trusted, behind the first of a file, count too.
    pub fn judge_list(
        &self,
        diagnostic: &Diagnostic,
        list: &RevocationList,
        now: OffsetDateTime,
    ) -> JudgedList {
        let mut refused = "no authority of this PKI has the name of its issuer".to_owned();
        for entry in self.catalogue.authorities() {
            for certificate in files::certificates(self.store, &entry.certificate)
                .iter()
                .flatten()
            {
                match list.verify(diagnostic, certificate, now) {
                    Ok(()) => {
                        return JudgedList {
                            authority: Some(entry.name.clone()),
                            refused: None,
                        };
                    }
                    Err(crate::crl::ListRefused::OtherName { .. }) => {}
                    Err(why) => refused = why.to_string(),
                }
            }
        }
        JudgedList {
            authority: None,
            refused: Some(refused),
        }
    }
}
