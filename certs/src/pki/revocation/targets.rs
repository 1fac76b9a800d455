//! What is to be revoked, found: its certificate, its authority, and the key that signed it.

use fips_core::Diagnostic;
use time::OffsetDateTime;

use super::{PlannedRevocation, RevocationPlan, Target};
use crate::catalogue::AuthorityEntry;
use crate::certificate::Certificate;
use crate::crl::{Revocation, RevocationReason, is_serial, key_id};
use crate::error::Error;
use crate::pki::Pki;
use crate::pki::files::{self, Pair};

/// The authority, the leaf in place, and what is written into the register.
type Found<'a> = (&'a AuthorityEntry, Option<String>, Revocation);

/// Why nothing of a key that a recovery replaced can be revoked.
const GONE: &str = "the key that issued it is gone, and no list of it can be issued; go on with \
                    the rotation to retire it";

impl Pki<'_> {
    /// What revoking `targets` for `reason` would do, without doing it.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; [`Error::Revocation`] for a certificate that no authority of
    /// the catalogue issued with a key that is trusted, for an authority's own, for what cannot be
    /// read, and for a serial number of which no certificate is in place when no authority is
    /// named.
    pub fn revocations(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        targets: &[Target],
        reason: RevocationReason,
    ) -> Result<RevocationPlan, Error> {
        let mut plan = RevocationPlan {
            revocations: Vec::new(),
        };
        for target in targets {
            let found = match target {
                Target::Certificate(certificate) => {
                    let found = self.in_place(|found| found == &**certificate);
                    let entry = found.map(|(name, _)| name);
                    vec![self.of(diagnostic, certificate, entry, reason, now)?]
                }
                Target::Entry(name) => {
                    let certificate = self.current(name)?;
                    vec![self.of(diagnostic, &certificate, Some(name.clone()), reason, now)?]
                }
                Target::Serial { serial, authority } => {
                    self.by_serial(diagnostic, serial, authority.as_deref(), reason, now)?
                }
            };
            for (authority, entry, revocation) in found {
                let revoked = self.revoked_of(diagnostic, authority, now)?;
                let known = revoked.register.as_ref().and_then(|register| {
                    register.find(&revocation.issuer_key_id, &revocation.serial)
                });
                let planned = PlannedRevocation {
                    authority: authority.name.clone(),
                    entry,
                    already: known.is_some(),
                    revocation: known.cloned().unwrap_or(revocation),
                };
                let twice = plan.revocations.iter().any(|other| {
                    other.authority == planned.authority
                        && other.revocation.issuer_key_id == planned.revocation.issuer_key_id
                        && other.revocation.serial == planned.revocation.serial
                });
                if !twice {
                    plan.revocations.push(planned);
                }
            }
        }
        Ok(plan)
    }

    /// The authority of the catalogue that issued `certificate` with a key that is trusted, and
    /// the certificate of that key.
    fn issuer_of(
        &self,
        diagnostic: &Diagnostic,
        certificate: &Certificate,
    ) -> Result<(&AuthorityEntry, Certificate), Error> {
        let refuse = |why: &str| Error::Revocation {
            what: certificate.subject().to_owned(),
            why: why.to_owned(),
        };
        if certificate.is_authority() {
            return Err(refuse(
                "it is an authority, whose list would be signed with its own key; rotate it, and \
                 peers stop trusting it when it is retired",
            ));
        }
        for entry in self.catalogue.authorities() {
            let first = files::certificates(self.store, &entry.certificate);
            let first = first.ok().and_then(|found| found.into_iter().next());
            let beside = self.rotation(&entry.name)?.beside()?;
            let gone = beside.as_ref().is_some_and(|one| one.key.is_none());
            let own = first.map(|first| (first, false));
            let other = beside.map(|one| (one.certificate, gone));
            for (issuer, gone) in own.into_iter().chain(other) {
                if certificate.verify_issued_by(diagnostic, &issuer).is_err() {
                    continue;
                }
                if gone {
                    return Err(refuse(GONE));
                }
                return Ok((entry, issuer));
            }
        }
        Err(refuse(
            "no authority of this PKI issued it with a key that is trusted; what a retired key \
             issued is no longer trusted when the rotation has ended",
        ))
    }

    /// The revocation of `certificate`, under the key that issued it.
    fn of(
        &self,
        diagnostic: &Diagnostic,
        certificate: &Certificate,
        entry: Option<String>,
        reason: RevocationReason,
        now: OffsetDateTime,
    ) -> Result<Found<'_>, Error> {
        let (authority, issuer) = self.issuer_of(diagnostic, certificate)?;
        // The register would not be read again with one that is too long, and the text of a
        // negative one is another number's: the list would revoke that.
        let negative = certificate.facts().serial.first() >= Some(&0x80);
        if negative || !is_serial(&certificate.serial()) {
            return Err(Error::Revocation {
                what: certificate.subject().to_owned(),
                why: "its serial number is negative or longer than 20 octets (RFC 5280 §4.1.2.2), \
                      and no list can name it; rotate the authority, and peers stop trusting it \
                      when the old key is retired"
                    .to_owned(),
            });
        }
        let revocation = Revocation {
            // Also of one that does not name the key itself.
            issuer_key_id: key_id(&issuer),
            ..Revocation::of(certificate, reason, now)
        };
        Ok((authority, entry, revocation))
    }

    /// The certificate that is in place of the leaf `name`.
    fn current(&self, name: &str) -> Result<Certificate, Error> {
        let entry = self
            .catalogue
            .leaf(name)
            .ok_or_else(|| self.unknown(name))?;
        let refuse = |why: String| Error::Revocation {
            what: name.to_owned(),
            why,
        };
        let pair = Pair::of_leaf(self.store, entry)
            .ok_or_else(|| refuse("there is no certificate in its place".into()))?;
        let certificates = pair.certificates.map_err(&refuse)?;
        certificates
            .into_iter()
            .next()
            .ok_or_else(|| refuse("there is no certificate in its place".into()))
    }

    /// The first leaf in place for which `wanted` holds.
    fn in_place(&self, wanted: impl Fn(&Certificate) -> bool) -> Option<(String, Certificate)> {
        self.catalogue.leaves().iter().find_map(|entry| {
            let certificates = Pair::of_leaf(self.store, entry)?.certificates.ok()?;
            let first = certificates.into_iter().next()?;
            wanted(&first).then(|| (entry.name.clone(), first))
        })
    }

    /// Of a serial number that no certificate in place has it is not known which key of a
    /// rotation gave it: it is revoked under each that is trusted.
    fn by_serial(
        &self,
        diagnostic: &Diagnostic,
        serial: &str,
        authority: Option<&str>,
        reason: RevocationReason,
        now: OffsetDateTime,
    ) -> Result<Vec<Found<'_>>, Error> {
        let serial = serial.replace(':', "").to_ascii_uppercase();
        let refuse = |why: String| Error::Revocation {
            what: format!("the serial number {serial}"),
            why,
        };
        if !is_serial(&serial) {
            return Err(refuse(
                "it is not written as whole bytes in hexadecimal without leading zeros".into(),
            ));
        }
        let found = self.in_place(|found| {
            found.serial() == serial
                && self
                    .issuer_of(diagnostic, found)
                    .is_ok_and(|(issuer, _)| authority.is_none_or(|wanted| wanted == issuer.name))
        });
        if let Some((entry, certificate)) = found {
            return Ok(vec![self.of(
                diagnostic,
                &certificate,
                Some(entry),
                reason,
                now,
            )?]);
        }
        let Some(name) = authority else {
            return Err(refuse(
                "no certificate of this PKI that is in place has it; name the authority that \
                 issued it"
                    .into(),
            ));
        };
        let entry = self.known_authority(name)?;
        let certificates = files::certificates(self.store, &entry.certificate).map_err(&refuse)?;
        let issuer = certificates
            .into_iter()
            .next()
            .ok_or_else(|| refuse(format!("{name} has no certificate")))?;
        // What a key that is gone may have given cannot be listed any more.
        let beside = self.rotation(name)?.beside()?;
        let beside = beside.filter(|one| one.key.is_some());
        let issuers = std::iter::once(issuer).chain(beside.map(|one| one.certificate));
        Ok(issuers
            .map(|issuer| {
                let revocation = Revocation::of_serial(serial.clone(), &issuer, reason, now);
                (entry, None, revocation)
            })
            .collect())
    }
}
