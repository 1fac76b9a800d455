//! Revoking certificates, and issuing the lists that say so.

use std::collections::BTreeMap;

use fips_core::{Boundary, Diagnostic, Opening};
use serde::Serialize;
use time::OffsetDateTime;

use super::init::diagnostic;
use super::revoked::{Places, Revoked, due};
use super::row::Row;
use super::{Pki, files};
use crate::audit::{self, Event, EventKind};
use crate::catalogue::AuthorityEntry;
use crate::certificate::Certificate;
use crate::clock::{Clock, FixedClock};
use crate::crl::{
    Register, Revocation, RevocationList, RevocationListParams, RevocationReason, is_serial, key_id,
};
use crate::error::Error;
use crate::pki::files::Pair;
use crate::store::{Change, Secrecy};

/// What is to be revoked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Target {
    /// This certificate.
    Certificate(Box<Certificate>),
    /// The certificate that is in place of a leaf of the catalogue.
    Entry(String),
    /// A serial number in hexadecimal, of an authority of the catalogue; without one, of a
    /// certificate that is in place.
    Serial {
        /// The number.
        serial: String,
        /// The authority's name.
        authority: Option<String>,
    },
}

/// What a revocation would do. Only [`Pki::revocations`] makes one.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RevocationPlan {
    /// Each certificate to revoke.
    pub revocations: Vec<PlannedRevocation>,
}

/// One certificate to revoke.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PlannedRevocation {
    /// The authority that issued it, by its name in the catalogue.
    pub authority: String,
    /// The leaf of the catalogue whose certificate it is now: its renewal is then due.
    pub entry: Option<String>,
    /// What is written into the register.
    #[serde(flatten)]
    pub revocation: Revocation,
    /// Whether it was revoked before; then it stays as it is.
    pub already: bool,
}

/// What [`Pki::revoke`] or [`Pki::refresh_lists`] did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RevocationReport {
    /// Each list that was issued.
    pub lists: Vec<IssuedList>,
    /// Each file that was written, below the store's root.
    pub written: Vec<String>,
    /// Whether this was done under evaluation.
    pub evaluation: bool,
    /// What may be said about the process that did it.
    pub statement: String,
}

/// One list that was issued.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct IssuedList {
    /// The authority, by its name in the catalogue.
    pub authority: String,
    /// The file in DER; beside it the same in PEM, with `.pem` behind its name.
    pub file: String,
    /// Its number.
    pub number: u64,
    /// By when the next one comes.
    #[serde(with = "time::serde::rfc3339")]
    pub next_update: OffsetDateTime,
    /// How many certificates stand on it.
    pub listed: usize,
    /// How many were revoked with it.
    pub revoked: usize,
    /// How many were taken over from the list before, because the register lacked them.
    pub taken_over: usize,
}

