//! A server that takes authenticated clients alone and greets each by name.
//!
//! ```sh
//! cargo run --example mtls_server -- server.crt server.key ca.crt 127.0.0.1:8443
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use fips_boundary::core::Boundary;
use fips_boundary::core::indicator::Ledger;
use fips_boundary::tls::adapter::tokio::Acceptor;
use fips_boundary::tls::{Identity, Profile, ServerConfig, Trust};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
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
        return Err("usage: mtls_server <chain.crt> <key> <ca.crt> <address:port>".into());
    };

    let boundary = enter()?;
    let config = ServerConfig::builder(&boundary, Profile::sp800_52r2())
        .with_identity(Identity::from_files(&boundary, chain, key)?)
        .with_client_trust(Trust::from_file(ca)?)
        .build()?;
    let acceptor = Acceptor::new(config);

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (socket, from) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // What this connection asks of the module, told by the module's service indicator.
            let ledger = Ledger::new();
            if let Err(error) = ledger.recorded(serve(&acceptor, socket, from)).await {
                println!("{error}");
            }
            println!("{from}: {}", ledger.summary());
        });
    }
}

async fn serve(
    acceptor: &Acceptor,
    socket: TcpStream,
    from: SocketAddr,
) -> Result<(), Box<dyn Error>> {
    let stream = acceptor.accept_from(socket, from).await?;
    let session = stream.session().clone();
    let peer = session.peer.as_ref().ok_or("no client certificate")?;
    let name = peer.common_name().unwrap_or("somebody without a name");
    // The subject is escaped, the common name is not: it could forge a line here.
    println!(
        "{}: {} {} resumed={}",
        peer.subject(),
        session.version,
        session.suite,
        session.resumed
    );

    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    stream
        .write_all(format!("hello {name}, you said: {line}").as_bytes())
        .await?;
    stream.shutdown().await?;
    Ok(())
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
