//! An HTTP server over mutual TLS that tells each client who it is.
//!
//! ```sh
//! cargo run --example hyper_server -- server.crt server.key ca.crt 127.0.0.1:8443
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::process::ExitCode;

use fips_boundary::core::Boundary;
use fips_boundary::tls::adapter::hyper::serve;
use fips_boundary::tls::adapter::tokio::{Acceptor, Peer, TlsListener};
use fips_boundary::tls::{Identity, Profile, ServerConfig, Trust};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Infallible, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [chain, key, ca, address] = &arguments[..] else {
        return Err("usage: hyper_server <chain.crt> <key> <ca.crt> <address:port>".into());
    };

    let boundary = enter()?;
    let config = ServerConfig::builder(&boundary, Profile::sp800_52r2())
        .with_identity(Identity::from_files(&boundary, chain, key)?)
        .with_client_trust(Trust::from_file(ca)?)
        .with_alpn(&[b"h2", b"http/1.1"])
        .build()?;

    let listener = TlsListener::new(TcpListener::bind(address).await?, Acceptor::new(config));
    println!("listening on https://{}", listener.local_addr()?);
    let served = serve(listener, |peer| {
        let greeting = greeting(peer);
        service_fn(move |request: Request<Incoming>| {
            let body = format!("{} {}: {greeting}", request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body)))) }
        })
    });
    Ok(served.await)
}

fn greeting(peer: &Peer) -> String {
    let session = peer.session();
    let subject = peer.identity().map_or("nobody", |peer| peer.subject());
    format!(
        "you are {subject} over {} {}\n",
        session.version, session.suite
    )
}

#[cfg(not(feature = "evaluation"))]
fn enter() -> Result<Boundary, Box<dyn Error>> {
    Ok(Boundary::enter()?)
}

#[cfg(feature = "evaluation")]
fn enter() -> Result<Boundary, Box<dyn Error>> {
    let boundary = Boundary::enter_for_evaluation(fips_boundary::core::Requirements::strict())?;
    println!("evaluation build: {}", boundary.status().statement());
    Ok(boundary)
}
