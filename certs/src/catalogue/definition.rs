//! What a catalogue is made from, as the record of a PKI keeps it.

use serde::{Deserialize, Serialize};

use super::Options;

/// What stands for a whole catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Definition {
    /// One of the tables this crate knows, with its options.
    BuiltIn(Options),
}
