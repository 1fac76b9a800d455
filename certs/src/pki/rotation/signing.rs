//! The two keys of a rotation: where each of them lies in a phase, and what signs with it.

use std::sync::Arc;

use fips_core::Boundary;
use zeroize::Zeroizing;

use super::journal::Authorities;
use super::{Phase, Rotation};
use crate::error::Error;
use crate::issue::{IntoSigner, Signer};
use crate::key::{KeySource, Pkcs11Uri};
use crate::pki::issuer::KEY_ELSEWHERE;
use crate::pki::read_back::Staged;
use crate::pki::{keys, record};
use crate::store::{EntryPath, Secrecy};

/// One of the two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Old,
    New,
}

impl Which {
    /// Both.
    const BOTH: [Self; 2] = [Self::Old, Self::New];

    /// The one that signs in `phase`.
    pub(super) fn signs(phase: Phase) -> Self {
        if phase < Phase::IssueFromNew {
            Self::Old
        } else {
            Self::New
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

/// Where a key lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pki) enum KeyAt {
    /// In that file, as it is or sealed.
    File(EntryPath),
    /// On a token.
    Token(Pkcs11Uri),
}

impl Rotation<'_> {
    /// Where a key lies in `phase`: the one that signs in the authority's own place, the other
    /// beside the journal; on a token always in the same.
    pub(super) fn key_at(
        &self,
        authorities: &Authorities,
        which: Which,
        phase: Phase,
    ) -> Result<KeyAt, Error> {
        let (source, aside) = match which {
            Which::Old => (&authorities.old_key, &self.paths.old_key),
            Which::New => (&authorities.new_key, &self.paths.new_key),
        };
        match source {
            KeySource::Pkcs11(uri) => Ok(KeyAt::Token(uri.clone())),
            KeySource::External => Err(self.refuse(KEY_ELSEWHERE)),
            KeySource::File | KeySource::SealedFile if which == Which::signs(phase) => {
                let own = match &authorities.key_file {
                    Some(path) => Some(EntryPath::new(path.clone())?),
                    None => self.entry.key.clone(),
                };
                own.map(KeyAt::File)
                    .ok_or_else(|| self.refuse(KEY_ELSEWHERE))
            }
            KeySource::File | KeySource::SealedFile => Ok(KeyAt::File(aside.clone())),
        }
    }

    /// What signs with the key there.
    pub(in crate::pki) fn sign_with(
        &self,
        boundary: &Boundary,
        key: &KeyAt,
    ) -> Result<Arc<dyn Signer>, Error> {
        let unlock = &*self.pki.unlock;
        match key {
            KeyAt::File(path) => {
                keys::from_file(boundary, path, &self.file(path)?, unlock)?.into_signer()
            }
            KeyAt::Token(uri) => keys::on_token(boundary, self.entry, uri, unlock),
        }
    }

    /// Moves both keys to where they lie in `to`, as they are, and has the record say where
    /// the one lies that signs then.
    pub(super) fn hand_over(
        &self,
        mut staged: Staged,
        authorities: &Authorities,
        from: Phase,
        to: Phase,
    ) -> Result<Staged, Error> {
        let mut left = Vec::new();
        for which in Which::BOTH {
            let now = self.key_at(authorities, which, from)?;
            let then = self.key_at(authorities, which, to)?;
            if let (KeyAt::File(now), KeyAt::File(then)) = (now, then) {
                staged = staged.bytes(&then, Secrecy::Secret, self.file(&now)?);
                left.push(now);
            }
        }
        for path in left {
            if staged.content(&path).is_none() {
                staged = staged.remove(&path);
            }
        }
        if authorities.old_key == authorities.new_key {
            return Ok(staged);
        }
        let mut record = self.pki.fresh_record()?.ok_or_else(|| {
            self.refuse("this PKI has no record yet that could say where its key lies: renew once")
        })?;
        let source = match Which::signs(to) {
            Which::Old => &authorities.old_key,
            Which::New => &authorities.new_key,
        };
        let name = &self.entry.name;
        match source {
            KeySource::File => record.key_sources.remove(name),
            source => record.key_sources.insert(name.clone(), source.clone()),
        };
        Ok(staged.bytes(&record::path()?, Secrecy::Public, record.to_json()?))
    }

    pub(super) fn file(&self, path: &EntryPath) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.pki
            .store
            .read(path)?
            .ok_or_else(|| self.refuse(format!("{path} is missing; restore it from a backup")))
    }
}
