//! Making a request: rcgen's encoding, signed by the key itself.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, IsCa, KeyUsagePurpose,
};

use super::CertificateRequest;
use crate::error::Error;
use crate::issue::{Encoder, Signer};
use crate::names::{Subject, SubjectAltName};
use crate::usages::Usages;

/// `subjectKeyIdentifier` (RFC 5280 §4.2.1.2).
const SUBJECT_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 14];

impl CertificateRequest {
    /// A request for a leaf. `signer` shows with its signature that it holds the key, which stays
    /// where it is.
    ///
    /// # Errors
    ///
    /// [`Error::Name`]; the signer's answer; [`Error::Encode`].
    pub fn new(
        signer: &dyn Signer,
        subject: &Subject,
        names: &[SubjectAltName],
        usages: Usages,
    ) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.to_rcgen(None);
        params.subject_alt_names = names
            .iter()
            .map(SubjectAltName::to_rcgen)
            .collect::<Result<_, _>>()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if signer.key_type().algorithm().is_rsa() {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = usages.to_rcgen();
        Self::signed(&params, signer)
    }

    /// A request for an authority below another, of that name, which leaves its key the
    /// identifier that what it signed names it by.
    pub(crate) fn of_authority(
        signer: &dyn Signer,
        name: DistinguishedName,
        path_length: Option<u8>,
        key_identifier: &[u8],
    ) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        let identifier = yasna::construct_der(|writer| writer.write_bytes(key_identifier));
        params.custom_extensions = vec![CustomExtension::from_oid_content(
            SUBJECT_KEY_IDENTIFIER,
            identifier,
        )];
        params.is_ca = IsCa::Ca(match path_length {
            Some(path_length) => BasicConstraints::Constrained(path_length),
            None => BasicConstraints::Unconstrained,
        });
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self::signed(&params, signer)
    }

    fn signed(params: &CertificateParams, signer: &dyn Signer) -> Result<Self, Error> {
        let encoder = Encoder::new(signer);
        let made = params
            .serialize_request(&encoder)
            .map_err(|error| encoder.error(&error, "a request"))?;
        Self::from_der(made.der())
    }
}
