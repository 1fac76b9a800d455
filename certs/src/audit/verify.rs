//! Walking the whole log.

use std::collections::{BTreeMap, BTreeSet};

use fips_core::Diagnostic;
use fips_core::rfc4514::one_line;
use time::OffsetDateTime;

use super::entry::{Entry, hash};
use super::event::EventKind;
use super::head::{Head, Noted};
use super::paths;
use super::present::{self, Present};
use super::report::{Fault, Finding, Report};
use crate::error::Error;
use crate::pki::{Made, Record};
use crate::store::{EntryPath, Store};

/// Walks the whole log and compares it with its head, with the certificates in the store, and
/// with a head `noted` earlier.
///
/// Memory grows with the certificates in the store, not with the log.
///
/// # Errors
///
/// [`Error::NoAuditLog`] when there is neither a log nor a certificate; the store cannot be
/// listed; failures of the module. What is wrong with the log is a finding, not an error.
pub fn verify(
    _diagnostic: &Diagnostic,
    store: &dyn Store,
    noted: Option<&Noted>,
) -> Result<Report, Error> {
    let listed = store.list()?;
    let mut walk = Walk::default();
    let mut present = walk.present(store, &listed)?;
    let segments = walk.files(&listed);
    if segments.is_empty() && present.is_empty() && !listed.contains(&paths::head()?) {
        return Err(Error::NoAuditLog {
            path: paths::head()?,
        });
    }
    for (&number, path) in &segments {
        walk.gap(number)?;
        walk.segment(store, path, noted, &mut present)?;
    }
    walk.head(store)?;
    walk.begun(store, segments.values().next())?;
    walk.noted(noted)?;
    walk.not_logged(present);
    Ok(Report {
        log: walk.log,
        entries: walk.entries,
        segments: walk.segments,
        hash: walk.previous,
        certificates: walk.certificates,
        set_back: walk.set_back,
        findings: walk.findings,
    })
}

