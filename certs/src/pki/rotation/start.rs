//! Preparing a rotation: the new authority, certified by itself and by the old one.

use std::sync::Arc;
use std::time::Duration;

use fips_core::{Boundary, Diagnostic};
use time::OffsetDateTime;

use super::held::Held;
use super::journal::{Authorities, Identity, Journal, Rotated, sha256};
use super::step::entered;
use super::{Phase, Rotation, Step, stage_journal};
use crate::audit::{Event, EventKind};
use crate::certificate::Certificate;
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::issue::{Authority, AuthorityParams, Signer};
use crate::key::{KeySource, Pkcs11Uri};
use crate::pki::bundle::Bundle;
use crate::pki::files::Pair;
use crate::pki::init::{ROOM, apply, diagnostic};
use crate::pki::keys;
use crate::pki::read_back::Staged;
use crate::pki::report::Issued;
use crate::pki::row::Status;
use crate::store::Secrecy;

/// How long the old authority is certified by the new one. A rotation takes days; whoever has
/// the old key can be believed that long where the new authority alone is trusted, and after it is
/// retired, too.
const CROSSED_FOR: Duration = Duration::from_secs(90 * 86_400);

/// How [`Rotation::start_with`] prepares.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Start {
    /// The new key, where it is on a token already; none is made then, and the old one may lie
    /// anywhere. From the phase on in which it signs, the record says that it is there:
    /// [open](crate::Pki::open) the PKI again after that step, and after the one back.
    pub key: Option<Pkcs11Uri>,
    /// Whether the new authority does not certify the old one, for 90 days otherwise: the old key
    /// may be in other hands, and what it signs must end with its trust. Who trusts the new one
    /// alone then refuses leaves of the old one, so that all must trust both before
    /// `issue-from-new`.
    pub distrust_old: bool,
}

