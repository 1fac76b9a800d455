//! Issuing the lists of an authority: one of each key that is trusted.

use std::collections::BTreeMap;

use fips_core::{Boundary, Diagnostic, Opening};
use time::OffsetDateTime;

use super::found::{Places, Side, register_path, signs_lists};
use super::{
    BlockedList, IssuedList, ListsRefreshed, PlannedRevocation, RevocationPlan, RevocationReport,
};
use crate::audit::{Event, EventKind};
use crate::catalogue::AuthorityEntry;
use crate::clock::{Clock, FixedClock};
use crate::crl::{Register, RevocationListParams, key_id};
use crate::error::Error;
use crate::issue::Authority;
use crate::pki::Pki;
use crate::pki::init::{apply, diagnostic};
use crate::pki::read_back::Staged;
use crate::store::Secrecy;

/// The keys of an authority that sign lists: the active one, and one that a rotation keeps.
pub(in crate::pki) struct Signers<'a> {
    pub(in crate::pki) active: &'a Authority,
    /// `None` for one whose key is gone: what it listed last stays.
    pub(in crate::pki) beside: Option<(Side, Option<&'a Authority>)>,
}

impl Pki<'_> {
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

    /// Issues the next list of each authority that has one which is due, one change for each:
    /// one that cannot sign does not keep the others from it.
    ///
    /// # Errors
    ///
    /// [`Error::Gate`]; failures of the module and the store.
    pub fn refresh_due_lists(
        &self,
        boundary: &Boundary,
        params: &RevocationListParams,
        clock: &dyn Clock,
    ) -> Result<ListsRefreshed, Error> {
        let mut refreshed = ListsRefreshed {
            lists: Vec::new(),
            blocked: Vec::new(),
        };
        for authority in self.lists_due(&diagnostic()?, clock.now(), &[])? {
            match self.refresh_lists(boundary, std::slice::from_ref(&authority), params, clock) {
                Ok(report) => refreshed.lists.extend(report.lists),
                // Of this authority alone; anything else would meet the next one, too.
                Err(
                    why @ (Error::Authority { .. }
                    | Error::Certificate { .. }
                    | Error::Key { .. }
                    | Error::KeyForm { .. }
                    | Error::KeyUri { .. }
                    | Error::NoSecret { .. }
                    | Error::Revocation { .. }
                    | Error::RevocationList { .. }
                    | Error::Rotation { .. }
                    | Error::RotationJournal { .. }
                    | Error::Sealing(_)
                    | Error::Signer { .. }),
                ) => refreshed.blocked.push(BlockedList {
                    authority,
                    why: why.to_string(),
                }),
                Err(error) => return Err(error),
            }
        }
        Ok(refreshed)
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
                found.keys.iter().any(|key| key.due)
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
        let mut staged = Staged::new("issue revocation lists");
        let mut lists = Vec::new();
        for (name, planned) in by_authority {
            let entry = self.known_authority(name)?;
            let issuer = self.issuer(boundary, &diagnostic, entry, now)?;
            let rotation = self.rotation(name)?;
            let beside = rotation.beside()?;
            let other = match beside
                .as_ref()
                .and_then(|one| Some((one, one.key.as_ref()?)))
            {
                Some((one, key)) => {
                    let key = rotation.sign_with(boundary, key)?;
                    let authority = Authority::load(one.certificate.clone(), key)?;
                    signs_lists(&one.certificate, now).then_some(authority)
                }
                None => None,
            };
            let signers = Signers {
                active: &issuer.authority,
                beside: beside.as_ref().map(|one| (one.side, other.as_ref())),
            };
            let issued;
            (staged, issued) =
                self.stage_lists(&diagnostic, staged, entry, &signers, &planned, params, now)?;
            lists.extend(issued);
        }
        let report = apply(boundary, &diagnostic, self.store, staged, Vec::new(), now)?;
        for list in &lists {
            tracing::info!(
                authority = list.authority,
                file = list.file,
                number = list.number,
                listed = list.listed,
                revoked = list.revoked,
                "revocation list issued"
            );
        }
        let status = boundary.status();
        Ok(RevocationReport {
            lists,
            written: report.written,
            evaluation: status.opening() == Opening::Evaluation,
            statement: status.statement().to_string(),
        })
    }

    /// Stages what a step of a rotation makes of the lists of `entry`: one of each key that is
    /// trusted then. Nothing where the authority has neither register nor list.
    pub(in crate::pki) fn restage_lists(
        &self,
        diagnostic: &Diagnostic,
        staged: Staged,
        entry: &AuthorityEntry,
        signers: &Signers<'_>,
        now: OffsetDateTime,
    ) -> Result<Staged, Error> {
        let found = self.revoked_of(diagnostic, entry, now)?;
        if found.rows.is_empty() {
            return Ok(staged);
        }
        let params = RevocationListParams::default();
        self.stage_lists(diagnostic, staged, entry, signers, &[], &params, now)
            .map(|(staged, _)| staged)
    }

    #[expect(clippy::too_many_arguments, reason = "each is another thing")]
    fn stage_lists(
        &self,
        diagnostic: &Diagnostic,
        mut staged: Staged,
        entry: &AuthorityEntry,
        signers: &Signers<'_>,
        planned: &[&PlannedRevocation],
        params: &RevocationListParams,
        now: OffsetDateTime,
    ) -> Result<(Staged, Vec<IssuedList>), Error> {
        let name = entry.name.as_str();
        let moment = FixedClock::new(now);
        let path = register_path(name)?;
        let before = self.store.read(&path)?;
        let mut register = match &before {
            None => Register::new(name),
            Some(json) => Register::from_json(name, json).map_err(|why| Error::Revocation {
                what: format!("what {name} issued"),
                why: format!(
                    "{path}: {why}; restore it from a backup, or move it away: the next list \
                     takes over what the present one says"
                ),
            })?,
        };
        // As they are found now, whatever they become.
        let found = self.revoked_of(diagnostic, entry, now)?;
        let mut taken_over = 0;
        let known = register.clone();
        for key in &found.keys {
            if let (Some(list), Some(certificate)) = (&key.list, &key.certificate) {
                taken_over += register.absorb_beyond(&known, list, certificate);
            }
        }
        let mut revoked = BTreeMap::<&str, usize>::new();
        for planned in planned {
            if register.add(planned.revocation.clone()) {
                *revoked
                    .entry(&planned.revocation.issuer_key_id)
                    .or_default() += 1;
                staged = staged.log(event(planned));
            }
        }
        let other = signers
            .beside
            .and_then(|(side, signer)| Some((side, signer?)));
        let active = (Side::Active, signers.active);
        let mut lists = Vec::new();
        for (side, authority) in other.into_iter().chain([active]) {
            let places = Places::new(name, side)?;
            let certificate = authority.certificate();
            let params = match side {
                // Programs that take one list and compare serial numbers alone read this one.
                Side::Active => params.clone().with_revocations_of(
                    other.iter().map(|(_, other)| key_id(other.certificate())),
                ),
                Side::New | Side::Old => params.clone(),
            };
            let list = params.signed_by(&mut register, authority, &moment)?;
            list.verify(diagnostic, certificate, now)
                .map_err(|why| Error::RevocationList {
                    why: format!("the new list of {name}: {why}"),
                })?;
            let listed = list.entries().count();
            staged = staged.log(Event::new(EventKind::CrlIssued, name).with_reason(format!(
                "number {}, {listed} revoked, {}",
                register.number, places.der
            )));
            staged = staged
                .bytes(&places.der, Secrecy::Public, list.der().to_vec())
                .bytes(&places.pem, Secrecy::Public, list.to_pem().into_bytes());
            lists.push(IssuedList {
                authority: name.to_owned(),
                file: places.der.to_string(),
                number: register.number,
                next_update: list.next_update().unwrap_or(now),
                listed,
                revoked: revoked
                    .get(key_id(certificate).as_str())
                    .copied()
                    .unwrap_or(0),
                taken_over: std::mem::take(&mut taken_over),
            });
        }
        lists.reverse();
        staged = self.stage_other_lists(staged, entry, &found, signers)?;
        staged = staged
            .expect(&path, before.as_deref().map(Vec::as_slice))
            .bytes(&path, Secrecy::Public, register.to_json()?);
        Ok((staged, lists))
    }

    /// Removes the lists of keys that are not trusted then; what a key that is gone listed last
    /// is kept beside.
    fn stage_other_lists(
        &self,
        mut staged: Staged,
        entry: &AuthorityEntry,
        found: &super::Revoked,
        signers: &Signers<'_>,
    ) -> Result<Staged, Error> {
        for side in [Side::New, Side::Old] {
            let places = Places::new(&entry.name, side)?;
            match signers.beside {
                Some((kept, Some(_))) if kept == side => {}
                Some((kept, None)) if kept == side => {
                    let last = found.keys.iter().find(|key| key.side == side);
                    let last = last
                        .or(found.keys.first())
                        .and_then(|key| key.list.as_ref());
                    if let Some(list) = last {
                        staged = staged
                            .bytes(&places.der, Secrecy::Public, list.der().to_vec())
                            .bytes(&places.pem, Secrecy::Public, list.to_pem().into_bytes());
                    }
                }
                _ => staged = staged.remove(&places.der).remove(&places.pem),
            }
        }
        Ok(staged)
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
