//! The other key that is trusted while a rotation is under way.

use super::journal::Identity;
use super::signing::Which;
use super::{KeyAt, Phase, Rotation};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::pki::files;
use crate::pki::revocation::Side;

/// What is trusted beside the key that signs.
pub(in crate::pki) struct Beside {
    pub(in crate::pki) side: Side,
    pub(in crate::pki) certificate: Certificate,
    /// Where its key lies; none when a recovery replaced it.
    pub(in crate::pki) key: Option<KeyAt>,
}

impl Rotation<'_> {
    /// The other key that is trusted; none while there is one alone.
    pub(in crate::pki) fn beside(&self) -> Result<Option<Beside>, Error> {
        let Some(journal) = self.journal()? else {
            return Ok(None);
        };
        let authorities = self.authorities(&journal)?;
        let (side, path, wanted): (_, _, Option<&Identity>) = match journal.phase {
            Phase::TrustBoth => (Side::New, &self.paths.new, Some(&authorities.new)),
            Phase::IssueFromNew => (Side::Old, &self.paths.before, authorities.old.as_ref()),
            Phase::Prepare | Phase::Retire => return Ok(None),
        };
        let found =
            files::certificates(self.pki.store, path).map_err(|why| self.lost(path, &why))?;
        let certificate = self.proven_first(found, wanted, path)?;
        let which = Which::signs(journal.phase).other();
        let key = match self.key_at(authorities, which, journal.phase)? {
            _ if authorities.recovery.is_some() && which == Which::Old => None,
            KeyAt::File(path) if self.pki.store.read(&path)?.is_none() => None,
            key => Some(key),
        };
        Ok(Some(Beside {
            side,
            certificate,
            key,
        }))
    }
}
