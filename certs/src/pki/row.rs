//! What a check finds, one row per certificate.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use crate::certificate::Certificate;

/// One certificate of one file, or one kubeconfig.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The file, below the store's root.
    pub file: String,
    /// The name in the catalogue, with `.nochain` after it for the copy of an authority's
    /// certificate; none for a file the catalogue does not know and for the certificates after
    /// the first.
    pub entry: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// Which certificate of the file, counted from 0.
    pub position: usize,
    /// The subject; none when nothing could be read. The same holds for what follows.
    pub subject: Option<String>,
    /// The issuer.
    pub issuer: Option<String>,
    /// The serial number in hexadecimal.
    pub serial: Option<String>,
    /// Kind and size of the public key.
    pub key: Option<String>,
    /// What it may be used for: `CertSign`, `CRLSign`, `ServerAuth`, `ClientAuth` and others.
    pub usages: Vec<String>,
    /// The first second of its validity.
    #[serde(with = "time::serde::rfc3339::option")]
    pub not_before: Option<OffsetDateTime>,
    /// The last second of its validity.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires: Option<OffsetDateTime>,
    /// Seconds until then; negative when past.
    pub residual_seconds: Option<i64>,
    /// The same in words, such as `10 years`.
    pub residual: Option<String>,
    /// What it comes to.
    pub status: Status,
    /// Why, one reason each. A row that is OK can have one too: an authority made under
    /// evaluation, in a PKI whose record says so.
    pub reasons: Vec<String>,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An authority of the catalogue.
    Authority,
    /// Another file of the catalogue.
    File,
    /// Keys of the catalogue without certificates.
    KeySet,
    /// A kubeconfig of the catalogue.
    Kubeconfig,
    /// A leaf of the catalogue.
    Leaf,
    /// The copy of an authority's first certificate alone.
    Nochain,
    /// A certificate the catalogue does not know, or one behind the first of a file.
    Other,
    /// A revocation list: its number stands for the serial number.
    RevocationList,
}

/// What a row comes to, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Status {
    /// Nothing to do.
    #[serde(rename = "OK")]
    Ok,
    /// It ends soon, or holds with a reservation.
    #[serde(rename = "WARNING")]
    Warning,
    /// It is not what the catalogue asks for.
    #[serde(rename = "DRIFTED")]
    Drifted,
    /// It begins later.
    #[serde(rename = "NOT YET VALID")]
    NotYetValid,
    /// It has ended.
    #[serde(rename = "EXPIRED")]
    Expired,
    /// It was revoked, by its authority's register or list: worse than ended, since somebody may
    /// hold its key.
    #[serde(rename = "REVOKED")]
    Revoked,
    /// Key and certificate do not fit, or one of them is missing or cannot be read.
    #[serde(rename = "TORN")]
    Torn,
}

impl Status {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Drifted => "DRIFTED",
            Self::NotYetValid => "NOT YET VALID",
            Self::Expired => "EXPIRED",
            Self::Revoked => "REVOKED",
            Self::Torn => "TORN",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Row {
    /// A row of which nothing is known yet.
    pub(super) fn new(file: impl ToString, kind: Kind) -> Self {
        Self {
            file: file.to_string(),
            entry: None,
            kind,
            position: 0,
            subject: None,
            issuer: None,
            serial: None,
            key: None,
            usages: Vec::new(),
            not_before: None,
            expires: None,
            residual_seconds: None,
            residual: None,
            status: Status::Ok,
            reasons: Vec::new(),
        }
    }

    pub(super) fn entry(self, name: &str) -> Self {
        Self {
            entry: Some(name.to_owned()),
            ..self
        }
    }

    /// Fills in what `certificate` says, and judges its dates. It is worth a warning when less
    /// than `warning` is left.
    pub(super) fn certificate(
        mut self,
        certificate: &Certificate,
        now: OffsetDateTime,
        warning: time::Duration,
    ) -> Self {
        let facts = certificate.facts();
        let left = facts.not_after - now;
        self.subject = Some(facts.subject.clone());
        self.issuer = Some(facts.issuer.clone());
        self.serial = Some(certificate.serial());
        self.key = Some(facts.key_name.clone());
        self.usages = certificate.usages();
        self.not_before = Some(facts.not_before);
        self.expires = Some(facts.not_after);
        self.residual_seconds = Some(left.whole_seconds());
        self.residual = Some(in_words(left));
        if left.is_negative() {
            self.worsen(
                Status::Expired,
                format!("it ended {} ago", in_words(left.abs())),
            );
        } else if facts.not_before > now {
            let wait = in_words(facts.not_before - now);
            self.worsen(
                Status::NotYetValid,
                format!("it begins in {wait}; see the clock"),
            );
        } else if left < warning {
            self.worsen(Status::Warning, format!("it ends in {}", in_words(left)));
        }
        self
    }

    /// Adds a reason; the worst status stays.
    pub(super) fn worsen(&mut self, status: Status, reason: impl Into<String>) {
        self.status = self.status.max(status);
        self.reasons.push(reason.into());
    }
}

/// A duration in its largest unit of which there are at least two.
pub(super) fn in_words(left: time::Duration) -> String {
    if left.is_negative() {
        return "expired".to_owned();
    }
    let units = [
        (365 * 86_400, "years"),
        (86_400, "days"),
        (3600, "hours"),
        (60, "minutes"),
    ];
    let seconds = left.whole_seconds();
    units
        .into_iter()
        .find(|(unit, _)| seconds >= 2 * unit)
        .map_or_else(
            || format!("{seconds} seconds"),
            |(unit, name)| format!("{} {name}", seconds / unit),
        )
}
