//! Where a rotation keeps what it needs: below `fips/rotation/`.

use crate::error::Error;
use crate::store::EntryPath;

/// The files of one rotation.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    /// How far it is.
    pub(super) journal: EntryPath,
    /// The authority's file, or the set's keys, as they were before.
    pub(super) before: EntryPath,
    /// The copy of the authority's certificate, as it was before.
    pub(super) before_nochain: EntryPath,
    /// The new authority's certificate and the chain above it.
    pub(super) new: EntryPath,
    /// The new key, until it is in use.
    pub(super) new_key: EntryPath,
    /// The new authority under the old one's signature.
    pub(super) new_by_old: EntryPath,
    /// The old key, once the new one is in use.
    pub(super) old_key: EntryPath,
    /// The old authority under the new one's signature.
    pub(super) old_by_new: EntryPath,
}

impl Paths {
    /// Those of the rotation of `name`.
    pub(super) fn new(name: &str) -> Result<Self, Error> {
        let file = |file: &str| EntryPath::new(format!("fips/rotation/{name}/{file}"));
        Ok(Self {
            journal: EntryPath::new(format!("fips/rotation/{name}.json"))?,
            before: file("before.crt")?,
            before_nochain: file("before.nochain.crt")?,
            new: file("new.crt")?,
            new_key: file("new.key")?,
            new_by_old: file("new-by-old.crt")?,
            old_key: file("old.key")?,
            old_by_new: file("old-by-new.crt")?,
        })
    }

    /// All but the journal.
    pub(super) fn staged(&self) -> [&EntryPath; 7] {
        [
            &self.before,
            &self.before_nochain,
            &self.new,
            &self.new_by_old,
            &self.new_key,
            &self.old_by_new,
            &self.old_key,
        ]
    }

    /// Where an old key is kept that was not to be destroyed.
    pub(super) fn archived(name: &str, serial: &str) -> Result<EntryPath, Error> {
        EntryPath::new(format!("fips/retired/{name}/{serial}.key"))
    }
}
