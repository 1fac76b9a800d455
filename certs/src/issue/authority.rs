//! Authorities: made here, or loaded from a certificate and its key.

use std::sync::Arc;
use std::time::Duration;

use fips_core::Diagnostic;
use rcgen::string::{BmpString, Ia5String, PrintableString, TeletexString, UniversalString};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, DnValue, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
};
use x509_parser::asn1_rs::{FromDer, Tag};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::encoder::{EncodedKey, Encoder, NoKey};
use super::{IntoSigner, Signer, Validity, key_identifier, serial};
use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::error::Error;
use crate::mark;
use crate::names::Subject;

/// What the certificate of an authority shall say. In a process whose gate was opened for an
/// evaluation the subject gets [`fips_core::EVALUATION_MARK`] as organizational unit.
#[derive(Clone, Debug)]
pub struct AuthorityParams {
    subject: Subject,
    lifetime: Duration,
    path_length: u8,
}

impl AuthorityParams {
    /// An authority that signs leaves alone (path length 0).
    pub fn new(subject: Subject, lifetime: Duration) -> Self {
        Self {
            subject,
            lifetime,
            path_length: 0,
        }
    }

    /// Lets that many authorities follow below it.
    #[must_use]
    pub fn with_path_length(self, path_length: u8) -> Self {
        Self {
            path_length,
            ..self
        }
    }

    /// Makes a root: the key signs its own certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Authority`] for a lifetime that no certificate can have; [`Error::Key`];
    /// [`Error::Crypto`]; [`Error::Encode`].
    pub fn self_signed(&self, key: impl IntoSigner, clock: &dyn Clock) -> Result<Authority, Error> {
        let signer = key.into_signer()?;
        let params = self.params(&*signer, clock, None)?;
        let encoder = Encoder::new(&*signer);
        let issued = params
            .self_signed(&encoder)
            .map_err(|error| encoder.error(&error, &self.subject))?;
        Authority::load(Certificate::from_der(issued.der())?, signer)
    }

    /// Makes an authority below `issuer`, whose path length must leave room for it.
    ///
    /// # Errors
    ///
    /// [`Error::Authority`] when the issuer is not valid now, or its path length too short;
    /// [`Error::Key`]; [`Error::Crypto`]; [`Error::Encode`].
    pub fn signed_by(
        &self,
        key: impl IntoSigner,
        issuer: &Authority,
        clock: &dyn Clock,
    ) -> Result<Authority, Error> {
        let signer = key.into_signer()?;
        let params = self.params(&*signer, clock, Some(issuer))?;
        let certificate = issuer.sign(&params, &EncodedKey::new(&*signer)?, &self.subject)?;
        Authority::load(certificate, signer)
    }

    fn params(
        &self,
        key: &dyn Signer,
        clock: &dyn Clock,
        issuer: Option<&Authority>,
    ) -> Result<CertificateParams, Error> {
        let refuse = |why: &str| Error::Authority {
            authority: issuer.map_or_else(
                || self.subject.to_string(),
                |issuer| issuer.certificate.subject().to_owned(),
            ),
            why: why.to_owned(),
        };
        if let Some(limit) = issuer.and_then(|issuer| issuer.certificate.path_length())
            && u32::from(self.path_length) >= limit
        {
            return Err(refuse(
                "its path length leaves no room for that authority (RFC 5280 §4.2.1.9)",
            ));
        }
        let validity = Validity::new(
            clock.now(),
            self.lifetime,
            issuer.map(|issuer| &issuer.certificate),
        )
        .ok_or_else(|| refuse("not valid now, or the lifetime asked for is empty or past 9999"))?;
        let mut params = CertificateParams::default();
        params.not_before = validity.not_before;
        params.not_after = validity.not_after;
        params.serial_number = Some(serial()?);
        params.distinguished_name = self.subject.to_rcgen(mark::for_process());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(self.path_length));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method =
            KeyIdMethod::PreSpecified(key_identifier(Signer::public_key(key))?);
        Ok(params)
    }
}

/// A certificate that may sign others, and its key.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    signer: Arc<dyn Signer>,
    /// What rcgen needs to know of the issuer.
    issuer: CertificateParams,
}

