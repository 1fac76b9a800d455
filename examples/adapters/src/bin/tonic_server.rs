//! A gRPC server over mutual TLS: the health service (grpc.health.v1), for clients of one CA.
//!
//! ```sh
//! cargo run -p fips-adapter-examples --bin tonic_server -- server.crt server.key ca.crt 127.0.0.1:50051
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::process::ExitCode;

use fips_adapter_examples::{AnyError, arguments, enter, server, with_causes};
use fips_boundary::tls::adapter::tokio::{Acceptor, Peer, TlsListener};
use fips_boundary::tls::adapter::tonic::Incoming;
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::{Request, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

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
        arguments("tonic_server <chain.crt> <key> <ca.crt> <address:port>")?;
    let config = server(&enter()?, [&chain, &key, &ca], &[b"h2"])?;
    let listener = TlsListener::new(TcpListener::bind(address).await?, Acceptor::new(config));
    println!("listening on https://{}", listener.local_addr()?);

    let reporter = HealthReporter::new();
    reporter
        .set_service_status("example", ServingStatus::Serving)
        .await;
    let health = HealthServer::new(HealthService::from_health_reporter(reporter));
    Server::builder()
        .add_service(InterceptedService::new(health, greet))
        .serve_with_incoming(Incoming::new(listener))
        .await?;
    Ok(())
}

/// Sees each request with its peer.
fn greet(request: Request<()>) -> Result<Request<()>, Status> {
    let peer = request.extensions().get::<Peer>();
    let Some(identity) = peer.and_then(Peer::identity) else {
        return Err(Status::unauthenticated("no client certificate"));
    };
    println!("a call of {}", identity.subject());
    Ok(request)
}