impl Pki<'_> {
    /// What revoking `targets` for `reason` would do, without doing it.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; [`Error::Revocation`] for a certificate that no authority of
    /// the catalogue issued with the key it has now, for an authority's own, for what cannot be
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
            let (authority, entry, revocation) = match target {
                Target::Certificate(certificate) => {
                    let authority = self.issuer_of(diagnostic, certificate)?;
                    let found = self.in_place(|found| found == &**certificate);
                    let entry = found.map(|(name, _)| name);
                    (authority, entry, Revocation::of(certificate, reason, now))
                }
                Target::Entry(name) => {
                    let (authority, certificate) = self.current(diagnostic, name)?;
                    let revocation = Revocation::of(&certificate, reason, now);
                    (authority, Some(name.clone()), revocation)
                }
                Target::Serial { serial, authority } => {
                    self.by_serial(diagnostic, serial, authority.as_deref(), reason, now)?
                }
            };
            let revoked = self.revoked_of(diagnostic, authority, now)?;
            let known = revoked
                .register
                .as_ref()
                .and_then(|register| register.find(&revocation.issuer_key_id, &revocation.serial));
            let planned = PlannedRevocation {
                authority: authority.name.clone(),
                entry,
                already: known.is_some(),
                revocation: known.cloned().unwrap_or(revocation),
            };
            let twice = plan.revocations.iter().any(|other| {
                other.authority == planned.authority
                    && other.revocation.serial == planned.revocation.serial
            });
            if !twice {
                plan.revocations.push(planned);
            }
        }
        Ok(plan)
    }

    /// Revokes what `plan` lists and issues the authorities' next lists, as one change with
    /// the lines of the audit log. What was revoked before changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Gate`], as for a renewal; [`Error::Revocation`] when a register cannot be read;
    /// [`Error::Authority`] when an authority cannot sign lists; [`Error::ReadBack`]; failures
    /// of the module and the store. In each case nothing was changed.
    pub fn revoke(
        &self,
        boundary: &Boundary,
        plan: &RevocationPlan,
        params: &RevocationListParams,
        clock: &dyn Clock,
    ) -> Result<RevocationReport, Error> {
        let mut by_authority: BTreeMap<&str, Vec<&PlannedRevocation>> = BTreeMap::new();
        for planned in plan.revocations.iter().filter(|planned| !planned.already) {
            by_authority
                .entry(&planned.authority)
                .or_default()
                .push(planned);
        }
        self.publish(boundary, by_authority, params, clock)
    }

    /// The register and list of each authority that has one, judged.
    ///
    /// # Errors
    ///
    /// [`Error::Path`] for an authority whose name can be no file's.
    pub fn lists(&self, diagnostic: &Diagnostic, now: OffsetDateTime) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        for entry in self.catalogue.authorities() {
            rows.extend(self.revoked_of(diagnostic, entry, now)?.row);
        }
        Ok(rows)
    }

    /// Issues the next list of the authorities called `names`; with no name, of each that has
    /// one of which less than half of its time is left, or with which anything else is wrong.
    /// Nothing is written where nothing is due.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; as [`revoke`](Self::revoke).
    pub fn refresh_lists(
        &self,
        boundary: &Boundary,
        names: &[String],
        params: &RevocationListParams,
        clock: &dyn Clock,
    ) -> Result<RevocationReport, Error> {
        let due = self.lists_due(&diagnostic()?, clock.now(), names)?;
        let due = due.iter().map(|name| (name.as_str(), Vec::new())).collect();
        self.publish(boundary, due, params, clock)
    }

    /// The authorities of which [`refresh_lists`](Self::refresh_lists) would issue a list.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`].
    pub fn lists_due(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        names: &[String],
    ) -> Result<Vec<String>, Error> {
        for name in names {
            self.known_authority(name)?;
        }
        let mut wanted = Vec::new();
        for entry in self.catalogue.authorities() {
            let asked = names.contains(&entry.name);
            let is_due = names.is_empty() && {
                let found = self.revoked_of(diagnostic, entry, now)?;
                let status = found.row.map(|row| row.status);
                let half = found.list.as_ref().is_some_and(|list| due(list, now));
                half || status.is_some_and(|status| status != super::Status::Ok)
            };
            if asked || is_due {
                wanted.push(entry.name.clone());
            }
        }
        Ok(wanted)
    }

    fn publish(
        &self,
        boundary: &Boundary,
        by_authority: BTreeMap<&str, Vec<&PlannedRevocation>>,
        params: &RevocationListParams,
        clock: &dyn Clock,
    ) -> Result<RevocationReport, Error> {
        self.admit(Some(boundary.status().opening()))?;
        let diagnostic = diagnostic()?;
        let now = clock.now();
        let moment = FixedClock::new(now);
        let mut change = Change::new("issue revocation lists");
        let (mut lists, mut events, mut expected) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (name, planned) in by_authority {
            let entry = self.known_authority(name)?;
            let places = Places::new(name)?;
            let issuer = self.issuer(boundary, &diagnostic, entry, now)?;
            let certificate = issuer.authority.certificate();
            let before = self.store.read(&places.register)?;
            let mut register = match &before {
                None => Register::new(name),
                Some(json) => Register::from_json(name, json).map_err(|why| Error::Revocation {
                    what: format!("what {name} issued"),
                    why: format!(
                        "{}: {why}; restore it from a backup, or move it away: the next list \
                         takes over what the present one says",
                        places.register
                    ),
                })?,
            };
            let old = self.revoked(&diagnostic, entry, Some(certificate), now)?;
            let taken_over = old
                .list
                .map_or(0, |list| register.absorb(&list, certificate));
            let mut revoked = 0;
            for planned in planned {
                if register.add(planned.revocation.clone()) {
                    revoked += 1;
                    events.push(event(planned));
                }
            }
            let list = params.signed_by(&mut register, &issuer.authority, &moment)?;
            list.verify(&diagnostic, certificate, now)
                .map_err(|why| Error::RevocationList {
                    why: format!("the new list of {name}: {why}"),
                })?;
            let listed = list.entries().count();
            events.push(
                Event::new(EventKind::CrlIssued, name)
                    .with_reason(format!("number {}, {listed} revoked", register.number)),
            );
            lists.push(IssuedList {
                authority: name.to_owned(),
                file: places.der.to_string(),
                number: register.number,
                next_update: list.next_update().unwrap_or(now),
                listed,
                revoked,
                taken_over,
            });
            change = change.expect(
                places.register.clone(),
                before.as_deref().map(Vec::as_slice),
            );
            for (path, content) in [
                (places.register, register.to_json()?),
                (places.der, list.der().to_vec()),
                (places.pem, list.to_pem().into_bytes()),
            ] {
                change = change.put(path.clone(), Secrecy::Public, content.clone());
                expected.insert(path, content);
            }
        }
        let change = audit::append(boundary, self.store, change, events, now)?;
        self.store
            .apply(&change, &|path, content| match expected.get(path) {
                Some(bytes) if bytes != content => Err(Error::ReadBack {
                    path: path.clone(),
                    why: "the bytes differ".into(),
                }),
                _ => Ok(()),
            })?;
        for list in &lists {
            tracing::info!(
                authority = list.authority,
                number = list.number,
                listed = list.listed,
                revoked = list.revoked,
                "revocation list issued"
            );
        }
        let status = boundary.status();
        Ok(RevocationReport {
            lists,
            written: change.entries().map(|(path, _)| path.to_string()).collect(),
            evaluation: status.opening() == Opening::Evaluation,
            statement: status.statement().to_string(),
        })
    }

    pub(super) fn revoked_of(
        &self,
        diagnostic: &Diagnostic,
        entry: &AuthorityEntry,
        now: OffsetDateTime,
    ) -> Result<Revoked, Error> {
        let certificates = files::certificates(self.store, &entry.certificate);
        let first = certificates.as_ref().ok().and_then(|found| found.first());
        self.revoked(diagnostic, entry, first, now)
    }

    /// The certificates in place of the authority or leaf called `name`, the first its own.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; [`Error::Certificate`] when they cannot be read.
    pub fn certificates(&self, name: &str) -> Result<Vec<Certificate>, Error> {
        let found = if let Some(entry) = self.catalogue.authority(name) {
            files::certificates(self.store, &entry.certificate)
        } else if let Some(entry) = self.catalogue.leaf(name) {
            match Pair::of_leaf(self.store, entry) {
                Some(pair) => pair.certificates,
                None => Err(format!("{} is missing", entry.file())),
            }
        } else {
            return Err(self.unknown(name));
        };
        found.map_err(|why| Error::Certificate { why })
    }

    fn known_authority(&self, name: &str) -> Result<&AuthorityEntry, Error> {
        self.catalogue.authority(name).ok_or_else(|| {
            let names = self.catalogue.authorities().iter();
            Error::UnknownEntry {
                name: name.to_owned(),
                known: names
                    .map(|entry| entry.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            }
        })
    }

    /// The authority of the catalogue that issued `certificate` with the key it has now.
    fn issuer_of(
        &self,
        diagnostic: &Diagnostic,
        certificate: &Certificate,
    ) -> Result<&AuthorityEntry, Error> {
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
        let signed = |entry: &&AuthorityEntry| {
            files::certificates(self.store, &entry.certificate)
                .ok()
                .and_then(|found| found.into_iter().next())
                .is_some_and(|issuer| certificate.verify_issued_by(diagnostic, &issuer).is_ok())
        };
        self.catalogue.authorities().iter().find(signed).ok_or_else(|| {
            refuse(
                "no authority of this PKI issued it with the key it has now; what a retired key \
                 issued is no longer trusted when the rotation has ended",
            )
        })
    }

    /// The certificate that is in place of the leaf `name`, and its authority.
    fn current(
        &self,
        diagnostic: &Diagnostic,
        name: &str,
    ) -> Result<(&AuthorityEntry, Certificate), Error> {
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
        let first = certificates
            .into_iter()
            .next()
            .ok_or_else(|| refuse("there is no certificate in its place".into()))?;
        Ok((self.issuer_of(diagnostic, &first)?, first))
    }

    /// The first leaf in place for which `wanted` holds.
    fn in_place(&self, wanted: impl Fn(&Certificate) -> bool) -> Option<(String, Certificate)> {
        self.catalogue.leaves().iter().find_map(|entry| {
            let certificates = Pair::of_leaf(self.store, entry)?.certificates.ok()?;
            let first = certificates.into_iter().next()?;
            wanted(&first).then(|| (entry.name.clone(), first))
        })
    }

    fn by_serial(
        &self,
        diagnostic: &Diagnostic,
        serial: &str,
        authority: Option<&str>,
        reason: RevocationReason,
        now: OffsetDateTime,
    ) -> Result<(&AuthorityEntry, Option<String>, Revocation), Error> {
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
                    .is_ok_and(|issuer| authority.is_none_or(|wanted| wanted == issuer.name))
        });
        if let Some((entry, certificate)) = found {
            let issuer = self.issuer_of(diagnostic, &certificate)?;
            let revocation = Revocation::of(&certificate, reason, now);
            return Ok((issuer, Some(entry), revocation));
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
            .first()
            .ok_or_else(|| refuse(format!("{name} has no certificate")))?;
        let revocation = Revocation::of_serial(serial.clone(), issuer, reason, now);
        debug_assert_eq!(revocation.issuer_key_id, key_id(issuer));
        Ok((entry, None, revocation))
    }
}

