//! The policy as data: what a profile names, each thing with its source.

mod group;
mod key;
mod profile;
mod scheme;
mod suite;
mod version;

pub use group::Group;
pub use key::{KeyRule, PublicKey};
pub use profile::{NotOptional, NothingLeft, Profile, ProfileFileError, Row, UnknownProfile};
pub use scheme::Scheme;
pub use suite::Suite;
pub use version::Version;
