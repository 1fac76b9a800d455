//! What a PKI consists of, as data: authorities, leaves and kubeconfigs, one row each.

mod kubeconfig;
mod options;
mod rke2;

use std::time::Duration;

use crate::error::Error;
use crate::key::KeyType;
use crate::names::{Subject, SubjectAltName};
use crate::store::EntryPath;
use crate::usages::Usages;

pub use options::{Options, Program};

/// The table one engine makes, checks and renews a PKI by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Catalogue {
    /// What it was made from, as kept in the PKI's record.
    pub options: Options,
    /// The authorities, in the order they are made.
    pub authorities: Vec<AuthorityEntry>,
    /// The leaves.
    pub leaves: Vec<LeafEntry>,
    /// The kubeconfigs.
    pub kubeconfigs: Vec<KubeconfigEntry>,
}

/// One authority: `PATH.crt`, `PATH.key`, and `PATH.nochain.crt` with the first certificate
/// alone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorityEntry {
    /// Its name, such as `etcd/server-ca`.
    pub name: String,
    /// The common name, to which `@` and the time of making are added.
    pub common_name: String,
    /// How long it lives.
    pub lifetime: Duration,
    /// The kind of its key.
    pub key_type: KeyType,
    /// The bundle: its certificate first, added trust after it.
    pub certificate: EntryPath,
    /// Its key.
    pub key: EntryPath,
    /// The first certificate alone.
    pub nochain: EntryPath,
}

/// One leaf: `PATH.crt`, with its CA's chain after it, and `PATH.key`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeafEntry {
    /// Its name, such as `client-admin`.
    pub name: String,
    /// Whom it names.
    pub subject: Subject,
    /// Names and addresses.
    pub names: Vec<SubjectAltName>,
    /// What it is for.
    pub usages: Usages,
    /// The name of the authority that signs it.
    pub issuer: String,
    /// How long it lives, if its authority does.
    pub lifetime: Duration,
    /// The kind of its key.
    pub key_type: KeyType,
    /// The leaf and the chain.
    pub certificate: EntryPath,
    /// Its key.
    pub key: EntryPath,
}

/// One kubeconfig, which names its certificates by file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KubeconfigEntry {
    /// Its name, such as `admin.kubeconfig`.
    pub name: String,
    /// Where it lies.
    pub path: EntryPath,
    /// The whole text.
    pub content: String,
}

impl AuthorityEntry {
    /// The name by which the copy of its certificate is renewed.
    pub(crate) fn nochain_name(&self) -> String {
        format!("{}.nochain", self.name)
    }
}

impl Catalogue {
    /// The catalogue of RKE2 or k3s below `<data-dir>/server`.
    ///
    /// # Errors
    ///
    /// [`Error::Catalogue`] and [`Error::Name`] for options that make no sense.
    pub fn rke2(options: Options) -> Result<Self, Error> {
        rke2::catalogue(options)
    }

    /// The authority called `name`.
    pub fn authority(&self, name: &str) -> Option<&AuthorityEntry> {
        self.authorities.iter().find(|entry| entry.name == name)
    }

    /// The leaf called `name`.
    pub fn leaf(&self, name: &str) -> Option<&LeafEntry> {
        self.leaves.iter().find(|entry| entry.name == name)
    }

    /// Every entry of the catalogue. The record, which is written beside them, is not one: see
    /// [`Pki::files`](crate::Pki::files).
    pub fn paths(&self) -> impl Iterator<Item = &EntryPath> {
        let authorities = self
            .authorities
            .iter()
            .flat_map(|entry| [&entry.certificate, &entry.key, &entry.nochain]);
        let leaves = self
            .leaves
            .iter()
            .flat_map(|entry| [&entry.certificate, &entry.key]);
        authorities
            .chain(leaves)
            .chain(self.kubeconfigs.iter().map(|entry| &entry.path))
    }
}
