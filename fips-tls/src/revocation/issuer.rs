use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;

use crate::policy::PublicKey;

/// What a list asks of the authority it is said to come from.
#[derive(Clone, Debug)]
pub(crate) struct IssuerFacts {
    /// The subject: the content of its DER, as webpki has it.
    pub(super) name: Vec<u8>,
    /// The subject key identifier.
    pub(super) key_id: Option<Vec<u8>>,
    /// Whether it may sign lists: `cRLSign`, or no key usage at all (RFC 5280 §6.3.3 (f)).
    pub(super) signs_lists: bool,
    pub(super) key: PublicKey,
    /// The public key itself.
    pub(super) key_bits: Vec<u8>,
}

impl IssuerFacts {
    /// Reads them from the authority's certificate, whose subject's content is `name`.
    pub(crate) fn new(name: &[u8], certificate: &X509Certificate<'_>) -> Self {
        let key_id = certificate.extensions().iter().find_map(|extension| {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                _ => None,
            }
        });
        let signs_lists = match certificate.key_usage() {
            Ok(usage) => usage.is_none_or(|usage| usage.value.crl_sign()),
            // There twice, or unreadable.
            Err(_) => false,
        };
        let info = certificate.public_key();
        Self {
            name: name.to_vec(),
            key_id,
            signs_lists,
            key: PublicKey::of(info),
            key_bits: info.subject_public_key.data.to_vec(),
        }
    }

    /// Whether the certificate names no other key than this as its issuer's.
    pub(crate) fn may_have_issued(&self, certificate: &X509Certificate<'_>) -> bool {
        let named = certificate.extensions().iter().find_map(|extension| {
            match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref(),
                _ => None,
            }
        });
        match (named, &self.key_id) {
            (Some(named), Some(own)) => named.0 == own,
            _ => true,
        }
    }
}
