//! What the benches share.

#![allow(dead_code, unused_imports, reason = "each bench takes its part")]

mod files;
mod floor;
mod lists;
mod pair;

use fips_boundary::certs::key::KeyType;
use fips_boundary::core::{Boundary, Requirements};
use fips_boundary::tls::{self, ClientConfig, Group, Profile, ServerConfig, Trust};

pub(crate) use files::{Files, authority};
pub(crate) use floor::Floor;
pub(crate) use lists::trust_with_list;
pub(crate) use pair::Pair;

/// Opens the gate for this process.
pub(crate) fn enter() -> Boundary {
    Boundary::enter_for_evaluation(Requirements::strict()).expect("the gate opens")
}

/// SP 800-52r2 in one version of TLS.
pub(crate) fn in_version(version: tls::Version) -> Profile {
    Profile::sp800_52r2()
        .narrowed_to(version)
        .expect("the profile names it")
}

/// TLS 1.3 over one group alone.
pub(crate) fn over(group: Group) -> Profile {
    match group {
        Group::MlKem1024 | Group::MlKem768 => Profile::sp800_52r2().with_ml_kem(),
        Group::P256 | Group::P384 | Group::P521 => Ok(Profile::sp800_52r2()),
        Group::SecP256r1MlKem768 | Group::SecP384r1MlKem1024 => {
            Profile::sp800_52r2().with_hybrids()
        }
    }
    .expect("the profile lets them be turned on")
    .narrowed_to(tls::Version::Tls13)
    .expect("the profile has it")
    .narrow_groups(&[group])
    .expect("the profile names it")
}

/// Whether the client shows a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Anonymous,
    Mutual,
}

impl Client {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "server-auth",
            Self::Mutual => "mutual",
        }
    }

    /// How many of both sides show a certificate.
    pub(crate) fn shown(self) -> u32 {
        match self {
            Self::Anonymous => 1,
            Self::Mutual => 2,
        }
    }
}

impl Pair {
    /// Under SP 800-52r2, in one version of TLS.
    pub(crate) fn new(
        boundary: &Boundary,
        version: tls::Version,
        key_type: KeyType,
        client: Client,
    ) -> Self {
        Self::with_profile(boundary, &in_version(version), key_type, client)
    }

    pub(crate) fn with_profile(
        boundary: &Boundary,
        profile: &Profile,
        key_type: KeyType,
        client: Client,
    ) -> Self {
        Self::with_files(boundary, profile, &Files::new(boundary, key_type), client)
    }

    pub(crate) fn with_files(
        boundary: &Boundary,
        profile: &Profile,
        files: &Files,
        client: Client,
    ) -> Self {
        Self::with_trust(boundary, profile, files, &files.trust(), client)
    }

    pub(crate) fn with_trust(
        boundary: &Boundary,
        profile: &Profile,
        files: &Files,
        trust: &Trust,
        client: Client,
    ) -> Self {
        let server = ServerConfig::builder(boundary, profile.clone())
            .with_identity(files.identity(boundary, &files.server));
        let server = match client {
            Client::Anonymous => server.without_client_authentication(),
            Client::Mutual => server.with_client_trust(trust.clone()),
        };
        let config = ClientConfig::builder(boundary, profile.clone()).with_trust(trust.clone());
        let config = match client {
            Client::Anonymous => config,
            Client::Mutual => config.with_identity(files.identity(boundary, &files.client)),
        };
        Self::of(
            server.build().expect("a server").rustls(),
            config.build().expect("a client").rustls(),
        )
    }
}
