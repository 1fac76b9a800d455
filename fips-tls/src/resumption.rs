//! What a client keeps of its sessions.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::time_provider::TimeProvider;

use crate::check::next_number;
use crate::ticketer::is_within_lifetime;

/// Servers whose sessions are kept.
const SERVERS: usize = 256;

/// Tickets kept of one server.
const TICKETS: usize = 8;

/// Sessions in memory, one hour at most whatever the server promises: rustls takes up to seven
/// days, and in TLS 1.2 a server may name no end at all.
///
/// The hour runs per server, from its first session on. A resumed handshake brings a new ticket
/// with the old one's authentication (RFC 8446 §4.6.1), in TLS 1.2 with its very master secret,
/// and must not begin another hour.
pub(crate) struct BoundedSessions {
    clock: Arc<dyn TimeProvider>,
    number: u64,
    servers: Mutex<Servers>,
}

#[derive(Default)]
struct Servers {
    by_name: HashMap<ServerName<'static>, Server>,
    changes: u64,
}

#[derive(Default)]
struct Server {
    /// When it was last changed, in changes of the whole store.
    changed: u64,
    group: Option<NamedGroup>,
    /// When the first of the sessions was kept, in seconds. It stays when they are dropped,
    /// until a handshake begins without one.
    began: Option<u64>,
    tls12: Option<Tls12ClientSessionValue>,
    /// The oldest first.
    tls13: VecDeque<Tls13ClientSessionValue>,
}

impl BoundedSessions {
    pub(crate) fn new(clock: Arc<dyn TimeProvider>) -> Self {
        Self {
            clock,
            number: next_number(),
            servers: Mutex::default(),
        }
    }

    fn now(&self) -> Option<u64> {
        self.clock.current_time().map(|now| now.as_secs())
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        // No change is made of two parts that a panic could come between.
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a session of `name`, in the hour that has begun: over by now, if a handshake took
    /// so long, and then the next one finds nothing.
    fn keep(&self, name: ServerName<'static>, keep: impl FnOnce(&mut Server)) {
        let Some(now) = self.now() else { return };
        let mut servers = self.servers();
        servers.drop_old(now);
        let server = servers.entry(name);
        server.began.get_or_insert(now);
        keep(server);
    }

    /// Looks for a session at the beginning of a handshake.
    fn find<T>(
        &self,
        name: &ServerName<'static>,
        find: impl FnOnce(&mut Server) -> Option<T>,
    ) -> Option<T> {
        let now = self.now()?;
        let mut servers = self.servers();
        let server = servers.by_name.get_mut(name)?;
        if server.is_old(now) {
            server.drop_sessions();
            server.began = None;
        }
        find(server)
    }
}

impl ClientSessionStore for BoundedSessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.servers().entry(name).group = Some(group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.servers().by_name.get(name)?.group
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.keep(name, |server| server.tls12 = Some(session));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.find(&name.to_owned(), |server| server.tls12.clone())
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        if let Some(server) = self.servers().by_name.get_mut(name) {
            server.tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.keep(name, |server| {
            if server.tls13.len() == TICKETS {
                server.tls13.pop_front();
            }
            server.tls13.push_back(ticket);
        });
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.find(name, |server| server.tls13.pop_back())
    }
}

// The number tells one store from another where nothing but its debug form can be seen (see
// `check`). Sessions are secret.
impl fmt::Debug for BoundedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoundedSessions(#{})", self.number)
    }
}

impl Servers {
    /// The server's entry; a new one in the place of that unchanged for longest.
    fn entry(&mut self, name: ServerName<'static>) -> &mut Server {
        if !self.by_name.contains_key(&name) && self.by_name.len() >= SERVERS {
            let oldest = self.by_name.iter().min_by_key(|(_, server)| server.changed);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.by_name.remove(&oldest);
            }
        }
        self.changes += 1;
        let server = self.by_name.entry(name).or_default();
        server.changed = self.changes;
        server
    }

    fn drop_old(&mut self, now: u64) {
        for server in self.by_name.values_mut() {
            if server.is_old(now) {
                server.drop_sessions();
            }
        }
    }
}

impl Server {
    fn is_old(&self, now: u64) -> bool {
        self.began
            .is_some_and(|began| !is_within_lifetime(began, now))
    }

    fn drop_sessions(&mut self) {
        self.tls12 = None;
        self.tls13.clear();
    }
}

#[cfg(test)]
mod tests {
    use rustls::time_provider::DefaultTimeProvider;

    use super::*;

    fn server(number: usize) -> ServerName<'static> {
        ServerName::try_from(format!("server-{number}.test")).unwrap()
    }

    #[test]
    fn so_many_servers_and_no_more() {
        let store = BoundedSessions::new(Arc::new(DefaultTimeProvider));
        for number in 0..SERVERS {
            store.set_kx_hint(server(number), NamedGroup::secp256r1);
        }
        assert_eq!(store.kx_hint(&server(0)), Some(NamedGroup::secp256r1));
        // The first is changed again, so that the second gives way.
        store.set_kx_hint(server(0), NamedGroup::secp384r1);
        store.set_kx_hint(server(SERVERS), NamedGroup::secp256r1);
        assert_eq!(store.servers().by_name.len(), SERVERS);
        assert_eq!(store.kx_hint(&server(0)), Some(NamedGroup::secp384r1));
        assert_eq!(store.kx_hint(&server(1)), None);
        assert!(store.kx_hint(&server(SERVERS)).is_some());
    }

    #[test]
    fn stores_differ_in_what_they_show() {
        let store = || BoundedSessions::new(Arc::new(DefaultTimeProvider));
        assert_ne!(format!("{:?}", store()), format!("{:?}", store()));
    }
}
