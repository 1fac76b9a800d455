//! Tickets that every server of a fleet opens.
//!
//! A ticket: the name of a root in a context (16 bytes), the half hour (8), the server's own
//! number in it (16), then nonce, ciphertext and tag of AES-256-GCM; the first three are
//! authenticated with it. Sealed in it is the second of issue.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fips_core::Boundary;
use fips_core::hkdf::Prk;
use fips_core::seal::{KEY_LEN, OVERHEAD, SealingKey};
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;
use zeroize::Zeroizing;

use super::{FleetKeys, module};
use crate::counters;
use crate::error::Error;
use crate::ticketer::{MAX_LIFETIME, ROTATION};

/// Seconds that clocks of a fleet may differ by. A ticket lives so much shorter, so that it is
/// one hour at most by each of them.
const SKEW: u64 = 10;

const LIFETIME: u32 = MAX_LIFETIME - SKEW as u32;

/// Keys of other servers that are kept. One of more servers is derived again when it is asked for.
pub(super) const KEPT: usize = 256;

const NAME_LEN: usize = 16;
const SALT_LEN: usize = 16;
const HEADER_LEN: usize = NAME_LEN + 8 + SALT_LEN;

/// What the keys of tickets are bound to beside epoch and server, and the names of roots.
const KEY: &[u8] = b"ticket key";
const NAME: &[u8] = b"root name";

type Name = [u8; NAME_LEN];
type Salt = [u8; SALT_LEN];

/// Seals under a key of this server's own, opens under those of all.
///
/// No two servers seal under one key, and none seals under one for longer than half an hour:
/// each draws a number of 128 bits for each half hour. So the 2^32 messages of one key with
/// random nonces (SP 800-38D §8.2.2, §8.3) are counted where they are sealed, by [`SealingKey`],
/// and need no counting across the fleet.
pub(crate) struct FleetTickets {
    boundary: Boundary,
    context: [u8; 32],
    clock: Arc<dyn TimeProvider>,
    /// The one that seals first.
    roots: Vec<Root>,
    keys: Mutex<Keys>,
}

struct Root {
    name: Name,
    prk: Prk,
}

/// Which key sealed a ticket.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Id {
    name: Name,
    epoch: u64,
    salt: Salt,
}

#[derive(Default)]
struct Keys {
    own: Option<(Id, Arc<SealingKey>)>,
    /// Those that have opened something. A forged ticket leaves nothing here and drives nothing
    /// out.
    known: HashMap<Id, (Arc<SealingKey>, u64)>,
    uses: u64,
}

