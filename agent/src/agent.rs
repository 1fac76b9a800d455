//! The loop: look, renew, tell, wait.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fips_certs::store::{DirStore, Recovery};
use fips_certs::{Clock, Error as CertsError};
use fips_core::Boundary;
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::config::Config;
use crate::endpoint::Server;
use crate::error::Error;
use crate::hook_state::HookState;
use crate::lock::AgentLock;
use crate::renewer::{Renewer, Round};
use crate::snapshot::{HookSnapshot, Shared, Snapshot};

/// How long to wait for a command that holds the directory.
const BUSY: Duration = Duration::from_secs(2);
/// How often the gate is asked whether it is still open, and the service manager told so.
const PULSE: Duration = Duration::from_secs(1);
/// The shortest wait between two looks.
const SHORTEST: Duration = Duration::from_secs(1);

/// Keeps one directory, alone, until it is told to stop.
#[derive(Debug)]
pub struct Agent {
    boundary: Boundary,
    config: Config,
    renewer: Option<Renewer>,
    shared: Shared,
    server: Option<Server>,
    listener: Option<TcpListener>,
    look_now: (mpsc::Sender<()>, mpsc::Receiver<()>),
    /// Whether it is noted of each hook what was there before it.
    hooks_known: bool,
    _lock: AgentLock,
}

impl Agent {
    /// Takes the directory, and reads the secrets that its keys need.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyKept`]; [`Error::Certs`] for a secret that cannot be read; [`Error::Io`].
    pub fn new(boundary: Boundary, config: Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let lock = AgentLock::take(&config.dir)?;
        let shared = Shared::new(boundary, clock.now());
        let renewer = Renewer::new(
            boundary,
            &config.dir,
            config.renewal.policy(),
            config.clock.settle,
            clock,
        )
        .with_unlock(Arc::new(config.keys.unlock()?));
        Ok(Self {
            boundary,
            renewer: Some(renewer),
            shared,
            server: None,
            listener: None,
            look_now: mpsc::channel(1),
            hooks_known: config.hooks.is_empty(),
            config,
            _lock: lock,
        })
    }

