//! Properties of what is issued and read: names, validities, serial numbers.

#[path = "../common/mod.rs"]
mod common;
mod names;
mod serials;
mod validity;

use std::sync::{Arc, LazyLock};

use common::boundary;
use fips_certs::key::{self, KeyType};
use fips_certs::{IntoSigner, Signer};
use proptest::prelude::ProptestConfig;

/// One key for everything that is signed here: no property is about keys.
static KEY: LazyLock<Arc<dyn Signer>> = LazyLock::new(|| {
    key::generate(&boundary(), KeyType::P256)
        .unwrap()
        .into_signer()
        .unwrap()
});

fn signer() -> Arc<dyn Signer> {
    Arc::clone(&KEY)
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
