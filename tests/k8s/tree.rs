//! The tree, made by the library: with the port the API server gets, and the addresses of
//! loopback alone.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

use fips_boundary::certs::catalogue::{Catalogue, Options, Program};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Pki, SystemClock};
use fips_boundary::core::{Boundary, Requirements};

use crate::Outcome;
use crate::run::{NODE, Run};

pub(crate) fn make(run: &Run) -> Outcome {
    let files = try_make(run).map_err(|error| format!("no tree: {error}"))?;
    run.ok(&format!("the tree is made: {files} certificates"));
    Ok(())
}

fn try_make(run: &Run) -> Result<usize, Box<dyn Error>> {
    let boundary = Boundary::enter_for_evaluation(Requirements::strict())?;
    let (program, data_dir) = match run.layout.name {
        // Its kubeconfigs name files below `<data-dir>/server`.
        "rke2" => (Program::Rke2, run.root.parent().unwrap_or(&run.root)),
        _ => (Program::Kubeadm, run.root.as_path()),
    };
    let mut options = Options::new(program, NODE);
    options.node_ips = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    options.api_port = run.ports.api;
    options.data_dir = data_dir.to_owned();
    let store = DirStore::create_or_open(&run.root)?;
    let (_, report) = Pki::init(&boundary, &store, Catalogue::new(options)?, &SystemClock)?;
    Ok(report.issued.len())
}
