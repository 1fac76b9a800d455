use std::sync::{Arc, Mutex, PoisonError};

use fips_core::Boundary;
use rustls::crypto::CryptoProvider;

use super::provider;
use crate::policy::Profile;

/// Why rustls's process default is not ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessDefaultTaken {
    /// Another crate installed a provider of its own.
    #[error(
        "rustls's process default is another provider already, with suites {suites} and groups \
         {groups}: whatever uses it is outside of the boundary. Call install_process_default \
         first in main; look for who calls install_default (`cargo tree -i aws-lc-rs`, `cargo \
         tree -i ring`), or turn that crate's provider off by its features, as \
         docs/migrate-from-rustls.md says"
    )]
    Foreign {
        /// Its suites.
        suites: String,
        /// Its groups.
        groups: String,
    },
    /// Ours, for another profile.
    #[error(
        "rustls's process default was installed for profile {installed} and cannot be changed to \
         {wanted}: rustls takes it once; install it in one place, or pass configurations"
    )]
    OtherProfile {
        /// Of the one that is there.
        installed: &'static str,
        /// Of the one that was asked for.
        wanted: &'static str,
    },
}

/// What this crate installed.
static INSTALLED: Mutex<Option<(Profile, Arc<CryptoProvider>)>> = Mutex::new(None);

/// Makes the provider for `profile` rustls's process default, for crates that take nothing else.
///
/// A second call with an equal profile finds it there and succeeds. Nothing in this crate reads
/// the default: configurations and adapters have their provider passed.
///
/// # Errors
///
/// [`ProcessDefaultTaken`]: rustls takes one provider in a process's life, and another is there.
///
/// # Security
///
/// As [`provider()`](crate::provider()): the provider alone is not the policy. A crate that
/// builds its own configuration over it uses the module's approved services, and judges chains
/// by its own rules; extended master secret is required, since rustls asks for it where the
/// provider is a FIPS one.
pub fn install_process_default(
    boundary: &Boundary,
    profile: &Profile,
) -> Result<(), ProcessDefaultTaken> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if installed.is_none() {
        let ours = provider(boundary, profile);
        if CryptoProvider::clone(&ours).install_default().is_ok()
            && let Some(there) = CryptoProvider::get_default()
        {
            *installed = Some((profile.clone(), Arc::clone(there)));
            return Ok(());
        }
    }
    match (&*installed, CryptoProvider::get_default()) {
        (Some((of, ours)), Some(there)) if Arc::ptr_eq(ours, there) => {
            if of == profile {
                return Ok(());
            }
            Err(ProcessDefaultTaken::OtherProfile {
                installed: of.name(),
                wanted: profile.name(),
            })
        }
        (_, there) => Err(foreign(there)),
    }
}

fn foreign(there: Option<&Arc<CryptoProvider>>) -> ProcessDefaultTaken {
    let list = |names: Vec<String>| names.join(", ");
    ProcessDefaultTaken::Foreign {
        suites: list(there.map_or_else(Vec::new, |provider| {
            let suites = provider.cipher_suites.iter();
            suites.map(|suite| format!("{:?}", suite.suite())).collect()
        })),
        groups: list(there.map_or_else(Vec::new, |provider| {
            let groups = provider.kx_groups.iter();
            groups.map(|group| format!("{:?}", group.name())).collect()
        })),
    }
}
