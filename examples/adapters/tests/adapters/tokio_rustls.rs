use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fips_boundary::tls::adapter::tokio::{
    Acceptor, Connector, HandshakeError, HandshakeFailure, TlsStream,
};
use fips_boundary::tls::rustls::pki_types::ServerName;
use fips_boundary::tls::{ClientConfig, Current, RefusalReason, ServerConfig, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;

use crate::support::{OURS, STRANGERS, Server, free_port, listen, runtime};

fn name() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}

type Ends = (
    Result<TlsStream<DuplexStream>, HandshakeError>,
    Result<TlsStream<DuplexStream>, HandshakeError>,
);

/// One connection, and what both sides make of it: the client reads to its end, as refusals come
/// after its handshake.
async fn meet(acceptor: &Acceptor, connector: &Connector) -> Ends {
    let (near, far) = duplex(1 << 16);
    let (server, client) = tokio::join!(acceptor.accept(far), connector.connect(name(), near));
    (server, client)
}

#[test]
fn each_side_names_whom_it_refuses() {
    runtime().block_on(async {
        let acceptor = Acceptor::new(OURS.server(&[]));
        let strange = Connector::new(STRANGERS.client_trusting(OURS.trust(), &[]));
        let (server, _) = meet(&acceptor, &strange).await;
        let error = server.unwrap_err();
        let refusal = error.peer().unwrap();
        assert_eq!(refusal.subject, "CN=etcd-client");
        assert_eq!(refusal.reason, RefusalReason::UnknownIssuer);
        assert!(!refusal.serial.is_empty());
        assert!(error.to_string().starts_with("CN=etcd-client: "), "{error}");
        assert!(error.explanation().is_some() && error.address().is_none());

        let doubting = Connector::new(OURS.client_trusting(STRANGERS.trust(), &[]));
        let (server, client) = meet(&acceptor, &doubting).await;
        let error = client.unwrap_err();
        assert!(
            error.peer().unwrap().subject.contains("CN=etcd-server"),
            "{error}"
        );
        // The other side has an alert, and no peer.
        let error = server.unwrap_err();
        assert!(error.peer().is_none(), "{error}");
        assert!(
            error.explanation().unwrap().what.contains("UnknownCA"),
            "{error}"
        );
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidData);

        // A refusal of one connection is not told of the next.
        let (server, client) = meet(&acceptor, &Connector::new(OURS.client(&[]))).await;
        assert_eq!(server.unwrap().session().peer, client_identity());
        client.unwrap();
    });
}

fn client_identity() -> Option<fips_boundary::tls::PeerIdentity> {
    Some(OURS.identity("client").leaf().clone())
}

#[test]
fn garbage_silence_and_an_end_are_told_apart() {
    runtime().block_on(async {
        let acceptor = Acceptor::new(OURS.server(&[]));
        let (mut near, far) = duplex(1024);
        near.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let error = acceptor.accept(far).await.unwrap_err();
        assert!(
            matches!(error.failure(), HandshakeFailure::Tls { .. }),
            "{error:?}"
        );
        assert!(
            error.to_string().contains("speaks TLS on this port"),
            "{error}"
        );

        let (near, far) = duplex(1024);
        drop(near);
        let error = acceptor.accept(far).await.unwrap_err();
        assert!(
            matches!(error.failure(), HandshakeFailure::Io(_)),
            "{error:?}"
        );
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::UnexpectedEof);

        let quick = Duration::from_millis(50);
        let (_near, far) = duplex(1024);
        let error = acceptor
            .clone()
            .with_handshake_timeout(quick)
            .accept(far)
            .await;
        let error = error.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
        let (near, _far) = duplex(1024);
        let connector = Connector::new(OURS.client(&[])).with_handshake_timeout(quick);
        assert!(
            connector
                .connect(name(), near)
                .await
                .unwrap_err()
                .is_timeout()
        );
    });
}

/// Gives `first` once, then `then`: a reload between a handshake's begin and its end.
struct Reloaded<C> {
    asked: AtomicUsize,
    first: C,
    then: C,
}

impl<C: Clone + Send + Sync + 'static> Current<C> for Reloaded<C> {
    fn current(&self) -> C {
        if self.asked.fetch_add(1, Ordering::SeqCst) == 0 {
            self.first.clone()
        } else {
            self.then.clone()
        }
    }
}

fn reloaded<C>(first: C, then: C) -> Reloaded<C> {
    Reloaded {
        asked: AtomicUsize::new(0),
        first,
        then,
    }
}

