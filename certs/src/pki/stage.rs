//! Putting what was made where its place is.

use fips_core::signing::PrivateKey;
use zeroize::Zeroizing;

use super::files;
use super::issuer::{Above, Issuer};
use super::read_back::{Leaf, Staged};
use crate::catalogue::{
    AuthorityEntry, Catalogue, Credentials, KubeconfigEntry, LeafEntry, Place, User, UserLeaf,
};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::key;
use crate::store::{Secrecy, Store};

/// Stages the files of an authority's certificate.
pub(super) fn authority(staged: Staged, entry: &AuthorityEntry, issuer: &Issuer) -> Staged {
    let chain = &issuer.chain;
    let staged = staged.authority(&entry.certificate, chain, chain.len());
    match &entry.nochain {
        Some(path) => staged.authority(path, chain, 1),
        None => staged,
    }
}

/// Stages a newly issued leaf and its key wherever their place is. `issuer` is what signed it.
///
/// A kubeconfig that embeds it is written whole, with its authority's file as it is staged, or
/// else as it is in the store.
pub(super) fn leaf(
    staged: Staged,
    store: &dyn Store,
    catalogue: &Catalogue,
    entry: &LeafEntry,
    issuer: &Issuer,
    leaf: &Certificate,
    key: &PrivateKey,
) -> Result<Staged, Error> {
    leaf_below(staged, store, catalogue, entry, issuer.above(), leaf, key)
}

/// As [`leaf`], for one that was signed elsewhere.
pub(super) fn leaf_below(
    staged: Staged,
    store: &dyn Store,
    catalogue: &Catalogue,
    entry: &LeafEntry,
    above: Above,
    leaf: &Certificate,
    key: &PrivateKey,
) -> Result<Staged, Error> {
    let expected = Leaf::new(leaf, above, entry.chained, entry.usages);
    match &entry.place {
        Place::Kubeconfig(path) => {
            let frame = catalogue
                .kubeconfig_at(path)
                .ok_or_else(|| Error::Catalogue {
                    option: entry.name.clone(),
                    why: format!("{path} is no kubeconfig of the catalogue"),
                })?;
            let authority = authority_file(&staged, store, catalogue, frame)?;
            let certificate = expected.to_pem(leaf);
            let pem = key::to_pem(key)?;
            let text = frame.render(Some(&User {
                authority: &authority,
                leaf: UserLeaf::Data {
                    certificate: certificate.as_bytes(),
                    key: pem.as_bytes(),
                },
            }))?;
            Ok(staged.kubeconfig(frame, text, expected, key))
        }
        Place::Pair {
            certificate,
            key: path,
        } => staged.leaf(certificate, leaf, expected).key(path, key),
    }
}

/// Stages a kubeconfig again, with the leaf that it embeds already, or that is staged with it.
pub(super) fn kubeconfig(
    staged: Staged,
    store: &dyn Store,
    catalogue: &Catalogue,
    entry: &KubeconfigEntry,
) -> Result<Staged, Error> {
    let text = match &entry.credentials {
        Credentials::Files { .. } => entry.render(None)?,
        // Its leaf was staged, and with it the whole.
        Credentials::Embedded if staged.content(&entry.path).is_some() => return Ok(staged),
        Credentials::Embedded => {
            let unusable = |why: String| Error::Certificate { why };
            let found = files::kubeconfig(store, &entry.path)
                .map_err(unusable)?
                .ok_or_else(|| unusable(format!("{} is missing", entry.path)))?;
            let authority = &authority_file(&staged, store, catalogue, entry)?;
            match (
                entry.render_around(&found, authority),
                &found.certificate,
                found.key(),
            ) {
                (Some(text), ..) => text?,
                (None, Some(certificate), Some(key)) => entry.render(Some(&User {
                    authority,
                    leaf: UserLeaf::Data { certificate, key },
                }))?,
                _ => return Err(unusable(format!("{} embeds no leaf", entry.path))),
            }
        }
    };
    let mut text = text;
    let content = Zeroizing::new(std::mem::take(&mut *text).into_bytes());
    Ok(staged.bytes(&entry.path, Secrecy::Secret, content))
}

/// The file of a kubeconfig's authority: as it will be, where it is written too.
fn authority_file(
    staged: &Staged,
    store: &dyn Store,
    catalogue: &Catalogue,
    entry: &KubeconfigEntry,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let unusable = |why: String| Error::Authority {
        authority: entry.authority.clone(),
        why,
    };
    let authority = catalogue
        .authority(&entry.authority)
        .ok_or_else(|| unusable("it is not in the catalogue".into()))?;
    let path = &authority.certificate;
    let found = match staged.content(path) {
        Some(content) => Some(content.clone()),
        None => store.read(path)?,
    };
    found.ok_or_else(|| unusable(format!("{path} is missing")))
}
