//! Revocation lists (RFC 5280 §5): read, held, and asked about the certificates of a chain.

mod issuer;
mod judge;
mod list;

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateRevocationListDer;

use crate::error::{Error, PemFault, RevocationFault};
use crate::file;
use crate::policy::Profile;

pub(crate) use issuer::IssuerFacts;
pub(crate) use judge::Role;
pub use list::RevocationList;

const WHAT: &str = "revocation list";

/// The most bytes of a file of lists: a million entries are below it.
pub(crate) const MOST_BYTES: u64 = 64 << 20;

/// Revocation lists, and what to make of an issuer that has none.
///
/// Each certificate of a chain below its anchor is asked about, with the lists of its issuer: the
/// issuer's name and key identifier fit, its key signed the list and may do so (`cRLSign`, RFC
/// 5280 §6.3.3 (f)), and the list speaks of certificates of this kind and, where it has a
/// distribution point, of this place. Of several lists of one scope the newest counts.
///
/// # Security
///
/// A list that has ended, or begins later, refuses whoever it speaks of: so does an issuer
/// without a list, unless [`allowing_unlisted_issuers`](Self::allowing_unlisted_issuers) says
/// otherwise. A list's signature is verified once for each key, not at each handshake.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// The newest first.
    lists: Vec<Arc<RevocationList>>,
    unlisted_pass: bool,
}

impl Revocation {
    /// Takes every list (`X509 CRL`) of a PEM text.
    ///
    /// # Errors
    ///
    /// [`Error::Pem`] when there is none; [`Error::Revocation`] for one that does not parse, is a
    /// delta or indirect list or one of some reasons, or is signed with an algorithm that SP
    /// 800-52r2 does not name.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::from_der(lists_of_pem(pem.as_ref())?)
    }

    /// As [`from_pem`](Self::from_pem), from DER.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der(lists: Vec<CertificateRevocationListDer<'_>>) -> Result<Self, Error> {
        if lists.is_empty() {
            return Err(Error::Pem {
                what: WHAT,
                fault: PemFault::NoRevocationList,
            });
        }
        let mut lists = lists
            .iter()
            .enumerate()
            .map(|(position, der)| RevocationList::new(position, der).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        newest_first(&mut lists);
        Ok(Self {
            lists,
            unlisted_pass: false,
        })
    }

    /// As [`from_pem`](Self::from_pem), from files, each of PEM, or of one list in DER (RFC 2585
    /// §3).
    ///
    /// # Errors
    ///
    /// Also [`Error::File`], for a file larger than 64 MiB too.
    pub fn from_files<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, Error> {
        let lists = paths
            .into_iter()
            .map(|path| {
                let path = path.as_ref();
                let content = file::read(path, MOST_BYTES)?;
                Self::from_content(&content).map_err(|error| error.in_file(path))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if lists.is_empty() {
            return Self::from_der(Vec::new());
        }
        Ok(Self::of_all(&lists))
    }

    /// The same lists, and issuers without one are passed over: for trust in several authorities
    /// of which some issue none.
    ///
    /// # Security
    ///
    /// Nothing tells an authority that never revokes from one whose list was forgotten.
    #[must_use]
    pub fn allowing_unlisted_issuers(mut self) -> Self {
        self.unlisted_pass = true;
        self
    }

    /// Whether issuers without a list are passed over.
    pub fn allows_unlisted_issuers(&self) -> bool {
        self.unlisted_pass
    }

    /// The lists, the newest first.
    pub fn lists(&self) -> impl Iterator<Item = &RevocationList> {
        self.lists.iter().map(Arc::as_ref)
    }

    /// Takes the content of a file: PEM, or one list in DER.
    pub(crate) fn from_content(content: &[u8]) -> Result<Self, Error> {
        if content.first() == Some(&0x30) {
            Self::from_der(vec![content.into()])
        } else {
            Self::from_pem(content)
        }
    }

    /// The lists of several, with what is known of them.
    pub(crate) fn of_all<'a>(several: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut lists: Vec<_> = several
            .into_iter()
            .flat_map(|one| one.lists.iter().cloned())
            .collect();
        newest_first(&mut lists);
        Self {
            lists,
            unlisted_pass: false,
        }
    }

    /// Judges the lists under a profile.
    pub(crate) fn judge_lists(&self, profile: &Profile) -> Result<(), Error> {
        let refused = self
            .lists
            .iter()
            .find(|list| !profile.accepts_scheme(list.scheme()));
        match refused {
            None => Ok(()),
            Some(list) => Err(RevocationFault::Algorithm {
                issuer: list.issuer_in_error(),
                found: list.scheme().in_certificates().to_owned(),
                profile: profile.name(),
            }
            .into()),
        }
    }

    /// Refuses a list that one of these issuers must have signed and did not.
    pub(crate) fn judge_signatures<'i>(
        &self,
        issuers: impl Iterator<Item = &'i IssuerFacts> + Clone,
    ) -> Result<(), Error> {
        for list in &self.lists {
            let mut own = issuers
                .clone()
                .filter(|issuer| list.may_be_of(issuer))
                .peekable();
            if own.peek().is_some() && !own.any(|issuer| list.is_signed_by(issuer)) {
                return Err(RevocationFault::Signature {
                    issuer: list.issuer_in_error(),
                }
                .into());
            }
        }
        Ok(())
    }
}

fn newest_first(lists: &mut [Arc<RevocationList>]) {
    lists.sort_by(|a, b| {
        (b.this_update(), b.number_in_order()).cmp(&(a.this_update(), a.number_in_order()))
    });
}

/// All lists of a PEM text; other blocks are passed over.
fn lists_of_pem(pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    fips_core::pem::sections(pem)
        .and_then(|sections| {
            sections
                .iter()
                .filter(|section| section.label() == b"X509 CRL")
                .map(|section| Ok(section.decode()?.to_vec().into()))
                .collect()
        })
        .map_err(|why| Error::Pem {
            what: WHAT,
            fault: PemFault::Malformed(why),
        })
}
