//! What a step would do, without doing it.

use fips_core::Diagnostic;
use serde::Serialize;
use time::OffsetDateTime;

use super::{Advance, Checkpoint, Phase, Role, Rotation, Start};
use crate::error::Error;

/// What a step would do.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Outline {
    /// The authority, or the set of keys.
    pub name: String,
    /// The phase it is in; none before the start.
    pub from: Option<Phase>,
    /// The phase the step enters; none when it gives the rotation up.
    pub phase: Option<Phase>,
    /// What it does, in words.
    pub what: String,
    /// The leaves that are issued anew.
    pub reissued: Vec<String>,
    /// The files that are written.
    pub written: Vec<String>,
    /// The checkpoints after it.
    pub checkpoints: Vec<Checkpoint>,
    /// Why it would be refused now.
    pub blocked: Vec<String>,
}

impl Rotation<'_> {
    /// Each step of a whole rotation, from the start on.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`]; failures of the store.
    pub fn plan(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Vec<Outline>, Error> {
        let mut steps = vec![self.outline_start(diagnostic, now)?];
        for phase in [Phase::TrustBoth, Phase::IssueFromNew, Phase::Retire] {
            let from = steps.last().and_then(|step| step.phase);
            steps.push(self.outline(from, Some(phase), Vec::new()));
        }
        Ok(steps)
    }

    /// What [`start`](Self::start) would do.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    pub fn outline_start(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Outline, Error> {
        self.outline_start_with(&Start::default(), diagnostic, now)
    }

    /// What [`start_with`](Self::start_with) would do. Whether a token has the key is seen when
    /// it signs.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan).
    pub fn outline_start_with(
        &self,
        how: &Start,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Outline, Error> {
        let blocked = self.start_blocked(how, diagnostic, now)?;
        let mut outline = self.outline(None, Some(Phase::Prepare), blocked);
        let not_made = [
            (how.key.is_some(), &self.paths.new_key),
            (how.distrust_old, &self.paths.old_by_new),
        ];
        for (_, path) in not_made.iter().filter(|(not_made, _)| *not_made) {
            outline.written.retain(|file| file != path.as_str());
        }
        Ok(outline)
    }

    /// What [`next`](Self::next) would do.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] when none was begun; otherwise as [`plan`](Self::plan).
    pub fn outline_next(
        &self,
        advance: &Advance,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Outline, Error> {
        let journal = self.begun()?;
        let blocked = self.blocked(&journal, advance, diagnostic, now)?;
        let to = journal.phase.next().unwrap_or(journal.phase);
        Ok(self.outline(Some(journal.phase), Some(to), blocked))
    }

    /// What [`rollback`](Self::rollback) would do.
    ///
    /// # Errors
    ///
    /// As [`outline_next`](Self::outline_next).
    pub fn outline_rollback(&self) -> Result<Outline, Error> {
        let journal = self.begun()?;
        let blocked = self.rollback_blocked(&journal)?;
        Ok(self.outline(Some(journal.phase), journal.phase.before(), blocked))
    }

    fn outline(&self, from: Option<Phase>, to: Option<Phase>, blocked: Vec<String>) -> Outline {
        let signs_new = |phase: Option<Phase>| phase >= Some(Phase::IssueFromNew);
        let changes_hands = signs_new(from) != signs_new(to);
        let in_use = from.is_some() && to.is_some();
        let mut written: Vec<String> = Vec::new();
        let mut reissued = Vec::new();
        if in_use {
            let entry = self.entry;
            written.push(entry.certificate.to_string());
            if changes_hands {
                written.extend(entry.nochain.iter().map(ToString::to_string));
                written.extend(entry.key.iter().map(ToString::to_string));
                reissued = self.leaves().map(|leaf| leaf.name.clone()).collect();
            }
            for leaf in self.leaves() {
                written.push(leaf.file().to_string());
                if changes_hands {
                    written.push(leaf.key_file().to_string());
                }
            }
            written.extend(self.kubeconfigs().map(|one| one.path.to_string()));
        }
        if from.is_none() {
            let staged = self.paths.staged();
            let made = staged.iter().filter(|path| **path != &self.paths.old_key);
            written.extend(made.map(ToString::to_string));
        }
        written.push(self.paths.journal.to_string());
        written.sort();
        written.dedup();
        Outline {
            name: self.entry.name.clone(),
            from,
            phase: to,
            what: what(from, to).to_owned(),
            reissued,
            written,
            checkpoints: to
                .map(|to| {
                    Role::of_authority(&self.entry.name)
                        .checkpoints(to)
                        .to_vec()
                })
                .unwrap_or_default(),
            blocked,
        }
    }
}

fn what(from: Option<Phase>, to: Option<Phase>) -> &'static str {
    match to {
        None => "give the rotation up: remove the new key and certificates, which nobody saw",
        Some(to) if from > Some(to) => match to {
            Phase::Prepare => "trust the old authority alone again",
            _ => "sign with the old key again: its leaves are issued anew; both stay trusted",
        },
        Some(Phase::Prepare) => {
            "make the new key and certificate, and certify each authority by the other; nothing in \
             use changes"
        }
        Some(Phase::TrustBoth) => "trust both; the old key goes on signing",
        Some(Phase::IssueFromNew) => {
            "sign with the new key: every leaf is issued anew; both stay trusted"
        }
        Some(Phase::Retire) => "trust the new authority alone, and destroy the old key",
    }
}
