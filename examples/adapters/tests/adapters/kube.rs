use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ::kube::Config;
use ::kube::config::{KubeConfigOptions, Kubeconfig};
use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use data_encoding::BASE64;
use fips_boundary::tls::Profile;
use fips_boundary::tls::adapter::kube::{client, tls};
use fips_boundary::tls::adapter::tokio::{Acceptor, Connector, Peer, TlsListener};
use serde_json::{Value, json};

use crate::support::{
    Files, OURS, STRANGERS, assert_failed, assert_printed, boundary, listen, nginx, run, runtime,
};

/// What an API server says of itself and of its config maps.
const VERSION: &str = r#"{"major":"1","minor":"32","gitVersion":"v1.32.0","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
const MAPS: &str = r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"one","namespace":"default"}}]}"#;

/// A kubeconfig whose user has `user`, and whose cluster is `trusted`'s, with `cluster` more.
fn kubeconfig(port: u16, trusted: &Files, user: &Value, cluster: &Value) -> Value {
    let [_, _, ca] = trusted.of("client");
    let mut of = json!({
        "server": format!("https://localhost:{port}"),
        "certificate-authority": ca,
    });
    of.as_object_mut()
        .unwrap()
        .extend(cluster.as_object().unwrap().clone());
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": of}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "users": [{"name": "it", "user": user}],
    })
}

fn files(of: &Files) -> Value {
    let [chain, key, _] = of.of("client");
    json!({"client-certificate": chain, "client-key": key})
}

fn data(of: &Files) -> Value {
    let [chain, key, _] = of
        .of("client")
        .map(|path| BASE64.encode(&fs::read(path).unwrap()));
    json!({"client-certificate-data": chain, "client-key-data": key})
}

fn example(work: &Path, kubeconfig: &Value) -> Output {
    let path = work.join("kubeconfig");
    fs::write(&path, kubeconfig.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kube_client"));
    run(command.env("KUBECONFIG", path), "")
}

#[test]
fn the_example_asks_nginx_as_it_would_an_api_server() {
    boundary();
    let work = tempfile::tempdir().unwrap();
    let nginx = nginx(
        &OURS,
        work.path(),
        &format!(
            "location = /version {{ return 200 '{VERSION}'; }}\n\
             location = /api/v1/configmaps {{ return 200 '{MAPS}'; }}"
        ),
    );
    let port = nginx.port;
    for user in [files(&OURS), data(&OURS)] {
        let out = example(work.path(), &kubeconfig(port, &OURS, &user, &json!({})));
        assert_printed(&out, "v1.32.0\none\n");
    }
    // Nobody gets in without its authority's certificate; the server's answer is HTTP's.
    let out = example(
        work.path(),
        &kubeconfig(port, &OURS, &json!({}), &json!({})),
    );
    assert_failed(&out, "400 Bad Request");
    // A server of another authority.
    let user = files(&OURS);
    let out = example(
        work.path(),
        &kubeconfig(port, &STRANGERS, &user, &json!({})),
    );
    assert_failed(&out, "not issued by a CA that is trusted here");
    // A name that the certificate has not, and one that it has while the address is another.
    let named = |name| kubeconfig(port, &OURS, &user, &json!({"tls-server-name": name}));
    let out = example(work.path(), &named("other.example"));
    assert_failed(&out, "other.example");
    assert_printed(&example(work.path(), &named("127.0.0.1")), "v1.32.0");
    // Verification is not switched off, and half an identity is none.
    let insecure = json!({"insecure-skip-tls-verify": true});
    let out = example(work.path(), &kubeconfig(port, &OURS, &user, &insecure));
    assert_failed(
        &out,
        "insecure-skip-tls-verify: a server's certificate is always verified",
    );
    let half = json!({"client-certificate": OURS.of("client")[0]});
    let out = example(work.path(), &kubeconfig(port, &OURS, &half, &json!({})));
    assert_failed(&out, "client-certificate and client-key: give both");
    // A key that others may read.
    let [chain, key, _] = OURS.of("client");
    let open = work.path().join("open.key");
    fs::copy(key, &open).unwrap();
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let user = json!({"client-certificate": chain, "client-key": open});
    let out = example(work.path(), &kubeconfig(port, &OURS, &user, &json!({})));
    assert_failed(&out, "chmod 0600");
}

#[test]
fn a_token_goes_with_the_certificate() {
    let runtime = runtime();
    runtime.block_on(async {
        let (listener, address) = listen().await;
        let acceptor = Acceptor::new(OURS.server(&[b"http/1.1"]));
        let app = Router::new().route("/version", get(version));
        let app = app.into_make_service_with_connect_info::<Peer>();
        let listener = TlsListener::new(listener, acceptor);
        tokio::spawn(async move { axum::serve(listener, app).await });

        let mut user = data(&OURS);
        user["token"] = "a-token".into();
        let config = kubeconfig(address.port(), &OURS, &user, &json!({}));
        let config = Kubeconfig::from_yaml(&config.to_string()).unwrap();
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
            .await
            .unwrap();
        let tls = tls(&boundary(), Profile::tls13(), &config).unwrap();
        let client = client(config, Connector::new(tls)).unwrap();
        let version = client.apiserver_version().await.unwrap();
        assert_eq!(version.git_version, "Bearer a-token of CN=etcd-client");
    });
}

async fn version(ConnectInfo(peer): ConnectInfo<Peer>, headers: HeaderMap) -> Json<Value> {
    let mut version: Value = serde_json::from_str(VERSION).unwrap();
    let token = headers["authorization"].to_str().unwrap();
    version["gitVersion"] = format!("{token} of {}", peer.identity().unwrap().subject()).into();
    Json(version)
}
