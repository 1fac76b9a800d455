//! Which gate may use which PKI: by the record, and by the mark in its authorities' names.

use fips_core::Opening;

use super::{Pki, files};
use crate::error::{Error, GateMismatch};
use crate::mark;

impl Pki<'_> {
    /// Whether a process with a gate opened like that may use this PKI. The record is a file
    /// that anybody who may write there can edit; the mark is part of what is signed.
    pub(super) fn admit(&self, opening: Option<Opening>) -> Result<(), Error> {
        if let (Some(record), Some(opening)) = (&self.record, opening) {
            judge(record.evaluation, opening).map_err(Error::Gate)?;
        }
        for entry in self.catalogue.authorities() {
            // What cannot be read signs nothing; `check` says so.
            for certificate in files::certificates(self.store, &entry.certificate)
                .iter()
                .flatten()
            {
                mark::admit(certificate, opening).map_err(Error::Gate)?;
            }
        }
        Ok(())
    }
}

/// Neither kind of gate touches what the other made: what an evaluation signs must not pass
/// for the work of a strict boundary.
fn judge(evaluation: bool, opening: Opening) -> Result<(), GateMismatch> {
    match (evaluation, opening) {
        (true, Opening::Evaluation) | (false, Opening::Strict) => Ok(()),
        (true, Opening::Strict) => Err(GateMismatch::MadeUnderEvaluation),
        (false, Opening::Evaluation) => Err(GateMismatch::MadeUnderStrictGate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_gate_refuses_what_an_evaluation_made_and_the_reverse() {
        assert_eq!(judge(false, Opening::Strict), Ok(()));
        assert_eq!(judge(true, Opening::Evaluation), Ok(()));
        assert_eq!(
            judge(true, Opening::Strict),
            Err(GateMismatch::MadeUnderEvaluation)
        );
        assert_eq!(
            judge(false, Opening::Evaluation),
            Err(GateMismatch::MadeUnderStrictGate)
        );
    }

    #[cfg(feature = "evaluation")]
    #[test]
    fn editing_or_removing_the_record_does_not_pass_a_strict_gate() {
        use crate::SystemClock;
        use crate::catalogue::{Catalogue, Options, Program};
        use crate::store::{Change, DirStore, Secrecy, Store};
        use fips_core::{Boundary, Requirements};

        let folder = tempfile::tempdir().unwrap();
        let store = DirStore::create_or_open(folder.path().join("server")).unwrap();
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let catalogue = Catalogue::new(Options::new(Program::Rke2, "node-1")).unwrap();
        Pki::init(&boundary, &store, catalogue.clone(), &SystemClock).unwrap();
        let path = super::super::record::path().unwrap();
        let record = String::from_utf8(store.read(&path).unwrap().unwrap().to_vec()).unwrap();
        let edited = record.replace("\"evaluation\": true", "\"evaluation\": false");
        assert_ne!(record, edited);
        let refused = |pki: &Pki<'_>| {
            matches!(
                pki.admit(Some(Opening::Strict)),
                Err(Error::Gate(GateMismatch::MadeUnderEvaluation))
            )
        };
        assert!(refused(&Pki::open(&store).unwrap()));

        let change = Change::new("edit").put(path.clone(), Secrecy::Public, edited.into_bytes());
        store.apply(&change, &|_, _| Ok(())).unwrap();
        let pki = Pki::open(&store).unwrap();
        assert!(!pki.record().unwrap().evaluation);
        assert!(refused(&pki));

        store
            .apply(&Change::new("remove").remove(path), &|_, _| Ok(()))
            .unwrap();
        // This process runs an evaluation, so adopting passes; a strict gate still refuses.
        assert!(refused(&Pki::adopt(&store, catalogue).unwrap()));
    }
}
