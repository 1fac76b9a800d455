//! Puts a key into etcd, watches it, and reads it back, over mutual TLS. Several members are
//! named with commas between them.
//!
//! ```sh
//! cargo run -p fips-adapter-examples --bin etcd_client -- client.crt client.key ca.crt https://127.0.0.1:2379
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::process::ExitCode;

use etcd_client::PutOptions;
use fips_adapter_examples::{AnyError, arguments, client, enter, with_causes};
use fips_boundary::tls::adapter::etcd;
use fips_boundary::tls::adapter::tokio::Connector;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = run().await else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {}", with_causes(&*error));
    ExitCode::FAILURE
}

async fn run() -> Result<(), AnyError> {
    let [chain, key, ca, addresses] =
        arguments("etcd_client <chain.crt> <key> <ca.crt> <https addresses>")?;
    let config = client(&enter()?, [&chain, &key, &ca], &[])?;
    let members: Vec<&str> = addresses.split(',').collect();
    let mut etcd = etcd::connect(&members, Connector::new(config), None).await?;

    let mut watch = etcd.watch("greeting", None).await?;
    let lease = etcd.lease_grant(60, None).await?.id();
    let with_lease = PutOptions::new().with_lease(lease);
    etcd.put("greeting", "good morning", Some(with_lease))
        .await?;
    // The first message says that the watch began.
    let events = loop {
        let message = watch.message().await?.ok_or("the watch has ended")?;
        if !message.events().is_empty() {
            break message.events().len();
        }
    };
    println!("events: {events}");
    let got = etcd.get("greeting", None).await?;
    for pair in got.kvs() {
        println!("{}: {}", pair.key_str()?, pair.value_str()?);
    }
    Ok(())
}