/// Every line of the log, in its order; nothing is compared, for which there is [`verify`].
///
/// # Errors
///
/// [`Error::NoAuditLog`] when there is none; [`Error::Audit`] for a line that cannot be read; the
/// store cannot be read.
pub fn entries(store: &dyn Store) -> Result<Vec<Entry>, Error> {
    let listed = store.list()?;
    let segments = Walk::default().files(&listed);
    if segments.is_empty() {
        return Err(Error::NoAuditLog {
            path: paths::head()?,
        });
    }
    let mut entries = Vec::new();
    for path in segments.values() {
        let content = store.read(path)?.unwrap_or_default();
        for line in lines(&content) {
            let entry = Entry::from_line(line).map_err(|why| Error::Audit {
                path: path.clone(),
                why,
            })?;
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The head as it is in the store.
///
/// # Errors
///
/// [`Error::NoAuditLog`] when there is none; [`Error::Audit`] when it cannot be understood; the
/// store cannot be read.
pub fn head(store: &dyn Store) -> Result<Head, Error> {
    match Head::read(store)? {
        Some((head, _)) => Ok(head),
        None => Err(Error::NoAuditLog {
            path: paths::head()?,
        }),
    }
}

/// The lines of a file, the newline after the last one aside.
fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content
        .strip_suffix(b"\n")
        .unwrap_or(content)
        .split(|byte| *byte == b'\n')
}

/// Certificates in the store by the SHA-256 of their DER: the first place, and in words which.
type PresentSet = BTreeMap<String, (EntryPath, String)>;

/// Where the walk is, and what it found.
#[derive(Default)]
struct Walk {
    log: Option<String>,
    entries: u64,
    segments: u64,
    certificates: u64,
    /// The number the last line had, or was to have.
    number: u64,
    /// The number of the last file.
    segment: u64,
    /// The hash of the last line.
    previous: Option<String>,
    /// Whether the last line could be read: the next is not measured against one that could not.
    readable: bool,
    /// The time of the first line.
    begun: Option<OffsetDateTime>,
    /// The time of the last line.
    time: Option<OffsetDateTime>,
    /// The number of the line that the noted hash is of.
    noted: Option<u64>,
    set_back: Vec<u64>,
    findings: Vec<Finding>,
}

impl Walk {
    fn find(&mut self, file: &EntryPath, line: Option<u64>, fault: Fault, detail: String) {
        self.findings.push(Finding {
            file: file.to_string(),
            line,
            fault,
            // It may quote what somebody wrote into the log.
            detail: one_line(&detail),
        });
    }

    /// The files of lines by number; what else is in the log's folder is a finding.
    fn files(&mut self, listed: &[EntryPath]) -> BTreeMap<u64, EntryPath> {
        let head = paths::head().ok();
        let mut segments = BTreeMap::new();
        for path in listed {
            if !paths::holds(path) || Some(path) == head.as_ref() {
                continue;
            }
            if let Some(number) = paths::number(path) {
                segments.insert(number, path.clone());
            } else {
                let detail = "it is no file of the log; move it away".to_owned();
                self.find(path, None, Fault::UnknownFile, detail);
            }
        }
        segments
    }

    fn present(&mut self, store: &dyn Store, listed: &[EntryPath]) -> Result<PresentSet, Error> {
        let mut set = PresentSet::new();
        let mut unreadable = Vec::new();
        present::each(store, listed, &mut |path, present| {
            match present {
                Present::Certificate(certificate, sha256) => {
                    set.entry(sha256).or_insert_with(|| {
                        let which = format!(
                            "{} of {}, serial {}",
                            certificate.subject(),
                            certificate.issuer(),
                            certificate.serial()
                        );
                        (path.clone(), which)
                    });
                }
                Present::Unreadable(why) => unreadable.push((path.clone(), why)),
            }
            Ok(())
        })?;
        for (path, why) in unreadable {
            self.find(&path, None, Fault::Unreadable, why);
        }
        self.certificates = set.len() as u64;
        Ok(set)
    }

    /// Looks that no file is missing before file `number`.
    fn gap(&mut self, number: u64) -> Result<(), Error> {
        let expected = self.segment.saturating_add(1);
        if number != expected {
            let detail = match number - 1 {
                last if last == expected => "it is missing".to_owned(),
                last => format!("it is missing, and so are those up to number {last}"),
            };
            let path = paths::segment(expected)?;
            self.find(&path, None, Fault::SegmentMissing, detail);
        }
        self.segment = number;
        Ok(())
    }

    fn segment(
        &mut self,
        store: &dyn Store,
        path: &EntryPath,
        noted: Option<&Noted>,
        present: &mut PresentSet,
    ) -> Result<(), Error> {
        self.segments += 1;
        let content = match store.read(path) {
            Ok(content) => content.unwrap_or_default(),
            Err(error) => {
                self.readable = false;
                self.find(path, None, Fault::Unreadable, error.to_string());
                return Ok(());
            }
        };
        if !content.ends_with(b"\n") {
            let detail = "it does not end with a whole line".to_owned();
            self.find(path, None, Fault::Altered, detail);
        }
        for (line, at) in lines(&content).zip(1..) {
            self.entries += 1;
            match Entry::from_line(line) {
                Ok(entry) => self.entry(path, at, &entry, present),
                Err(why) => {
                    self.find(path, Some(at), Fault::Altered, why);
                    self.number = self.number.saturating_add(1);
                    self.readable = false;
                }
            }
            let hash = hash(line)?;
            if noted.is_some_and(|noted| noted.hash == hash) {
                self.noted = Some(self.number);
            }
            self.previous = Some(hash);
        }
        Ok(())
    }

    fn entry(&mut self, path: &EntryPath, at: u64, entry: &Entry, present: &mut PresentSet) {
        let expected = self.number.saturating_add(1);
        let first = self.entries == 1;
        if entry.number != expected {
            let detail = format!("its number is {}, {expected} is next", entry.number);
            self.find(path, Some(at), Fault::Renumbered, detail);
        }
        if entry.previous != self.previous && (self.readable || first) {
            let detail = if first {
                "it names a line above it, and there is none: the beginning was removed".to_owned()
            } else {
                "it does not name the line above: one of the two was changed, moved or removed"
                    .to_owned()
            };
            self.find(path, Some(at), Fault::BrokenChain, detail);
        }
        let begins = entry.event == EventKind::LogBegun && entry.log.is_some();
        if first && begins {
            self.log.clone_from(&entry.log);
            self.begun = Some(entry.time);
        } else if first || begins || entry.event == EventKind::LogBegun || entry.log.is_some() {
            let detail = format!(
                "a log begins with one line {}, and it alone has the log's id",
                EventKind::LogBegun
            );
            self.find(path, Some(at), Fault::BrokenChain, detail);
        }
        if self.time.is_some_and(|time| entry.time < time) {
            self.set_back.push(entry.number);
        }
        if let Some(sha256) = &entry.sha256 {
            present.remove(sha256);
        }
        self.time = Some(entry.time);
        self.number = entry.number;
        self.readable = true;
    }

    fn head(&mut self, store: &dyn Store) -> Result<(), Error> {
        let path = paths::head()?;
        let content = match store.read(&path) {
            Ok(content) => content,
            Err(error) => {
                self.find(&path, None, Fault::Unreadable, error.to_string());
                return Ok(());
            }
        };
        let Some(content) = content else {
            let detail = "it is missing: whether the end of the log was cut off cannot be told";
            self.find(&path, None, Fault::HeadMissing, detail.to_owned());
            return Ok(());
        };
        let head = match Head::from_bytes(&content) {
            Ok(head) => head,
            Err(why) => {
                self.find(&path, None, Fault::Altered, why);
                return Ok(());
            }
        };
        let mut wrong = Vec::new();
        if head.entries != self.entries {
            wrong.push(format!(
                "it names {} lines, there are {}",
                head.entries, self.entries
            ));
        }
        if head.segment != self.segment {
            wrong.push(format!(
                "it names file {} as the last, that is {}",
                head.segment, self.segment
            ));
        }
        if Some(&head.hash) != self.previous.as_ref() {
            wrong.push("it names another last line".to_owned());
        }
        if Some(&head.log) != self.log.as_ref() {
            wrong.push("it is of another log".to_owned());
        }
        if !wrong.is_empty() {
            self.find(&path, None, Fault::HeadMismatch, wrong.join("; "));
        }
        Ok(())
    }

    /// A PKI that was made here was made in the change that began the log.
    fn begun(&mut self, store: &dyn Store, first: Option<&EntryPath>) -> Result<(), Error> {
        let made = match Record::read(store) {
            Ok(Some(record)) if record.made == Made::Here => record.made_at,
            // What cannot be read is `check`'s to say.
            Ok(_) | Err(Error::Record { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if let (Some(begun), Some(first)) = (self.begun, first)
            && begun > made
        {
            let detail =
                format!("the PKI was made at {made}, the log begins at {begun}: one was removed");
            self.find(first, Some(1), Fault::BegunLate, detail);
        }
        Ok(())
    }

    fn noted(&mut self, noted: Option<&Noted>) -> Result<(), Error> {
        let Some(noted) = noted else { return Ok(()) };
        let detail = match (self.noted, noted.entries) {
            (None, _) => "no line has the hash that was noted: the log was cut off before that \
                          line, or made anew"
                .to_owned(),
            (Some(found), Some(entries)) if found != entries => {
                format!("the line of the hash that was noted has number {found}, not {entries}")
            }
            (Some(_), _) => return Ok(()),
        };
        self.find(&paths::head()?, None, Fault::NotAnExtension, detail);
        Ok(())
    }

    fn not_logged(&mut self, present: PresentSet) {
        // By place, as one would look for them.
        let left: BTreeSet<_> = present.into_values().collect();
        for (path, which) in left {
            let detail = format!(
                "no line tells of {which}: another program made it, or the lines that did were \
                 removed"
            );
            self.find(&path, None, Fault::NotLogged, detail);
        }
    }
}
