use std::process::Command;
use std::sync::{Arc, Mutex};

use fips_boundary::tls::adapter::reqwest::{LiveClient, builder};
use fips_boundary::tls::{ClientConfig, Current};

use crate::support::{
    OURS, STRANGERS, Server, assert_failed, assert_printed, boundary, nginx, run, runtime,
};

#[test]
fn the_example_meets_axum_and_nginx() {
    boundary();
    let work = tempfile::tempdir().unwrap();
    let axum = Server::example(env!("CARGO_BIN_EXE_axum_server"), &OURS);
    let nginx = nginx(
        &OURS,
        work.path(),
        "location / { return 200 $ssl_client_s_dn; }",
    );
    for port in [axum.port, nginx.port] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reqwest_client"));
        command
            .args(OURS.of("client"))
            .arg(format!("https://localhost:{port}/whoami"));
        let out = run(&mut command, "");
        assert_printed(&out, "200 OK HTTP/2.0");
        assert_printed(&out, "CN=etcd-client");
    }
    let [chain, key, _] = OURS.of("client");
    let [_, _, ca] = STRANGERS.of("client");
    let mut command = Command::new(env!("CARGO_BIN_EXE_reqwest_client"));
    command
        .args([chain, key, ca])
        .arg(format!("https://localhost:{}/", nginx.port));
    assert_failed(&run(&mut command, ""), "UnknownIssuer");
}

/// A configuration that is replaced.
struct Replaced(Mutex<ClientConfig>);

impl Current<ClientConfig> for Replaced {
    fn current(&self) -> ClientConfig {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn a_live_client_is_new_when_its_configuration_is() {
    let work = tempfile::tempdir().unwrap();
    let nginx = nginx(
        &OURS,
        work.path(),
        "location / { return 200 $ssl_session_reused; }",
    );
    let address = format!("https://localhost:{}/", nginx.port);
    let config = Arc::new(Replaced(Mutex::new(OURS.client(&[b"http/1.1"]))));
    let live = LiveClient::new(Arc::clone(&config), |builder| {
        builder.pool_max_idle_per_host(0)
    });
    runtime().block_on(async {
        // Two connections, and none resumed: each judges the server's chain.
        for _ in 0..2 {
            let answer = live.client().unwrap().get(&address).send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), ".");
        }
        *config.0.lock().unwrap() = OURS.client_trusting(STRANGERS.trust(), &[b"http/1.1"]);
        let error = live
            .client()
            .unwrap()
            .get(&address)
            .send()
            .await
            .unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        *config.0.lock().unwrap() = OURS.client(&[b"http/1.1"]);
        let answer = live.client().unwrap().get(&address).send().await.unwrap();
        assert!(answer.status().is_success());

        // Nothing goes out in the clear.
        let plain = builder(&OURS.client(&[])).build().unwrap();
        let error = plain.get("http://localhost/").send().await.unwrap_err();
        assert!(error.is_builder(), "{error:?}");
    });
}
