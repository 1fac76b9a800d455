//! Chains that were believed, so that a peer who comes back is not verified from the start.
//!
//! A cache belongs to one judge: one profile, one trust with its revocation lists, one purpose,
//! one set of rules. None of these changes during its life, so that what was found of a chain
//! holds until a moment that was known when it was found: the first end of a certificate of the
//! path, of its anchor, or of a revocation list that spoke of it. A configuration with other
//! trust or lists has another judge, whose cache is empty.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fips_core::digest::{Algorithm, Context};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::believed::Believed;

/// Chains kept: a control plane sees the same few.
const CHAINS: usize = 1024;

/// SHA-256 over the name and the presented chain, each with its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// `None` when the module does not digest: then nothing is kept or found.
    pub(super) fn new(
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: Option<&ServerName<'_>>,
    ) -> Option<Self> {
        let mut context = Context::new(Algorithm::Sha256);
        let mut take = |piece: &[u8]| {
            context.update(&(piece.len() as u64).to_be_bytes());
            context.update(piece);
        };
        match name {
            None => take(b"client"),
            Some(ServerName::DnsName(name)) => {
                take(b"DNS");
                take(name.as_ref().as_bytes());
            }
            Some(name) => {
                take(b"other");
                take(name.to_str().as_bytes());
            }
        }
        take(end_entity);
        intermediates.iter().for_each(|der| take(der));
        let digest = context.finish().ok()?;
        digest.as_ref().try_into().ok().map(Self)
    }
}

#[derive(Debug, Default)]
pub(super) struct ChainCache {
    kept: Mutex<Kept>,
    /// Of uses, so that the one unused for longest gives way.
    clock: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    chains: HashMap<Key, Entry>,
    /// The same by leaf alone: rustls asks about a handshake's signature with nothing else.
    leaves: HashMap<CertificateDer<'static>, Arc<Believed>>,
}

#[derive(Debug)]
struct Entry {
    believed: Arc<Believed>,
    used: u64,
}

impl ChainCache {
    /// What was found of the chain, if that still holds at `now`.
    pub(super) fn find(&self, key: Key, now: UnixTime) -> Option<Arc<Believed>> {
        let mut kept = self.kept();
        let entry = kept.chains.get_mut(&key)?;
        if !entry.believed.holds_at(now) {
            // Judged anew: the answer then has the reason, and the clock may have been wrong.
            return None;
        }
        entry.used = self.clock.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&entry.believed))
    }

    pub(super) fn keep(&self, key: Key, believed: &Arc<Believed>) {
        let mut kept = self.kept();
        if !kept.chains.contains_key(&key) && kept.chains.len() >= CHAINS {
            let oldest = kept.chains.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(key, _)| *key)
                && let Some(entry) = kept.chains.remove(&oldest)
            {
                // Another chain with the same leaf may lose it too, and parses it again.
                kept.leaves.remove(entry.believed.leaf());
            }
        }
        let entry = Entry {
            believed: Arc::clone(believed),
            used: self.clock.fetch_add(1, Ordering::Relaxed),
        };
        kept.leaves
            .insert(believed.leaf().clone(), Arc::clone(believed));
        kept.chains.insert(key, entry);
    }

    /// A leaf that was believed at some time, for its key: that depends on the certificate alone.
    pub(super) fn leaf(&self, der: &CertificateDer<'_>) -> Option<Arc<Believed>> {
        self.kept().leaves.get(der).map(Arc::clone)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // What is kept in two maps is looked up in each alone.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
