//! Leaves.

use std::time::Duration;

use rcgen::{CertificateParams, IsCa, KeyIdMethod, KeyUsagePurpose};

use super::encoder::EncodedKey;
use super::{Authority, Validity, key_identifier, serial};
use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::error::Error;
use crate::key::SubjectKey;
use crate::names::{Subject, SubjectAltName};
use crate::usages::Usages;

/// What a leaf shall say.
#[derive(Clone, Debug)]
pub struct LeafParams {
    subject: Subject,
    usages: Usages,
    lifetime: Duration,
    names: Vec<SubjectAltName>,
}

impl LeafParams {
    /// A leaf without alternative names.
    pub fn new(subject: Subject, usages: Usages, lifetime: Duration) -> Self {
        Self {
            subject,
            usages,
            lifetime,
            names: Vec::new(),
        }
    }

    /// Adds names and addresses; one that is there already is not added again.
    #[must_use]
    pub fn with_names(mut self, names: impl IntoIterator<Item = SubjectAltName>) -> Self {
        for name in names {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
        self
    }

    pub(crate) fn usages(&self) -> Usages {
        self.usages
    }

    /// Issues the leaf for the public half of `key`.
    ///
    /// It begins [`BACKDATE`](super::BACKDATE) before now and ends after its lifetime, neither
    /// outside of the issuer's validity. Key usage is `digitalSignature`, and
    /// `keyEncipherment` for RSA alone (RFC 8813 §3 forbids it on elliptic keys).
    ///
    /// # Errors
    ///
    /// [`Error::Authority`] when the issuer is not valid now or has the leaf's own name, or for
    /// a server without names (RFC 9525 §2 reads the subject no more); [`Error::Key`];
    /// [`Error::Crypto`]; [`Error::Encode`].
    pub fn signed_by<K: SubjectKey + ?Sized>(
        &self,
        key: &K,
        issuer: &Authority,
        clock: &dyn Clock,
    ) -> Result<Certificate, Error> {
        let refuse = |why: &str| Error::Authority {
            authority: issuer.certificate().subject().to_owned(),
            why: why.to_owned(),
        };
        if self.usages.server() && self.names.is_empty() {
            return Err(refuse(
                "a server's leaf needs a name or an address (RFC 9525 §4.1)",
            ));
        }
        let validity = Validity::new(clock.now(), self.lifetime, Some(issuer.certificate()))
            .ok_or_else(|| {
                refuse("it is not valid now, or the lifetime asked for is empty; see its dates")
            })?;
        let public = EncodedKey::new(key)?;
        let mut key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if public.key_type().algorithm().is_rsa() {
            key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        let mut params = CertificateParams::default();
        params.not_before = validity.not_before;
        params.not_after = validity.not_after;
        params.serial_number = Some(serial()?);
        params.subject_alt_names = self
            .names
            .iter()
            .map(SubjectAltName::to_rcgen)
            .collect::<Result<_, _>>()?;
        params.distinguished_name = self.subject.to_rcgen(None);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = key_usages;
        params.extended_key_usages = self.usages.to_rcgen();
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = KeyIdMethod::PreSpecified(key_identifier(key.public_key())?);
        let certificate = issuer.sign(&params, &public, &self.subject)?;
        if certificate.facts().subject_der == certificate.facts().issuer_der {
            return Err(refuse(
                "the leaf has its issuer's name; every verifier would take it for self-signed",
            ));
        }
        Ok(certificate)
    }
}
