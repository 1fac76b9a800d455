//! An identity in two files.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use fips_core::Boundary;
use rustls::pki_types::UnixTime;

use super::file::{Content, Watch};
use super::part::{Changes, Settling, note_refusal};
use super::status::{IdentityStatus, PartStatus, Refused, ServedLeaf};
use crate::error::Error;
use crate::identity::{self, Identity};
use crate::links;
use crate::peer::PeerIdentity;

pub(super) struct IdentityFiles {
    boundary: Boundary,
    settling: Settling,
    chain: Watch,
    key: Watch,
    value: Arc<ArcSwap<Identity>>,
    /// Of the value, and of the one before.
    digest: Digests,
    before: Option<(Arc<Identity>, Digests)>,
    /// The serial number of the leaf that was last read.
    on_disk: Option<String>,
    /// What was last judged and refused.
    tried: Option<Digests>,
    refused: Option<Refused>,
}

type Digests = [[u8; 32]; 2];

struct Pair {
    chain: Content,
    key: Content,
}

impl Pair {
    fn digests(&self) -> Digests {
        [self.chain.digest, self.key.digest]
    }

    fn serial(&self) -> Option<String> {
        let chain = crate::certificate::from_pem("identity", &self.chain.bytes).ok()?;
        let leaf = PeerIdentity::from_certificate(chain.first()?).ok()?;
        Some(leaf.serial().to_owned())
    }
}

impl IdentityFiles {
    pub(super) fn load(
        boundary: Boundary,
        settling: Settling,
        [chain, key]: [PathBuf; 2],
        now: UnixTime,
    ) -> Result<Self, Error> {
        let mut chain = Watch::new(chain, identity::MOST_BYTES as u64);
        let mut key = Watch::new(key, identity::MOST_BYTES as u64);
        let pair = settled(settling, &mut chain, &mut key)?;
        let identity = judge(boundary, &chain, &key, &pair, now)?;
        Ok(Self {
            boundary,
            settling,
            chain,
            key,
            digest: pair.digests(),
            before: None,
            on_disk: Some(identity.leaf().serial().to_owned()),
            value: Arc::new(ArcSwap::from_pointee(identity)),
            tried: None,
            refused: None,
        })
    }

    pub(super) fn value(&self) -> Arc<ArcSwap<Identity>> {
        Arc::clone(&self.value)
    }

    fn name(&self) -> String {
        self.chain.path().display().to_string()
    }

    /// Judges a pair. Of one that does not belong together, the one half may have been read
    /// before and the other after a change: it is read once more, unless it was already.
    fn judged_unless_torn(&mut self, pair: Pair, now: UnixTime) -> (Pair, Result<Identity, Error>) {
        let judged = judge(self.boundary, &self.chain, &self.key, &pair, now);
        if judged.is_ok() || self.tried == Some(pair.digests()) {
            return (pair, judged);
        }
        std::thread::sleep(self.settling.0);
        match settled(self.settling, &mut self.chain, &mut self.key) {
            Ok(again) if again.digests() != pair.digests() => {
                let judged = judge(self.boundary, &self.chain, &self.key, &again, now);
                (again, judged)
            }
            _ => (pair, judged),
        }
    }

    fn refused(&mut self, reason: String, now: UnixTime) {
        let name = self.name();
        note_refusal(&mut self.refused, &name, reason, now);
    }
}

impl Changes for IdentityFiles {
    fn files(&self) -> Vec<PathBuf> {
        vec![self.chain.path().to_owned(), self.key.path().to_owned()]
    }

    fn look(&mut self, now: UnixTime) -> bool {
        let known = [Some(self.digest), self.tried];
        let mut pair = read(&mut self.chain, &mut self.key);
        let new = |pair: &Result<Pair, Error>| match pair {
            Ok(pair) => !known.contains(&Some(pair.digests())),
            Err(_) => known[1].is_some() || self.refused.is_none(),
        };
        if new(&pair) {
            pair = settled(self.settling, &mut self.chain, &mut self.key);
        }
        let pair = match pair {
            Ok(pair) => pair,
            Err(error) => {
                self.on_disk = None;
                self.tried = None;
                self.refused(error.to_string(), now);
                return false;
            }
        };
        let digests = pair.digests();
        if digests == self.digest && pair.key.mode & 0o077 == 0 {
            // What is served is on the disk, be it for the second time.
            self.on_disk = Some(self.value.load().leaf().serial().to_owned());
            self.tried = None;
            self.refused = None;
            return false;
        }
        let (pair, judged) = self.judged_unless_torn(pair, now);
        let digests = pair.digests();
        self.on_disk = pair.serial();
        match judged {
            Ok(_) if digests == self.digest => {
                self.tried = None;
                self.refused = None;
                false
            }
            Ok(identity) => {
                self.tried = None;
                let before = self.value.swap(Arc::new(identity));
                self.before = Some((before, self.digest));
                self.digest = digests;
                true
            }
            Err(error) => {
                self.tried = Some(digests);
                self.refused(error.to_string(), now);
                false
            }
        }
    }

    fn swap(&mut self) {
        if let Some((before, digest)) = self.before.take() {
            let other = self.value.swap(before);
            self.before = Some((other, self.digest));
            self.digest = digest;
        }
    }

    fn refuse(&mut self, why: &str, now: UnixTime) {
        self.refused(why.to_owned(), now);
    }

    fn published(&mut self, generation: u64) {
        self.refused = None;
        let identity = self.value.load();
        let leaf = identity.leaf();
        tracing::info!(
            generation,
            part = self.name(),
            serial = leaf.serial(),
            subject = leaf.subject(),
            not_after = %humantime::format_rfc3339_seconds(leaf.not_after()),
            "a new identity is served"
        );
    }

    fn status(&self) -> PartStatus {
        let identity = self.value.load();
        let served = ServedLeaf::new(identity.leaf());
        PartStatus::Identity(IdentityStatus {
            chain: self.chain.path().to_owned(),
            key: self.key.path().to_owned(),
            differs: self.on_disk.as_ref() != Some(&served.serial) || self.refused.is_some(),
            served,
            on_disk: self.on_disk.clone(),
            refused: self.refused.clone(),
        })
    }
}

fn read(chain: &mut Watch, key: &mut Watch) -> Result<Pair, Error> {
    Ok(Pair {
        chain: chain.read()?,
        key: key.read()?,
    })
}

/// Reads a pair that does not change while it is read.
fn settled(settling: Settling, chain: &mut Watch, key: &mut Watch) -> Result<Pair, Error> {
    settling.read(
        || read(chain, key),
        |one, other| one.digests() == other.digests(),
        |pair| pair.chain.age().min(pair.key.age()),
    )
}

fn judge(
    boundary: Boundary,
    chain: &Watch,
    key: &Watch,
    pair: &Pair,
    now: UnixTime,
) -> Result<Identity, Error> {
    identity::check_key_mode(key.path(), pair.key.mode)?;
    let identity = Identity::from_contents(
        &boundary,
        (chain.path(), &pair.chain.bytes),
        (key.path(), &pair.key.bytes),
    )?;
    links::judge(identity.chain(), now)
        .map_err(|fault| Error::Identity(fault).in_file(chain.path()))?;
    Ok(identity)
}
