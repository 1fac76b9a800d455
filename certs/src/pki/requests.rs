//! Requests to authorities elsewhere: for an authority of this PKI, and for leaves whose
//! authority's key is not here. They wait, beside their keys, in `fips/requests/`.

use fips_core::Boundary;
use fips_core::signing::PrivateKey;
use serde::Serialize;
use time::OffsetDateTime;

use super::init::{ROOM, apply, diagnostic};
use super::plan::Plan;
use super::read_back::Staged;
use super::{Pki, files, keys};
use crate::catalogue::{AuthorityEntry, LeafEntry};
use crate::clock::Clock;
use crate::csr::CertificateRequest;
use crate::error::Error;
use crate::issue::{self, IntoSigner, Signer};
use crate::store::{EntryPath, Secrecy};
use crate::{key, mark};

/// Where a request and the key that waits for its certificate lie.
pub(super) struct Place {
    pub(super) request: EntryPath,
    pub(super) key: EntryPath,
}

impl Place {
    pub(super) fn of(name: &str) -> Result<Self, Error> {
        Ok(Self {
            request: EntryPath::new(format!("fips/requests/{name}.csr"))?,
            key: EntryPath::new(format!("fips/requests/{name}.key"))?,
        })
    }
}

/// A request that waits to be signed elsewhere.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Requested {
    /// The entry of the catalogue it is for.
    pub name: String,
    /// Its file, below the store's root.
    pub file: String,
    /// Whom it names.
    pub subject: String,
    /// The authority that shall sign it.
    pub issuer: String,
    /// Whether it waited already.
    pub waited: bool,
}

impl Pki<'_> {
    /// A request for the certificate of an authority, for one elsewhere (an offline root) to
    /// sign: of the key that is there, under the name its certificate has; or with `new_key` of a
    /// fresh one, which waits in `fips/requests/` for [`import`](Self::import).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; [`Error::Gate`]; [`Error::Authority`] for one whose certificate
    /// or key cannot be read; failures of the module and the store.
    pub fn export_request(
        &self,
        boundary: &Boundary,
        authority: &str,
        new_key: bool,
        clock: &dyn Clock,
    ) -> Result<CertificateRequest, Error> {
        self.admit(Some(boundary.status().opening()))?;
        let entry = self
            .catalogue
            .authority(authority)
            .ok_or_else(|| self.no_authority(authority))?;
        let now = clock.now();
        let place = Place::of(&entry.name)?;
        let mut staged = Staged::new("request an authority's certificate");
        let request = if new_key {
            if let Some(why) = self.key_out_of_reach(entry) {
                return Err(Error::Authority {
                    authority: entry.name.clone(),
                    why,
                });
            }
            let made = key::generate(boundary, entry.key_type)?;
            let source = self.catalogue.key_source(&entry.name);
            staged = keys::put(staged, boundary, &place.key, &made, source, &*self.unlock)?;
            let name = entry.subject_at(now)?.to_rcgen(mark::for_process());
            let identifier = issue::key_identifier(made.public_key())?;
            let signer = made.into_signer()?;
            CertificateRequest::of_authority(&*signer, name, Some(ROOM), &identifier)?
        } else {
            self.request_of_present(boundary, entry)?
        };
        let pem = request.to_pem().into_bytes();
        staged = staged.bytes(&place.request, Secrecy::Public, pem);
        apply(
            boundary,
            &diagnostic()?,
            self.store,
            staged,
            Vec::new(),
            now,
        )?;
        Ok(request)
    }

    fn request_of_present(
        &self,
        boundary: &Boundary,
        entry: &AuthorityEntry,
    ) -> Result<CertificateRequest, Error> {
        let refuse = |why: String| Error::Authority {
            authority: entry.name.clone(),
            why,
        };
        let certificates = files::certificates(self.store, &entry.certificate).map_err(refuse)?;
        let signer = self.signer(boundary, entry)?;
        let own = certificates
            .first()
            .filter(|own| own.public_key() == Signer::public_key(&*signer))
            .ok_or_else(|| refuse("its key is not that of its certificate".into()))?;
        let name = issue::distinguished_name(&own.facts().subject_der)
            .ok_or_else(|| refuse("its subject cannot be written again".into()))?;
        let path_length = own
            .path_length()
            .and_then(|length| u8::try_from(length).ok());
        // What it signed until now names its key by this one.
        let identifier = match own.subject_key_id() {
            Some(identifier) => identifier.to_vec(),
            None => issue::key_identifier(own.public_key())?,
        };
        CertificateRequest::of_authority(&*signer, name, path_length, &identifier)
    }

    /// Writes requests for the leaves of `plan` that are due and whose authority's key is not
    /// here, each with a new key beside it. One that waits already, for the same leaf, stays.
    ///
    /// # Errors
    ///
    /// [`Error::Gate`]; failures of the module and the store.
    pub fn request_leaves(
        &self,
        boundary: &Boundary,
        plan: &Plan,
        clock: &dyn Clock,
    ) -> Result<Vec<Requested>, Error> {
        self.admit(Some(boundary.status().opening()))?;
        let mut staged = Staged::new("request leaves of an authority elsewhere");
        let mut requested = Vec::new();
        for entry in self.requestable(plan) {
            let place = Place::of(&entry.name)?;
            let waiting = self.waiting(boundary, entry, &place)?;
            let waited = waiting.is_some();
            if waiting.is_none() {
                let made = key::generate(boundary, entry.key_type)?;
                staged = staged.key(&place.key, &made)?;
                let request = request(entry, made)?.to_pem().into_bytes();
                staged = staged.bytes(&place.request, Secrecy::Public, request);
            }
            requested.push(Requested {
                name: entry.name.clone(),
                file: place.request.to_string(),
                subject: entry.subject.to_string(),
                issuer: entry.issuer.clone(),
                waited,
            });
        }
        if !staged.change().is_empty() {
            let now: OffsetDateTime = clock.now();
            apply(
                boundary,
                &diagnostic()?,
                self.store,
                staged,
                Vec::new(),
                now,
            )?;
        }
        Ok(requested)
    }

    /// The leaves of `plan` that are requested rather than renewed.
    pub fn requestable<'p>(&'p self, plan: &'p Plan) -> impl Iterator<Item = &'p LeafEntry> {
        plan.blocked.iter().filter_map(|blocked| {
            let entry = self.catalogue.leaf(&blocked.name)?;
            let authority = self.catalogue.authority(&entry.issuer)?;
            authority.key.is_none().then_some(entry)
        })
    }

    /// The request that waits for `entry`: of the key beside it, and saying what a new one would.
    fn waiting(
        &self,
        boundary: &Boundary,
        entry: &LeafEntry,
        place: &Place,
    ) -> Result<Option<CertificateRequest>, Error> {
        let (Some(file), Some(key)) = (
            self.store.read(&place.request)?,
            self.store.read(&place.key)?,
        ) else {
            return Ok(None);
        };
        let Ok(found) = CertificateRequest::from_pem(&file) else {
            return Ok(None);
        };
        let Ok(key) = key::from_pem(boundary, &key) else {
            return Ok(None);
        };
        let right = key::KeyType::of(&key) == Some(entry.key_type);
        let wanted = if right {
            request(entry, key)?
        } else {
            return Ok(None);
        };
        Ok(found.says_the_same(&wanted).then_some(found))
    }
}

fn request(entry: &LeafEntry, key: PrivateKey) -> Result<CertificateRequest, Error> {
    let signer = key.into_signer()?;
    CertificateRequest::new(&*signer, &entry.subject, &entry.names, entry.usages)
}