impl FleetTickets {
    pub(crate) fn new(
        keys: &FleetKeys,
        context: [u8; 32],
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, Error> {
        let (current, others) = keys.prks()?;
        let named = |prk: Prk| {
            let mut name = [0; NAME_LEN];
            prk.expand(&[NAME, &context], &mut name).map_err(module)?;
            Ok(Root { name, prk })
        };
        let roots = std::iter::once(current).chain(others).map(named);
        Ok(Self {
            boundary: keys.boundary,
            context,
            clock,
            roots: roots.collect::<Result<_, Error>>()?,
            keys: Mutex::default(),
        })
    }

    fn now(&self) -> Option<u64> {
        self.clock.current_time().map(|now| now.as_secs())
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        // No change is made of two parts that a panic could come between.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(all(test, feature = "evaluation"))]
    pub(super) fn kept(&self) -> usize {
        self.keys().known.len()
    }

    fn derive(&self, id: &Id) -> Option<Arc<SealingKey>> {
        let root = self.roots.iter().find(|root| root.name == id.name)?;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        let info = [KEY, &self.context, &id.epoch.to_be_bytes(), &id.salt];
        root.prk.expand(&info, &mut key[..]).ok()?;
        SealingKey::from_bytes(&self.boundary, &key[..])
            .ok()
            .map(Arc::new)
    }

    /// The key that seals in this half hour, made when it begins.
    fn own(&self, epoch: u64) -> Option<(Id, Arc<SealingKey>)> {
        let mut keys = self.keys();
        if let Some((id, key)) = keys.own.as_ref().filter(|(id, _)| id.epoch == epoch) {
            return Some((*id, Arc::clone(key)));
        }
        let id = Id {
            name: self.roots.first()?.name,
            epoch,
            salt: fips_core::random::bytes().ok()?,
        };
        let key = self.derive(&id)?;
        if let Some((before, key)) = keys.own.replace((id, Arc::clone(&key))) {
            keys.keep(before, key);
        }
        keys.drop_before(epoch);
        Some((id, key))
    }

    fn open(&self, id: &Id, header: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let known = self.keys().find(id);
        if let Some(key) = known {
            return key.open(header, sealed).ok();
        }
        let key = self.derive(id)?;
        let plain = key.open(header, sealed).ok()?;
        let mut keys = self.keys();
        keys.keep(*id, key);
        Some(plain)
    }
}

impl Keys {
    fn find(&mut self, id: &Id) -> Option<Arc<SealingKey>> {
        if let Some((_, key)) = self.own.as_ref().filter(|(own, _)| own == id) {
            return Some(Arc::clone(key));
        }
        self.uses += 1;
        let (key, used) = self.known.get_mut(id)?;
        *used = self.uses;
        Some(Arc::clone(key))
    }

    /// Keeps a key, in the place of that unused for longest.
    fn keep(&mut self, id: Id, key: Arc<SealingKey>) {
        if self.known.len() >= KEPT && !self.known.contains_key(&id) {
            let oldest = self.known.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.known.remove(&oldest);
            }
        }
        self.uses += 1;
        self.known.insert(id, (key, self.uses));
    }

    /// Drops what opens no more from the half hour after `epoch` on.
    fn drop_before(&mut self, epoch: u64) {
        self.known
            .retain(|id, _| id.epoch.saturating_add(1) >= epoch);
    }
}

/// The half hour a second lies in.
fn epoch(second: u64) -> u64 {
    second / u64::from(ROTATION)
}

/// Whether a key of `sealed` may still open at `now`: that of this half hour and of the one
/// before, and of one that has begun by a clock that is ahead.
fn is_open(sealed: u64, now: u64) -> bool {
    (epoch(now).saturating_sub(1)..=epoch(now.saturating_add(SKEW))).contains(&sealed)
}

/// Whether what was sealed at `issued` may be used at `now`.
fn is_within_lifetime(issued: u64, now: u64) -> bool {
    issued <= now.saturating_add(SKEW) && now.saturating_sub(issued) <= u64::from(LIFETIME)
}

impl Id {
    fn header(&self) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header[..NAME_LEN].copy_from_slice(&self.name);
        header[NAME_LEN..NAME_LEN + 8].copy_from_slice(&self.epoch.to_be_bytes());
        header[NAME_LEN + 8..].copy_from_slice(&self.salt);
        header
    }

    fn of_header(header: &[u8; HEADER_LEN]) -> Option<Self> {
        let (name, rest) = header.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        Some(Self {
            name: *name,
            epoch: u64::from_be_bytes(*epoch),
            salt: rest.try_into().ok()?,
        })
    }
}

impl FleetTickets {
    fn sealed(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let now = self.now()?;
        let (id, key) = self.own(epoch(now))?;
        let header = id.header();
        let dated = Zeroizing::new([&now.to_be_bytes()[..], plain].concat());
        let sealed = key.seal(&header, &dated).ok()?;
        Some([&header[..], &sealed].concat())
    }

    fn opened(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let now = self.now()?;
        let (header, sealed) = ticket.split_first_chunk()?;
        let id = Id::of_header(header)?;
        // Whatever is not of this fleet, this context and this hour costs no derivation.
        if sealed.len() < OVERHEAD + 8
            || !is_open(id.epoch, now)
            || !self.roots.iter().any(|root| root.name == id.name)
        {
            return None;
        }
        let dated = self.open(&id, header, sealed)?;
        let (issued, plain) = dated.split_first_chunk()?;
        is_within_lifetime(u64::from_be_bytes(*issued), now).then(|| plain.to_vec())
    }
}

impl ProducesTickets for FleetTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let sealed = self.sealed(plain);
        counters::ticket_sealed(sealed.is_some());
        sealed
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let opened = self.opened(ticket);
        counters::ticket_opened(opened.is_some());
        opened
    }
}

impl fmt::Debug for FleetTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetTickets").finish_non_exhaustive()
    }
}
