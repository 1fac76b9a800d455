//! Makes a tree by the library, until the command line has each layout.
use std::path::Path;

use fips_boundary::certs::catalogue::{Catalogue, Options, Program};
use fips_boundary::certs::store::DirStore;
use fips_boundary::certs::{Pki, SystemClock};
use fips_boundary::core::{Boundary, Requirements};

use crate::Outcome;

pub(crate) fn make(root: &Path, rke2: bool, port: u16) -> Outcome {
    let run = || -> Result<(), Box<dyn std::error::Error>> {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict())?;
        let program = if rke2 {
            Program::Rke2
        } else {
            Program::Kubeadm
        };
        let mut options = Options::new(program, crate::run::NODE);
        options.node_ips = vec!["127.0.0.1".parse()?];
        options.api_port = port;
        options.data_dir = if rke2 {
            root.parent().unwrap_or(root).to_owned()
        } else {
            root.to_owned()
        };
        let store = DirStore::create_or_open(root)?;
        Pki::init(&boundary, &store, Catalogue::new(options)?, &SystemClock)?;
        Ok(())
    };
    run().map_err(|e| e.to_string())
}
