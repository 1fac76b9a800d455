use std::any::Any;
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use fips_core::Boundary;
use rustls::pki_types::UnixTime;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};

use super::Current;
use super::identity::IdentityFiles;
use super::part::{Changes, Part, Settling, system};
use super::status::Status;
use super::trust::{TrustFiles, TrustPart};
use super::watch::{Looks, Watcher};
use crate::client::ClientConfig;
use crate::counters;
use crate::error::Error;
use crate::identity::Identity;
use crate::server::ServerConfig;
use crate::trust::Trust;

/// Files that a configuration is made of.
///
/// Each part is read, judged and kept by itself: a revocation list that cannot be used does not
/// keep a renewed certificate from being served.
///
/// ```
/// # use fips_core::Boundary;
/// use fips_tls::live::{Live, TrustFiles, Watched};
/// use fips_tls::{Error, Profile, ServerConfig};
///
/// fn server(boundary: Boundary) -> Result<Live<ServerConfig>, Error> {
///     let mut files = Watched::new(&boundary);
///     let node = files.identity("server.crt", "server.key")?;
///     let clients =
///         files.trust(TrustFiles::new("client-ca.crt").with_revocation_lists(["client.crl"]))?;
///     files.start(move || {
///         ServerConfig::builder(&boundary, Profile::sp800_52r2())
///             .with_identity(node.current())
///             .with_client_trust(clients.current())
///             .build()
///     })
/// }
/// ```
pub struct Watched {
    boundary: Boundary,
    clock: Arc<dyn TimeProvider>,
    interval: Duration,
    settling: Duration,
    events: bool,
    parts: Vec<Box<dyn Changes>>,
}

impl Watched {
    /// No files yet.
    pub fn new(boundary: &Boundary) -> Self {
        Self {
            boundary: *boundary,
            clock: Arc::new(DefaultTimeProvider),
            interval: Duration::from_secs(10),
            settling: Duration::from_millis(50),
            events: true,
            parts: Vec::new(),
        }
    }

    /// The clock that validity is judged by; to be given before the files.
    #[must_use]
    pub fn with_time_provider(mut self, clock: Arc<dyn TimeProvider>) -> Self {
        self.clock = clock;
        self
    }

    /// How long after a look the next one comes in any case: 10 seconds unless said otherwise.
    ///
    /// Contents are compared, not times: a file of up to 1 MiB is read at every look, a larger one
    /// when its times or size changed, and at every tenth.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long it must be quiet before what changed is believed: 50 milliseconds unless said
    /// otherwise. To be given before the files.
    ///
    /// Events that follow each other so fast count as one, and a file that was just written to is
    /// read until two readings are alike.
    #[must_use]
    pub fn with_settling(mut self, settling: Duration) -> Self {
        self.settling = settling;
        self
    }

    /// Looks at the interval alone, for file systems that tell no changes.
    #[must_use]
    pub fn without_events(mut self) -> Self {
        self.events = false;
        self
    }

    /// Adds an identity, from its chain and its key.
    ///
    /// # Errors
    ///
    /// As [`Identity::from_files`]; [`Error::Identity`] for a chain that does not hang together or
    /// is not valid now; [`Error::File`] for what is no regular file.
    pub fn identity(
        &mut self,
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Part<Identity>, Error> {
        let files = [chain.into(), key.into()];
        let part = IdentityFiles::load(self.boundary, self.settling(), files, self.now()?)?;
        let value = part.value();
        self.parts.push(Box::new(part));
        Ok(Part { value })
    }

    /// Adds a trust, with its revocation lists.
    ///
    /// # Errors
    ///
    /// As [`Trust::from_file`] and [`Revocation::from_files`](crate::Revocation::from_files);
    /// [`Error::Trust`] when no anchor is valid now; [`Error::Revocation`] for a list that does
    /// not speak now; [`Error::File`] for what is no regular file.
    pub fn trust(&mut self, files: TrustFiles) -> Result<Part<Trust>, Error> {
        let part = TrustPart::load(files, self.settling(), self.now()?)?;
        let value = part.value();
        self.parts.push(Box::new(part));
        Ok(Part { value })
    }

    /// Builds the first configuration and begins to watch.
    ///
    /// `build` takes the parts' [`current`](Part::current) values, here and after each change of
    /// one. Where it fails, or panics, the last good configuration stays and the part that
    /// changed goes back to its last good value.
    ///
    /// # Errors
    ///
    /// What `build` answers; [`Error::File`] when no thread can be had.
    pub fn start<T, E>(
        self,
        build: impl Fn() -> Result<T, E> + Send + 'static,
    ) -> Result<Live<T>, E>
    where
        T: Send + Sync + 'static,
        E: Display + From<Error>,
    {
        let now = self.now()?;
        let first = build()?;
        let loaded = system(now);
        let status = Status {
            generation: 1,
            loaded,
            looked: loaded,
            no_events: (!self.events).then(|| "events were not asked for".to_owned()),
            parts: self.parts.iter().map(|part| part.status()).collect(),
        };
        let shared = Arc::new(Shared {
            current: ArcSwap::from_pointee(first),
            files: Mutex::new(Files {
                parts: self.parts,
                build: Box::new(move || build().map_err(|error| error.to_string())),
            }),
            clock: self.clock,
            status: ArcSwap::from_pointee(status),
            callbacks: Mutex::default(),
        });
        let looks = Arc::clone(&shared);
        let watcher = Watcher::start(looks, self.interval, self.settling, self.events)
            .map_err(Error::Watch)?;
        Ok(Live { watcher, shared })
    }

    fn settling(&self) -> Settling {
        Settling(self.settling)
    }

    fn now(&self) -> Result<UnixTime, Error> {
        self.clock.current_time().ok_or(Error::NoClock)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<_> = self.parts.iter().flat_map(|part| part.files()).collect();
        f.debug_struct("Watched")
            .field("files", &files)
            .finish_non_exhaustive()
    }
}

/// A configuration that follows its files until it is dropped.
///
/// A connection goes on with the configuration it began with. Each new one has ticket keys or a
/// session store of its own, so that nothing is resumed that an earlier one agreed on.
pub struct Live<T> {
    /// Dropped first: it ends the thread.
    watcher: Watcher,
    shared: Arc<Shared<T>>,
}

type Callback<T> = Arc<dyn Fn(&Arc<T>) + Send + Sync>;

struct Shared<T> {
    current: ArcSwap<T>,
    files: Mutex<Files<T>>,
    clock: Arc<dyn TimeProvider>,
    status: ArcSwap<Status>,
    callbacks: Mutex<Vec<Callback<T>>>,
}

struct Files<T> {
    parts: Vec<Box<dyn Changes>>,
    build: Box<dyn Fn() -> Result<T, String> + Send>,
}

impl<T: Send + Sync + 'static> Live<T> {
    /// The configuration in force.
    pub fn load(&self) -> Arc<T> {
        self.shared.current.load_full()
    }

