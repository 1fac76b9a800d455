//! What a walk over the log found.

use std::fmt;

use serde::Serialize;

/// What [`verify`](super::verify()) found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Report {
    /// The log's random id, as its first line has it.
    pub log: Option<String>,
    /// How many lines there are.
    pub entries: u64,
    /// How many files of lines there are.
    pub segments: u64,
    /// The SHA-256 of the last line.
    pub hash: Option<String>,
    /// How many certificates in the store were compared with the log.
    pub certificates: u64,
    /// Numbers of lines whose time is before that of the line above: the clock was set back.
    pub set_back: Vec<u64>,
    /// What is wrong; nothing, when the log is whole.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Finding {
    /// The file, below the store's root.
    pub file: String,
    /// The line in it, counted from 1.
    pub line: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
    /// The same in words.
    pub detail: String,
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// A line is not what this program writes: it was changed.
    Altered,
    /// The log begins after the PKI was made: an earlier one was removed.
    BegunLate,
    /// A line does not follow from the one above: one of the two was changed, moved or removed.
    BrokenChain,
    /// The head does not name the end of the log: lines were cut off or added.
    HeadMismatch,
    /// There is a log, and no head.
    HeadMissing,
    /// The log is no extension of the head that was noted.
    NotAnExtension,
    /// A certificate is there that no line tells of.
    NotLogged,
    /// The numbers of lines do not go up by one.
    Renumbered,
    /// A file of lines is missing.
    SegmentMissing,
    /// A file in the log's folder is none of the log's.
    UnknownFile,
    /// A file cannot be read.
    Unreadable,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Altered => "ALTERED",
            Self::BegunLate => "BEGUN LATE",
            Self::BrokenChain => "BROKEN CHAIN",
            Self::HeadMismatch => "HEAD MISMATCH",
            Self::HeadMissing => "HEAD MISSING",
            Self::NotAnExtension => "NOT AN EXTENSION",
            Self::NotLogged => "NOT LOGGED",
            Self::Renumbered => "RENUMBERED",
            Self::SegmentMissing => "SEGMENT MISSING",
            Self::UnknownFile => "UNKNOWN FILE",
            Self::Unreadable => "UNREADABLE",
        })
    }
}