impl Rotation<'_> {
    /// Prepares: makes the new key and certificate and, where the path length and the names
    /// allow it, certifies each of the two authorities by the other. Nothing that is in use
    /// changes.
    ///
    /// # Errors
    ///
    /// [`Error::Rotation`] when one is under way, or the authority cannot be rotated, with the
    /// reason; [`Error::Gate`]; failures of the module and the store.
    pub fn start(&self, boundary: &Boundary, clock: &dyn Clock) -> Result<Step, Error> {
        self.start_with(boundary, &Start::default(), clock)
    }

    /// As [`start`](Self::start), in another way than the usual.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`Error::Signer`] when a token has no such key, or will not
    /// sign; [`Error::Rotation`] when it is the old one.
    pub fn start_with(
        &self,
        boundary: &Boundary,
        how: &Start,
        clock: &dyn Clock,
    ) -> Result<Step, Error> {
        self.pki.admit(Some(boundary.status().opening()))?;
        let diagnostic = diagnostic()?;
        let now = clock.now();
        let blocked = self.start_blocked(how, &diagnostic, now)?;
        if let Some(why) = blocked.into_iter().next() {
            return Err(self.refuse(why));
        }
        let moment = FixedClock::new(now);
        let store = self.pki.store;
        let entry = self.entry;
        let before = store
            .read(&entry.certificate)?
            .ok_or_else(|| self.refuse(format!("{} is missing", entry.certificate)))?;
        let old = Certificate::from_pem(&before)?;
        let first = old
            .first()
            .ok_or_else(|| self.refuse("its file is empty"))?;

        let mut staged = Staged::new(format!("rotate {}: {}", entry.name, Phase::Prepare));
        let old_key = self.pki.catalogue.key_source(&entry.name).clone();
        let new_key = match &how.key {
            Some(uri) => KeySource::Pkcs11(uri.clone()),
            None => old_key.clone(),
        };
        let (unlock, place) = (&*self.pki.unlock, Some(&self.paths.new_key));
        let signer;
        (staged, signer) = keys::new_signer(boundary, staged, entry, &new_key, place, unlock)?;
        if Signer::public_key(&*signer) == first.public_key() {
            return Err(self.refuse("the key on the token is the one that signs already: make another there by `pki key \
                 generate`, and name that"));
        }
        let (new, chain) = self.make(boundary, &diagnostic, signer, &moment)?;
        let mut issued = vec![Issued {
            old_serial: Some(first.serial()),
            old_expires: Some(first.not_after()),
            ..Issued::new(&entry.name, &self.paths.new, new.certificate())
        }];
        staged = staged.log(made(&entry.name, new.certificate())?);
        let crossed = self.cross_sign(boundary, &new, first, how, &moment)?;
        for (cross, path) in [
            (&crossed.new_by_old, &self.paths.new_by_old),
            (&crossed.old_by_new, &self.paths.old_by_new),
        ] {
            if let Some(cross) = cross {
                let content = cross.to_pem().into_bytes();
                issued.push(Issued::new(&entry.name, path, cross));
                staged = staged.log(made(&entry.name, cross)?);
                staged = staged.bytes(path, Secrecy::Public, content);
            }
        }
        let pem: String = chain.iter().map(Certificate::to_pem).collect();
        staged = staged
            .bytes(&self.paths.new, Secrecy::Public, pem.into_bytes())
            .bytes(&self.paths.before, Secrecy::Public, before.to_vec());
        if let Some(path) = &entry.nochain
            && let Some(nochain) = store.read(path)?
        {
            staged = staged.bytes(&self.paths.before_nochain, Secrecy::Public, nochain);
        }
        let identity = |one: &Option<Certificate>| one.as_ref().map(Identity::of).transpose();
        let journal = Journal::new(
            &entry.name,
            Rotated::Authority(Box::new(Authorities {
                old: Some(Identity::of(first)?),
                new: Identity::of(new.certificate())?,
                new_by_old: identity(&crossed.new_by_old)?,
                old_by_new: identity(&crossed.old_by_new)?,
                uncrossed: crossed.why_not,
                before: sha256(&before)?,
                trust: sha256(&before)?,
                given_up: Vec::new(),
                recovery: None,
                old_key,
                new_key,
                key_file: entry.key.as_ref().map(ToString::to_string),
            })),
            now,
        );
        // What would be refused later is refused now, before anything is made.
        let held = Held::new(
            before,
            chain,
            crossed.new_by_old,
            crossed.old_by_new,
            &diagnostic,
        )?;
        for phase in Phase::ALL {
            held.bundle(&entry.name, phase, now, &diagnostic)?;
        }
        staged = stage_journal(staged, &self.paths, &journal)?;
        let staged = staged.log(entered(&entry.name, None, Some(&journal)));
        let report = apply(boundary, &diagnostic, store, staged, issued, now)?;
        let mut step = Step::new(&entry.name, None, Some(&journal), Vec::new(), report);
        if entry.issuer.is_none() && first.issuer() != first.subject() {
            step.remarks.push(format!(
                "the old one is below {}, the new one is a root of its own: who trusts that alone \
                 refuses it once the old one is retired; `pki export-csr` and `pki import` put it \
                 below another",
                first.issuer()
            ));
        }
        Ok(step)
    }

    /// Why [`start_with`](Self::start_with) would refuse, without making anything.
    ///
    /// # Errors
    ///
    /// [`Error::RotationJournal`]; failures of the store.
    pub fn start_blocked(
        &self,
        how: &Start,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, Error> {
        let entry = self.entry;
        let mut why = Vec::new();
        if let Some(journal) = self.journal()?.filter(|journal| !journal.is_done()) {
            why.push(super::under_way(&journal));
        }
        why.extend(
            match (&how.key, self.pki.catalogue.key_source(&entry.name)) {
                (None, _) | (_, KeySource::External) => self.pki.key_out_of_reach(entry),
                (Some(_), _) if self.pki.record.is_none() => Some(
                    "this PKI has no record yet that could say where its key lies: renew once"
                        .to_owned(),
                ),
                (Some(_), _) => None,
            },
        );
        let mut below = self.pki.catalogue.authorities().iter();
        if let Some(below) = below.find(|one| one.issuer.as_deref() == Some(entry.name.as_str())) {
            why.push(format!(
                "it signs the authority {}: one above others is not rotated here; make a new one \
                 and import what it signs",
                below.name
            ));
        }
        let pair = Pair::of_authority(self.pki.store, entry);
        if let Some(torn) = pair.torn() {
            why.push(format!("{torn}; `pki recover` says what can be done"));
        } else if let Ok(certificates) = pair.certificates {
            let bundle = Bundle::new(certificates, diagnostic);
            let worst = bundle.flaws(now);
            why.extend(
                worst
                    .into_iter()
                    .filter(|(status, _)| *status > Status::Warning)
                    .map(|(_, why)| why),
            );
            if let Some(first) = bundle.first() {
                if first.not_after() < now {
                    why.push(
                        "it has ended and helps no more; `pki recover` makes a new one without it"
                            .to_owned(),
                    );
                }
                if first.not_before() > now {
                    why.push("it begins later; see the clock".to_owned());
                }
            }
        }
        Ok(why)
    }

    /// A new authority of that key, and its chain: below its issuer, or a root.
    pub(super) fn make(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        key: Arc<dyn Signer>,
        moment: &FixedClock,
    ) -> Result<(Authority, Vec<Certificate>), Error> {
        let entry = self.entry;
        let now = moment.now();
        let params = AuthorityParams::new(entry.subject_at(now)?, entry.lifetime);
        match &entry.issuer {
            Some(name) => {
                let above = self.parent(boundary, diagnostic, name, now)?;
                let new = params.signed_by(key, &above.authority, moment)?;
                let own = std::iter::once(new.certificate().clone());
                let chain = own.chain(above.chain.iter().cloned()).collect();
                Ok((new, chain))
            }
            None => {
                let new = params.with_path_length(ROOM).self_signed(key, moment)?;
                let chain = vec![new.certificate().clone()];
                Ok((new, chain))
            }
        }
    }

    fn parent(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        name: &str,
        now: OffsetDateTime,
    ) -> Result<crate::pki::issuer::Issuer, Error> {
        let entry = self
            .pki
            .catalogue
            .authority(name)
            .ok_or_else(|| self.refuse(format!("{name}, which signs it, is not known")))?;
        self.pki.issuer(boundary, diagnostic, entry, now)
    }

    /// The old and the new authority, each under the other's signature.
    fn cross_sign(
        &self,
        boundary: &Boundary,
        new: &Authority,
        old: &Certificate,
        how: &Start,
        moment: &FixedClock,
    ) -> Result<Crossed, Error> {
        if let Some(parent) = &self.entry.issuer {
            return Ok(Crossed {
                why_not: Some(format!("both are below {parent}")),
                ..Crossed::default()
            });
        }
        let signer = Authority::load(old.clone(), self.pki.signer(boundary, self.entry)?)?;
        let mut crossed = Crossed::default();
        let mut note = |made: Result<Certificate, Error>| match made {
            Ok(cross) => Ok(Some(cross)),
            // A limit of a certificate that is there already: the rotation goes without.
            Err(Error::Authority { why, .. } | Error::Key { why }) => {
                crossed.why_not = Some(why);
                Ok(None)
            }
            Err(error) => Err(error),
        };
        let new_by_old = note(signer.cross_sign(new.certificate(), moment))?;
        let old_by_new = if how.distrust_old {
            crossed.why_not = Some("the old one is not to be trusted by the new one".to_owned());
            None
        } else {
            note(new.cross_sign_for(old, CROSSED_FOR, moment))?
        };
        Ok(Crossed {
            new_by_old,
            old_by_new,
            ..crossed
        })
    }
}

/// A certificate that was made, for the audit log.
pub(super) fn made(name: &str, certificate: &Certificate) -> Result<Event, Error> {
    Event::new(EventKind::Issued, name).with_certificate(certificate)
}

/// The cross-certificates that could be made.
#[derive(Default)]
struct Crossed {
    new_by_old: Option<Certificate>,
    old_by_new: Option<Certificate>,
    why_not: Option<String>,
}
