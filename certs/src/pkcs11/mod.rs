//! Authorities whose keys lie on a PKCS#11 token (OASIS PKCS#11 2.40 and 3.0).

mod fault;
mod generate;
mod library;
mod public;
mod signer;
mod token;

pub use signer::Pkcs11Signer;
