//! Entering a phase, forwards and backwards: each is one change of the store.

use fips_core::{Boundary, Diagnostic};
use serde::Serialize;
use time::OffsetDateTime;

use super::held::Held;
use super::journal::{Authorities, Journal, Rotated, sha256};
use super::signing::{KeyAt, Which};
use super::{Checkpoint, Paths, Phase, Rotation, next_phase, pass, stage_journal};
use crate::audit::{Event, EventKind};
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::issue::Authority;
use crate::key::KeySource;
use crate::pki::files::Pair;
use crate::pki::init::{apply, diagnostic};
use crate::pki::issuer::Issuer;
use crate::pki::read_back::Staged;
use crate::pki::report::Report;
use crate::pki::revocation::{Side, Signers, signs_lists};
use crate::store::{EntryPath, Secrecy, Store};

/// How [`Rotation::next`] goes on.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Advance {
    /// Skips checkpoints that were not confirmed, and records that. Nothing else is skipped by
    /// force: not that key and certificate are a pair, no rule, no live leaf.
    pub force: bool,
    /// Serial numbers of leaves of the old authority that may be cut off when it is retired.
    pub give_up: Vec<String>,
    /// Whether the retired key is kept, below `fips/retired/`, and not destroyed.
    pub keep_old_key: bool,
}

/// What a step did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// The authority, or the set of keys.
    pub name: String,
    /// The phase it was in; none at the start.
    pub from: Option<Phase>,
    /// The phase it is in; none when the rotation was given up.
    pub phase: Option<Phase>,
    /// What was issued and written.
    pub report: Report,
    /// What was removed.
    pub removed: Vec<String>,
    /// What is to be done before the next step, in that order.
    pub checkpoints: Vec<Checkpoint>,
    /// What else there is to know.
    pub remarks: Vec<String>,
}

impl Step {
    pub(super) fn new(
        name: &str,
        from: Option<Phase>,
        journal: Option<&Journal>,
        removed: Vec<String>,
        report: Report,
    ) -> Self {
        let mut remarks = Vec::new();
        if let Some(journal) = journal
            && let Rotated::Authority(authorities) = &journal.subject
        {
            if let Some(why) = &authorities.uncrossed {
                remarks.push(format!("not cross-signed both ways: {why}"));
            }
            if journal.phase == Phase::Retire {
                remarks.extend(stays_on_token(&authorities.old_key));
            }
        }
        Self {
            name: name.to_owned(),
            from,
            phase: journal.map(|journal| journal.phase),
            report,
            removed,
            checkpoints: journal.map(Journal::open).unwrap_or_default(),
            remarks,
        }
    }
}

/// What is to be said of a key that is needed no more and that a token holds.
fn stays_on_token(key: &KeySource) -> Option<String> {
    match key {
        KeySource::Pkcs11(uri) => Some(format!(
            "a key that is needed no more stays on its token; remove it there: {uri}"
        )),
        _ => None,
    }
}

/// A step, for the audit log.
pub(super) fn entered(name: &str, from: Option<Phase>, to: Option<&Journal>) -> Event {
    let from = from.map_or("nothing", Phase::name);
    let to_name = to.map_or("given up", |journal| journal.phase.name());
    let mut reason = format!("{from} -> {to_name}");
    let passed = to
        .map(|journal| journal.passed.as_slice())
        .unwrap_or_default();
    let forced: Vec<&str> = passed
        .iter()
        .filter(|passed| passed.forced)
        .map(|passed| passed.checkpoint.as_str())
        .collect();
    if !forced.is_empty() {
        reason += &format!("; skipped by force: {}", forced.join(", "));
    }
    if let Some(Rotated::Authority(authorities)) = to.map(|journal| &journal.subject) {
        if !authorities.given_up.is_empty() {
            reason += &format!("; given up: {}", authorities.given_up.join(", "));
        }
        if let Some(why) = &authorities.recovery {
            reason += &format!("; {why}");
        }
    }
    Event::new(EventKind::RotationStep, name).with_reason(reason)
}

