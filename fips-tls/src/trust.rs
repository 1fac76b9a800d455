use std::path::Path;
use std::sync::Arc;

use fips_core::digest::{Algorithm, Context};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use x509_parser::certificate::X509Certificate;

use crate::certificate;
use crate::error::{Error, PemFault, TrustFault};
use crate::file;
use crate::name;
use crate::policy::Profile;
use crate::revocation::{IssuerFacts, Revocation};

const WHAT: &str = "trust";

/// The most bytes of a file of anchors: a bundle of a whole web's roots is below it.
pub(crate) const MOST_BYTES: u64 = 4 << 20;

/// The CAs whose leaves are taken, at least one, each a CA the policy allows, and what they have
/// revoked.
///
/// Whatever changes the answer about a chain is part of one trust, so that a configuration with
/// another one starts with new tickets and sessions.
///
/// An anchor counts within its own validity alone, as for OpenSSL and Go; RFC 5280 §6.1.1 (d)
/// leaves that open.
///
/// A strict boundary takes no anchor with the evaluation mark
/// ([`EVALUATION_MARK`](fips_core::EVALUATION_MARK)) in its subject or issuer: judged here once
/// the gate is open, and in any case when a configuration is built.
#[derive(Clone, Debug)]
pub struct Trust {
    certificates: Arc<[CertificateDer<'static>]>,
    roots: Arc<RootCertStore>,
    /// In the order of `roots`.
    anchors: Arc<[Anchor]>,
    revocation: Option<Revocation>,
}

/// What webpki's anchors do not keep of their certificates.
#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    pub(crate) facts: IssuerFacts,
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
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
    /// Also [`Error::File`], for a file larger than 4 MiB too.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::from_pem(file::read(path, MOST_BYTES)?).map_err(|error| error.in_file(path))
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
        let mut anchors = Vec::new();
        for (position, der) in certificates.iter().enumerate() {
            let certificate = certificate::parse(der).map_err(|()| TrustFault::Unusable {
                position,
                subject: String::new(),
                reason: "it does not parse".to_owned(),
            })?;
            let subject = || name::in_error(&name::distinguished(certificate.subject()));
            if !certificate.is_ca() {
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
            if let Some(root) = roots.roots.last() {
                let (not_before, not_after) = certificate::validity(&certificate);
                anchors.push(Anchor {
                    facts: IssuerFacts::new(&root.subject, &certificate),
                    not_before,
                    not_after,
                });
            }
        }
        Ok(Self {
            certificates: certificates.into(),
            roots: Arc::new(roots),
            anchors: anchors.into(),
            revocation: None,
        })
    }

    /// The anchors.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The same anchors, and what they and the authorities below them have revoked.
    ///
    /// # Errors
    ///
    /// [`Error::Revocation`] for a list with name and key identifier of an anchor, whose key did
    /// not sign it.
    pub fn with_revocation(mut self, revocation: Revocation) -> Result<Self, Error> {
        revocation.judge_signatures(self.anchors.iter().map(|anchor| &anchor.facts))?;
        self.revocation = Some(revocation);
        Ok(self)
    }

    /// What is revoked, where lists are asked.
    pub fn revocation(&self) -> Option<&Revocation> {
        self.revocation.as_ref()
    }

    /// A digest of all that decides whether a chain is believed: the anchors, the lists, what
    /// becomes of issuers without one. Two that are alike decide alike.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] when the module does not digest.
    pub fn fingerprint(&self) -> Result<[u8; 32], Error> {
        let mut context = Context::new(Algorithm::Sha256);
        let mut take = |piece: &[u8]| {
            context.update(&(piece.len() as u64).to_be_bytes());
            context.update(piece);
        };
        take(b"anchors");
        self.certificates.iter().for_each(|der| take(der));
        if let Some(revocation) = &self.revocation {
            take(b"revocation");
            take(&[u8::from(revocation.allows_unlisted_issuers())]);
            revocation.lists().for_each(|list| take(list.der()));
        }
        let digest = context
            .finish()
            .map_err(|source| Error::Module { what: WHAT, source })?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest.as_ref());
        Ok(fingerprint)
    }

    /// What webpki leaves out of one of the anchors of [`roots`](Self::roots).
    pub(crate) fn anchor(&self, found: &TrustAnchor<'_>) -> Option<&Anchor> {
        // By place, not by value: of two certificates of one key each has its own validity.
        let mut roots = self.roots.roots.iter();
        let position = roots.position(|root| std::ptr::eq(root, found))?;
        self.anchors.get(position)
    }

    /// Whether an anchor has the name of the certificate's issuer, and not another key
    /// identifier.
    pub(crate) fn may_have_signed(&self, certificate: &X509Certificate<'_>) -> bool {
        self.certificates
            .iter()
            .zip(self.anchors.iter())
            .any(|(der, anchor)| {
                certificate::parse(der).is_ok_and(|own| own.subject() == certificate.issuer())
                    && anchor.facts.may_have_issued(certificate)
            })
    }

    pub(crate) fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    /// Judges the anchors under a profile.
    pub(crate) fn judge(&self, profile: &Profile) -> Result<(), Error> {
        judge(profile, &self.certificates)?;
        self.revocation
            .as_ref()
            .map_or(Ok(()), |revocation| revocation.judge_lists(profile))
    }
}

fn judge(profile: &Profile, certificates: &[CertificateDer<'_>]) -> Result<(), Error> {
    certificate::judge_anchors(profile, certificates).map_err(|refused| Error::Certificate {
        what: WHAT,
        refused,
    })
}
