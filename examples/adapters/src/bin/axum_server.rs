//! An axum server over mutual TLS that tells each client who it is.
//!
//! ```sh
//! cargo run -p fips-adapter-examples --bin axum_server -- server.crt server.key ca.crt 127.0.0.1:8443
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::process::ExitCode;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use fips_adapter_examples::{AnyError, arguments, enter, server, with_causes};
use fips_boundary::tls::adapter::tokio::{Acceptor, Peer, TlsListener};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run().await else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {}", with_causes(&*error));
    ExitCode::FAILURE
}

async fn run() -> Result<(), AnyError> {
    let [chain, key, ca, address] =
        arguments("axum_server <chain.crt> <key> <ca.crt> <address:port>")?;
    let config = server(&enter()?, [&chain, &key, &ca], &[b"h2", b"http/1.1"])?;
    let listener = TlsListener::new(TcpListener::bind(address).await?, Acceptor::new(config));
    println!("listening on https://{}", listener.local_addr()?);
    let app = Router::new().route("/whoami", get(whoami));
    axum::serve(listener, app.into_make_service_with_connect_info::<Peer>()).await?;
    Ok(())
}

async fn whoami(ConnectInfo(peer): ConnectInfo<Peer>) -> String {
    let session = peer.session();
    let subject = peer.identity().map_or("nobody", |peer| peer.subject());
    format!(
        "you are {subject} over {} {}\n",
        session.version, session.suite
    )
}
