//! The certificates of a rotation, and the authority's file in each phase.

use fips_core::Diagnostic;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::journal::{Authorities, Identity, sha256};
use super::{Phase, Rotation};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::pki::bundle::Bundle;
use crate::pki::drift;
use crate::pki::files;
use crate::pki::row::Status;
use crate::store::EntryPath;

/// What a rotation keeps, proven to be what its journal says.
pub(super) struct Held {
    /// The authority's file as it was before, byte for byte.
    before: Zeroizing<Vec<u8>>,
    /// What stands in it.
    old: Vec<Certificate>,
    /// How many of those are the old authority's chain.
    old_chain: usize,
    /// The new authority and the chain above it.
    new: Vec<Certificate>,
    new_by_old: Option<Certificate>,
    old_by_new: Option<Certificate>,
}

impl Held {
    pub(super) fn new(
        before: Zeroizing<Vec<u8>>,
        new: Vec<Certificate>,
        new_by_old: Option<Certificate>,
        old_by_new: Option<Certificate>,
        diagnostic: &Diagnostic,
    ) -> Result<Self, Error> {
        // A recovery keeps nothing of one that could not be read.
        let old = if before.is_empty() {
            Vec::new()
        } else {
            Certificate::from_pem(&before)?
        };
        let old_chain = Bundle::new(old.clone(), diagnostic).chain().len();
        Ok(Self {
            before,
            old,
            old_chain,
            new,
            new_by_old,
            old_by_new,
        })
    }

    /// The certificate of the authority that signs in `phase`.
    pub(super) fn active(&self, phase: Phase) -> Option<&Certificate> {
        match phase {
            Phase::Prepare | Phase::TrustBoth => self.old.first(),
            Phase::IssueFromNew | Phase::Retire => self.new.first(),
        }
    }

    /// The old authority's certificate.
    pub(super) fn old(&self) -> Option<&Certificate> {
        self.active(Phase::Prepare)
    }

    /// The authority's file in `phase`: the certificate that pairs with the key comes first,
    /// trust that is only added after its chain.
    pub(super) fn file(&self, phase: Phase) -> Vec<u8> {
        let mut file = Vec::new();
        if phase <= Phase::TrustBoth {
            file.extend_from_slice(&self.before);
        }
        if phase == Phase::TrustBoth && !file.ends_with(b"\n") {
            file.push(b'\n');
        }
        let skipped = if phase == Phase::TrustBoth {
            self.old.len()
        } else {
            0
        };
        if phase != Phase::Prepare {
            for certificate in self.trust(phase).iter().skip(skipped) {
                file.extend_from_slice(certificate.to_pem().as_bytes());
            }
        }
        file
    }

    /// The certificates of that file.
    fn trust(&self, phase: Phase) -> Vec<Certificate> {
        let (old_chain, added) = self.old.split_at(self.old_chain);
        let mut trust: Vec<Certificate> = Vec::new();
        let mut add = |certificates: &[Certificate]| {
            for certificate in certificates {
                if !trust.contains(certificate) {
                    trust.push(certificate.clone());
                }
            }
        };
        match phase {
            Phase::Prepare => add(&self.old),
            Phase::TrustBoth => {
                add(&self.old);
                add(&self.new);
                add(self.old_by_new.as_slice());
            }
            Phase::IssueFromNew => {
                add(&self.new);
                add(old_chain);
                add(added);
                add(self.new_by_old.as_slice());
            }
            Phase::Retire => {
                add(&self.new);
                // Trust that came from elsewhere stays.
                add(added);
            }
        }
        trust
    }

    /// That file as a bundle that holds now.
    pub(super) fn bundle(
        &self,
        name: &str,
        phase: Phase,
        now: OffsetDateTime,
        diagnostic: &Diagnostic,
    ) -> Result<Bundle, Error> {
        let refuse = |why: String| super::refuse(name, format!("{phase} cannot be entered: {why}"));
        let certificates = Certificate::from_pem(&self.file(phase))?;
        let bundle = Bundle::new(certificates, diagnostic);
        let flaws = bundle.flaws(now).into_iter();
        if let Some((_, why)) = flaws
            .into_iter()
            .find(|(status, _)| *status > Status::Warning)
        {
            return Err(refuse(why));
        }
        let first = bundle
            .first()
            .ok_or_else(|| refuse("the file would be empty".into()))?;
        if let Some(why) = drift::of_authority(first).into_iter().next() {
            return Err(refuse(format!("{}: {why}", first.subject())));
        }
        if first.not_after() < now || first.not_before() > now {
            return Err(refuse(format!(
                "{} is not valid now; see its dates and the clock",
                first.subject()
            )));
        }
        Ok(bundle)
    }
}

impl Rotation<'_> {
    /// What is kept, each piece compared with the journal.
    pub(super) fn held(
        &self,
        authorities: &Authorities,
        diagnostic: &Diagnostic,
    ) -> Result<Held, Error> {
        let paths = &self.paths;
        let before = self
            .pki
            .store
            .read(&paths.before)?
            .ok_or_else(|| self.lost(&paths.before, "it is missing"))?;
        if sha256(&before)? != authorities.before {
            return Err(self.lost(&paths.before, "it is not what the journal says"));
        }
        let new = files::certificates(self.pki.store, &paths.new)
            .map_err(|why| self.lost(&paths.new, &why))?;
        self.proven(new.first(), &authorities.new, &paths.new)?;
        Held::new(
            before,
            new,
            self.cross(authorities.new_by_old.as_ref(), &paths.new_by_old)?,
            self.cross(authorities.old_by_new.as_ref(), &paths.old_by_new)?,
            diagnostic,
        )
    }

    /// The authority's file as the phase left it, while a rotation is under way.
    pub(in crate::pki) fn trust(&self, diagnostic: &Diagnostic) -> Result<Option<Vec<u8>>, Error> {
        match self.journal()? {
            Some(journal) if journal.phase != Phase::Retire => {
                let held = self.held(self.authorities(&journal)?, diagnostic)?;
                Ok(Some(held.file(journal.phase)))
            }
            _ => Ok(None),
        }
    }

    fn cross(
        &self,
        wanted: Option<&Identity>,
        path: &EntryPath,
    ) -> Result<Option<Certificate>, Error> {
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        let found =
            files::certificates(self.pki.store, path).map_err(|why| self.lost(path, &why))?;
        self.proven(found.first(), wanted, path)?;
        Ok(found.into_iter().next())
    }

    /// The first certificate of a file, when it is the one that the journal names.
    pub(super) fn proven_first(
        &self,
        found: Vec<Certificate>,
        wanted: Option<&Identity>,
        path: &EntryPath,
    ) -> Result<Certificate, Error> {
        let first = found.into_iter().next();
        match (first, wanted) {
            (Some(first), Some(wanted)) if wanted.is(&first)? => Ok(first),
            _ => Err(self.lost(path, "it is not what the journal says")),
        }
    }

    fn proven(
        &self,
        found: Option<&Certificate>,
        wanted: &Identity,
        path: &EntryPath,
    ) -> Result<(), Error> {
        match found {
            Some(found) if wanted.is(found)? => Ok(()),
            _ => Err(self.lost(path, "it is not what the journal says")),
        }
    }

    pub(super) fn lost(&self, path: &EntryPath, why: &str) -> Error {
        self.refuse(format!(
            "{path} cannot be used: {why}; restore it from a backup{}",
            ", or remove the folder and the journal beside it where nothing was trusted yet"
        ))
    }
}
