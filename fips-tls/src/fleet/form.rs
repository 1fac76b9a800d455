//! The roots as bytes, to be sealed.
//!
//! Magic, version (2), generation (8), 1 or 0 for a previous root, current, next, previous: 32
//! bytes each, numbers big-endian. Nothing follows.

use std::sync::Arc;

use fips_core::{Boundary, constant_time};
use zeroize::Zeroizing;

use super::{FleetKeys, ROOT_LEN, Roots, module};
use crate::error::Error;

const MAGIC: &[u8; 8] = b"FIPSTKEY";
const VERSION: u16 = 1;

/// Why bytes are no fleet keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FleetKeysFault {
    /// No next generation.
    #[error("they were rotated as often as can be counted: make new ones")]
    Generations,
    /// Not what `to_bytes` writes.
    #[error("they are not in the form this crate writes ({0}): take a copy that is whole")]
    Malformed(&'static str),
    /// Two roots are the same, so that one of them was not random.
    #[error("two of the roots are the same: make new ones")]
    SameRoots,
    /// A form of another release.
    #[error(
        "they have version {found} of the form, and this release reads version {VERSION} alone"
    )]
    Version {
        /// The version.
        found: u16,
    },
}

impl FleetKeys {
    /// All of it, to be sealed.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let Roots {
            current,
            next,
            previous,
        } = &*self.roots;
        // Of its full size from the start: no copy is left behind where it grew.
        let mut bytes = Zeroizing::new(Vec::with_capacity(19 + 3 * ROOT_LEN));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.push(u8::from(previous.is_some()));
        for root in [Some(current), Some(next), previous.as_ref()]
            .into_iter()
            .flatten()
        {
            bytes.extend_from_slice(root);
        }
        bytes
    }

    /// Takes what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    ///
    /// [`FleetKeysFault`], in [`Error::FleetKeys`]; [`Error::Module`] when the gate has closed.
    pub fn from_bytes(boundary: &Boundary, bytes: &[u8]) -> Result<Self, Error> {
        boundary.still_open().map_err(module)?;
        let malformed = |why| Error::from(FleetKeysFault::Malformed(why));
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| malformed("they begin otherwise"))?;
        let short = || malformed("they end too early");
        let (version, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let found = u16::from_be_bytes(*version);
        if found != VERSION {
            return Err(FleetKeysFault::Version { found }.into());
        }
        let (generation, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let generation = u64::from_be_bytes(*generation);
        let (more, rest) = rest.split_first().ok_or_else(short)?;
        let roots: Vec<_> = rest.chunks(ROOT_LEN).collect();
        let (current, next, previous) = match (more, &roots[..]) {
            (0, [current, next]) => (*current, *next, None),
            (1, [current, next, previous]) => (*current, *next, Some(*previous)),
            _ => return Err(malformed("they have another number of roots than they say")),
        };
        if !rest.len().is_multiple_of(ROOT_LEN) {
            return Err(short());
        }
        // The first has none before it, and every other has one.
        if generation == 0 || (generation == 1) != previous.is_none() {
            return Err(malformed(
                "their generation does not fit the number of roots",
            ));
        }
        let same = |one, other| constant_time::equal(one, other);
        if same(current, next)
            || previous.is_some_and(|previous| same(previous, current) || same(previous, next))
        {
            return Err(FleetKeysFault::SameRoots.into());
        }
        let root = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        Ok(Self {
            boundary: *boundary,
            generation,
            roots: Arc::new(Roots {
                current: root(current),
                next: root(next),
                previous: previous.map(root),
            }),
        })
    }
}
