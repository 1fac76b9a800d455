use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::peer::PeerIdentity;
use crate::revocation::RevocationList;

/// What is in force, and what on the disk is not, as of the last look.
///
/// `Display` writes it for people, `Serialize` with times as RFC 3339 writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// 1 for what was loaded at the start, and one more for each change since.
    pub generation: u64,
    /// When it was loaded.
    #[serde(serialize_with = "rfc3339")]
    pub loaded: SystemTime,
    /// When the files were last looked at.
    #[serde(serialize_with = "rfc3339")]
    pub looked: SystemTime,
    /// Why the system does not tell of changes, where it does not: the looks at an interval go on.
    pub no_events: Option<String>,
    /// The parts, in the order they were added.
    pub parts: Vec<PartStatus>,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum PartStatus {
    /// An identity.
    Identity(IdentityStatus),
    /// A trust.
    Trust(TrustStatus),
}

/// An identity in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IdentityStatus {
    /// The chain's file.
    pub chain: PathBuf,
    /// The key's file.
    pub key: PathBuf,
    /// The leaf that is served.
    pub served: ServedLeaf,
    /// The serial number of the leaf on the disk, where it can be read.
    pub on_disk: Option<String>,
    /// Whether what is on the disk is not what is served.
    pub differs: bool,
    /// Why it is not served.
    pub refused: Option<Refused>,
}

/// A leaf that is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServedLeaf {
    /// The serial number as OpenSSL prints it.
    pub serial: String,
    /// The subject, as RFC 4514 writes it.
    pub subject: String,
    /// When it becomes valid.
    #[serde(serialize_with = "rfc3339")]
    pub not_before: SystemTime,
    /// When it stops being valid.
    #[serde(serialize_with = "rfc3339")]
    pub not_after: SystemTime,
}

/// A trust in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TrustStatus {
    /// The anchors' file.
    pub file: PathBuf,
    /// The anchors.
    pub anchors: Vec<AnchorStatus>,
    /// The revocation lists.
    pub lists: Vec<ListStatus>,
    /// What on the disk is not in force, by file, and why.
    pub refused: Vec<(PathBuf, Refused)>,
}

/// An anchor in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AnchorStatus {
    /// The subject, as RFC 4514 writes it.
    pub subject: String,
    /// The serial number as OpenSSL prints it.
    pub serial: String,
    /// When it stops being valid.
    #[serde(serialize_with = "rfc3339")]
    pub not_after: SystemTime,
}

/// A revocation list in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListStatus {
    /// Its file.
    pub file: PathBuf,
    /// The issuer, as RFC 4514 writes it.
    pub issuer: String,
    /// The number, in hexadecimal.
    pub number: Option<String>,
    /// How many serial numbers it lists.
    pub len: usize,
    /// From when on it refuses.
    #[serde(serialize_with = "rfc3339")]
    pub next_update: SystemTime,
}

/// Why something on the disk is not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refused {
    /// The reason.
    pub reason: String,
    /// When it was first refused for it.
    #[serde(serialize_with = "rfc3339")]
    pub since: SystemTime,
    /// When it was last refused for it.
    #[serde(serialize_with = "rfc3339")]
    pub last: SystemTime,
}

impl ServedLeaf {
    pub(super) fn new(leaf: &PeerIdentity) -> Self {
        Self {
            serial: leaf.serial().to_owned(),
            subject: leaf.subject().to_owned(),
            not_before: leaf.not_before(),
            not_after: leaf.not_after(),
        }
    }
}

impl ListStatus {
    pub(super) fn new(file: &Path, list: &RevocationList) -> Self {
        Self {
            file: file.to_owned(),
            issuer: list.issuer().to_owned(),
            number: list.number(),
            len: list.len(),
            next_update: list.next_update(),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "generation {}, loaded {}, looked at {}",
            self.generation,
            date(self.loaded),
            date(self.looked)
        )?;
        if let Some(why) = &self.no_events {
            write!(f, "\nchanges are found by looking alone: {why}")?;
        }
        self.parts.iter().try_for_each(|part| match part {
            PartStatus::Identity(part) => write!(f, "\n{part}"),
            PartStatus::Trust(part) => write!(f, "\n{part}"),
        })
    }
}

impl fmt::Display for IdentityStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let served = &self.served;
        write!(
            f,
            "identity  {}, {}\n  served  {}  until {}  {}\n  on disk {}",
            self.chain.display(),
            self.key.display(),
            served.serial,
            date(served.not_after),
            served.subject,
            self.on_disk.as_deref().unwrap_or("unreadable"),
        )?;
        if !self.differs {
            f.write_str("  the same")?;
        }
        match &self.refused {
            Some(refused) => write!(f, "\n  refused {refused}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for TrustStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trust     {}", self.file.display())?;
        for anchor in &self.anchors {
            write!(
                f,
                "\n  anchor  {}  until {}  {}",
                anchor.serial,
                date(anchor.not_after),
                anchor.subject
            )?;
        }
        for list in &self.lists {
            write!(
                f,
                "\n  list    number {}  until {}  {} entries  {}  {}",
                list.number.as_deref().unwrap_or("none"),
                date(list.next_update),
                list.len,
                list.issuer,
                list.file.display()
            )?;
        }
        // A reason names its file.
        self.refused
            .iter()
            .try_for_each(|(_, refused)| write!(f, "\n  refused {refused}"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {}: {}", date(self.since), self.reason)
    }
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&date(*time))
}

/// A certificate may say a time that has no date of four digits (RFC 5280 §4.1.2.5 has the last
/// second of 9999), or one before 1970.
fn date(time: SystemTime) -> String {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) if since.as_secs() < 253_402_300_800 => {
            humantime::format_rfc3339_seconds(time).to_string()
        }
        Ok(_) => "after 9999".to_owned(),
        Err(_) => "before 1970".to_owned(),
    }
}
