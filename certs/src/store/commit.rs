//! Making a change: stage, verify, commit, finish.

use std::collections::BTreeMap;

use fips_core::constant_time;
use zeroize::Zeroizing;

use super::change::{Action, Change, Secrecy};
use super::folder::{Folder, MOST_ENTRY_BYTES, MOST_JOURNAL_BYTES};
use super::journal::{JOURNAL, Journal, Step, StepAction, sha256, staged_name};
use super::recovery::finish;
use super::secrets::Secrets;
use super::{EntryPath, Verify};
use crate::error::Error;

/// A change on its way into a store.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    root: &'a Folder,
    /// The next staged file's number, never used twice while the store is open.
    count: &'a mut u64,
    /// Every directory touched, by its path below the root.
    folders: BTreeMap<String, Folder>,
    /// Directories this change made, outermost first: (parent, name).
    made: Vec<(String, String)>,
    steps: Vec<Step>,
    committed: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(root: &'a Folder, count: &'a mut u64) -> Self {
        Self {
            root,
            count,
            folders: BTreeMap::new(),
            made: Vec::new(),
            steps: Vec::new(),
            committed: false,
        }
    }

    /// Makes `change`. After an error [`Recovery::run`](super::Recovery) brings the store to
    /// one of the two sets.
    pub(super) fn run(&mut self, change: &Change, verify: Verify<'_>) -> Result<(), Error> {
        for (path, action) in change.entries() {
            judge(path, action)?;
        }
        change.still_expected(&|path| self.found(path))?;
        for (path, action) in change.entries() {
            match action {
                Action::Put { content, secrecy } => self.stage(path, *secrecy, content)?,
                Action::Remove => self.plan_removal(path)?,
            }
        }
        self.stage_record(change)?;
        if self.steps.is_empty() {
            return Ok(());
        }
        // The staged names must last before the journal that names them does.
        for folder in self.folders.values() {
            folder.sync()?;
        }
        self.read_back(change, verify)?;
        // Nothing after the commit may be in the way of a rename.
        for step in &self.steps {
            let (below, name) = step.path.split();
            if let Some(folder) = self.folders.get(below) {
                folder.has_file(name)?;
            }
        }
        let journal = Journal {
            reason: change.reason().to_owned(),
            steps: std::mem::take(&mut self.steps),
        };
        let staged = self.next_name();
        let bytes = journal.to_bytes()?;
        if bytes.len() > MOST_JOURNAL_BYTES {
            return Err(Error::ChangeTooLong {
                change: journal.reason,
                entries: journal.steps.len(),
            });
        }
        self.root.create(&staged, Secrecy::Secret, &bytes)?;
        self.root.rename(&staged, JOURNAL)?;
        self.committed = true;
        // Finishing opens them again, and must not be what runs out of files to open.
        self.folders.clear();
        finish(self.root, &journal)
    }

    /// Whether the change is decided, whatever came after.
    pub(super) fn committed(&self) -> bool {
        self.committed
    }

    /// Removes the directories this change made, as far as they are empty.
    pub(super) fn remove_made(&self) {
        for (below, name) in self.made.iter().rev() {
            if let Some(parent) = self.folders.get(below) {
                // An empty directory is no entry: it may stay.
                let _ = parent.remove_child(name);
            }
        }
    }

    /// What is at `path` now.
    fn found(&self, path: &EntryPath) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let (below, name) = path.split();
        match self.root.descend(below)? {
            Some(folder) => folder.read(name, Secrets::read(self.root)?.secrecy(path)),
            None => Ok(None),
        }
    }

    fn stage(&mut self, path: &EntryPath, secrecy: Secrecy, content: &[u8]) -> Result<(), Error> {
        self.make_folders(path)?;
        let staged = self.next_name();
        let (below, name) = path.split();
        if let Some(folder) = self.folders.get(below) {
            if content.len() > MOST_ENTRY_BYTES {
                // Not under the staged name, which says nothing to anybody.
                return Err(folder.too_large(name));
            }
            folder.create(&staged, secrecy, content)?;
        }
        let sha256 = sha256(content)?;
        self.steps.push(Step {
            path: path.clone(),
            action: StepAction::Rename { sha256, staged },
        });
        Ok(())
    }

    fn plan_removal(&mut self, path: &EntryPath) -> Result<(), Error> {
        let (below, name) = path.split();
        let Some(folder) = self.root.descend(below)? else {
            return Ok(());
        };
        if folder.has_file(name)? {
            self.folders.entry(below.to_owned()).or_insert(folder);
            self.steps.push(Step {
                path: path.clone(),
                action: StepAction::Remove,
            });
        }
        Ok(())
    }

    fn stage_record(&mut self, change: &Change) -> Result<(), Error> {
        let before = Secrets::read(self.root)?;
        let after = before.after(change);
        if after == before {
            return Ok(());
        }
        self.stage(&EntryPath::record(), Secrecy::Public, &after.to_bytes())
    }

    /// Opens, or makes, every directory above `path`.
    fn make_folders(&mut self, path: &EntryPath) -> Result<(), Error> {
        for below in path.ancestors() {
            if self.folders.contains_key(below) {
                continue;
            }
            if let Some((parent, name)) = parent_of(below)
                && let Some(folder) = self.folders.get(parent)
                && folder.make_child(name)?
            {
                self.made.push((parent.to_owned(), name.to_owned()));
            }
            let Some(folder) = self.root.descend(below)? else {
                return Err(Error::NotADirectory {
                    path: self.root.place(below),
                });
            };
            self.folders.insert(below.to_owned(), folder);
        }
        Ok(())
    }

    fn read_back(&self, change: &Change, verify: Verify<'_>) -> Result<(), Error> {
        let contents: BTreeMap<_, _> = change.entries().collect();
        for step in &self.steps {
            let StepAction::Rename { staged, .. } = &step.action else {
                continue;
            };
            // The record is not among them: it is ours, and no one else's to judge.
            let Some(Action::Put { content, secrecy }) = contents.get(&step.path) else {
                continue;
            };
            let (below, _) = step.path.split();
            let found: Option<Zeroizing<Vec<u8>>> = match self.folders.get(below) {
                Some(folder) => folder.read(staged, *secrecy)?,
                None => None,
            };
            match found {
                Some(found) if constant_time::equal(&found, content) => {
                    verify(&step.path, &found)?;
                }
                _ => {
                    return Err(Error::ReadBack {
                        path: step.path.clone(),
                        why: "it is not what was written".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    fn next_name(&mut self) -> String {
        let name = staged_name(*self.count);
        *self.count += 1;
        name
    }
}

/// Refuses what could be written but not be read again.
fn judge(path: &EntryPath, action: &Action) -> Result<(), Error> {
    match action {
        Action::Put {
            secrecy: Secrecy::Public,
            ..
        } if path.is_key() => Err(Error::Path {
            path: path.to_string(),
            why: "it ends in .key, which is always secret; put it as Secrecy::Secret",
        }),
        _ => Ok(()),
    }
}

/// The directory above the one at `below`, and its name there; the root has none.
fn parent_of(below: &str) -> Option<(&str, &str)> {
    if below.is_empty() {
        return None;
    }
    Some(below.rsplit_once('/').unwrap_or(("", below)))
}
