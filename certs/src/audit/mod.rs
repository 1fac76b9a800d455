//! The audit log: what was done to a PKI, one line each, hash-chained.
//!
//! Each change of a PKI writes its lines together with what it changes, as one
//! [`Change`](crate::store::Change): what happened is in the log, and what is in the log
//! happened. The lines of a change are a file of their own, `fips/audit/NNNNNNNN.jsonl`; so
//! adding to the log costs what is added, however long the log is. Each line names the SHA-256
//! of the line before it; `fips/audit/head.json` names the number and the hash of the last one.
//!
//! ```
//! use fips_certs::audit::{self, Event, EventKind};
//! use fips_certs::store::{Change, DirStore, EntryPath, Secrecy, Store};
//! use fips_certs::{Clock, SystemClock};
//! use fips_core::{Boundary, Diagnostic};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let place = scratch.path().join("pki");
//! let Ok(boundary) = Boundary::enter() else {
//!     return Ok(()); // not a FIPS kernel
//! };
//! let store = DirStore::create_or_open(place)?;
//! let change = Change::new("publish a revocation list")
//!     .put(EntryPath::new("fips/crl/server-ca.crl")?, Secrecy::Public, b"...".to_vec());
//! let event = Event::new(EventKind::CrlIssued, "server-ca").with_reason("number 7");
//! let change = audit::append(&boundary, &store, change, [event], SystemClock.now())?;
//! store.apply(&change, &|_, _| Ok(()))?;
//!
//! let report = audit::verify(&Diagnostic::new()?, &store, None)?;
//! assert!(report.findings.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Security
//!
//! Changing, removing, adding or reordering lines or files of the log is found by
//! [`verify`], and so is cutting its end off together with rewriting the head, as long as a
//! certificate lives that the cut part logged. Whoever can write to the folder can still make a
//! whole new log that fits what is there: note a [head](Noted) from time to time in a place they
//! cannot write to; the log must then be an extension of it. A refusal of the gate itself is not
//! logged: without an open gate nothing is written.

mod append;
mod entry;
mod event;
mod head;
mod paths;
mod present;
mod report;
mod verify;

pub(crate) use entry::to_second;
pub(crate) use paths::{first_files, holds};

pub use append::append;
pub use entry::{Entry, GateRecord, Opened};
pub use event::{Event, EventKind};
pub use head::{Head, Noted};
pub use report::{Fault, Finding, Report};
pub use verify::{entries, head, verify};
