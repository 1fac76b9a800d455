//! Revocation lists (RFC 5280 §5): issued by an authority, read and verified whoever issued
//! them, and the register of what an authority revoked.
//!
//! A list covers everything its authority issued: no deltas, no indirect lists, no parts by
//! reason. What enforces one is the verifier's matter; Kubernetes' own programs read none.

mod der;
mod issue;
mod list;
mod parse;
mod reason;
mod register;
mod verify;

pub use issue::RevocationListParams;
pub use list::{ListedRevocation, RevocationList, Scope};
pub use reason::RevocationReason;
pub use register::{Register, Revocation};
pub(crate) use register::{is_serial, key_id};
pub use verify::ListRefused;
