//! The other key that is trusted while a rotation is under way.

use zeroize::Zeroizing;

use super::journal::Identity;
use super::{Phase, Rotation};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::pki::files;
use crate::pki::revocation::Side;

/// What is trusted beside the key that signs.
pub(in crate::pki) struct Beside {
    pub(in crate::pki) side: Side,
    pub(in crate::pki) certificate: Certificate,
    /// The key's file; none when a recovery replaced it.
    pub(in crate::pki) key: Option<Zeroizing<Vec<u8>>>,
}

impl Rotation<'_> {
    /// The other key that is trusted; none while there is one alone.
    pub(in crate::pki) fn beside(&self) -> Result<Option<Beside>, Error> {
        let Some(journal) = self.journal()? else {
            return Ok(None);
        };
        let authorities = self.authorities(&journal)?;
        let paths = &self.paths;
        let (side, path, key, wanted): (_, _, _, Option<&Identity>) = match journal.phase {
            Phase::TrustBoth => (
                Side::New,
                &paths.new,
                &paths.new_key,
                Some(&authorities.new),
            ),
            Phase::IssueFromNew => {
                let old = authorities.old.as_ref();
                (Side::Old, &paths.before, &paths.old_key, old)
            }
            Phase::Prepare | Phase::Retire => return Ok(None),
        };
        let found =
            files::certificates(self.pki.store, path).map_err(|why| self.lost(path, &why))?;
        self.proven_first(found, wanted, path)
            .and_then(|certificate| {
                Ok(Some(Beside {
                    side,
                    certificate,
                    key: self.pki.store.read(key)?,
                }))
            })
    }
}
