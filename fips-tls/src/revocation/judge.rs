use rustls::pki_types::UnixTime;
use webpki::{Cert, Error};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;

use super::list::{RevocationList, uris};
use super::{IssuerFacts, Revocation};

/// What a certificate is in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Authority,
    Leaf,
}

impl Revocation {
    /// Asks the lists of `issuer` about a certificate, which it signed, as two parsers have it:
    /// until when the answer holds, or `None` where there is none and that is allowed.
    pub(crate) fn judge(
        &self,
        (certificate, parsed): (&Cert<'_>, &X509Certificate<'_>),
        role: Role,
        issuer: &IssuerFacts,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, Error> {
        let named: Vec<&RevocationList> =
            self.lists().filter(|list| list.may_be_of(issuer)).collect();
        if named.is_empty() {
            return if self.unlisted_pass {
                Ok(None)
            } else {
                Err(Error::UnknownRevocationStatus)
            };
        }
        if !issuer.signs_lists {
            return Err(Error::IssuerNotCrlSigner);
        }
        let places = places(parsed);
        let (mut any_signed, mut until, mut scopes) = (false, None, Vec::new());
        for list in named {
            if !list.is_signed_by(issuer) {
                continue;
            }
            any_signed = true;
            // The newest of a scope comes first.
            if !speaks_of(list, role, &places) || scopes.contains(&list.scope()) {
                continue;
            }
            scopes.push(list.scope());
            if list.lists(certificate.serial()) {
                return Err(Error::CertRevoked);
            }
            if now >= list.until() {
                return Err(Error::CrlExpired {
                    time: now,
                    next_update: list.until(),
                });
            }
            if now < list.since() {
                return Err(Error::UnknownRevocationStatus);
            }
            until = Some(until.map_or(list.until(), |until: UnixTime| until.min(list.until())));
        }
        match until {
            Some(until) => Ok(Some(until)),
            None if any_signed => Err(Error::UnknownRevocationStatus),
            None => Err(Error::InvalidCrlSignatureForPublicKey),
        }
    }
}

/// Whether a list's scope holds the certificate. A list with a distribution point speaks of
/// certificates that name one of its places alone (RFC 5280 §6.3.3 (b) (2)).
fn speaks_of(list: &RevocationList, role: Role, places: &[String]) -> bool {
    let scope = list.scope();
    let of_kind = match role {
        Role::Authority => !scope.leaves_alone,
        Role::Leaf => !scope.authorities_alone,
    };
    of_kind
        && scope
            .places
            .as_ref()
            .is_none_or(|own| own.iter().any(|place| places.contains(place)))
}

/// Where a certificate says its lists are (RFC 5280 §4.2.1.13), apart from those of another
/// issuer or of some reasons.
fn places(certificate: &X509Certificate<'_>) -> Vec<String> {
    certificate
        .extensions()
        .iter()
        .filter_map(|extension| match extension.parsed_extension() {
            ParsedExtension::CRLDistributionPoints(points) => Some(points),
            _ => None,
        })
        .flat_map(|points| points.iter())
        .filter(|point| point.crl_issuer.is_none() && point.reasons.is_none())
        .filter_map(|point| point.distribution_point.as_ref())
        .flat_map(uris)
        .collect()
}
