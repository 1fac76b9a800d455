//! How far a rotation is, and what keeps it from going on.

use fips_core::Diagnostic;
use serde::Serialize;
use time::OffsetDateTime;

use super::journal::{Journal, Rotated};
use super::{Advance, Checkpoint, LiveLeaf, Phase, Rotation};
use crate::error::Error;

/// How far a rotation is.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The authority, or the set of keys.
    pub name: String,
    /// The phase that was entered last; none when no rotation was begun.
    pub phase: Option<Phase>,
    /// The phase that `next` enters; none when it is done.
    pub next: Option<Phase>,
    /// Whether nothing is left to do.
    pub done: bool,
    /// The checkpoints that are open, in their order.
    pub open: Vec<Checkpoint>,
    /// Why `next` would refuse.
    pub blocked: Vec<String>,
    /// Leaves of the old authority that are known and good.
    pub live: Vec<LiveLeaf>,
    /// The journal.
    pub journal: Option<Journal>,
}

impl Status {
    pub(super) fn new(name: &str, journal: Option<Journal>) -> Self {
        Self {
            name: name.to_owned(),
            phase: journal.as_ref().map(|journal| journal.phase),
            next: journal.as_ref().and_then(|journal| journal.phase.next()),
            done: journal.as_ref().is_some_and(Journal::is_done),
            open: journal.as_ref().map(Journal::open).unwrap_or_default(),
            blocked: Vec::new(),
            live: Vec::new(),
            journal,
        }
    }
}

impl Rotation<'_> {
    /// How far it is, without changing anything.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`]; failures of the store.
    pub fn status(&self, diagnostic: &Diagnostic, now: OffsetDateTime) -> Result<Status, Error> {
        let journal = self.journal()?;
        let mut status = Status::new(&self.entry.name, journal);
        let Some(journal) = &status.journal else {
            status.blocked = vec!["none was begun: `start` prepares one".to_owned()];
            return Ok(status);
        };
        if journal.phase == Phase::Retire {
            return Ok(status);
        }
        status.blocked = self.blocked(journal, &Advance::default(), diagnostic, now)?;
        if journal.phase >= Phase::IssueFromNew
            && let Rotated::Authority(authorities) = &journal.subject
        {
            // What the journal names cannot always be read; `blocked` says so.
            status.live = match self.held(authorities, diagnostic) {
                Ok(held) => match held.old() {
                    Some(old) => self.live(old, now, diagnostic)?,
                    None => Vec::new(),
                },
                Err(_) => Vec::new(),
            };
        }
        Ok(status)
    }

    /// What keeps [`next`](Self::next) from going on.
    pub(super) fn blocked(
        &self,
        journal: &Journal,
        advance: &Advance,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, Error> {
        let Some(to) = journal.phase.next() else {
            return Ok(vec!["it is done: `start` begins another one".to_owned()]);
        };
        let mut why = Vec::new();
        if !advance.force {
            why.extend(waiting(&journal.open()));
        }
        why.extend(self.changed_by_another(journal)?);
        let held = match self.held(self.authorities(journal)?, diagnostic) {
            Ok(held) => held,
            Err(error @ Error::Rotation { .. }) => {
                why.push(error.to_string());
                return Ok(why);
            }
            Err(error) => return Err(error),
        };
        if let Err(error) = held.bundle(&self.entry.name, to, now, diagnostic) {
            why.push(error.to_string());
        }
        if to == Phase::Retire
            && let Some(old) = held.old()
        {
            let live = self.live(old, now, diagnostic)?;
            let known = |serial: &String| live.iter().any(|leaf| leaf.serial == *serial);
            if let Some(other) = advance.give_up.iter().find(|serial| !known(serial)) {
                why.push(format!(
                    "no live leaf of the old authority has the serial {other}"
                ));
            }
            let kept: Vec<String> = live
                .iter()
                .filter(|leaf| !advance.give_up.contains(&leaf.serial))
                .map(|leaf| format!("{} ({}, serial {})", leaf.file, leaf.subject, leaf.serial))
                .collect();
            if !kept.is_empty() {
                why.push(format!(
                    "live leaves of the old authority are known: {}; have them issued anew, or \
                     give each up by its serial",
                    kept.join(", ")
                ));
            }
        }
        Ok(why)
    }
}

/// The checkpoints that are waited for, in words.
pub(super) fn waiting(open: &[Checkpoint]) -> Option<String> {
    if open.is_empty() {
        return None;
    }
    let ids: Vec<&str> = open.iter().map(|one| one.id).collect();
    Some(format!(
        "it waits for {}: do each in that order and `confirm` it",
        ids.join(", ")
    ))
}
