//! A client that shows a certificate, says one line and prints the answer.
//!
//! ```sh
//! cargo run --example mtls_client -- client.crt client.key ca.crt localhost:8443
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
use fips_boundary::tls::adapter::tokio::Connector;
use fips_boundary::tls::pki_types::ServerName;
use fips_boundary::tls::{ClientConfig, Explanation, Identity, Profile, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
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
        return Err("usage: mtls_client <chain.crt> <key> <ca.crt> <name:port>".into());
    };
    let (host, _) = address.rsplit_once(':').ok_or("the address has no port")?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;

    let boundary = enter()?;
    let config = ClientConfig::builder(&boundary, Profile::sp800_52r2())
        .with_trust(Trust::from_file(ca)?)
        .with_identity(Identity::from_files(&boundary, chain, key)?)
        .build()?;
    let connector = Connector::new(config);

    let socket = TcpStream::connect(address).await?;
    let server = socket.peer_addr()?;
    let mut stream = connector.connect_to(name, socket, server).await?;
    let session = stream.session();
    println!("{} {}", session.version, session.suite);

    stream.write_all(b"good morning\n").await?;
    let mut answer = String::new();
    // In TLS 1.3 a server that refuses the client's certificate says so only now.
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await?
        .map_err(|error| explain(&error))?;
    print!("{answer}");
    Ok(())
}

fn explain(error: &std::io::Error) -> String {
    match Explanation::of_io(error) {
        Some(explanation) => explanation.to_string(),
        None => error.to_string(),
    }
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
