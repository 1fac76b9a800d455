//! Whether a chain of one's own hangs together.

use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;

use crate::certificate;
use crate::error::IdentityFault;
use crate::name;
use crate::policy::PublicKey;

/// Judges a chain before it is shown: each certificate after the leaf certifies one before it,
/// and all are valid at `now`. Of one authority that stands there twice, as its own root and
/// signed by another, one is enough.
pub(crate) fn judge(chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), IdentityFault> {
    let parsed: Vec<_> = chain
        .iter()
        .filter_map(|der| certificate::parse(der).ok())
        .collect();
    for (position, one) in parsed.iter().enumerate() {
        let subject = || name::in_error(&name::distinguished(one.subject()));
        if position > 0
            && !parsed[..position]
                .iter()
                .any(|other| has_issued(one, other))
        {
            return Err(IdentityFault::Unlinked {
                position,
                subject: subject(),
            });
        }
        let twin = |other: &X509Certificate<'_>| {
            other.subject() == one.subject()
                && other.public_key().subject_public_key.data
                    == one.public_key().subject_public_key.data
        };
        let valid = |certificate: &X509Certificate<'_>| {
            let (from, to) = certificate::validity(certificate);
            from <= now && now <= to
        };
        let others = parsed.iter().filter(|other| position > 0 && twin(other));
        if !valid(one) && !others.into_iter().any(valid) {
            let (from, _) = certificate::validity(one);
            return Err(if now < from {
                IdentityFault::NotYetValid {
                    position,
                    subject: subject(),
                }
            } else {
                IdentityFault::Expired {
                    position,
                    subject: subject(),
                }
            });
        }
    }
    Ok(())
}

pub(crate) fn is_valid_at(der: &CertificateDer<'_>, now: UnixTime) -> bool {
    certificate::parse(der).is_ok_and(|certificate| {
        let (from, to) = certificate::validity(&certificate);
        from <= now && now <= to
    })
}

/// Whether the issuer's key signed the certificate, which names it.
fn has_issued(issuer: &X509Certificate<'_>, certificate: &X509Certificate<'_>) -> bool {
    let info = issuer.public_key();
    let signature = &certificate.signature_value;
    let scheme = certificate::scheme_of(&certificate.signature_algorithm)
        .and_then(|scheme| certificate::scheme_with_key(scheme, &PublicKey::of(info)));
    certificate.issuer() == issuer.subject()
        && signature.unused_bits == 0
        && scheme.is_some_and(|scheme| {
            fips_core::verification::verify(
                scheme.core(),
                &info.subject_public_key.data,
                certificate.tbs_certificate.as_ref(),
                &signature.data,
            )
            .is_ok()
        })
}
