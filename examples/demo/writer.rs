//! A client that never stops writing, and keeps the books.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::Failure;
use crate::client::{Client, Connection};

/// A write must be acknowledged within this time, over whichever member answers.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Writes over one connection before the next one is made, so that handshakes go on all the
/// time and each member is met.
const WRITES_PER_CONNECTION: u32 = 10;

/// The books.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// Writes that were acknowledged and read back as written.
    pub(crate) acknowledged: u64,
    /// Writes that were not acknowledged in time, or read back differently.
    pub(crate) failed: u64,
    /// Attempts that were repeated at another member.
    pub(crate) retried: u64,
    /// Handshakes done.
    pub(crate) connections: u64,
    /// Longest time from the first attempt of a write to its acknowledgement.
    pub(crate) slowest: Duration,
    /// Protocol versions, suites and groups negotiated.
    pub(crate) negotiated: BTreeSet<String>,
    /// The serial each member served last.
    pub(crate) served: BTreeMap<String, String>,
    /// The serial of our own certificate in the last handshake.
    pub(crate) own_serial: String,
    /// Why the last attempt that failed did.
    pub(crate) last_problem: Option<String>,
}

/// Writes until `stop` changes; the books are published after every write.
pub(crate) async fn run(
    client: Client,
    endpoints: Vec<String>,
    books: watch::Sender<Books>,
    mut stop: watch::Receiver<bool>,
) {
    let mut turn = 0;
    let mut number = 0_u64;
    while !*stop.borrow_and_update() {
        let endpoint = &endpoints[turn % endpoints.len()];
        turn += 1;
        let mut connection = match client.connect(endpoint).await {
            Ok(connection) => {
                books.send_modify(|books| books.note_connection(endpoint, &connection));
                Some(connection)
            }
            Err(problem) => {
                books.send_modify(|books| books.note_retry(&problem));
                None
            }
        };
        for _ in 0..WRITES_PER_CONNECTION {
            if *stop.borrow() {
                break;
            }
            number += 1;
            write(
                &client,
                &endpoints,
                &mut turn,
                &mut connection,
                number,
                &books,
            )
            .await;
        }
    }
}

/// One write, tried over the members until it is acknowledged or its time is over.
async fn write(
    client: &Client,
    endpoints: &[String],
    turn: &mut usize,
    connection: &mut Option<Connection>,
    number: u64,
    books: &watch::Sender<Books>,
) {
    let began = Instant::now();
    let (key, value) = (format!("demo/{}", number % 100), number.to_string());
    while began.elapsed() < DEADLINE {
        let attempt = async {
            let open = match connection {
                Some(open) => open,
                None => {
                    let endpoint = &endpoints[*turn % endpoints.len()];
                    *turn += 1;
                    let opened = client.connect(endpoint).await?;
                    books.send_modify(|books| books.note_connection(endpoint, &opened));
                    connection.insert(opened)
                }
            };
            open.put(&key, &value).await?;
            open.range(&key).await
        };
        match attempt.await {
            Ok(read) => {
                books.send_modify(|books| {
                    if read.as_deref() == Some(value.as_str()) {
                        books.acknowledged += 1;
                    } else {
                        books.failed += 1;
                        books.last_problem = Some(format!("{key}: wrote {value}, read {read:?}"));
                    }
                    books.slowest = books.slowest.max(began.elapsed());
                });
                return;
            }
            Err(problem) => {
                *connection = None;
                books.send_modify(|books| books.note_retry(&problem));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    books.send_modify(|books| books.failed += 1);
}

impl Books {
    fn note_connection(&mut self, endpoint: &str, connection: &Connection) {
        let session = &connection.session;
        self.connections += 1;
        let group = session
            .group
            .map_or_else(|| "resumed".to_owned(), |group| group.to_string());
        self.negotiated
            .insert(format!("{}, {}, {group}", session.version, session.suite));
        if let Some(peer) = &session.peer {
            self.served
                .insert(endpoint.to_owned(), peer.serial().to_owned());
        }
        self.own_serial.clone_from(&connection.own_serial);
    }

    fn note_retry(&mut self, problem: &Failure) {
        self.retried += 1;
        self.last_problem = Some(problem.to_string());
    }
}
