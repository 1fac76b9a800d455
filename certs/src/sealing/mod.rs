//! Data sealed for storage: streams of any length, and small envelopes as text.
//!
//! Both are AES-256-GCM with nonces that the module makes (SP 800-38D §8.2.2), under a key that
//! is made for this one thing: derived from a passphrase and a fresh salt (SP 800-132 §5.4
//! option 1a: the derived key is the data key), or drawn from the module and wrapped under the
//! key of a file (SP 800-38F). What a thing is for, and which cluster's, is part of what is
//! authenticated. `docs/sealing.md` of the repository describes the bytes.
//!
//! ```
//! use fips_certs::sealing::{Binding, Passphrase, Secret, open, seal};
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
//! let binding = Binding::new("etcd-snapshot")?.with_cluster("cluster-7")?;
//! let secret: Secret = Passphrase::new(b"fourteen bytes or more".to_vec())?.into();
//!
//! let mut sealed = Vec::new();
//! seal(&boundary, &binding, &secret, &b"a snapshot"[..], &mut sealed)?;
//! let mut opened = Vec::new();
//! open(&boundary, &binding, &secret, &sealed[..], &mut opened)?;
//! assert_eq!(opened, b"a snapshot");
//! # Ok(())
//! # }
//! ```

mod binding;
mod fault;
mod file_key;
mod header;
mod k3s;
mod new_file;
mod passphrase;
mod secret;
mod stream;

pub mod envelope;
pub mod ticket_keys;

pub use binding::Binding;
pub use fault::SealingFault;
pub use file_key::FileKey;
pub use header::{Header, SealedUnder};
pub use k3s::open_k3s_bootstrap;
pub use new_file::{Leftover, NewFile};
pub use passphrase::{DEFAULT_ITERATIONS, MOST_ITERATIONS, Passphrase};
pub use secret::Secret;
pub use stream::{CHUNK, Totals, open, seal};