/// A confirmation, for the audit log.
pub(super) fn confirmed(name: &str, phase: Phase, checkpoints: &[String]) -> Event {
    let reason = format!("{phase}: confirmed {}", checkpoints.join(", "));
    Event::new(EventKind::RotationStep, name).with_reason(reason)
}

/// What is removed, for the report.
pub(super) fn removed(store: &dyn Store, staged: &Staged) -> Vec<String> {
    let there = |path: &&EntryPath| matches!(store.read(path), Ok(Some(_)));
    staged
        .removed()
        .filter(there)
        .map(ToString::to_string)
        .collect()
}

impl Rotation<'_> {
    /// Goes on to the next phase.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] with what [blocks](super::Status::blocked) it; [`Error::Gate`];
    /// [`Error::ReadBack`] when what was written does not hold; failures of the module and the
    /// store. In each case nothing was changed.
    pub fn next(
        &self,
        boundary: &Boundary,
        advance: &Advance,
        clock: &dyn Clock,
    ) -> Result<Step, Error> {
        self.pki.admit(Some(boundary.status().opening()))?;
        let diagnostic = diagnostic()?;
        let now = clock.now();
        let mut journal = self.begun()?;
        let blocked = self.blocked(&journal, advance, &diagnostic, now)?;
        if !blocked.is_empty() {
            return Err(self.refuse(blocked.join("; ")));
        }
        let to = next_phase(&mut journal, now)?;
        self.enter(boundary, &diagnostic, &journal, to, advance, now)
    }

    /// Goes back to the phase before; from the first one, gives the rotation up. The authority's
    /// file is then what it was in that phase, byte for byte; leaves are issued anew by the key
    /// that signs again.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] once the old authority is retired, and when its files were changed
    /// by another; otherwise as [`next`](Self::next).
    pub fn rollback(&self, boundary: &Boundary, clock: &dyn Clock) -> Result<Step, Error> {
        self.pki.admit(Some(boundary.status().opening()))?;
        let diagnostic = diagnostic()?;
        let now = clock.now();
        let journal = self.begun()?;
        if let Some(why) = self.rollback_blocked(&journal)?.into_iter().next() {
            return Err(self.refuse(why));
        }
        match journal.phase.before() {
            Some(to) => self.enter(
                boundary,
                &diagnostic,
                &journal,
                to,
                &Advance::default(),
                now,
            ),
            None => self.give_up(boundary, &diagnostic, &journal, now),
        }
    }

    /// Confirms checkpoints of the phase, each by its name. None is passed while one before it
    /// is open.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] for one it does not wait for; failures of the store.
    pub fn confirm(
        &self,
        boundary: &Boundary,
        checkpoints: &[String],
        clock: &dyn Clock,
    ) -> Result<Step, Error> {
        self.pki.admit(Some(boundary.status().opening()))?;
        let diagnostic = diagnostic()?;
        let now = clock.now();
        let mut journal = self.begun()?;
        let from = journal.phase;
        pass(&mut journal, checkpoints, now)?;
        let staged = Staged::new(format!("rotate {}: confirm", self.entry.name)).log(confirmed(
            &self.entry.name,
            from,
            checkpoints,
        ));
        let staged = stage_journal(staged, &self.paths, &journal)?;
        let report = apply(
            boundary,
            &diagnostic,
            self.pki.store,
            staged,
            Vec::new(),
            now,
        )?;
        let name = &self.entry.name;
        Ok(Step::new(
            name,
            Some(from),
            Some(&journal),
            Vec::new(),
            report,
        ))
    }

    /// Whether [`confirm`](Self::confirm) would take `checkpoints`, without confirming them.
    ///
    /// # Errors
    ///
    /// As [`confirm`](Self::confirm).
    pub fn outline_confirm(
        &self,
        checkpoints: &[String],
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        pass(&mut self.begun()?, checkpoints, now)
    }

    /// Why [`rollback`](Self::rollback) would refuse.
    pub(super) fn rollback_blocked(&self, journal: &Journal) -> Result<Vec<String>, Error> {
        if journal.phase == Phase::Retire {
            return Ok(vec![
                "the old authority is retired and its key is gone: there is no way back".to_owned(),
            ]);
        }
        if let Some(why) = &self.authorities(journal)?.recovery {
            return Ok(vec![format!(
                "it replaced what could not be used ({why}): there is no way back"
            )]);
        }
        self.changed_by_another(journal)
    }

    /// Whether the authority's files are as the last step left them.
    pub(super) fn changed_by_another(&self, journal: &Journal) -> Result<Vec<String>, Error> {
        let authorities = self.authorities(journal)?;
        let path = &self.entry.certificate;
        let mut why = Vec::new();
        let found = self.pki.store.read(path)?;
        let found = found.map(|content| sha256(&content)).transpose()?;
        if found.as_ref() != Some(&authorities.trust) {
            why.push(format!(
                "{path} was changed by another since the last step (SHA-256 {}, the journal says \
                 {}); restore it, or add its trust again after the rotation",
                found.as_deref().unwrap_or("of nothing"),
                authorities.trust
            ));
        }
        if let Some(torn) = Pair::of_authority(self.pki.store, self.entry).torn() {
            why.push(format!("{torn}; `pki recover` says what can be done"));
        }
        Ok(why)
    }

    pub(super) fn authorities<'j>(&self, journal: &'j Journal) -> Result<&'j Authorities, Error> {
        match &journal.subject {
            Rotated::Authority(authorities) => Ok(authorities.as_ref()),
            Rotated::Keys(_) => Err(Error::RotationJournal {
                path: self.paths.journal.clone(),
                why: "it is of keys, not of an authority".to_owned(),
            }),
        }
    }

    /// Makes the change that enters `to`.
    fn enter(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        journal: &Journal,
        to: Phase,
        advance: &Advance,
        now: OffsetDateTime,
    ) -> Result<Step, Error> {
        let (entry, paths) = (self.entry, &self.paths);
        let held = self.held(self.authorities(journal)?, diagnostic)?;
        let bundle = held.bundle(&entry.name, to, now, diagnostic)?;
        let changes_hands = (journal.phase >= Phase::IssueFromNew) != (to >= Phase::IssueFromNew);

        let mut staged = Staged::new(format!("rotate {}: {to}", entry.name));
        let file = held.file(to);
        let trust = sha256(&file)?;
        staged = staged.bytes(&entry.certificate, Secrecy::Public, file);
        let authorities = self.authorities(journal)?;
        let signs = Which::signs(to);
        let key = self.key_at(authorities, signs, journal.phase)?;
        if changes_hands {
            staged = self.stage_nochain(staged, &held, to)?;
            staged = self.hand_over(staged, authorities, journal.phase, to)?;
        }
        let active = held
            .active(to)
            .ok_or_else(|| self.refuse("its file is empty"))?;
        // Loading proves that the two are a pair.
        let authority = Authority::load(active.clone(), self.sign_with(boundary, &key)?)?;
        let issuer = Issuer::of_bundle(authority, &bundle);
        let moment = FixedClock::new(now);
        let mut issued = Vec::new();
        if changes_hands {
            (staged, issued) = self.reissue(boundary, staged, &issuer, &moment)?;
        } else {
            staged = self.restage(boundary, diagnostic, staged, &issuer)?;
        }
        staged = self.restage_kubeconfigs(staged)?;
        let other = self.other(boundary, &held, journal, to, now)?;
        let signers = Signers {
            active: &issuer.authority,
            beside: other.as_ref().map(|(side, other)| (*side, other.as_ref())),
        };
        staged = self
            .pki
            .restage_lists(diagnostic, staged, entry, &signers, now)?;

        let mut next = journal.entering(to, now);
        if let Rotated::Authority(authorities) = &mut next.subject {
            authorities.trust = trust;
            authorities.given_up.extend(advance.give_up.iter().cloned());
        }
        if to == Phase::Retire {
            let old = self.key_at(authorities, Which::Old, journal.phase)?;
            // A token keeps its key by itself.
            if let (true, KeyAt::File(file)) = (advance.keep_old_key, old) {
                let old = &authorities.old;
                let serial = old.as_ref().map_or("unknown", |old| &old.serial);
                let archived = Paths::archived(&entry.name, serial)?;
                staged = staged.bytes(&archived, Secrecy::Secret, self.file(&file)?);
            }
            for path in paths.staged() {
                staged = staged.remove(path);
            }
        }
        staged = stage_journal(staged, paths, &next)?;
        let from = Some(journal.phase);
        let staged = staged.log(entered(&entry.name, from, Some(&next)));
        let removed = removed(self.pki.store, &staged);
        let report = apply(boundary, diagnostic, self.pki.store, staged, issued, now)?;
        Ok(Step::new(&entry.name, from, Some(&next), removed, report))
    }

    /// The authority that is trusted in `to` beside the one that signs.
    fn other(
        &self,
        boundary: &Boundary,
        held: &Held,
        journal: &Journal,
        to: Phase,
        now: OffsetDateTime,
    ) -> Result<Option<(Side, Option<Authority>)>, Error> {
        let (side, certificate) = match to {
            Phase::TrustBoth => (Side::New, held.active(Phase::IssueFromNew)),
            Phase::IssueFromNew => (Side::Old, held.old()),
            Phase::Prepare | Phase::Retire => return Ok(None),
        };
        let certificate = certificate.ok_or_else(|| self.refuse("its file is empty"))?;
        let which = Which::signs(to).other();
        // Where it lies yet.
        let key = self.key_at(self.authorities(journal)?, which, journal.phase)?;
        let authority = Authority::load(certificate.clone(), self.sign_with(boundary, &key)?)?;
        // One that may not sign lists, as it was made elsewhere, never had one.
        Ok(Some((
            side,
            signs_lists(certificate, now).then_some(authority),
        )))
    }

    /// The copy of the certificate that signs in `to`; the old one's as it was.
    fn stage_nochain(&self, staged: Staged, held: &Held, to: Phase) -> Result<Staged, Error> {
        let Some(path) = &self.entry.nochain else {
            return Ok(staged);
        };
        let before = if to < Phase::IssueFromNew {
            self.pki.store.read(&self.paths.before_nochain)?
        } else {
            None
        };
        let content = match before {
            Some(before) => before.to_vec(),
            None => held
                .active(to)
                .map(|active| active.to_pem().into_bytes())
                .unwrap_or_default(),
        };
        Ok(staged.bytes(path, Secrecy::Public, content))
    }

    /// Ends a rotation that nobody saw yet.
    fn give_up(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        journal: &Journal,
        now: OffsetDateTime,
    ) -> Result<Step, Error> {
        let mut staged = Staged::new(format!("rotate {}: give up", self.entry.name));
        for path in self.paths.staged() {
            staged = staged.remove(path);
        }
        staged = staged.remove(&self.paths.journal);
        let from = Some(journal.phase);
        let staged = staged.log(entered(&self.entry.name, from, None));
        let removed = removed(self.pki.store, &staged);
        let report = apply(
            boundary,
            diagnostic,
            self.pki.store,
            staged,
            Vec::new(),
            now,
        )?;
        let mut step = Step::new(&self.entry.name, from, None, removed, report);
        let new = &self.authorities(journal)?.new_key;
        step.remarks.extend(stays_on_token(new));
        Ok(step)
    }
}
