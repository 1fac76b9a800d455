//! The thread that waits for changes.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::{Errno, read, write};

use super::places;

/// The most waits for quiet in a burst of events.
const BURST: usize = 10;

/// Ends its thread when dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    thread: Option<JoinHandle<()>>,
    stop: Arc<Stop>,
}

#[derive(Debug)]
struct Stop {
    stopped: AtomicBool,
    wake: OwnedFd,
}

/// What the thread does.
pub(super) trait Looks: Send + Sync + 'static {
    fn look(&self);
    /// Whose changes are waited for.
    fn files(&self) -> Vec<PathBuf>;
    /// The system does not tell of changes, for this reason, or it does.
    fn without_events(&self, why: Option<String>);
}

impl Watcher {
    /// Looks at an interval and, with `events`, after each change in a directory that one can be
    /// seen in, once it is quiet there for `quiet`.
    pub(super) fn start(
        looks: Arc<impl Looks>,
        interval: Duration,
        quiet: Duration,
        events: bool,
    ) -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let stop = Arc::new(Stop {
            stopped: AtomicBool::new(false),
            wake,
        });
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("fips-tls live".into())
            .spawn(move || run(&*looks, &stopped, interval, quiet, events))?;
        Ok(Self {
            thread: Some(thread),
            stop,
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.stopped.store(true, Ordering::SeqCst);
        let _ = write(&self.stop.wake, &1_u64.to_ne_bytes());
        let Some(thread) = self.thread.take() else {
            return;
        };
        // Dropped by a callback, it is on that thread itself, which ends after it.
        if thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        }
    }
}

fn run(looks: &impl Looks, stop: &Stop, interval: Duration, quiet: Duration, events: bool) {
    let mut seen = if events {
        match Events::new() {
            Ok(events) => Some(events),
            Err(error) => {
                looks.without_events(Some(error.to_string()));
                None
            }
        }
    } else {
        None
    };
    while !stop.stopped.load(Ordering::SeqCst) {
        // Before the look: what changes after it is told.
        if let Some(events) = &mut seen {
            looks.without_events(events.watch(&looks.files()).err());
        }
        looks.look();
        if wait(stop, seen.as_ref(), interval) {
            let rounds = (0..BURST).take_while(|_| wait(stop, seen.as_ref(), quiet));
            rounds.for_each(drop);
        }
    }
}

/// Waits for an event, and takes all that are there; false when the time is over.
fn wait(stop: &Stop, events: Option<&Events>, most: Duration) -> bool {
    let mut files = vec![PollFd::new(&stop.wake, PollFlags::IN)];
    files.extend(events.map(|events| PollFd::new(&events.queue, PollFlags::IN)));
    // A longer time is no time the system knows: it waits without end, and events come.
    let most = Timespec::try_from(most).ok();
    match poll(&mut files, most.as_ref()) {
        Ok(0) => false,
        Ok(_) => events.is_some_and(Events::take) && !stop.stopped.load(Ordering::SeqCst),
        Err(Errno::INTR) => false,
        // Not without a pause, whatever it is.
        Err(_) => {
            thread::sleep(Duration::from_millis(100));
            false
        }
    }
}

/// What the system tells of directories (inotify(7)).
#[derive(Debug)]
struct Events {
    queue: OwnedFd,
    watched: BTreeSet<i32>,
}

impl Events {
    fn new() -> Result<Self, Errno> {
        Ok(Self {
            queue: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            watched: BTreeSet::new(),
        })
    }

    /// Watches the places of the files, as they are now.
    fn watch(&mut self, files: &[PathBuf]) -> Result<(), String> {
        let flags = WatchFlags::ATTRIB
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let places: BTreeSet<_> = files.iter().flat_map(|file| places::of(file)).collect();
        let mut failed = Ok(());
        let mut now = BTreeSet::new();
        for place in places {
            // Of a directory that is watched, the same number again.
            match inotify::add_watch(&self.queue, &place, flags) {
                Ok(number) => {
                    now.insert(number);
                }
                Err(error) => failed = Err(format!("{}: {error}", place.display())),
            }
        }
        for gone in self.watched.difference(&now) {
            // One that was removed has ended already.
            let _ = inotify::remove_watch(&self.queue, *gone);
        }
        self.watched = now;
        failed
    }

    /// Takes what is in the queue: whatever it is, the files are looked at.
    fn take(&self) -> bool {
        let mut buffer = [0_u8; 4096];
        let mut any = false;
        while read(&self.queue, &mut buffer).is_ok_and(|length| length > 0) {
            any = true;
        }
        any
    }
}
