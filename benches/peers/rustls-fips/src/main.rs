//! rustls with its own FIPS provider, in `make bench-peers` (see `scripts/bench-peers`).
//!
//!     rustls-fips CASE FOLDER COUNT
//!
//! Prints what one of COUNT handshakes takes, in nanoseconds of CPU time, client and server
//! together. Everything is the provider's default but the group, which the case names.

#[allow(dead_code, reason = "shared with fips-boundary's benches")]
#[path = "../../../support/measure.rs"]
mod measure;
#[allow(dead_code, reason = "shared with fips-boundary's benches")]
#[path = "../../../support/pair.rs"]
mod pair;

use std::path::Path;
use std::sync::Arc;

use pair::Pair;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, version};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [case, folder, count] = &arguments[..] else {
        panic!("usage: rustls-fips CASE FOLDER COUNT");
    };
    let (kind, group) = case.split_once('-').expect("KIND-GROUP");
    let group = match group {
        "mlkem768" => kx_group::MLKEM768,
        "p256" => kx_group::SECP256R1,
        "secp256r1mlkem768" => kx_group::SECP256R1MLKEM768,
        other => panic!("no group {other}"),
    };
    let resumed = match kind {
        "full" => false,
        "resumed" => true,
        other => panic!("no case {other}"),
    };
    let pair = made(Path::new(folder), group);
    pair.warm(resumed);
    let count = count.parse().expect("COUNT is a number");
    println!(
        "{}",
        measure::nanoseconds(count, || {
            pair.handshake(resumed);
        })
    );
}

fn made(folder: &Path, group: &'static dyn SupportedKxGroup) -> Pair {
    let provider = Arc::new(CryptoProvider {
        kx_groups: vec![group],
        ..rustls::crypto::default_fips_provider()
    });
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(folder.join("ca.pem")).expect("a certificate"))
        .expect("an authority");
    let roots = Arc::new(roots);
    let shown = |name: &str| {
        let certificate = CertificateDer::from_pem_file(folder.join(name).with_extension("pem"));
        let key = PrivateKeyDer::from_pem_file(folder.join(name).with_extension("key"));
        (
            vec![certificate.expect("a certificate")],
            key.expect("a key"),
        )
    };

    let (chain, key) = shown("server");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
            .build()
            .expect("a verifier");
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])
        .expect("a version")
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .expect("an identity");

    let (chain, key) = shown("client");
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .expect("a version")
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .expect("an identity");
    assert!(server.fips() && client.fips(), "its own word for it");
    Pair::of(Arc::new(server), Arc::new(client))
}
