use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};

use super::acceptor::Acceptor;
use super::error::HandshakeError;
use super::stream::TlsStream;

/// Handshakes in flight at once unless another number is given; more wait in the kernel's queue.
const MOST_HANDSHAKES: usize = 512;
/// How long to wait when the system gives no connection: out of descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that gives connections with finished handshakes.
///
/// Handshakes run beside each other, each a task of its own: a client that is slow or silent
/// holds up nobody, until as many of them as may run at once wait for their time limit. A failed
/// handshake is counted and told by `tracing`; it ends nothing.
#[derive(Debug)]
pub struct TlsListener {
    listener: TcpListener,
    acceptor: Acceptor,
    handshakes: JoinSet<Result<TlsStream<TcpStream>, HandshakeError>>,
    most: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl TlsListener {
    /// Accepts from `listener`.
    pub fn new(listener: TcpListener, acceptor: Acceptor) -> Self {
        Self {
            listener,
            acceptor,
            handshakes: JoinSet::new(),
            most: MOST_HANDSHAKES,
            pause: None,
        }
    }

    /// The most handshakes that run at once: 512 unless given, at least one.
    #[must_use]
    pub fn with_handshakes_at_most(mut self, most: usize) -> Self {
        self.most = most.max(1);
        self
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// The system's answer.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection whose peer was taken. Losing this future loses no connection.
    pub async fn accept(&mut self) -> TlsStream<TcpStream> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    /// As [`accept`](Self::accept).
    pub fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<TlsStream<TcpStream>> {
        loop {
            let finished = self.poll_finished(context);
            if finished.is_ready() {
                return finished;
            }
            if self.handshakes.len() >= self.most {
                return Poll::Pending;
            }
            ready!(self.poll_begin(context));
        }
    }

    /// A connection that is done, past those that failed.
    fn poll_finished(&mut self, context: &mut Context<'_>) -> Poll<TlsStream<TcpStream>> {
        while let Poll::Ready(Some(finished)) = self.handshakes.poll_join_next(context) {
            match finished {
                Ok(Ok(stream)) => return Poll::Ready(stream),
                // Counted and told already.
                Ok(Err(_)) => {}
                Err(error) => tracing::error!(%error, "a TLS handshake's task ended by itself"),
            }
        }
        Poll::Pending
    }

    /// Begins one handshake more.
    fn poll_begin(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        match ready!(self.listener.poll_accept(context)) {
            Ok((socket, address)) => {
                let acceptor = self.acceptor.clone();
                self.handshakes
                    .spawn(async move { acceptor.accept_from(socket, address).await });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted now");
                self.pause = Some(Box::pin(sleep(PAUSE)));
            }
        }
        Poll::Ready(())
    }
}

/// The client went away before it was accepted (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
