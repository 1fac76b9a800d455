//! Rotating the keys that service-account tokens are signed with.
//!
//! Who verifies takes both before the new key signs, and goes on to take both until no token of
//! the old key can be left.

use std::time::Duration;

use fips_core::{Boundary, Diagnostic};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::journal::{Journal, Keys, Rotated, sha256};
use super::outline::Outline;
use super::status::{Status, waiting};
use super::step::{confirmed, entered, removed};
use super::{Advance, Phase, Role, Step, names, next_phase, pass, refuse, stage_journal};
use crate::catalogue::{Entry, KeySetEntry};
use crate::clock::Clock;
use crate::error::Error;
use crate::key;
use crate::pki::Pki;
use crate::pki::init::{apply, diagnostic};
use crate::pki::read_back::Staged;
use crate::store::{EntryPath, Secrecy};

/// How long the longest token lives: the API server extends tokens to a year
/// (`--service-account-extend-token-expiration`).
const LONGEST_TOKEN: Duration = Duration::from_secs(365 * 86_400);

/// The rotation of one set of service-account keys.
#[derive(Debug)]
pub struct KeyRotation<'p> {
    pki: &'p Pki<'p>,
    entry: &'p KeySetEntry,
    paths: KeyPaths,
}

/// Where it keeps what it needs.
#[derive(Debug)]
struct KeyPaths {
    own: super::paths::Paths,
    keys: EntryPath,
    current: EntryPath,
    public: EntryPath,
}

/// The files of a set.
struct Files {
    keys: Zeroizing<Vec<u8>>,
    current: Option<Zeroizing<Vec<u8>>>,
    public: Option<Zeroizing<Vec<u8>>>,
}

impl Files {
    /// SHA-256 of the SHA-256 of each.
    fn digest(&self) -> Result<String, Error> {
        let mut all = sha256(&self.keys)?;
        for file in self.current.iter().chain(&self.public) {
            all += &sha256(file)?;
        }
        sha256(all.as_bytes())
    }
}

impl<'s> Pki<'s> {
    /// The rotation of the keys called `name`, or of the only ones of the catalogue.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`] when the catalogue has no such keys, or several and no name says
    /// which.
    pub fn key_rotation<'p>(&'p self, name: Option<&str>) -> Result<KeyRotation<'p>, Error>
    where
        's: 'p,
    {
        let sets = self.catalogue.key_sets();
        let unknown = || Error::UnknownEntry {
            name: name.unwrap_or_default().to_owned(),
            known: names(sets.iter().map(|one| &one.name)),
        };
        let found = match (name, sets) {
            (Some(name), _) => match self.catalogue.entry(name) {
                Some(Entry::KeySet(entry)) => Some(entry),
                _ => None,
            },
            (None, [only]) => Some(only),
            // RKE2 and k3s keep more sets of keys; theirs for tokens is called so.
            (None, sets) => sets
                .iter()
                .find(|one| one.name == "service" || one.name == "sa"),
        };
        let entry = found.ok_or_else(unknown)?;
        let file = |file: &str| EntryPath::new(format!("fips/rotation/{}/{file}", entry.name));
        Ok(KeyRotation {
            pki: self,
            entry,
            paths: KeyPaths {
                own: super::paths::Paths::new(&entry.name)?,
                keys: file("before.key")?,
                current: file("before-current.key")?,
                public: file("before.pub")?,
            },
        })
    }
}

