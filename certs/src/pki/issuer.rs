//! An authority in use: what it signs with, and what follows its leaves.

use std::sync::Arc;

use fips_core::{Boundary, Diagnostic};
use time::OffsetDateTime;

use super::bundle::Bundle;
use super::row::Status;
use super::{Pki, files};
use crate::catalogue::AuthorityEntry;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::issue::Authority;

/// An authority, and the chain its leaves are followed by: its own certificate first.
#[derive(Debug)]
pub(super) struct Issuer {
    pub(super) authority: Authority,
    pub(super) chain: Arc<[Certificate]>,
    /// Its certificates under other authorities' signatures, for who trusts those alone: they
    /// follow a leaf first.
    pub(super) crosses: Arc<[Certificate]>,
}

/// What follows the leaves of an authority.
#[derive(Debug)]
pub(super) struct Above {
    pub(super) chain: Arc<[Certificate]>,
    pub(super) crosses: Arc<[Certificate]>,
}

impl Issuer {
    /// What follows its leaves.
    pub(super) fn above(&self) -> Above {
        Above {
            chain: Arc::clone(&self.chain),
            crosses: Arc::clone(&self.crosses),
        }
    }

    /// One that was just made, below the authorities of `above`.
    pub(super) fn new(authority: Authority, above: Option<&Self>) -> Self {
        let own = std::iter::once(authority.certificate().clone());
        let above = above.map_or(&[][..], |above| &above.chain);
        Self {
            chain: own.chain(above.iter().cloned()).collect(),
            crosses: Arc::default(),
            authority,
        }
    }

    /// The authority of a file.
    pub(super) fn of_bundle(authority: Authority, bundle: &Bundle) -> Self {
        Self {
            authority,
            chain: bundle.chain().into(),
            crosses: bundle.crosses().cloned().collect(),
        }
    }
}

impl Pki<'_> {
    /// The authority of `entry`, whose chain must hold now.
    pub(super) fn issuer(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        entry: &AuthorityEntry,
        now: OffsetDateTime,
    ) -> Result<Issuer, Error> {
        let refuse = |why: String| Error::Authority {
            authority: entry.name.clone(),
            why,
        };
        let certificates = files::certificates(self.store, &entry.certificate).map_err(refuse)?;
        let bundle = Bundle::new(certificates, diagnostic);
        // A plan can be older than what it is carried out on.
        let mut flaws = bundle.flaws(now).into_iter();
        if let Some((_, why)) = flaws.find(|(status, _)| *status > Status::Warning) {
            return Err(refuse(why));
        }
        let first = bundle
            .first()
            .ok_or_else(|| refuse("its file holds no certificate".into()))?;
        Ok(Issuer::of_bundle(
            Authority::load(first.clone(), self.signer(boundary, entry)?)?,
            &bundle,
        ))
    }
}

/// Why an authority without a key cannot sign.
pub(super) const KEY_ELSEWHERE: &str =
    "its key is not kept in this folder; have it signed where the key is";