    /// What it knows now.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.get()
    }

    /// Has it look at once when something is sent, as on a signal.
    pub fn look_now(&self) -> mpsc::Sender<()> {
        self.look_now.0.clone()
    }

    /// Opens the endpoint's socket, where one is configured, and says its address.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn listen(&mut self) -> Result<Option<SocketAddr>, Error> {
        let Some(endpoint) = &self.config.endpoint else {
            return Ok(None);
        };
        let failed = |source| Error::Io {
            action: format!("listen on {}", endpoint.listen),
            source,
        };
        let listener = TcpListener::bind(endpoint.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        self.listener = Some(listener);
        Ok(Some(address))
    }

    /// Runs until `stop` is done. The first look comes at once, so that what expired while
    /// nobody looked is renewed before the endpoint serves and the service manager hears that
    /// all is ready.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when the gate closes; [`Error::Config`] for hooks that name what the
    /// PKI does not have; [`Error::Tls`] when the endpoint's files cannot be used after the
    /// first look that succeeds. Failed looks and hooks are tried again.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        if self.config.endpoint.is_some() && self.listener.is_none() {
            self.listen().await?;
        }
        let mut backoff = Backoff::new(self.config.retry);
        let mut last = Instant::now();
        let mut closed = tokio::spawn(pulse(
            self.boundary,
            self.shared.clone(),
            self.config.patience(),
        ));
        let _pulse = Ended(closed.abort_handle());
        let mut next = tokio::time::Instant::now();
        let mut ready = false;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                error = &mut closed => return Err(error.map_or_else(|_| gone(), Error::Closed)),
                _ = self.look_now.1.recv() => {}
                () = tokio::time::sleep_until(next) => {}
            }
            let (elapsed, now) = (last.elapsed(), Instant::now());
            let outcome = match self.look(elapsed).await {
                Ok(round) => self.after(&round, &mut backoff).await,
                Err(error) => Err(error),
            };
            last = now;
            if outcome.is_ok() && !ready {
                self.open_endpoint()?;
                notify(&[NotifyState::Ready]);
                ready = true;
            }
            let wait = match outcome {
                Ok(wait) => wait,
                Err(Error::Certs(CertsError::Locked { .. })) => BUSY,
                Err(error @ (Error::Closed(_) | Error::Config { .. })) => return Err(error),
                Err(error) => {
                    let wait = backoff.failed();
                    tracing::error!(%error, retry_in = ?wait, "a look at the PKI failed");
                    self.shared.change(|known| {
                        known.failures += 1;
                        known.failures_in_a_row = backoff.failures();
                        known.last_error = Some(error.to_string());
                    });
                    wait
                }
            };
            self.shared.alive();
            next = tokio::time::Instant::now() + wait;
            self.tell(wait);
        }
        notify(&[NotifyState::Stopping]);
        Ok(())
    }

    /// One look, off the threads that serve.
    async fn look(&mut self, elapsed: Duration) -> Result<Round, Error> {
        let Some(mut renewer) = self.renewer.take() else {
            return Err(gone());
        };
        let config = self.config.clone();
        let mut known = self.hooks_known;
        let (renewer, known, outcome) = tokio::task::spawn_blocking(move || {
            // Before anything is renewed: of that, a new hook is owed to be told.
            let outcome = if known {
                Ok(())
            } else {
                know_hooks(&config, &renewer)
            };
            known = outcome.is_ok();
            let outcome = outcome.and_then(|()| renewer.look(elapsed));
            (renewer, known, outcome)
        })
        .await
        .map_err(|_| gone())?;
        self.renewer = Some(renewer);
        self.hooks_known = known;
        outcome
    }

    /// What follows a look that succeeded; answers how long to wait for the next.
    async fn after(&mut self, round: &Round, backoff: &mut Backoff) -> Result<Duration, Error> {
        match &round.recovery {
            Recovery::Finished { reason, .. } => {
                tracing::warn!(reason, "an interrupted change was carried to its end");
            }
            Recovery::Undone { count } => {
                tracing::warn!(count, "an interrupted change was taken back");
            }
            _ => {}
        }
        if let Some(held) = &round.held {
            tracing::warn!(%held, "renewals wait");
        }
        for blocked in &round.blocked {
            tracing::error!(name = blocked.name, why = blocked.why, "cannot be renewed");
        }
        for blocked in round.lists.iter().flat_map(|lists| &lists.blocked) {
            tracing::error!(
                authority = blocked.authority,
                why = blocked.why,
                "the next revocation list cannot be issued"
            );
        }
        let renewed = round
            .report
            .as_ref()
            .map_or(0, |report| report.issued.len() as u64);
        self.shared.change(|known| {
            known.looked = Some(round.at);
            known.rows = Arc::new(round.rows.clone());
            known.blocked = Arc::new(round.blocked.clone());
            known.held = round.held.clone();
            known.rotations = round.rotations.clone();
            known.renewed += renewed;
        });
        if let Some(server) = self.server.clone() {
            let reloaded = server.reload();
            if let Err(error) = &reloaded {
                tracing::error!(%error, "the endpoint keeps the certificate it has");
            }
            self.shared
                .change(|known| known.endpoint_current = Some(reloaded.is_ok()));
        }
        let told = self.hooks(round).await?;
        let mut wait = self.config.check_every;
        if told {
            backoff.succeeded();
            self.shared.change(|known| {
                known.failures_in_a_row = 0;
                known.last_error = None;
            });
        } else {
            wait = wait.min(backoff.failed());
            self.shared
                .change(|known| known.failures_in_a_row = backoff.failures());
        }
        if let Some(due) = round.due {
            let until = (due - round.at).try_into().unwrap_or(Duration::ZERO);
            wait = wait.min(until);
        }
        if let Some(held) = &round.held {
            wait = wait.min(Duration::from_secs(held.seconds_left));
        }
        Ok(wait.max(SHORTEST))
    }

    /// Runs every hook that is owed one; whether all have been told now.
    async fn hooks(&self, round: &Round) -> Result<bool, Error> {
        if self.config.hooks.is_empty() {
            return Ok(true);
        }
        let state = HookState::read(&DirStore::open_read_only(&self.config.dir)?)?;
        let mut told = BTreeMap::new();
        let mut all = true;
        for hook in &self.config.hooks {
            let current = hook.concerned(&round.serials, &round.services);
            let owed = state.owed(&hook.name, &current);
            if owed.is_empty() {
                continue;
            }
            let outcome = hook.run(&owed).await;
            self.note(&hook.name, &outcome);
            match outcome {
                Ok(()) => {
                    told.insert(hook.name.clone(), current);
                }
                Err(_) => all = false,
            }
        }
        if !told.is_empty() {
            let store = DirStore::open(&self.config.dir)?;
            let mut state = HookState::read(&store)?;
            for (hook, current) in told {
                state.told(&hook, current);
            }
            state.write(&store)?;
        }
        Ok(all)
    }

    fn note(&self, hook: &str, outcome: &Result<(), String>) {
        match outcome {
            Ok(()) => tracing::info!(hook, "hook ran"),
            Err(why) => tracing::error!(hook, why, "hook failed; it is tried again"),
        }
        self.shared.change(|known| {
            let entry = known.hooks.entry(hook.to_owned()).or_default();
            *entry = HookSnapshot {
                done: entry.done + u64::from(outcome.is_ok()),
                failed: entry.failed + u64::from(outcome.is_err()),
                pending: outcome.is_err(),
                last_error: outcome.as_ref().err().cloned(),
            };
            if let Err(why) = outcome {
                known.last_error = Some(format!("hook {hook}: {why}"));
            }
        });
    }

    fn open_endpoint(&mut self) -> Result<(), Error> {
        let (Some(endpoint), Some(listener)) = (&self.config.endpoint, self.listener.take()) else {
            return Ok(());
        };
        let server = Server::new(self.boundary, &self.config, endpoint, self.shared.clone())?;
        self.shared
            .change(|known| known.endpoint_current = Some(true));
        tokio::spawn(server.clone().serve(listener));
        self.server = Some(server);
        Ok(())
    }

    /// Says to the service manager what the state is.
    fn tell(&self, wait: Duration) {
        let clock = time::OffsetDateTime::now_utc();
        self.shared
            .change(|known| known.next = clock.checked_add(wait.try_into().unwrap_or_default()));
        let known = self.shared.get();
        let text = match (&known.last_error, &known.held) {
            (Some(error), _) => format!("failing: {error}"),
            (None, Some(held)) => held.to_string(),
            (None, None) => format!(
                "{} certificates, {} renewed, {} blocked; next look in {} s",
                known.rows.len(),
                known.renewed,
                known.blocked.len(),
                wait.as_secs()
            ),
        };
        notify(&[NotifyState::Status(&text.replace('\n', " "))]);
    }
}