impl Authority {
    /// Takes a certificate and its key, whoever made them and wherever the key lies.
    ///
    /// # Errors
    ///
    /// [`Error::Authority`] when the key is not the certificate's, when the certificate may not
    /// sign others or has no subject key identifier, and when its subject cannot be written
    /// into a leaf byte for byte: then no verifier would find the issuer. [`Error::Gate`] in a
    /// process whose gate is strict, for one that bears [`fips_core::EVALUATION_MARK`].
    pub fn load(certificate: Certificate, key: impl IntoSigner) -> Result<Self, Error> {
        let signer = key.into_signer()?;
        mark::admit(&certificate, fips_core::opening()).map_err(Error::Gate)?;
        let facts = certificate.facts();
        let refuse = |why: &str| Error::Authority {
            authority: facts.subject.clone(),
            why: why.to_owned(),
        };
        if certificate.public_key() != Signer::public_key(&*signer) {
            return Err(refuse("the key is not that of the certificate"));
        }
        if !facts.is_authority {
            return Err(refuse(
                "its basic constraints do not make it an authority (RFC 5280 §4.2.1.9)",
            ));
        }
        if facts.key_usages.is_some_and(|bits| !bits.key_cert_sign) {
            return Err(refuse(
                "its key usage lacks keyCertSign (RFC 5280 §4.2.1.3)",
            ));
        }
        let identifier = certificate.subject_key_id().ok_or_else(|| {
            refuse(
                "it has no subject key identifier for its leaves to name (RFC 5280 §4.2.1.2); \
                 reissue it with one",
            )
        })?;
        let name = distinguished_name(&facts.subject_der).ok_or_else(|| {
            refuse("its subject holds an attribute of a kind that cannot be written again")
        })?;
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = name;
        issuer.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        issuer.key_identifier_method = KeyIdMethod::PreSpecified(identifier.to_vec());
        if encoded(&issuer)? != facts.subject_der {
            return Err(refuse(
                "its subject would be written differently into a leaf (an attribute type is there \
                 twice, or several stand in one RDN), and no verifier would find the issuer; use a \
                 CA whose subject holds each attribute type once",
            ));
        }
        Ok(Self {
            certificate,
            signer,
            issuer,
        })
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What signs for it.
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }

    /// Looks that the certificate is signed by its own key.
    pub fn is_root(&self, diagnostic: &Diagnostic) -> bool {
        self.certificate
            .verify_issued_by(diagnostic, &self.certificate)
            .is_ok()
    }

    /// The DER of a revocation list.
    pub(crate) fn sign_list(
        &self,
        params: CertificateRevocationListParams,
    ) -> Result<Vec<u8>, Error> {
        let issuer = Issuer::from_params(&self.issuer, Encoder::new(&*self.signer));
        let issued = params
            .signed_by(&issuer)
            .map_err(|error| issuer.key().error(&error, "a revocation list"))?;
        Ok(issued.der().to_vec())
    }

    /// What a certificate or a list names this authority's key by.
    pub(crate) fn key_identifier(&self) -> KeyIdMethod {
        self.issuer.key_identifier_method.clone()
    }

    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        public: &EncodedKey<'_>,
        subject: &dyn ToString,
    ) -> Result<Certificate, Error> {
        let issuer = Issuer::from_params(&self.issuer, Encoder::new(&*self.signer));
        let issued = params
            .signed_by(public, &issuer)
            .map_err(|error| issuer.key().error(&error, subject))?;
        Certificate::from_der(issued.der())
    }
}

/// Whether a subject would stand in what its authority issues byte for byte.
pub(crate) fn is_rewritable(subject_der: &[u8]) -> bool {
    let Some(distinguished_name) = distinguished_name(subject_der) else {
        return false;
    };
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = distinguished_name;
    issuer.key_identifier_method = KeyIdMethod::PreSpecified(vec![0]);
    encoded(&issuer).is_ok_and(|encoded| encoded == subject_der)
}

/// The name as rcgen holds it; `None` for an attribute it cannot hold.
pub(crate) fn distinguished_name(der: &[u8]) -> Option<DistinguishedName> {
    let (_, name) = X509Name::from_der(der).ok()?;
    let mut distinguished_name = DistinguishedName::new();
    for attribute in name.iter_attributes() {
        let oid: Vec<u64> = attribute.attr_type().iter()?.collect();
        distinguished_name.push(DnType::from_oid(&oid), value(attribute)?);
    }
    Some(distinguished_name)
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> Option<DnValue> {
    let data = attribute.attr_value().data;
    let text = || str::from_utf8(data).ok();
    Some(match attribute.attr_value().tag() {
        Tag::BmpString => DnValue::BmpString(BmpString::from_utf16be(data.to_vec()).ok()?),
        Tag::Ia5String => DnValue::Ia5String(Ia5String::try_from(text()?).ok()?),
        Tag::PrintableString => DnValue::PrintableString(PrintableString::try_from(text()?).ok()?),
        Tag::T61String => DnValue::TeletexString(TeletexString::try_from(text()?).ok()?),
        Tag::UniversalString => {
            DnValue::UniversalString(UniversalString::from_utf32be(data.to_vec()).ok()?)
        }
        Tag::Utf8String => DnValue::Utf8String(text()?.to_owned()),
        _ => return None,
    })
}

/// How the name of `issuer` stands in what it issues: read from a certificate that nobody
/// signed and that is dropped.
fn encoded(issuer: &CertificateParams) -> Result<Vec<u8>, Error> {
    let mut probe = CertificateParams::default();
    probe.serial_number = Some(rcgen::SerialNumber::from_slice(&[1]));
    let issued = probe
        .signed_by(&NoKey, &Issuer::from_params(issuer, NoKey))
        .map_err(|error| Error::Encode {
            subject: "an imported authority".into(),
            why: error.to_string(),
        })?;
    let (_, parsed) =
        x509_parser::parse_x509_certificate(issued.der()).map_err(|error| Error::Certificate {
            why: error.to_string(),
        })?;
    Ok(parsed.issuer().as_raw().to_vec())
}
