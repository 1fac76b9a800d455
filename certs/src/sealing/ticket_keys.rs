//! Keys that servers of a fleet seal session tickets under, as an envelope of their own kind.
//!
//! The content is `fips-tls`'s to read (`FleetKeys`).
//!
//! ```
//! use fips_certs::sealing::{FileKey, Secret, ticket_keys};
//! use fips_core::Boundary;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let boundary = match Boundary::enter() {
//!     Ok(boundary) => boundary,
//!     Err(refusal) => {
//!         println!("{refusal}");
//!         return Ok(());
//!     }
//! };
//! let secret: Secret = FileKey::generate(&boundary)?.into();
//! let text = ticket_keys::seal(&boundary, "apiserver", &secret, b"the keys")?;
//! let keys = ticket_keys::open(&boundary, "apiserver", &secret, text.as_bytes())?;
//! assert_eq!(&keys[..], b"the keys");
//! # Ok(())
//! # }
//! ```

use fips_core::Boundary;
use zeroize::Zeroizing;

use super::envelope::{inspect_as, open_as, seal_as};
use super::{Binding, Header, Secret};
use crate::error::Error;

/// The label of the envelope.
pub const LABEL: &str = "FIPS SEALED TICKET KEYS";

/// What they are sealed as.
const PURPOSE: &str = "ticket-keys";

/// Seals the keys of the fleet of this name: 1 to 255 visible ASCII characters.
///
/// # Errors
///
/// [`SealingFault`](super::SealingFault)s; [`Error::Crypto`].
pub fn seal(
    boundary: &Boundary,
    fleet: &str,
    secret: &Secret,
    keys: &[u8],
) -> Result<String, Error> {
    seal_as(LABEL, boundary, &binding(fleet)?, secret, keys)
}

/// Opens the keys of the fleet of this name.
///
/// # Errors
///
/// [`SealingFault`](super::SealingFault)s; [`Error::Gate`]; [`Error::Crypto`].
pub fn open(
    boundary: &Boundary,
    fleet: &str,
    secret: &Secret,
    text: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    open_as(LABEL, boundary, &binding(fleet)?, secret, text)
}

/// The header, unauthenticated. Needs no key and no open gate.
///
/// # Errors
///
/// As [`envelope::inspect`](super::envelope::inspect).
pub fn inspect(text: &[u8]) -> Result<Header, Error> {
    inspect_as(LABEL, text)
}

fn binding(fleet: &str) -> Result<Binding, Error> {
    Binding::new(PURPOSE)?.with_cluster(fleet)
}
