//! A server whose certificate is renewed on the disk while it serves.
//!
//! ```sh
//! cargo run --example live_server -- server.crt server.key ca.crt 127.0.0.1:8443
//! curl --cacert ca.crt --cert client.crt --key client.key https://localhost:8443/
//! ```
//!
//! It answers with what it serves and what is on the disk.

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use fips_boundary::core::Boundary;
use fips_boundary::tls::live::{Current, Live, TrustFiles, Watched};
use fips_boundary::tls::{Profile, ServerConfig};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// The longest a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

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
        return Err("usage: live_server <chain.crt> <key> <ca.crt> <address:port>".into());
    };

    let boundary = enter()?;
    let mut files = Watched::new(&boundary);
    let node = files.identity(chain, key)?;
    let clients = files.trust(TrustFiles::new(ca))?;
    let live: Live<ServerConfig> = files.start(move || {
        ServerConfig::builder(&boundary, Profile::sp800_52r2())
            .with_identity(node.current())
            .with_client_trust(clients.current())
            .with_alpn(&[b"http/1.1"])
            .build()
    })?;
    let live = Arc::new(live);

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (socket, from) = listener.accept().await?;
        let live = Arc::clone(&live);
        tokio::spawn(async move {
            if let Err(error) = serve(&live, socket).await {
                println!("{from}: {error}");
            }
        });
    }
}

async fn serve(live: &Live<ServerConfig>, socket: TcpStream) -> Result<(), Box<dyn Error>> {
    // Once for each connection, which keeps it.
    let acceptor = TlsAcceptor::from(live.current().rustls());
    let stream = timeout(PATIENCE, acceptor.accept(socket)).await??;
    // By the newest: the client must be believed now.
    live.current().session(stream.get_ref().1)?;
    let answer = service_fn(|_: Request<_>| {
        let text = format!("{}\n", live.status());
        async move { Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(text)))) }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await?;
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
