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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyIdMethod, SerialNumber};

    use super::super::believed::Window;
    use super::*;
    use crate::certificate::tests::NoKey;

    fn believed() -> Arc<Believed> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&[1]));
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
        let leaf = params.self_signed(&NoKey).unwrap();
        Arc::new(Believed::new(leaf.der(), Window::ALWAYS).unwrap())
    }

    fn key(number: usize) -> Key {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Key(bytes)
    }

    #[test]
    fn so_many_chains_and_no_more_and_the_one_unused_for_longest_gives_way() {
        let cache = ChainCache::default();
        let (believed, now) = (believed(), UnixTime::now());
        for number in 0..CHAINS {
            cache.keep(key(number), &believed);
        }
        assert!(cache.find(key(0), now).is_some());
        for number in CHAINS..CHAINS + 10 {
            cache.keep(key(number), &believed);
            assert_eq!(cache.kept().chains.len(), CHAINS);
        }
        assert!(cache.find(key(0), now).is_some());
        for gone in 1..=10 {
            assert!(cache.find(key(gone), now).is_none(), "{gone}");
        }
        assert!(cache.find(key(11), now).is_some());
        assert!(cache.kept().leaves.len() <= 1);
    }

    #[test]
    fn what_is_asked_about_differs_in_each_of_its_parts() {
        let der = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
        let host = |name: &'static str| ServerName::try_from(name).unwrap();
        let (a, b, ab) = (der(b"a"), der(b"b"), der(b"ab"));
        let name = host("server.test");
        let keys = [
            Key::new(&a, &[], None),
            Key::new(&a, &[], Some(&name)),
            Key::new(&a, &[], Some(&host("other.test"))),
            Key::new(&a, &[], Some(&host("127.0.0.1"))),
            Key::new(&a, std::slice::from_ref(&b), Some(&name)),
            Key::new(&a, &[b.clone(), b.clone()], Some(&name)),
            Key::new(&b, std::slice::from_ref(&a), Some(&name)),
            // Without their lengths these would be alike.
            Key::new(&ab, &[], Some(&name)),
            Key::new(&ab, std::slice::from_ref(&a), None),
            Key::new(&a, &[der(b"ba")], None),
        ];
        for (position, one) in keys.iter().enumerate() {
            assert!(one.is_some());
            assert!(!keys[..position].contains(one), "{position}");
        }
    }
}