/// Notes of each hook that is new what is there: that is nothing to tell it of.
fn know_hooks(config: &Config, renewer: &Renewer) -> Result<(), Error> {
    let leaves = renewer.leaves()?;
    for hook in &config.hooks {
        if let Some(unknown) = hook.unknown(&leaves.services) {
            return Err(Error::Config {
                place: format!("hook {:?}", hook.name),
                why: format!("the PKI has no leaf or service called {unknown:?}"),
            });
        }
    }
    let store = DirStore::open(&config.dir)?;
    let mut state = HookState::read(&store)?;
    let known = state.clone();
    for hook in config.hooks.iter().filter(|hook| !known.knows(&hook.name)) {
        let current = hook.concerned(&leaves.serials, &leaves.services);
        state.told(&hook.name, current);
    }
    if state == known {
        return Ok(());
    }
    state.write(&store)
}

/// Tells the service manager that the agent lives, for as long as looks end and the gate is
/// open; ends when it has closed.
async fn pulse(boundary: Boundary, shared: Shared, patience: Duration) -> fips_core::Error {
    let mut pulse = tokio::time::interval(PULSE);
    loop {
        pulse.tick().await;
        if let Err(closed) = boundary.still_open() {
            return closed;
        }
        if shared.silent_for() <= patience {
            notify(&[NotifyState::Watchdog]);
        }
    }
}

/// A task that ends with its owner.
struct Ended(tokio::task::AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A thread of ours has gone; nothing is known any more.
fn gone() -> Error {
    Error::Io {
        action: "look at the PKI".into(),
        source: std::io::Error::other("the thread that looked has ended"),
    }
}

/// Without a service manager nobody is told.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
