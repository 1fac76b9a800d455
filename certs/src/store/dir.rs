//! The directory store.

use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use zeroize::Zeroizing;

use super::commit::Transaction;
use super::disk::Disk;
use super::folder::Folder;
use super::lock::Lock;
use super::recovery::walk;
use super::secrets::Secrets;
use super::{Change, EntryPath, Recovery, Store, Verify};
use crate::error::Error;

/// A store in a directory of the local file system: each entry is a file.
///
/// ```
/// use fips_certs::store::{Change, DirStore, EntryPath, Secrecy, Store};
///
/// # let scratch = tempfile::tempdir()?;
/// # let place = scratch.path().join("pki");
/// let store = DirStore::create_or_open(&place)?;
/// let path = EntryPath::new("etcd/server-ca.crt")?;
/// let change = Change::new("first set").put(path.clone(), Secrecy::Public, b"PEM".to_vec());
/// store.apply(&change, &|_, _| Ok(()))?;
/// assert_eq!(store.read(&path)?.as_deref().map(Vec::as_slice), Some(&b"PEM"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # How a change is made
///
/// 1. The new files are written beside the old ones under hidden names, with their final mode,
///    and synced; so are the directories.
/// 2. Each is read back, compared and given to `verify`.
/// 3. A journal that names every file and its SHA-256 is written under a hidden name, synced
///    and renamed to `.fips-journal`: the commit point.
/// 4. The files are renamed into place, the directories synced, the journal removed.
///
/// A crash before the commit point leaves the old set, and the next opening removes the staged
/// files; a crash after it is finished by the next opening. In the same process, the next use
/// of the store does that.
///
/// # Limits
///
/// A reader without the lock, another program above all, can see some entries of the new set
/// and some of the old during step 4. Directories that a change made or emptied stay when it
/// is undone after a crash. A new file belongs to the user of the process, also where the old
/// one belonged to another, and has the store's mode, also where the old one had another.
/// Crash safety asks of the file system that a rename is atomic and `fsync` is honest.
///
/// # Security
///
/// Files are created 0600 or 0644 and directories 0700, never changed after; the umask can
/// take more away, and what it took stays away (under umask 077 certificates are 0600). A
/// umask that bars the owner is an error. A file system that widens the mode is refused before
/// content is written.
///
/// The path of the store may lead over symbolic links. Below it none is followed: a link could
/// make a key be written to a place others can read, or a certificate be read from a file that
/// others can write. Everything is relative to the descriptor of the directory opened first,
/// so moving or replacing the directory does not send later writes elsewhere.
///
/// A directory or file that group or others can write to is refused, and so is a secret they
/// can read: a name that ends in `.key`, or an entry put as secret, whose names are kept in
/// `.fips-secrets`. Without that file (a copy of the visible files) only `.key` is known.
#[derive(Debug)]
pub struct DirStore {
    /// `None`: opened for reading.
    lock: Option<Lock>,
    recovery: Recovery,
    root: Folder,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the next staged file.
    count: u64,
    /// Whether a change was begun and has not come to a clean end.
    unsettled: bool,
}

impl DirStore {
    /// Opens the store at `path` with the exclusive lock; makes the directory, and those above
    /// it that are missing, with mode 0700. Recovers: see [`recovery`](Self::recovery).
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), except for a missing directory.
    pub fn create_or_open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::create_or_open_on(path.as_ref(), Disk::default())
    }

    /// Opens the store at `path`, which must exist, with the exclusive lock. Recovers: see
    /// [`recovery`](Self::recovery).
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] at once when another process, or another part of this one, has it
    /// open; [`Error::Journal`] when a committed change cannot be finished (nothing is touched
    /// then); [`Error::Mode`] when others can write to the directory;
    /// [`Error::NotADirectory`]; [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_on(path.as_ref(), Disk::default())
    }

    /// Opens the store at `path` to look only, without a lock and without a write.
    /// [`apply`](Store::apply) answers [`Error::ReadOnly`], and [`recovery`](Self::recovery)
    /// [`Recovery::Pending`] when a committed change was not finished.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), except for the lock; a journal that cannot be understood.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        let root = Folder::open_root(path.as_ref(), Disk::default())?;
        Ok(Self {
            lock: None,
            recovery: Recovery::look(&root)?,
            root,
            state: RwLock::default(),
        })
    }

    /// What opening found, and did about it.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    pub(super) fn create_or_open_on(path: &Path, disk: Disk) -> Result<Self, Error> {
        Folder::make_root(path, &disk)?;
        Self::open_on(path, disk)
    }

    pub(super) fn open_on(path: &Path, disk: Disk) -> Result<Self, Error> {
        let root = Folder::open_root(path, disk)?;
        let lock = Lock::take(&root)?;
        let recovery = Recovery::run(&root)?;
        if recovery != Recovery::Clean {
            tracing::warn!(path = %path.display(), ?recovery, "an interrupted change was found");
        }
        Ok(Self {
            lock: Some(lock),
            recovery,
            root,
            state: RwLock::default(),
        })
    }

    /// A hold on the store in which no change is under way or half made.
    fn settled(&self) -> Result<RwLockReadGuard<'_, State>, Error> {
        loop {
            // A panic inside `verify` leaves `unsettled` set, which is all there is to know.
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if !state.unsettled {
                return Ok(state);
            }
            drop(state);
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            state.settle(&self.root)?;
        }
    }
}

impl State {
    fn settle(&mut self, root: &Folder) -> Result<(), Error> {
        if self.unsettled {
            Recovery::run(root)?;
            self.unsettled = false;
        }
        Ok(())
    }
}

impl Store for DirStore {
    fn read(&self, path: &EntryPath) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let _state = self.settled()?;
        let (below, name) = path.split();
        let Some(folder) = self.root.descend(below)? else {
            return Ok(None);
        };
        let secrecy = Secrets::read(&self.root)?.secrecy(path);
        folder.read(name, secrecy)
    }

    /// Hidden names are left out. What is not a plain file, a link for instance, is listed:
    /// reading it says what it is.
    fn list(&self) -> Result<Vec<EntryPath>, Error> {
        let _state = self.settled()?;
        let mut paths = Vec::new();
        walk(&self.root, "", &mut |_, below, name, _| {
            if !name.starts_with('.') {
                paths.push(EntryPath::new(format!("{below}{name}"))?);
            }
            Ok(())
        })?;
        paths.sort();
        Ok(paths)
    }

    /// See [How a change is made](DirStore#how-a-change-is-made). An error other than
    /// [`Error::Unfinished`] leaves the old set.
    fn apply(&self, change: &Change, verify: Verify<'_>) -> Result<(), Error> {
        if self.lock.is_none() {
            return Err(Error::ReadOnly);
        }
        if change.is_empty() {
            return Ok(());
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        state.settle(&self.root)?;
        state.unsettled = true;
        let mut transaction = Transaction::new(&self.root, &mut state.count);
        let Err(failure) = transaction.run(change, verify) else {
            state.unsettled = false;
            return Ok(());
        };
        match Recovery::run(&self.root) {
            Ok(recovery) => {
                state.unsettled = false;
                // The second attempt at finishing did it; or the journal was gone already.
                if transaction.committed() || matches!(recovery, Recovery::Finished { .. }) {
                    return Ok(());
                }
                transaction.remove_made();
                Err(failure)
            }
            Err(_) if transaction.committed() => Err(Error::Unfinished {
                path: self.root.place(""),
                source: Box::new(failure),
            }),
            Err(_) => Err(failure),
        }
    }
}
