//! Leaves that are in no catalogue: issued by parameters, or for a request by a rule.

use std::sync::Arc;
use std::time::Duration;

use fips_core::Boundary;
use time::OffsetDateTime;

use super::Pki;
use super::init::diagnostic;
use super::issuer::Issuer;
use super::read_back::path_holds;
use crate::audit::{self, Event, EventKind};
use crate::certificate::Certificate;
use crate::clock::{Clock, FixedClock};
use crate::csr::{Grant, ProvenRequest, SigningRule};
use crate::error::Error;
use crate::issue::LeafParams;
use crate::key::SubjectKey;
use crate::store::{Change, EntryPath, Secrecy};

/// A leaf, and the chain that follows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IssuedLeaf {
    /// The leaf.
    pub certificate: Certificate,
    /// Its authority's certificate and those above it.
    pub chain: Arc<[Certificate]>,
}

impl IssuedLeaf {
    /// The leaf and its chain as a file.
    pub fn to_pem(&self) -> String {
        let all = std::iter::once(&self.certificate).chain(&*self.chain);
        all.map(Certificate::to_pem).collect()
    }
}

/// Where a copy stays of a certificate that is handed out.
pub(super) fn copy_of(certificate: &Certificate) -> Result<EntryPath, Error> {
    EntryPath::new(format!("fips/issued/{}.crt", certificate.serial()))
}

impl Pki<'_> {
    /// Issues a leaf for the public half of `key` by the authority called `authority`. Whoever
    /// asked keeps it; it is handed out once it stands in the audit log and a copy of it in
    /// `fips/issued/SERIAL.crt`, so that none is lost on its way.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; [`Error::Gate`]; [`Error::Authority`] when the authority cannot
    /// sign it, or a peer would not take it; failures of the module and the store.
    pub fn issue<K: SubjectKey + ?Sized>(
        &self,
        boundary: &Boundary,
        authority: &str,
        params: &LeafParams,
        key: &K,
        clock: &dyn Clock,
    ) -> Result<IssuedLeaf, Error> {
        let now = clock.now();
        let issuer = self.signing(boundary, authority, now)?;
        self.issued_by(
            boundary,
            authority,
            &issuer,
            params,
            key,
            "by parameters",
            now,
        )
    }

    /// Issues what `rule` lets be issued for `request`, as long as `lifetime` or, without one, as
    /// the rule allows. What the rule does not allow is refused, and the refusal logged.
    ///
    /// # Errors
    ///
    /// [`Error::NotAuthorised`] with every reason; else as [`issue`](Self::issue).
    pub fn sign(
        &self,
        boundary: &Boundary,
        authority: &str,
        request: &ProvenRequest,
        rule: &SigningRule,
        lifetime: Option<Duration>,
        clock: &dyn Clock,
    ) -> Result<(IssuedLeaf, Grant), Error> {
        let now = clock.now();
        let issuer = self.signing(boundary, authority, now)?;
        let grant = rule
            .authorise(request, authority, lifetime)
            .map_err(|refused| self.refused(boundary, authority, refused, now))?;
        let reason = format!("for a request by rule {}", grant.rule());
        let params = grant.params();
        let leaf = self.issued_by(boundary, authority, &issuer, &params, request, &reason, now)?;
        Ok((leaf, grant))
    }

    /// Logs that something was asked of `name` and refused.
    ///
    /// # Errors
    ///
    /// Failures of the module and the store; [`Error::Gate`].
    pub fn log_refusal(
        &self,
        boundary: &Boundary,
        name: &str,
        why: &Error,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        self.admit(Some(boundary.status().opening()))?;
        let event = Event::new(EventKind::Refused, name).with_reason(why.to_string());
        self.log(boundary, Change::new("log a refusal"), event, now)
    }

    /// The refusal, once it is logged; or why it could not be.
    pub(super) fn refused(
        &self,
        boundary: &Boundary,
        name: &str,
        why: Error,
        now: OffsetDateTime,
    ) -> Error {
        match self.log_refusal(boundary, name, &why, now) {
            Ok(()) => why,
            Err(unlogged) => unlogged,
        }
    }

    fn signing(
        &self,
        boundary: &Boundary,
        authority: &str,
        now: OffsetDateTime,
    ) -> Result<Issuer, Error> {
        self.admit(Some(boundary.status().opening()))?;
        let entry = self
            .catalogue
            .authority(authority)
            .ok_or_else(|| self.no_authority(authority))?;
        self.issuer(boundary, &diagnostic()?, entry, now)
    }

    /// What is said of a name that is no authority's.
    pub(super) fn no_authority(&self, name: &str) -> Error {
        let known = self.catalogue.authorities().iter();
        let known: Vec<&str> = known.map(|entry| entry.name.as_str()).collect();
        Error::UnknownEntry {
            name: name.to_owned(),
            known: known.join(", "),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call from each of two")]
    fn issued_by<K: SubjectKey + ?Sized>(
        &self,
        boundary: &Boundary,
        name: &str,
        issuer: &Issuer,
        params: &LeafParams,
        key: &K,
        reason: &str,
        now: OffsetDateTime,
    ) -> Result<IssuedLeaf, Error> {
        let certificate = params.signed_by(key, &issuer.authority, &FixedClock::new(now))?;
        path_holds(&certificate, &issuer.chain, params.usages(), now).map_err(|why| {
            Error::Authority {
                authority: name.to_owned(),
                why,
            }
        })?;
        let event = Event::new(EventKind::Issued, name)
            .with_certificate(&certificate)?
            .with_reason(reason);
        let change = Change::new("issue a certificate").put(
            copy_of(&certificate)?,
            Secrecy::Public,
            certificate.to_pem().into_bytes(),
        );
        self.log(boundary, change, event, now)?;
        Ok(IssuedLeaf {
            certificate,
            chain: Arc::clone(&issuer.chain),
        })
    }

    fn log(
        &self,
        boundary: &Boundary,
        change: Change,
        event: Event,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let change = audit::append(boundary, self.store, change, [event], now)?;
        self.store.apply(&change, &|_, _| Ok(()))
    }
}
