//! The engine: makes, checks and renews a PKI by its catalogue.

mod adopt;
mod bundle;
mod check;
mod drift;
mod files;
mod gate;
mod import;
mod init;
mod issue;
mod issuer;
mod keys;
mod node;
mod once;
mod parallel;
mod plan;
mod read_back;
mod record;
mod recover;
mod renew;
mod report;
mod requests;
mod revocation;
pub mod rotation;
mod row;
mod stage;
#[cfg(all(test, feature = "evaluation"))]
mod stopped;
#[cfg(all(test, feature = "evaluation"))]
mod trial;
mod verify;

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::error::Error;
use crate::key::{KeySecrets, KeyUnlock};
use crate::store::Store;

pub use adopt::keys_as_found;
pub use check::Thresholds;
pub use import::{Imported, KeyPlace};
pub use issue::IssuedLeaf;
pub use plan::{Blocked, Plan, Renewal, RenewalPolicy};
pub use record::{Made, Record, WaiverRecord};
pub use recover::{Broken, Diagnosis, Recovered, Remedy};
pub use report::{Issued, Report};
pub use requests::Requested;
pub use revocation::{
    BlockedList, IssuedList, JudgedList, ListsRefreshed, PlannedRevocation, RevocationPlan,
    RevocationReport, Target,
};
pub use row::{Kind, Row, Status};
pub use verify::{Question, Verdict};

/// A PKI in a store.
#[derive(Clone)]
pub struct Pki<'s> {
    store: &'s dyn Store,
    catalogue: Catalogue,
    record: Option<Record>,
    /// Asked for the secrets of authorities' keys.
    unlock: Arc<dyn KeyUnlock>,
}

impl<'s> Pki<'s> {
    /// The PKI this crate made in `store`.
    ///
    /// # Errors
    ///
    /// [`Error::NoPki`] when there is none; [`Error::Record`] when its record cannot be
    /// understood; failures of the store.
    pub fn open(store: &'s dyn Store) -> Result<Self, Error> {
        let record = Record::read(store)?.ok_or(Error::NoPki {
            path: record::path()?,
        })?;
        let mut catalogue = Catalogue::from_definition(record.catalogue.clone())?;
        for (name, source) in &record.key_sources {
            catalogue = catalogue.with_key_source(name, source.clone())?;
        }
        Ok(Self {
            store,
            catalogue,
            record: Some(record),
            unlock: Arc::new(KeySecrets::default()),
        })
    }

    /// A PKI another program made, judged by `catalogue`. [`take_over`](Self::take_over) or its
    /// first renewal leaves a record, after which [`open`](Self::open) finds it.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] when the store holds a record already: use [`open`](Self::open).
    /// [`Error::Gate`] in a process whose gate is strict, for authorities that bear
    /// [`fips_core::EVALUATION_MARK`].
    pub fn adopt(store: &'s dyn Store, catalogue: Catalogue) -> Result<Self, Error> {
        if Record::read(store)?.is_some() {
            return Err(Error::Exists {
                path: record::path()?,
            });
        }
        let pki = Self {
            store,
            catalogue,
            record: None,
            unlock: Arc::new(KeySecrets::default()),
        };
        pki.admit(fips_core::opening())?;
        Ok(pki)
    }

    /// The PKI in `store`, whoever made it, judged by `catalogue` instead of its record: to
    /// [check](Self::check) it, not to change it.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when there is a record and it cannot be understood.
    pub fn judged_by(store: &'s dyn Store, mut catalogue: Catalogue) -> Result<Self, Error> {
        let record = Record::read(store)?;
        for (name, source) in record.iter().flat_map(|record| &record.key_sources) {
            if catalogue.authority(name).is_some() {
                catalogue = catalogue.with_key_source(name, source.clone())?;
            }
        }
        Ok(Self {
            store,
            catalogue,
            record,
            unlock: Arc::new(KeySecrets::default()),
        })
    }

    /// What it is judged by.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// How and when it was made; `None` for one that another program made.
    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }
}

impl std::fmt::Debug for Pki<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pki")
            .field("catalogue", &self.catalogue)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}
