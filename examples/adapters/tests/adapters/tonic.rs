use std::process::Command;

use ::tonic::transport::Endpoint;
use fips_boundary::tls::adapter::tokio::Connector;
use fips_boundary::tls::adapter::tonic;

use crate::support::{
    Files, OURS, PATIENCE, STRANGERS, Server, assert_failed, assert_printed, boundary, etcd, run,
    runtime,
};

fn ask(files: &Files, trusted: &Files, port: u16) -> std::process::Output {
    let [chain, key, _] = files.of("client");
    let [_, _, ca] = trusted.of("client");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tonic_client"));
    command
        .args([chain, key, ca])
        .arg(format!("https://localhost:{port}"));
    run(&mut command, "")
}

#[test]
fn a_server_knows_who_calls() {
    boundary();
    let server = Server::example(env!("CARGO_BIN_EXE_tonic_server"), &OURS);
    assert_printed(&ask(&OURS, &OURS, server.port), "Serving");
    let line = server.lines.recv_timeout(PATIENCE).unwrap();
    assert_eq!(line, "a call of CN=etcd-client");

    // In TLS 1.3 a client hears of its refusal with the first answer.
    assert_failed(&ask(&STRANGERS, &OURS, server.port), "UnknownCA");
    // A server that is not trusted, and who it says it is.
    let out = ask(&OURS, &STRANGERS, server.port);
    assert_failed(&out, "not issued by a CA that is trusted here");
    assert_failed(&out, "CN=etcd-server");
    assert_printed(&ask(&OURS, &OURS, server.port), "Serving");
}

#[test]
fn a_client_asks_etcd_for_its_health() {
    let work = tempfile::tempdir().unwrap();
    let etcd = etcd(&OURS, work.path());
    assert_printed(&ask(&OURS, &OURS, etcd.port), "Serving");
    assert_failed(&ask(&STRANGERS, &OURS, etcd.port), "error: ");
}

#[test]
fn a_server_without_http2_is_not_taken() {
    runtime().block_on(async {
        let (listener, address) = crate::support::listen().await;
        let acceptor = fips_boundary::tls::adapter::tokio::Acceptor::new(OURS.server(&[]));
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let _stream = acceptor.accept(socket).await.unwrap();
            std::future::pending::<()>().await;
        });
        let endpoint = Endpoint::from_shared(format!("https://localhost:{}", address.port()));
        let connector = Connector::new(OURS.client(&[]));
        let error = tonic::connect(&endpoint.unwrap(), connector)
            .await
            .unwrap_err();
        let text = fips_adapter_examples::with_causes(&error);
        assert!(text.contains("did not agree to HTTP/2"), "{text}");
    });
}
