//! One GET with reqwest over mutual TLS.
//!
//! ```sh
//! cargo run -p fips-adapter-examples --bin reqwest_client -- client.crt client.key ca.crt https://localhost:8443/whoami
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::process::ExitCode;

use fips_adapter_examples::{AnyError, arguments, client, enter, with_causes};
use fips_boundary::tls::adapter::reqwest;

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
        arguments("reqwest_client <chain.crt> <key> <ca.crt> <https address>")?;
    let config = client(&enter()?, [&chain, &key, &ca], &[b"h2", b"http/1.1"])?;
    let response = reqwest::builder(&config)
        .build()?
        .get(address)
        .send()
        .await?;
    println!("{} {:?}", response.status(), response.version());
    print!("{}", response.error_for_status()?.text().await?);
    Ok(())
}
