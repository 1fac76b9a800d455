use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::certificate;
use crate::error::{Error, PemFault, TrustFault};
use crate::name;
use crate::policy::Profile;

const WHAT: &str = "trust";

/// The CAs whose leaves are taken: at least one, each a CA the policy allows.
///
/// Revocation lists will be kept here too: whatever changes the answer about a chain is part
/// of one trust, so that a new one starts with new tickets and sessions.
///
/// A strict boundary takes no anchor with the evaluation mark
/// ([`EVALUATION_MARK`](fips_core::EVALUATION_MARK)) in its subject or issuer: judged here once
/// the gate is open, and in any case when a configuration is built.
#[derive(Clone, Debug)]
pub struct Trust {
    certificates: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
}

impl Trust {
    /// Takes every certificate of a PEM text as a trust anchor.
    ///
    /// # Errors
    ///
    /// [`Error::Pem`] when there is none; [`Error::Certificate`] for a key or a signature the
    /// policy refuses (of a self-signed root the key alone is judged); [`Error::Trust`] for one
    /// that is no CA.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::from_der(certificate::from_pem(WHAT, pem.as_ref())?)
    }

    /// As [`from_pem`](Self::from_pem), from a file.
    ///
    /// # Errors
    ///
    /// Also [`Error::File`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let pem = fs::read(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        Self::from_pem(pem).map_err(|error| error.in_file(path))
    }

    /// As [`from_pem`](Self::from_pem), from DER.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der(certificates: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        if certificates.is_empty() {
            return Err(Error::Pem {
                what: WHAT,
                fault: PemFault::NoCertificate,
            });
        }
        judge(&Profile::sp800_52r2(), &certificates)?;
        let mut roots = RootCertStore::empty();
        for (position, der) in certificates.iter().enumerate() {
            let subject = || {
                certificate::parse(der)
                    .map(|certificate| name::in_error(&name::distinguished(certificate.subject())))
                    .unwrap_or_default()
            };
            if !certificate::parse(der).is_ok_and(|certificate| certificate.is_ca()) {
                return Err(TrustFault::NotACa {
                    position,
                    subject: subject(),
                }
                .into());
            }
            roots
                .add(der.clone())
                .map_err(|error| TrustFault::Unusable {
                    position,
                    subject: subject(),
                    reason: error.to_string(),
                })?;
        }
        Ok(Self {
            certificates,
            roots: Arc::new(roots),
        })
    }

    /// The anchors.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    pub(crate) fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    /// Judges the anchors under a profile.
    pub(crate) fn judge(&self, profile: &Profile) -> Result<(), Error> {
        judge(profile, &self.certificates)
    }
}

fn judge(profile: &Profile, certificates: &[CertificateDer<'_>]) -> Result<(), Error> {
    certificate::judge_anchors(profile, certificates).map_err(|refused| Error::Certificate {
        what: WHAT,
        refused,
    })
}