fn event(planned: &PlannedRevocation) -> Event {
    let revocation = &planned.revocation;
    let subject = revocation.subject.as_deref().unwrap_or("subject unknown");
    let name = planned.entry.as_deref().unwrap_or(&planned.authority);
    Event::new(EventKind::Revoked, name)
        .with_old_serial(&revocation.serial)
        .with_reason(format!(
            "{}; {subject}, issued by {}",
            revocation.reason, planned.authority
        ))
}

/// A list in a folder or file of this PKI, or another's: read and judged.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct JudgedList {
    /// The authority of the catalogue that signed it; none when none did.
    pub authority: Option<String>,
    /// Why it is not used; none when it is good.
    pub refused: Option<String>,
}

impl Pki<'_> {
    /// Looks which authority of the catalogue signed `list`, and whether it can be used at
    /// `now`. Authorities that are only trusted, behind the first of a file, count too.
    pub fn judge_list(
        &self,
        diagnostic: &Diagnostic,
        list: &RevocationList,
        now: OffsetDateTime,
    ) -> JudgedList {
        let mut refused = "no authority of this PKI has the name of its issuer".to_owned();
        for entry in self.catalogue.authorities() {
            for certificate in files::certificates(self.store, &entry.certificate)
                .iter()
                .flatten()
            {
                match list.verify(diagnostic, certificate, now) {
                    Ok(()) => {
                        return JudgedList {
                            authority: Some(entry.name.clone()),
                            refused: None,
                        };
                    }
                    Err(crate::crl::ListRefused::OtherName { .. }) => {}
                    Err(why) => refused = why.to_string(),
                }
            }
        }
        JudgedList {
            authority: None,
            refused: Some(refused),
        }
    }
}
