//! What both sides do around tokio-rustls's handshake.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::error::{HandshakeError, HandshakeFailure};
use crate::counters::{self, Side};
use crate::error::Error;
use crate::explain::Explanation;
use crate::refusal::{PeerRefusal, last_refusal};
use crate::session::Session;

/// The longest that a refused peer may take to read its alert.
const PARTING: Duration = Duration::from_millis(500);
/// The most reads of what it sent meanwhile.
const PARTING_READS: usize = 64;

/// Which handshake, for events and errors.
pub(super) struct Handshake {
    pub(super) side: Side,
    pub(super) address: Option<SocketAddr>,
    pub(super) limit: Duration,
}

impl Handshake {
    /// Drives `handshake`, has `judge` read what it made, counts it and tells of it.
    pub(super) async fn run<T, IO: AsyncRead + AsyncWrite + Unpin>(
        self,
        handshake: impl Future<Output = Result<T, (io::Error, IO)>>,
        judge: impl FnOnce(&T) -> Result<Session, Error>,
    ) -> Result<(T, Session), HandshakeError> {
        let began = Instant::now();
        let mut left = None;
        let finished = match timeout(self.limit, refusals(handshake)).await {
            Ok(Ok(stream)) => judge(&stream)
                .map(|session| (stream, session))
                .map_err(|error| HandshakeFailure::Session(Box::new(error))),
            Ok(Err((error, io, refusal))) => {
                left = Some(io);
                Err(failure(error, refusal))
            }
            Err(_) => Err(HandshakeFailure::Timeout(self.limit)),
        };
        match finished {
            Ok((stream, session)) => {
                counters::handshake(self.side, &session);
                self.finished(&session, began.elapsed());
                Ok((stream, session))
            }
            Err(failure) => {
                let error = HandshakeError::new(self.address, failure);
                counters::failure(self.side, error.reason());
                self.failed(&error, began.elapsed());
                if let Some(io) = left {
                    part(io).await;
                }
                Err(error)
            }
        }
    }

    fn finished(&self, session: &Session, took: Duration) {
        tracing::debug!(
            side = self.side.name(),
            address = self.address.map(tracing::field::display),
            version = %session.version,
            suite = %session.suite,
            group = session.group.map(tracing::field::display),
            resumed = session.resumed,
            // Escaped, so that no name forges a line.
            peer = session.peer.as_ref().map(|peer| crate::name::in_error(peer.subject())),
            took = ?took,
            "TLS handshake finished",
        );
    }

    fn failed(&self, error: &HandshakeError, took: Duration) {
        tracing::warn!(
            side = self.side.name(),
            address = self.address.map(tracing::field::display),
            peer = error.peer().map(|peer| peer.subject.as_str()),
            serial = error.peer().map(|peer| peer.serial.as_str()),
            reason = error.reason().name(),
            took = ?took,
            "TLS handshake failed: {}",
            error.failure(),
        );
    }
}

/// Polls `handshake` so that what a judge refuses in it is told apart from what this thread's
/// other connections refuse.
async fn refusals<T, IO>(
    handshake: impl Future<Output = Result<T, (io::Error, IO)>>,
) -> Result<T, (io::Error, IO, Option<PeerRefusal>)> {
    let mut handshake = pin!(handshake);
    // The alert can need another poll after the one that refused.
    let mut refused = None;
    poll_fn(|context| {
        last_refusal();
        let polled = handshake.as_mut().poll(context);
        if let Some(refusal) = last_refusal() {
            refused = Some(refusal);
        }
        polled.map_err(|(error, io)| (error, io, refused.take()))
    })
    .await
}

/// Closes a connection so that the peer reads the alert that says why: TCP drops what it was sent
/// when this side closes with unread bytes (RFC 1122 §4.2.2.13), and a TLS 1.3 client has sent its
/// first request before it hears of its refusal.
async fn part<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO) {
    let parting = async {
        io.shutdown().await?;
        let mut unread = [0; 1024];
        for _ in 0..PARTING_READS {
            if io.read(&mut unread).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    // Nothing hangs on it.
    let _ = timeout(PARTING, parting).await;
}

fn failure(error: io::Error, refusal: Option<PeerRefusal>) -> HandshakeFailure {
    if let Some(refusal) = refusal {
        return HandshakeFailure::Peer(Box::new(refusal));
    }
    let source = error.get_ref().and_then(|error| error.downcast_ref());
    match source.cloned() {
        Some(source) => HandshakeFailure::Tls {
            explanation: Box::new(Explanation::of(&source)),
            source,
        },
        None => HandshakeFailure::Io(error),
    }
}
