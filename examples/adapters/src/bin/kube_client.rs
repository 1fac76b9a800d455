//! The version and the config maps of the cluster that a kubeconfig names.
//!
//! ```sh
//! KUBECONFIG=admin.kubeconfig cargo run -p fips-adapter-examples --bin kube_client
//! ```

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an example prints"
)]

use std::process::ExitCode;

use ::kube::api::ListParams;
use ::kube::config::KubeConfigOptions;
use ::kube::{Api, Config, ResourceExt};
use fips_adapter_examples::{AnyError, enter, with_causes};
use fips_boundary::tls::Profile;
use fips_boundary::tls::adapter::kube;
use fips_boundary::tls::adapter::tokio::Connector;
use k8s_openapi::api::core::v1::ConfigMap;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = run().await else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {}", with_causes(&*error));
    ExitCode::FAILURE
}

async fn run() -> Result<(), AnyError> {
    let config = Config::from_kubeconfig(&KubeConfigOptions::default()).await?;
    let tls = kube::tls(&enter()?, Profile::sp800_52r2(), &config)?;
    let client = kube::client(config, Connector::new(tls))?;
    println!("{}", client.apiserver_version().await?.git_version);
    let maps: Api<ConfigMap> = Api::all(client);
    for map in maps.list(&ListParams::default()).await? {
        println!("{}", map.name_any());
    }
    Ok(())
}
