//! Finishing or undoing what an interrupted change left.

use std::collections::BTreeMap;

use rustix::fs::FileType;

use super::change::Secrecy;
use super::folder::Folder;
use super::journal::{JOURNAL, Journal, StepAction, is_staged_name, sha256, unusable};
use crate::error::Error;

/// What opening a store found, and did about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// Nothing was left over.
    Clean,
    /// A committed change was carried to its end: the new set is in place.
    Finished {
        /// How many entries that change has.
        count: usize,
        /// Why it was made.
        reason: String,
    },
    /// A committed change waits for the next opening with the lock. Only a store opened for
    /// reading answers this; until then its entries may be of the old and of the new set.
    Pending {
        /// How many entries that change has.
        count: usize,
        /// Why it was made.
        reason: String,
    },
    /// A change that had not been committed was taken back: the old set is in place.
    Undone {
        /// How many staged files were removed.
        count: usize,
    },
}

impl Recovery {
    /// What a look without the lock finds.
    pub(super) fn look(root: &Folder) -> Result<Self, Error> {
        Ok(match Journal::read(root)? {
            Some(journal) => Self::Pending {
                count: journal.count(),
                reason: journal.reason,
            },
            None => Self::Clean,
        })
    }

    /// Brings the store at `root` to the old or the new set. Needs the lock.
    pub(super) fn run(root: &Folder) -> Result<Self, Error> {
        if let Some(journal) = Journal::read(root)? {
            finish(root, &journal)?;
            sweep(root)?;
            return Ok(Self::Finished {
                count: journal.count(),
                reason: journal.reason,
            });
        }
        Ok(match sweep(root)? {
            0 => Self::Clean,
            count => Self::Undone { count },
        })
    }
}

/// Carries a committed change to its end.
///
/// Everything is judged before the first name moves: what does not fit the journal is left as
/// it is for a person to look at.
pub(super) fn finish(root: &Folder, journal: &Journal) -> Result<(), Error> {
    // The journal must outlive a power cut from here on; its writer may have died before
    // seeing to that.
    root.sync()?;
    let mut folders = BTreeMap::new();
    let mut moves = Vec::new();
    for step in &journal.steps {
        let (below, name) = step.path.split();
        let folder = match folders.remove(below) {
            Some(folder) => Some(folder),
            None => root.descend(below)?,
        };
        match (&step.action, &folder) {
            (StepAction::Remove, None) => continue,
            (StepAction::Remove, Some(_)) => moves.push((below, name, None)),
            (StepAction::Rename { sha256, staged }, folder) => {
                let in_folder = |name: &str| match folder {
                    Some(folder) => digest_of(folder, name),
                    None => Ok(None),
                };
                match in_folder(staged)? {
                    Some(found) if found == *sha256 => moves.push((below, name, Some(staged))),
                    Some(_) => {
                        let why = format!(
                            "the staged file {staged} for {} does not have the content it names",
                            step.path
                        );
                        return Err(unusable(root, why));
                    }
                    None if in_folder(name)?.as_ref() == Some(sha256) => {}
                    None => {
                        let why = format!(
                            "{} does not have its new content and the staged file {staged} is gone",
                            step.path
                        );
                        return Err(unusable(root, why));
                    }
                }
            }
        }
        if let Some(folder) = folder {
            folders.insert(below, folder);
        }
    }
    for (below, name, staged) in moves {
        // Present: `folders` has every folder that `moves` names.
        let Some(folder) = folders.get(below) else {
            continue;
        };
        match staged {
            Some(staged) => folder.rename(staged, name)?,
            None => {
                folder.unlink(name)?;
            }
        }
    }
    for folder in folders.values() {
        folder.sync()?;
    }
    root.unlink(JOURNAL)?;
    root.sync()
}

/// Removes every staged file. Only without a journal: else they are what it needs.
fn sweep(root: &Folder) -> Result<usize, Error> {
    let mut removed = 0;
    walk(root, "", &mut |folder, _, name, kind| {
        if kind == FileType::RegularFile && is_staged_name(name) && folder.unlink(name)? {
            removed += 1;
        }
        Ok(())
    })?;
    Ok(removed)
}

/// Takes the folder, its path below the root with a `/` after it (nothing for the root), a
/// name there and what that is.
type Visit<'a> = &'a mut dyn FnMut(&Folder, &str, &str, FileType) -> Result<(), Error>;

/// Visits everything in `folder` and below that is not a directory. Links are seen, never
/// followed; hidden directories are not the store's.
pub(super) fn walk(folder: &Folder, below: &str, visit: Visit<'_>) -> Result<(), Error> {
    for (name, kind) in folder.names()? {
        if kind != FileType::Directory {
            visit(folder, below, &name, kind)?;
        } else if !name.starts_with('.') {
            let Some(child) = folder.child(&name)? else {
                continue;
            };
            walk(&child, &format!("{below}{name}/"), visit)?;
        }
    }
    Ok(())
}

fn digest_of(folder: &Folder, name: &str) -> Result<Option<String>, Error> {
    let content = folder.read(name, Secrecy::Public)?;
    content.map(|content| sha256(&content)).transpose()
}
