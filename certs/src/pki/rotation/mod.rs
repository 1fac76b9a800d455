//! Rotating an authority, or keys of service accounts, without losing a connection.
//!
//! Four phases, each entered by one change of the store: the new key is prepared; the old one
//! signs and both are trusted; the new one signs and both are trusted; the old one is retired.
//! Between them stands what only a person can do, the [checkpoints](Checkpoint).

mod beside;
mod checkpoint;
mod held;
mod journal;
mod keys;
mod leaves;
mod live;
mod outline;
mod paths;
mod phase;
mod replace;
mod signing;
mod start;
mod status;
mod step;
#[cfg(all(test, feature = "evaluation"))]
mod tests;

use time::OffsetDateTime;

use super::Pki;
use super::read_back::Staged;
use crate::catalogue::AuthorityEntry;
use crate::error::Error;

pub use checkpoint::{Checkpoint, Role};
pub use journal::{Authorities, Identity, Journal, Keys, Passed, Rotated};
pub use keys::KeyRotation;
pub use live::LiveLeaf;
pub use outline::Outline;
pub use phase::Phase;
pub use start::Start;
pub use status::Status;
pub use step::{Advance, Step};

pub(super) use signing::KeyAt;

use paths::Paths;

/// The rotation of one authority of a PKI.
#[derive(Debug)]
pub struct Rotation<'p> {
    pki: &'p Pki<'p>,
    entry: &'p AuthorityEntry,
    paths: Paths,
}

impl<'s> Pki<'s> {
    /// The rotation of the authority called `name`, whether one is under way or not.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`] when the catalogue has no such authority.
    pub fn rotation<'p>(&'p self, name: &str) -> Result<Rotation<'p>, Error>
    where
        's: 'p,
    {
        let entry = self
            .catalogue
            .authority(name)
            .ok_or_else(|| Error::UnknownEntry {
                name: name.to_owned(),
                known: names(self.catalogue.authorities().iter().map(|one| &one.name)),
            })?;
        Ok(Rotation {
            pki: self,
            entry,
            paths: Paths::new(name)?,
        })
    }

    /// The journal of every rotation that was begun, of authorities first.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`] for one that cannot be used; failures of the store.
    pub fn rotations(&self) -> Result<Vec<Journal>, Error> {
        let authorities = self.catalogue.authorities().iter().map(|one| &one.name);
        let keys = self.catalogue.key_sets().iter().map(|one| &one.name);
        authorities
            .chain(keys)
            .filter_map(|name| Journal::read(self.store, name).transpose())
            .collect()
    }
}

impl Rotation<'_> {
    /// How far it is; `None` when none was begun.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`] for a journal that cannot be used; failures of the store.
    pub fn journal(&self) -> Result<Option<Journal>, Error> {
        Journal::read(self.pki.store, &self.entry.name)
    }

    /// The journal of a rotation that is under way.
    fn begun(&self) -> Result<Journal, Error> {
        self.journal()?
            .ok_or_else(|| self.refuse("none was begun: `start` prepares one"))
    }

    fn refuse(&self, why: impl Into<String>) -> Error {
        refuse(&self.entry.name, why)
    }
}

pub(super) fn refuse(name: &str, why: impl Into<String>) -> Error {
    Error::Rotation {
        name: name.to_owned(),
        why: why.into(),
    }
}

/// Why another one cannot begin.
pub(super) fn under_way(journal: &Journal) -> String {
    match journal.phase {
        Phase::Retire => format!(
            "the last one waits for {}: `confirm` what was done",
            journal
                .open()
                .iter()
                .map(|one| one.id)
                .collect::<Vec<_>>()
                .join(", ")
        ),
        phase => {
            format!("one is under way, at {phase}: go on with `next`, or back with `rollback`")
        }
    }
}

fn names<'n>(names: impl Iterator<Item = &'n String>) -> String {
    names.cloned().collect::<Vec<_>>().join(", ")
}

/// Stages the journal.
fn stage_journal(staged: Staged, paths: &Paths, journal: &Journal) -> Result<Staged, Error> {
    let content = journal.to_json()?;
    Ok(staged.bytes(&paths.journal, crate::store::Secrecy::Public, content))
}

/// The phase that comes next; checkpoints that are open are passed by force.
fn next_phase(journal: &mut Journal, now: OffsetDateTime) -> Result<Phase, Error> {
    let next = journal.phase.next();
    let next =
        next.ok_or_else(|| refuse(&journal.name, "it is done: `start` begins another one"))?;
    for skipped in journal.open() {
        journal.pass(&skipped, true, now);
    }
    Ok(next)
}

/// Passes checkpoints of the phase, in their order.
fn pass(journal: &mut Journal, checkpoints: &[String], now: OffsetDateTime) -> Result<(), Error> {
    let open = journal.open();
    for name in checkpoints {
        if !open.iter().any(|one| one.id == name) {
            let known: Vec<&str> = open.iter().map(|one| one.id).collect();
            return Err(refuse(
                &journal.name,
                if known.is_empty() {
                    format!("it waits for nothing, so not for {name:?} either")
                } else {
                    format!(
                        "it does not wait for {name:?}, but for: {}",
                        known.join(", ")
                    )
                },
            ));
        }
    }
    // The order is what keeps connections: none is passed while one before it is open.
    let mut waiting = None;
    for one in &open {
        let named = checkpoints.iter().any(|name| name == one.id);
        match waiting {
            None if named => journal.pass(one, false, now),
            None => waiting = Some(one.id),
            Some(first) if named => {
                return Err(refuse(
                    &journal.name,
                    format!("{} comes after {first}, which is still open", one.id),
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
