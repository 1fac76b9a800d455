//! Issuing a list.

use std::time::Duration;

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope,
    RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

use super::list::{RevocationList, Scope};
use super::register::{self, Register};
use crate::clock::{Clock, whole_second};
use crate::error::Error;
use crate::issue::{Authority, BACKDATE};
use crate::names::SubjectAltName;

/// What a revocation list shall say, beside what was revoked.
#[derive(Clone, Debug)]
pub struct RevocationListParams {
    lifetime: Duration,
    scope: Scope,
    uris: Vec<String>,
    others: Vec<String>,
}

impl Default for RevocationListParams {
    /// A list for 7 days, of every certificate of its authority.
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(7 * 86_400),
            scope: Scope::All,
            uris: Vec::new(),
            others: Vec::new(),
        }
    }
}

impl RevocationListParams {
    /// How long the list holds. Peers take none after its end, so the next is issued long
    /// before: see [`Pki::refresh_lists`](crate::Pki::refresh_lists).
    #[must_use]
    pub fn with_lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Lists also what the same authority's keys with these identifiers revoked, as
    /// [`Revocation::issuer_key_id`](super::Revocation::issuer_key_id) writes them: for programs
    /// that read one list while two keys are trusted. Who looks at the signature asks the other
    /// key's own list.
    #[must_use]
    pub fn with_revocations_of(self, key_ids: impl IntoIterator<Item = String>) -> Self {
        Self {
            others: key_ids.into_iter().collect(),
            ..self
        }
    }

    /// Names in a critical extension where the list is published and what it speaks of (RFC
    /// 5280 §5.2.5). It is needed where certificates name that place, or where one authority
    /// has a list for each kind; a list of everything goes without.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] for what is no URI, [`Error::RevocationList`] for none at all.
    pub fn with_distribution_point(
        self,
        uris: impl IntoIterator<Item = impl Into<String>>,
        scope: Scope,
    ) -> Result<Self, Error> {
        let uris = uris
            .into_iter()
            .map(|uri| Ok(SubjectAltName::uri(uri)?.to_string()))
            .collect::<Result<Vec<_>, Error>>()?;
        if uris.is_empty() {
            return Err(Error::RevocationList {
                why: "a distribution point needs a URI (RFC 5280 §4.2.1.13)".into(),
            });
        }
        Ok(Self {
            scope,
            uris,
            ..self
        })
    }

    /// Issues the next list of `authority`: what `register` says, under the next number, which
    /// is written into the register.
    ///
    /// It begins [`BACKDATE`] before now, for peers whose clocks are behind, and ends after its
    /// lifetime; neither lies outside of the authority's validity.
    ///
    /// # Errors
    ///
    /// [`Error::Authority`] when the authority is not valid now, has no key identifier, or may
    /// not sign lists (a CA of k3s or kubeadm may not: `cRLSign` is missing, and verifiers
    /// refuse a list under such a key); [`Error::RevocationList`]; [`Error::Crypto`] and
    /// [`Error::Signer`]; [`Error::Encode`].
    pub fn signed_by(
        &self,
        register: &mut Register,
        authority: &Authority,
        clock: &dyn Clock,
    ) -> Result<RevocationList, Error> {
        let certificate = authority.certificate();
        let refuse = |why: &str| Error::Authority {
            authority: certificate.subject().to_owned(),
            why: why.to_owned(),
        };
        if certificate
            .facts()
            .key_usages
            .is_some_and(|bits| !bits.crl_sign)
        {
            return Err(refuse(
                "its key usage lacks cRLSign, so that verifiers refuse its revocation lists (RFC \
                 5280 §4.2.1.3); rotate the authority to one that has it",
            ));
        }
        let now = clock.now();
        let (this_update, next_update) = self
            .dates(now, certificate.not_before(), certificate.not_after())
            .ok_or_else(|| refuse("it is not valid now, or the lifetime asked for is empty"))?;
        let mut listed = register.next_list(&register::key_id(certificate), this_update)?;
        for entry in &register.revocations {
            if self.others.contains(&entry.issuer_key_id)
                && entry.not_after >= this_update
                && !listed.iter().any(|known| known.serial == entry.serial)
            {
                listed.push(entry.clone());
            }
        }
        let revoked_certs = listed
            .iter()
            .map(|entry| {
                let serial = data_encoding::HEXUPPER
                    .decode(entry.serial.as_bytes())
                    .map_err(|_| Error::RevocationList {
                        why: format!("{:?} is no serial number", entry.serial),
                    })?;
                Ok(RevokedCertParams {
                    serial_number: SerialNumber::from(serial),
                    revocation_time: entry.revoked_at,
                    reason_code: Some(entry.reason.to_rcgen()),
                    invalidity_date: None,
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let point = (!self.uris.is_empty()).then(|| CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint {
                uris: self.uris.clone(),
            },
            scope: match self.scope {
                Scope::All => None,
                Scope::Authorities => Some(CrlScope::CaCertsOnly),
                Scope::Leaves => Some(CrlScope::UserCertsOnly),
            },
        });
        let der = authority.sign_list(CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from(register.number),
            issuing_distribution_point: point,
            revoked_certs,
            key_identifier_method: authority.key_identifier(),
        })?;
        RevocationList::from_der(&der)
    }

    fn dates(
        &self,
        now: OffsetDateTime,
        first: OffsetDateTime,
        last: OffsetDateTime,
    ) -> Option<(OffsetDateTime, OffsetDateTime)> {
        let now = whole_second(now)?;
        let begin = now.checked_sub(BACKDATE.try_into().ok()?)?.max(first);
        let end = whole_second(now.checked_add(self.lifetime.try_into().ok()?)?)?.min(last);
        (begin <= now && now < end).then_some((begin, end))
    }
}
