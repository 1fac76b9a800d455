use std::net::TcpStream;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use fips_boundary::tls::adapter::tokio::{Acceptor, Peer, TlsListener};

use crate::support::{
    OURS, STRANGERS, Server, assert_failed, assert_printed, boundary, curl, listen, runtime,
};

#[test]
fn curl_is_told_who_it_is_over_both_versions_of_http() {
    boundary();
    let server = Server::example(env!("CARGO_BIN_EXE_axum_server"), &OURS);
    for (version, told) in [
        ("--http1.1", "CN=etcd-client"),
        ("--http2", "CN=etcd-client"),
    ] {
        let out = curl(
            &OURS,
            server.port,
            "/whoami",
            &[version, "--write-out", "HTTP %{http_version}"],
        );
        assert_printed(&out, told);
        assert_printed(
            &out,
            if version == "--http2" {
                "HTTP 2"
            } else {
                "HTTP 1.1"
            },
        );
    }

    // One whom nobody knows ends nothing.
    let [_, _, ca] = OURS.of("client");
    let out = curl(&STRANGERS, server.port, "/whoami", &["--cacert", &ca]);
    assert_failed(&out, "unknown ca");
    assert_printed(&curl(&OURS, server.port, "/whoami", &[]), "CN=etcd-client");
}

/// Handshakes do not wait for each other, and those that hang end by their time limit.
#[test]
fn silent_clients_hold_up_nobody() {
    let runtime = runtime();
    let (port, _serving) = runtime.block_on(async {
        let (listener, address) = listen().await;
        let acceptor = Acceptor::new(OURS.server(&[b"http/1.1"]))
            .with_handshake_timeout(Duration::from_millis(300));
        let listener = TlsListener::new(listener, acceptor).with_handshakes_at_most(4);
        let app = Router::new().route("/", get(subject));
        let app = app.into_make_service_with_connect_info::<Peer>();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        (address.port(), serving)
    });
    // Three of four places hang: the next client is served at once.
    let silent: Vec<_> = (0..3)
        .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
        .collect();
    assert_printed(&curl(&OURS, port, "/", &[]), "CN=etcd-client");
    // More hang than there are places: their time limit makes room.
    let more: Vec<_> = (0..12)
        .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
        .collect();
    assert_printed(&curl(&OURS, port, "/", &[]), "CN=etcd-client");
    drop((silent, more));
}

async fn subject(ConnectInfo(peer): ConnectInfo<Peer>) -> String {
    assert!(peer.address().is_some());
    peer.identity().unwrap().subject().to_owned()
}
