//! Certificate requests: other programs' read and proven, ours proven by other programs, hostile
//! ones refused with each reason.

#[path = "../common/mod.rs"]
mod common;
mod read;
mod rules;

use std::path::Path;

use common::{diagnostic, openssl};
use fips_certs::csr::{CertificateRequest, ProvenRequest};
use fips_certs::{Error, SubjectAltName};

fn read(folder: &Path, file: &str) -> Result<CertificateRequest, Error> {
    CertificateRequest::from_pem(&std::fs::read(folder.join(file)).unwrap())
}

fn prove(folder: &Path, file: &str) -> Result<ProvenRequest, Error> {
    read(folder, file)?.prove(&diagnostic())
}

fn names() -> Vec<SubjectAltName> {
    let names = ["node-1", "192.0.2.10", "2001:db8::10"];
    names.map(|name| name.parse().unwrap()).to_vec()
}

/// The request of a kubelet's serving certificate, written by openssl.
fn write_serving(folder: &Path, key: &str, more: &str) {
    let config = "[req]\nprompt=no\ndistinguished_name=dn\nreq_extensions=ext\n\
                  [dn]\nO=system:nodes\nCN=system:node:node-1\n\
                  [ext]\nsubjectAltName=DNS:node-1,IP:192.0.2.10,IP:2001:db8::10\n";
    std::fs::write(folder.join("req.cnf"), format!("{config}{more}")).unwrap();
    openssl(
        folder,
        &format!("req -new -config req.cnf -key {key} -out request.csr"),
    );
}