    /// What is in force, and what on the disk is not, as of the last look.
    pub fn status(&self) -> Status {
        Status::clone(&self.shared.status.load())
    }

    /// Looks at the files now, as at SIGHUP, and answers what is in force then.
    pub fn reload(&self) -> Status {
        self.shared.look();
        self.status()
    }

    /// Calls `callback` after each change, on the thread that found it: for libraries that take a
    /// configuration by a call of their own.
    pub fn on_change(&self, callback: impl Fn(&Arc<T>) + Send + Sync + 'static) {
        lock(&self.shared.callbacks).push(Arc::new(callback));
    }
}

impl Current<ClientConfig> for Live<ClientConfig> {
    fn current(&self) -> ClientConfig {
        ClientConfig::clone(&self.load())
    }
}

impl Current<ServerConfig> for Live<ServerConfig> {
    fn current(&self) -> ServerConfig {
        ServerConfig::clone(&self.load())
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("watcher", &self.watcher)
            .field("status", &self.shared.status.load())
            .finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Looks for Shared<T> {
    fn look(&self) {
        // A clock that tells no time takes nothing up.
        let Some(now) = self.clock.current_time() else {
            return;
        };
        let fresh = {
            let mut files = lock(&self.files);
            let fresh = files.look(now);
            let mut status = Status::clone(&self.status.load());
            status.looked = system(now);
            let fresh = fresh.map(|(config, changed)| {
                counters::reload(true);
                status.generation += 1;
                status.loaded = status.looked;
                for part in changed {
                    files.parts[part].published(status.generation);
                }
                Arc::new(config)
            });
            status.parts = files.parts.iter().map(|part| part.status()).collect();
            if let Some(config) = &fresh {
                self.current.store(Arc::clone(config));
            }
            self.status.store(Arc::new(status));
            fresh
        };
        // Nothing is locked: a callback may ask anything.
        if fresh.is_some() {
            let callbacks = lock(&self.callbacks).clone();
            for callback in callbacks {
                // Of two looks at a time, the one that is told last tells the newest.
                let call = AssertUnwindSafe(|| callback(&self.current.load_full()));
                if let Err(panic) = catch_unwind(call) {
                    tracing::warn!(reason = words(&*panic), "a callback of a change panicked");
                }
            }
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = lock(&self.files);
        files.parts.iter().flat_map(|part| part.files()).collect()
    }

    fn without_events(&self, why: Option<String>) {
        let _files = lock(&self.files);
        let before = self.status.load();
        if before.no_events != why {
            if let Some(reason) = &why {
                tracing::warn!(reason, "changes of files are found by looking alone");
            }
            let mut status = Status::clone(&before);
            status.no_events = why;
            self.status.store(Arc::new(status));
        }
    }
}

impl<T> Files<T> {
    /// A new configuration, and which parts changed.
    fn look(&mut self, now: UnixTime) -> Option<(T, Vec<usize>)> {
        let parts = self.parts.iter_mut().enumerate();
        let changed: Vec<usize> = parts
            .filter_map(|(number, part)| part.look(now).then_some(number))
            .collect();
        if changed.is_empty() {
            return None;
        }
        // Together first: they may need each other.
        let why = match self.build() {
            Ok(config) => return Some((config, changed)),
            Err(why) => why,
        };
        for number in &changed {
            self.parts[*number].swap();
        }
        if let [only] = changed[..] {
            self.parts[only].refuse(&why, now);
            return None;
        }
        // Then one after another, so that one does not keep the others back.
        let (mut config, mut taken) = (None, Vec::new());
        for number in changed {
            self.parts[number].swap();
            match self.build() {
                Ok(fresh) => {
                    config = Some(fresh);
                    taken.push(number);
                }
                Err(why) => {
                    self.parts[number].swap();
                    self.parts[number].refuse(&why, now);
                }
            }
        }
        config.map(|config| (config, taken))
    }

    fn build(&self) -> Result<T, String> {
        catch_unwind(AssertUnwindSafe(|| (self.build)()))
            .unwrap_or_else(|panic| Err(format!("building panicked: {}", words(&*panic))))
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Panics of what users give are caught before they come here.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
