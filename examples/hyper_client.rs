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
use fips_boundary::tls::{ClientConfig, Explanation, Identity, Profile, Session, Trust};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// The longest a handshake, or an answer, may take.
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
    let (host, _) = address.rsplit_once(':').ok_or("the address has no port")?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;

    let boundary = enter()?;
    let config = ClientConfig::builder(&boundary, Profile::sp800_52r2())
        .with_trust(Trust::from_file(ca)?)
        .with_identity(Identity::from_files(&boundary, chain, key)?)
        .with_alpn(&[b"h2"])
        .build()?;
    let connector = TlsConnector::from(config.rustls());

    let socket = TcpStream::connect(address).await?;
    let stream = timeout(PATIENCE, connector.connect(name, socket))
        .await?
        .map_err(|error| match Explanation::of_io(&error) {
            Some(explanation) => explanation.to_string(),
            None => error.to_string(),
        })?;
    let session = Session::of(stream.get_ref().1)?;
    println!("{} {}", session.version, session.suite);

    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("https://{address}/whoami")).body(Empty::<Bytes>::new())?;
    let response = match timeout(PATIENCE, sender.send_request(request)).await? {
        Ok(response) => response,
        Err(error) => {
            // In TLS 1.3 a server that refuses the client's certificate says so only now, and
            // the connection is what hears it.
            let ended = timeout(PATIENCE, connection).await??.err();
            return Err(ended
                .map_or_else(|| with_causes(&error), |ended| with_causes(&ended))
                .into());
        }
    };
    println!("{}", response.status());
    let body = response.into_body().collect().await?.to_bytes();
    print!("{}", String::from_utf8_lossy(&body));
    Ok(())
}

/// An error with its causes: hyper keeps of TLS's the text alone.
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
