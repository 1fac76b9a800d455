//! An HTTP/2 client over mutual TLS: one GET, its answer printed.
//!
//! ```sh
//! cargo run --example hyper_client -- client.crt client.key ca.crt localhost:8443
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use fips_boundary::core::Boundary;
use fips_boundary::tls::adapter::hyper::HttpsConnector;
use fips_boundary::tls::adapter::tokio::{Connector, Peer};
use fips_boundary::tls::{ClientConfig, Identity, Profile, Trust};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

/// The longest an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [chain, key, ca, address] = &arguments[..] else {
        return Err("usage: hyper_client <chain.crt> <key> <ca.crt> <name:port>".into());
    };
    let boundary = enter()?;
    let config = ClientConfig::builder(&boundary, Profile::sp800_52r2())
        .with_trust(Trust::from_file(ca)?)
        .with_identity(Identity::from_files(&boundary, chain, key)?)
        .with_alpn(&[b"h2"])
        .build()?;
    let connector = HttpsConnector::new(Connector::new(config));
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);

    let request = client.get(format!("https://{address}/whoami").parse()?);
    // In TLS 1.3 a server that refuses the client's certificate says so only now.
    let response = timeout(PATIENCE, request)
        .await?
        .map_err(|error| with_causes(&error))?;
    if let Some(server) = response.extensions().get::<Peer>() {
        let session = server.session();
        println!("{} {}", session.version, session.suite);
    }
    println!("{}", response.status());
    let body = response.into_body().collect().await?.to_bytes();
    print!("{}", String::from_utf8_lossy(&body));
    Ok(())
}

/// An error with its causes.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
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
