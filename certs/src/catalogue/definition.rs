//! What a catalogue is made from, as the record of a PKI keeps it.

use serde::{Deserialize, Serialize};

use super::{NodeOptions, Options};

/// What stands for a whole catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Definition {
    /// One of the tables this crate knows, with its options.
    BuiltIn(Box<Options>),
    /// A catalogue of the user's own: the whole text of its TOML file.
    Custom(String),
    /// The tree of a node of RKE2 or k3s, below `<data-dir>/agent`.
    Node(NodeOptions),
}