#[test]
fn a_finished_handshake_is_judged_by_the_newest_configuration() {
    runtime().block_on(async {
        let strict: ServerConfig = STRANGERS.server(&[]);
        let acceptor = Acceptor::new(reloaded(OURS.server(&[]), strict));
        let connector = Connector::new(OURS.client(&[]));
        let (server, client) = meet(&acceptor, &connector).await;
        let error = server.unwrap_err();
        assert!(
            matches!(error.failure(), HandshakeFailure::Session(_)),
            "{error:?}"
        );
        assert_eq!(error.peer().unwrap().subject, "CN=etcd-client");
        // The connection is gone, and not in order: no close_notify.
        let mut rest = Vec::new();
        let ended = client.unwrap().read_to_end(&mut rest).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        // The next begins with the new one.
        let (server, _) = meet(&acceptor, &connector).await;
        assert!(matches!(
            server.unwrap_err().failure(),
            HandshakeFailure::Tls { .. }
        ));

        let doubting: ClientConfig = OURS.client_trusting(STRANGERS.trust(), &[]);
        let connector = Connector::new(reloaded(OURS.client(&[]), doubting));
        let (_, client) = meet(&Acceptor::new(OURS.server(&[])), &connector).await;
        let error = client.unwrap_err();
        assert!(
            matches!(error.failure(), HandshakeFailure::Session(_)),
            "{error:?}"
        );
    });
}

#[test]
fn a_resumed_session_is_told_and_belongs_to_its_configuration() {
    runtime().block_on(async {
        let (acceptor, connector) = (
            Acceptor::new(OURS.server(&[])),
            Connector::new(OURS.client(&[])),
        );
        let mut resumed = Vec::new();
        for _ in 0..2 {
            let (server, client) = meet(&acceptor, &connector).await;
            let (mut server, mut client) = (server.unwrap(), client.unwrap());
            server.write_all(b"a").await.unwrap();
            server.flush().await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), b'a');
            assert_eq!(client.session().version, Version::Tls13);
            assert_eq!(server.session().peer, client_identity());
            resumed.push((server.session().resumed, client.session().resumed));
        }
        assert_eq!(resumed, [(false, false), (true, true)]);
        // Another configuration has other tickets.
        let (server, client) = meet(&Acceptor::new(OURS.server(&[])), &connector).await;
        assert!(!server.unwrap().session().resumed && !client.unwrap().session().resumed);
    });
}

#[test]
fn s_client_meets_the_acceptor() {
    let runtime = runtime();
    let acceptor = Acceptor::new(OURS.server(&[b"greeting"]));
    let (listener, address) = runtime.block_on(listen());
    let served = runtime.spawn(async move {
        let (socket, from) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept_from(socket, from).await.unwrap();
        assert_eq!(stream.peer().address(), Some(from));
        stream.write_all(b"good morning\n").await.unwrap();
        stream.shutdown().await.unwrap();
        stream.session().clone()
    });
    let [chain, key, ca] = OURS.of("client");
    let mut command = Command::new("openssl");
    command
        .args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-alpn",
            "greeting",
        ])
        .args(["-connect", &address.to_string(), "-servername", "localhost"])
        .args(["-cert", &chain, "-key", &key, "-CAfile", &ca]);
    let out = crate::support::run(&mut command, "openssl");
    crate::support::assert_printed(&out, "good morning");
    let session = runtime.block_on(served).unwrap();
    assert_eq!(session.alpn.as_deref(), Some(&b"greeting"[..]));
    assert_eq!(session.peer, client_identity());
}

#[test]
fn the_connector_meets_s_server() {
    let work = tempfile::tempdir().unwrap();
    let port = free_port();
    let [chain, key, ca] = OURS.of("server-client");
    let mut command = Command::new("openssl");
    command
        .args([
            "s_server",
            "-accept",
            &port.to_string(),
            "-rev",
            "-Verify",
            "3",
        ])
        .args([
            "-verify_return_error",
            "-cert",
            &chain,
            "-key",
            &key,
            "-CAfile",
            &ca,
        ])
        .stdin(Stdio::null());
    let _server = Server::program(&mut command, "openssl", &work.path().join("log"), port);
    runtime().block_on(async {
        let connector = Connector::new(Arc::new(OURS.client(&[])));
        let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let address = socket.peer_addr().unwrap();
        let mut stream = connector.connect_to(name(), socket, address).await.unwrap();
        stream.write_all(b"abc\n").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"cba\n");
        let server = stream.session().peer.as_ref().unwrap();
        assert!(server.subject().contains("etcd-server"));
    });
}