impl KeyRotation<'_> {
    /// How far it is; `None` when none was begun.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`] for a journal that cannot be used; failures of the store.
    pub fn journal(&self) -> Result<Option<Journal>, Error> {
        Journal::read(self.pki.store, &self.entry.name)
    }

    /// Its name in the catalogue.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Makes the new key. `longest_token` is how long the longest token lives: a year by
    /// default, as the API server extends them.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] when one is under way or the keys are not there; failures of the
    /// module and the store.
    pub fn start(
        &self,
        boundary: &Boundary,
        longest_token: Option<Duration>,
        clock: &dyn Clock,
    ) -> Result<Step, Error> {
        self.pki.admit(Some(boundary.status().opening()))?;
        let now = clock.now();
        if let Some(why) = self.start_blocked()?.into_iter().next() {
            return Err(self.refuse(why));
        }
        let files = self.files()?;
        let signing = files.current.as_ref().unwrap_or(&files.keys);
        let old = self.first_key(boundary, signing)?;
        let new = key::generate(boundary, self.entry.key_type)?;
        let journal = Journal::new(
            &self.entry.name,
            Rotated::Keys(Keys {
                old: sha256(&old)?,
                new: sha256(new.public_key())?,
                trust: files.digest()?,
                longest_token: longest_token.unwrap_or(LONGEST_TOKEN).as_secs(),
            }),
            now,
        );
        let mut staged = self
            .staged(Phase::Prepare)
            .key(&self.paths.own.new_key, &new)?;
        staged = staged.bytes(&self.paths.keys, Secrecy::Secret, files.keys);
        if let Some(current) = files.current {
            staged = staged.bytes(&self.paths.current, Secrecy::Secret, current);
        }
        if let Some(public) = files.public {
            staged = staged.bytes(&self.paths.public, Secrecy::Public, public);
        }
        let staged = staged.log(entered(&self.entry.name, None, Some(&journal)));
        self.finish(boundary, staged, None, Some(&journal), now)
    }

    /// Goes on to the next phase.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] with what blocks it; failures of the module and the store.
    pub fn next(
        &self,
        boundary: &Boundary,
        advance: &Advance,
        clock: &dyn Clock,
    ) -> Result<Step, Error> {
        self.pki.admit(Some(boundary.status().opening()))?;
        let now = clock.now();
        let mut journal = self.begun()?;
        let blocked = self.blocked(&journal, advance, now)?;
        if !blocked.is_empty() {
            return Err(self.refuse(blocked.join("; ")));
        }
        let to = next_phase(&mut journal, now)?;
        self.enter(boundary, &journal, to, advance, now)
    }

    /// Goes back to the phase before; from the first one, gives the rotation up.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] once the old key is retired, and when the files were changed by
    /// another; otherwise as [`next`](Self::next).
    pub fn rollback(&self, boundary: &Boundary, clock: &dyn Clock) -> Result<Step, Error> {
        self.pki.admit(Some(boundary.status().opening()))?;
        let now = clock.now();
        let journal = self.begun()?;
        if let Some(why) = self.rollback_blocked(&journal)?.into_iter().next() {
            return Err(self.refuse(why));
        }
        match journal.phase.before() {
            Some(to) => self.enter(boundary, &journal, to, &Advance::default(), now),
            None => {
                let staged = self.without_staged(self.staged(Phase::Prepare));
                let staged = staged.remove(&self.paths.own.journal);
                let from = Some(journal.phase);
                let staged = staged.log(entered(&self.entry.name, from, None));
                self.finish(boundary, staged, from, None, now)
            }
        }
    }

    /// Confirms checkpoints of the phase, each by its name.
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
        let now = clock.now();
        let mut journal = self.begun()?;
        let from = journal.phase;
        pass(&mut journal, checkpoints, now)?;
        let event = confirmed(&self.entry.name, from, checkpoints);
        let staged = self.staged(from).log(event);
        self.finish(boundary, staged, Some(from), Some(&journal), now)
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

    /// How far it is, without changing anything.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`]; failures of the store.
    pub fn status(&self, now: OffsetDateTime) -> Result<Status, Error> {
        let mut status = Status::new(&self.entry.name, self.journal()?);
        status.blocked = match &status.journal {
            None => vec!["none was begun: `start` prepares one".to_owned()],
            Some(journal) if journal.phase == Phase::Retire => Vec::new(),
            Some(journal) => self.blocked(journal, &Advance::default(), now)?,
        };
        Ok(status)
    }

    /// What [`start`](Self::start) would do.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`]; failures of the store.
    pub fn outline_start(&self) -> Result<Outline, Error> {
        let blocked = self.start_blocked()?;
        Ok(self.outline(None, Some(Phase::Prepare), blocked))
    }

    /// What [`next`](Self::next) would do.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] when none was begun; otherwise as [`outline_start`](Self::outline_start).
    pub fn outline_next(&self, advance: &Advance, now: OffsetDateTime) -> Result<Outline, Error> {
        let journal = self.begun()?;
        let blocked = self.blocked(&journal, advance, now)?;
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

    /// Each step of a whole rotation, from the start on.
    ///
    /// # Errors
    ///
    /// As [`outline_start`](Self::outline_start).
    pub fn plan(&self) -> Result<Vec<Outline>, Error> {
        let mut steps = vec![self.outline_start()?];
        for phase in [Phase::TrustBoth, Phase::IssueFromNew, Phase::Retire] {
            let from = steps.last().and_then(|step| step.phase);
            steps.push(self.outline(from, Some(phase), Vec::new()));
        }
        Ok(steps)
    }

    fn outline(&self, from: Option<Phase>, to: Option<Phase>, blocked: Vec<String>) -> Outline {
        let mut written = vec![self.paths.own.journal.to_string()];
        match (from, to) {
            (Some(_), Some(_)) => written.extend(self.entry.paths().map(ToString::to_string)),
            (None, _) => written.push(self.paths.own.new_key.to_string()),
            (Some(_), None) => {}
        }
        let what = match to {
            None => "give the rotation up: remove the new key, which signed nothing",
            Some(to) if from > Some(to) => match to {
                Phase::Prepare => {
                    "verify with the old key alone again: what the new one signed since is refused"
                }
                _ => "sign with the old key again; both verify",
            },
            Some(Phase::Prepare) => "make the new key; nothing in use changes",
            Some(Phase::TrustBoth) => "verify with both; the old key goes on signing",
            Some(Phase::IssueFromNew) => "sign with the new key; both verify",
            Some(Phase::Retire) => "verify with the new key alone, and destroy the old one",
        };
        Outline {
            name: self.entry.name.clone(),
            from,
            phase: to,
            what: what.to_owned(),
            reissued: Vec::new(),
            written,
            checkpoints: to
                .map(|to| Role::ServiceAccounts.checkpoints(to).to_vec())
                .unwrap_or_default(),
            blocked,
        }
    }

    fn start_blocked(&self) -> Result<Vec<String>, Error> {
        let mut why = Vec::new();
        if let Some(journal) = self.journal()?.filter(|journal| !journal.is_done()) {
            why.push(super::under_way(&journal));
        }
        if let Err(error) = self.files() {
            why.push(error.to_string());
        }
        Ok(why)
    }

    /// What keeps [`next`](Self::next) from going on.
    fn blocked(
        &self,
        journal: &Journal,
        advance: &Advance,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, Error> {
        if journal.phase == Phase::Retire {
            return Ok(vec!["it is done: `start` begins another one".to_owned()]);
        }
        let mut why = Vec::new();
        if !advance.force {
            why.extend(waiting(&journal.open()));
        }
        why.extend(self.changed_by_another(journal)?);
        if journal.phase == Phase::IssueFromNew {
            let longest = time::Duration::seconds(
                i64::try_from(self.keys(journal)?.longest_token).unwrap_or(i64::MAX),
            );
            // From the moment that nobody signs with the old key any more.
            let until = journal.changed.checked_add(longest);
            if until.is_none_or(|until| now < until) {
                let until = until.map_or_else(|| "the end of time".to_owned(), |at| at.to_string());
                why.push(format!(
                    "tokens of the old key may be good until {until}: it is kept to verify them \
                     until then"
                ));
            }
        }
        Ok(why)
    }

    fn rollback_blocked(&self, journal: &Journal) -> Result<Vec<String>, Error> {
        if journal.phase == Phase::Retire {
            return Ok(vec![
                "the old key is retired and gone: there is no way back".to_owned(),
            ]);
        }
        self.changed_by_another(journal)
    }

    fn changed_by_another(&self, journal: &Journal) -> Result<Vec<String>, Error> {
        let trust = &self.keys(journal)?.trust;
        let why = match self.files() {
            Ok(found) if found.digest()? == *trust => return Ok(Vec::new()),
            Ok(_) => format!(
                "{} were changed by another since the last step; restore them",
                names(
                    self.entry
                        .paths()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .iter()
                )
            ),
            Err(error) => error.to_string(),
        };
        Ok(vec![why])
    }

    /// Makes the change that enters `to`.
    fn enter(
        &self,
        boundary: &Boundary,
        journal: &Journal,
        to: Phase,
        advance: &Advance,
        now: OffsetDateTime,
    ) -> Result<Step, Error> {
        let new_file = self.file(&self.paths.own.new_key)?;
        let new = key::from_pem(boundary, &new_file)?;
        if sha256(new.public_key())? != self.keys(journal)?.new {
            return Err(self.refuse(format!(
                "{} is not the key that the journal names; restore it from a backup",
                self.paths.own.new_key
            )));
        }
        let new_public = key::public_to_pem(&new)?;
        let before = self.file(&self.paths.keys)?;
        let read = |path: &EntryPath| self.pki.store.read(path);
        // Where the private keys alone are the whole set, they verify, too.
        let verifies = self.entry.current.is_some() || self.entry.public.is_none();
        let both = |first: &[u8], second: &[u8]| {
            let mut file = Zeroizing::new(Vec::with_capacity(first.len() + second.len() + 1));
            file.extend_from_slice(first);
            if !first.ends_with(b"\n") {
                file.push(b'\n');
            }
            file.extend_from_slice(second);
            file
        };
        let keys = match to {
            Phase::Prepare => before,
            Phase::TrustBoth if verifies => both(&before, &new_file),
            Phase::TrustBoth => before,
            Phase::IssueFromNew if verifies => both(&new_file, &before),
            Phase::IssueFromNew | Phase::Retire => new_file.clone(),
        };
        let mut files = Files {
            keys,
            current: None,
            public: None,
        };
        if self.entry.current.is_some() {
            files.current = match to {
                Phase::Prepare | Phase::TrustBoth => read(&self.paths.current)?,
                Phase::IssueFromNew | Phase::Retire => Some(new_file),
            };
        }
        if self.entry.public.is_some() {
            let old = read(&self.paths.public)?.unwrap_or_default();
            let new = new_public.as_bytes();
            files.public = Some(match to {
                Phase::Prepare => old,
                Phase::TrustBoth => both(&old, new),
                Phase::IssueFromNew => both(new, &old),
                Phase::Retire => Zeroizing::new(new.to_vec()),
            });
        }
        let mut next = journal.entering(to, now);
        if let Rotated::Keys(own) = &mut next.subject {
            own.trust = files.digest()?;
        }
        let mut staged = self
            .staged(to)
            .bytes(&self.entry.keys, Secrecy::Secret, files.keys);
        if let (Some(path), Some(current)) = (&self.entry.current, files.current) {
            staged = staged.bytes(path, Secrecy::Secret, current);
        }
        if let (Some(path), Some(public)) = (&self.entry.public, files.public) {
            staged = staged.bytes(path, Secrecy::Public, public);
        }
        if to == Phase::Retire {
            if advance.keep_old_key {
                let old = &self.keys(journal)?.old;
                let path = super::Paths::archived(&self.entry.name, old)?;
                staged = staged.bytes(&path, Secrecy::Secret, self.file(&self.paths.keys)?);
            }
            staged = self.without_staged(staged);
        }
        let from = Some(journal.phase);
        let staged = staged.log(entered(&self.entry.name, from, Some(&next)));
        self.finish(boundary, staged, from, Some(&next), now)
    }

    fn finish(
        &self,
        boundary: &Boundary,
        mut staged: Staged,
        from: Option<Phase>,
        journal: Option<&Journal>,
        now: OffsetDateTime,
    ) -> Result<Step, Error> {
        if let Some(journal) = journal {
            staged = stage_journal(staged, &self.paths.own, journal)?;
        }
        let diagnostic: Diagnostic = diagnostic()?;
        let removed = removed(self.pki.store, &staged);
        let report = apply(
            boundary,
            &diagnostic,
            self.pki.store,
            staged,
            Vec::new(),
            now,
        )?;
        Ok(Step::new(&self.entry.name, from, journal, removed, report))
    }

    fn staged(&self, to: Phase) -> Staged {
        Staged::new(format!("rotate {}: {to}", self.entry.name))
    }

    fn without_staged(&self, staged: Staged) -> Staged {
        let paths = &self.paths;
        [
            &paths.own.new_key,
            &paths.keys,
            &paths.current,
            &paths.public,
        ]
        .into_iter()
        .fold(staged, Staged::remove)
    }

    /// The files as they are; each the layout has must be there.
    fn files(&self) -> Result<Files, Error> {
        let optional = |path: &Option<EntryPath>| path.as_ref().map(|path| self.file(path));
        Ok(Files {
            keys: self.file(&self.entry.keys)?,
            current: optional(&self.entry.current).transpose()?,
            public: optional(&self.entry.public).transpose()?,
        })
    }

    fn file(&self, path: &EntryPath) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.pki
            .store
            .read(path)?
            .ok_or_else(|| self.refuse(format!("{path} is missing")))
    }

    /// The public half of the first private key of a file.
    fn first_key(&self, boundary: &Boundary, file: &[u8]) -> Result<Vec<u8>, Error> {
        let keys = key::each_from_pem(boundary, file)?;
        let first = keys.first().map(|key| key.public_key().to_vec());
        first.ok_or_else(|| self.refuse("there is no key"))
    }

    fn keys<'j>(&self, journal: &'j Journal) -> Result<&'j Keys, Error> {
        match &journal.subject {
            Rotated::Keys(keys) => Ok(keys),
            Rotated::Authority(_) => Err(Error::RotationJournal {
                path: self.paths.own.journal.clone(),
                why: "it is of an authority, not of keys".to_owned(),
            }),
        }
    }

    fn begun(&self) -> Result<Journal, Error> {
        self.journal()?
            .ok_or_else(|| self.refuse("none was begun: `start` prepares one"))
    }

    fn refuse(&self, why: impl Into<String>) -> Error {
        refuse(&self.entry.name, why)
    }
}
