//! Adding lines to the log, as part of the change they are about.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use fips_core::{Boundary, random};
use time::OffsetDateTime;

use super::entry::{Entry, GateRecord, hash};
use super::event::{Event, EventKind};
use super::head::Head;
use super::paths;
use super::present::{self, Present};
use crate::error::Error;
use crate::store::{Change, EntryPath, Secrecy, Store};

/// Where a change of very many lines goes on in the next file: well below what an entry of a
/// store may have.
const MOST_SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// `change` with the lines of `events` added: what happens and what is logged become one.
/// Without events it stays as it is.
///
/// Where there is no log yet, it begins here; certificates that are there already, such as
/// another program's, become its first lines ([`EventKind::Found`]).
///
/// The change then [rests on](Change::expect) the end of the log being what was read: of two
/// made at the same time the second answers [`Error::Changed`] and is to be made again.
///
/// A refusal, which changes nothing else, is a change of its own:
///
/// ```no_run
/// # use fips_certs::{audit::{self, Event, EventKind}, store::{Change, Store}};
/// # fn refuse(boundary: &fips_core::Boundary, store: &dyn Store, now: time::OffsetDateTime)
/// # -> Result<(), fips_certs::Error> {
/// let event = Event::new(EventKind::Refused, "request.csr").with_reason("RSA-1024");
/// let change = audit::append(boundary, store, Change::new("log a refusal"), [event], now)?;
/// store.apply(&change, &|_, _| Ok(()))
/// # }
/// ```
///
/// # Errors
///
/// [`Error::Audit`] when the log's end is not what the head says: then nothing may be done until
/// it is mended. Failures of the store and of the module.
pub fn append(
    boundary: &Boundary,
    store: &dyn Store,
    change: Change,
    events: impl IntoIterator<Item = Event>,
    now: OffsetDateTime,
) -> Result<Change, Error> {
    let mut events = events.into_iter().peekable();
    if events.peek().is_none() {
        return Ok(change);
    }
    let end = End::read_settled(store)?;
    let mut lines = Lines {
        gate: GateRecord::of(boundary),
        now,
        number: end.head.as_ref().map_or(0, |head| head.entries),
        previous: end.head.as_ref().map(|head| head.hash.clone()),
        segment: end.head.as_ref().map_or(0, |head| head.segment),
        change: change.expect(paths::head()?, end.bytes.as_deref()),
        content: Vec::new(),
    };
    let log = match end.head {
        Some(head) => head.log,
        None => {
            let log = HEXLOWER.encode(&random::bytes::<16>()?);
            lines.begin(store, &log)?;
            log
        }
    };
    for event in events {
        lines.add(event)?;
    }
    lines.finish(log)
}

/// The end of the log in the store.
struct End {
    head: Option<Head>,
    /// The head's file as it was read.
    bytes: Option<Vec<u8>>,
}

impl End {
    /// As [`read`](Self::read). What looks broken because another change came between two
    /// reads is [`Error::Changed`].
    fn read_settled(store: &dyn Store) -> Result<Self, Error> {
        let path = paths::head()?;
        let before = store.read(&path)?;
        match Self::read(store) {
            Err(Error::Audit { .. }) if store.read(&path)? != before => {
                Err(Error::Changed { path })
            }
            end => end,
        }
    }

    /// Reads the head and looks that the log ends there: a log that is broken at its end is not
    /// written on, since that would bury where it was cut.
    fn read(store: &dyn Store) -> Result<Self, Error> {
        let refuse = |path: EntryPath, why: &str| Error::Audit {
            path,
            why: why.to_owned(),
        };
        let Some((head, bytes)) = Head::read(store)? else {
            let first = paths::segment(1)?;
            return match store.read(&first)? {
                Some(_) => Err(refuse(paths::head()?, "it is missing, but there is a log")),
                None => Ok(Self {
                    head: None,
                    bytes: None,
                }),
            };
        };
        let last = paths::segment(head.segment)?;
        let content = store
            .read(&last)?
            .ok_or_else(|| refuse(last.clone(), "it is missing: the log was cut off"))?;
        let line = content
            .strip_suffix(b"\n")
            .and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next())
            .ok_or_else(|| refuse(last.clone(), "its last line is not whole"))?;
        if hash(line)? != head.hash {
            return Err(refuse(last, "its last line is not the one the head names"));
        }
        let next = paths::segment(head.segment.saturating_add(1))?;
        if store.read(&next)?.is_some() {
            return Err(refuse(next, "it comes after the end that the head names"));
        }
        Ok(Self {
            head: Some(head),
            bytes: Some(bytes),
        })
    }
}

/// Lines in the making.
struct Lines {
    gate: GateRecord,
    now: OffsetDateTime,
    /// Of the last line.
    number: u64,
    /// The hash of the last line.
    previous: Option<String>,
    /// Of the last file that was put.
    segment: u64,
    change: Change,
    /// Of the next file.
    content: Vec<u8>,
}

impl Lines {
    /// The first line, and one for each certificate that is there.
    fn begin(&mut self, store: &dyn Store, log: &str) -> Result<(), Error> {
        let mut first = Event::new(EventKind::LogBegun, "audit");
        first.log = Some(log.to_owned());
        self.add(first)?;
        let mut seen = BTreeSet::new();
        present::each(store, &store.list()?, &mut |path, present| match present {
            Present::Certificate(certificate, sha256) => {
                if seen.insert(sha256) {
                    let event = Event::new(EventKind::Found, path.as_str());
                    self.add(event.with_certificate(&certificate)?)?;
                }
                Ok(())
            }
            // Not known for a certificate: it has no line, and `verify` says so.
            Present::Unreadable(_) => Ok(()),
        })
    }

    fn add(&mut self, event: Event) -> Result<(), Error> {
        self.number += 1;
        let previous = self.previous.take();
        let entry = Entry::new(event, self.number, previous, self.gate.clone(), self.now);
        let line = entry.to_line()?;
        self.previous = Some(hash(&line)?);
        if self.content.len() + line.len() >= MOST_SEGMENT_BYTES {
            self.put_segment()?;
        }
        self.content.extend_from_slice(&line);
        self.content.push(b'\n');
        Ok(())
    }

    fn put_segment(&mut self) -> Result<(), Error> {
        self.segment += 1;
        let content = std::mem::take(&mut self.content);
        self.put(paths::segment(self.segment)?, content);
        Ok(())
    }

    fn put(&mut self, path: EntryPath, content: Vec<u8>) {
        let change = std::mem::replace(&mut self.change, Change::new(""));
        self.change = change.put(path, Secrecy::Public, content);
    }

    fn finish(mut self, log: String) -> Result<Change, Error> {
        self.put_segment()?;
        let hash = self.previous.take().unwrap_or_default();
        let head = Head::new(log, self.number, self.segment, hash);
        self.put(paths::head()?, head.to_bytes()?);
        Ok(self.change)
    }
}
