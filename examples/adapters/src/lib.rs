//! What the examples of this package share: their arguments, and the way into the boundary.

use std::env;
use std::error::Error;

use fips_boundary::core::Boundary;
use fips_boundary::tls::{ClientConfig, Identity, Profile, ServerConfig, Trust};

/// What can go wrong in an example.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// The arguments: chain, key, the other side's CA, and an address.
///
/// # Errors
///
/// The usage.
pub fn arguments(usage: &str) -> Result<[String; 4], AnyError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    <[String; 4]>::try_from(arguments).map_err(|_| format!("usage: {usage}").into())
}

/// A server that takes clients of `ca` alone.
///
/// # Errors
///
/// What the policy, or a file, says.
pub fn server(
    boundary: &Boundary,
    [chain, key, ca]: [&str; 3],
    alpn: &[&[u8]],
) -> Result<ServerConfig, AnyError> {
    let config = ServerConfig::builder(boundary, Profile::sp800_52r2())
        .with_identity(Identity::from_files(boundary, chain, key)?)
        .with_client_trust(Trust::from_file(ca)?)
        .with_alpn(alpn)
        .build()?;
    Ok(config)
}

/// A client that shows a certificate, and takes servers of `ca` alone.
///
/// # Errors
///
/// What the policy, or a file, says.
pub fn client(
    boundary: &Boundary,
    [chain, key, ca]: [&str; 3],
    alpn: &[&[u8]],
) -> Result<ClientConfig, AnyError> {
    let config = ClientConfig::builder(boundary, Profile::sp800_52r2())
        .with_trust(Trust::from_file(ca)?)
        .with_identity(Identity::from_files(boundary, chain, key)?)
        .with_alpn(alpn)
        .build()?;
    Ok(config)
}

/// An error with its causes, as it is for a person.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// Into the boundary.
///
/// # Errors
///
/// The refusal, with each failed check.
#[cfg(not(feature = "evaluation"))]
pub fn enter() -> Result<Boundary, AnyError> {
    Ok(Boundary::enter()?)
}

/// Into the boundary, without a FIPS kernel.
///
/// # Errors
///
/// The refusal, with each failed check.
#[cfg(feature = "evaluation")]
pub fn enter() -> Result<Boundary, AnyError> {
    Ok(Boundary::enter_for_evaluation(
        fips_boundary::core::Requirements::strict(),
    )?)
}
