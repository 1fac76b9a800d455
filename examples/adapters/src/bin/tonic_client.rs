//! A gRPC client over mutual TLS that asks a server's health service (grpc.health.v1), such as
//! etcd's or `tonic_server`'s.
//!
//! ```sh
//! cargo run -p fips-adapter-examples --bin tonic_client -- client.crt client.key ca.crt https://localhost:50051
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::process::ExitCode;

use ::tonic::transport::Endpoint;
use fips_adapter_examples::{AnyError, arguments, client, enter, with_causes};
use fips_boundary::tls::adapter::tokio::Connector;
use fips_boundary::tls::adapter::tonic;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = run().await else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {}", with_causes(&*error));
    ExitCode::FAILURE
}

async fn run() -> Result<(), AnyError> {
    let [chain, key, ca, address] =
        arguments("tonic_client <chain.crt> <key> <ca.crt> <https address>")?;
    let config = client(&enter()?, [&chain, &key, &ca], &[])?;
    let endpoint = Endpoint::from_shared(address)?;
    let channel = tonic::connect(&endpoint, Connector::new(config)).await?;
    let mut health = HealthClient::new(channel);
    let answer = health.check(HealthCheckRequest::default()).await?;
    println!("{:?}", answer.into_inner().status());
    Ok(())
}
