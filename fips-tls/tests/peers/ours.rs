//! Our side of a connection with a peer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use fips_tls::{Explanation, Session};
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, CommonState, HandshakeKind, ServerConfig, ServerConnection,
    StreamOwned,
};

use crate::matrix::Service;
use crate::support::NAME;
use crate::support::program::PATIENCE;

/// What the client's side says; the server's sends it back, ours in upper case.
pub const MESSAGE: &str = "from the client";

/// A request any of the peers' servers sends back the last line of: some speak HTTP alone.
const REQUEST: &str = "POST / HTTP/1.0\r\n\r\nfrom the client\r\n";

/// What a handshake agreed on, and how.
pub type Served = (Session, HandshakeKind);

/// Our server, for as many connections as come.
pub struct Acceptor {
    address: SocketAddr,
    /// Where the connection that ends the server comes from: a peer that gave up may have one
    /// before it that nobody has taken yet.
    last: Arc<Mutex<Option<SocketAddr>>>,
    served: JoinHandle<Vec<Result<Option<Served>, String>>>,
}

impl Acceptor {
    pub fn start(config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let last = Arc::new(Mutex::new(None));
        let ends = Arc::clone(&last);
        let served = thread::spawn(move || {
            let mut served = Vec::new();
            loop {
                let (socket, from) = listener.accept().unwrap();
                if *ends.lock().unwrap() == Some(from) {
                    return served;
                }
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                served.push(serve(StreamOwned::new(connection, socket)));
            }
        });
        Self {
            address,
            last,
            served,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connections that carried data.
    ///
    /// # Errors
    ///
    /// Why any of them failed.
    pub fn finish(self) -> Result<Vec<Served>, String> {
        let mut last = self.last.lock().unwrap();
        let socket = TcpStream::connect(self.address).unwrap();
        *last = Some(socket.local_addr().unwrap());
        drop(last);
        let served = self.served.join().unwrap();
        let sessions: Result<Vec<_>, _> = served.into_iter().collect();
        Ok(sessions?.into_iter().flatten().collect())
    }
}

/// Answers one message. A client may also leave without a word.
fn serve(mut stream: StreamOwned<ServerConnection, TcpStream>) -> Result<Option<Served>, String> {
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut received = Vec::new();
    let mut serve = || -> io::Result<bool> {
        while !received.ends_with(format!("{MESSAGE}\n").as_bytes()) {
            let mut buffer = [0; 1024];
            let len = stream.read(&mut buffer)?;
            if len == 0 {
                return Ok(false);
            }
            received.extend_from_slice(&buffer[..len]);
        }
        let answer = MESSAGE.to_uppercase();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}\n",
            answer.len() + 1
        )?;
        stream.conn.send_close_notify();
        stream.flush()?;
        // The peer reads before the socket closes; how it leaves is its own affair.
        let _ = io::copy(&mut stream, &mut io::sink());
        Ok(true)
    };
    match serve() {
        Ok(true) => session(&stream.conn).map(Some),
        Ok(false) if received.is_empty() => Ok(None),
        Ok(false) => Err(format!(
            "the end came after {:?}",
            String::from_utf8_lossy(&received)
        )),
        Err(error) => {
            let _ = stream.conn.write_tls(&mut stream.sock);
            Err(words(&error))
        }
    }
}

/// Our client: says [`MESSAGE`] and hears it.
pub fn connect(config: Arc<ClientConfig>, peer: &mut dyn Service) -> Result<Served, String> {
    let socket = TcpStream::connect(peer.address()).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let written = stream
        .write_all(REQUEST.as_bytes())
        .and_then(|()| stream.flush());
    if let Err(error) = written {
        let _ = stream.conn.write_tls(&mut stream.sock);
        return Err(words(&error));
    }
    peer.answer()?;
    let mut received = Vec::new();
    while !String::from_utf8_lossy(&received).contains(MESSAGE) {
        let mut buffer = [0; 1024];
        let len = stream.read(&mut buffer).map_err(|error| words(&error))?;
        if len == 0 {
            return Err(format!(
                "the end came after {:?}",
                String::from_utf8_lossy(&received)
            ));
        }
        received.extend_from_slice(&buffer[..len]);
    }
    stream.conn.send_close_notify();
    let _ = stream.flush();
    session(&stream.conn)
}

fn session(state: &CommonState) -> Result<Served, String> {
    let session = Session::of(state).map_err(|error| error.to_string())?;
    let kind = state.handshake_kind().ok_or("the handshake has no kind")?;
    Ok((session, kind))
}

fn words(error: &io::Error) -> String {
    match Explanation::of_io(error) {
        Some(words) => words.to_string(),
        None => error.to_string(),
    }
}
