//! Keys that the servers of a fleet share, so that each resumes the sessions of all.

mod context;
mod form;
#[cfg(all(test, feature = "evaluation"))]
mod tests;
mod tickets;

use std::fmt;
use std::sync::Arc;

use fips_core::Boundary;
use fips_core::digest::Algorithm;
use fips_core::hkdf::Prk;
use zeroize::Zeroizing;

pub(crate) use context::context;
pub use form::FleetKeysFault;
pub(crate) use tickets::FleetTickets;

use crate::error::Error;

/// Bytes of a root secret.
const ROOT_LEN: usize = 32;

/// Sets these keys apart from whatever else is derived from a secret of a module.
const SALT: &[u8] = b"fips-tls fleet ticket keys, version 1";

/// Root secrets for the session tickets of several servers that stand for each other: behind one
/// address, or one name.
///
/// A ticket's key is derived from a root, for half an hour, for one server, and for what that
/// server believes: its profile, its names, whom it trusts, the revocation lists, the rules about
/// clients. So servers open each other's tickets exactly when all of that is alike, and a newer
/// list or a narrower rule ends the sessions from before on every server that has it.
///
/// [`to_bytes`](Self::to_bytes) and [`from_bytes`](Self::from_bytes) go with a sealed envelope of
/// `fips-certs`, as `fipsctl tickets` writes one.
///
/// # Security
///
/// Who has the roots can open every ticket sealed since they were made. In TLS 1.2 that lays the
/// session open, recorded ones too. In TLS 1.3 recorded data stays closed, since each resumption
/// has a key exchange of its own (RFC 8446 §2.2, §E.1); but while a ticket lives, one can resume
/// in the name of its client or server. Rotate often, and give each service roots of its own.
#[derive(Clone)]
pub struct FleetKeys {
    boundary: Boundary,
    generation: u64,
    roots: Arc<Roots>,
}

/// Each in a place of its own on the heap, wiped when dropped.
struct Roots {
    current: Zeroizing<Vec<u8>>,
    /// Sealed with by servers that have the file of the next generation already.
    next: Zeroizing<Vec<u8>>,
    /// Sealed with by servers that still have the file of the generation before.
    previous: Option<Zeroizing<Vec<u8>>>,
}

impl FleetKeys {
    /// Makes roots of the first generation with the module's DRBG.
    ///
    /// # Errors
    ///
    /// [`Error::Module`].
    pub fn generate(boundary: &Boundary) -> Result<Self, Error> {
        boundary.still_open().map_err(module)?;
        Ok(Self {
            boundary: *boundary,
            generation: 1,
            roots: Arc::new(Roots {
                current: new_root()?,
                next: new_root()?,
                previous: None,
            }),
        })
    }

    /// The next generation: what was next seals from now on, what sealed still opens, and what
    /// was before is gone.
    ///
    /// A server with one generation opens what one with the next or the one before seals, so
    /// that a fleet is rolled server by server and loses no session, as long as no two rotations
    /// are under way.
    ///
    /// # Errors
    ///
    /// [`Error::Module`]; [`FleetKeysFault::Generations`].
    pub fn rotated(&self) -> Result<Self, Error> {
        self.boundary.still_open().map_err(module)?;
        let generation = self
            .generation
            .checked_add(1)
            .ok_or(FleetKeysFault::Generations)?;
        Ok(Self {
            boundary: self.boundary,
            generation,
            roots: Arc::new(Roots {
                current: self.roots.next.clone(),
                next: new_root()?,
                previous: Some(self.roots.current.clone()),
            }),
        })
    }

    /// How often the roots were rotated, the first being 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The root that seals, and those that open alone.
    fn prks(&self) -> Result<(Prk, Vec<Prk>), Error> {
        let Roots {
            current,
            next,
            previous,
        } = &*self.roots;
        let prk =
            |root: &Zeroizing<Vec<u8>>| Prk::extract(Algorithm::Sha256, SALT, root).map_err(module);
        let others = [Some(next), previous.as_ref()];
        let others = others
            .into_iter()
            .flatten()
            .map(prk)
            .collect::<Result<_, _>>()?;
        Ok((prk(current)?, others))
    }
}

fn new_root() -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut root = Zeroizing::new(vec![0; ROOT_LEN]);
    fips_core::random::fill(&mut root).map_err(module)?;
    Ok(root)
}

fn module(source: fips_core::Error) -> Error {
    Error::Module {
        what: "fleet keys",
        source,
    }
}

impl fmt::Debug for FleetKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetKeys")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
