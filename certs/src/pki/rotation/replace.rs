//! A new authority without the old one's help: it has ended, or cannot be used.

use fips_core::Boundary;
use zeroize::Zeroizing;

use super::held::Held;
use super::journal::{Authorities, Identity, Journal, Rotated, sha256};
use super::start::made;
use super::step::{entered, removed};
use super::{Phase, Rotation, Step, stage_journal};
use crate::certificate::Certificate;
use crate::clock::{Clock, FixedClock};
use crate::error::Error;
use crate::pki::files;
use crate::pki::init::{apply, diagnostic};
use crate::pki::issuer::{Issuer, KEY_ELSEWHERE};
use crate::pki::keys;
use crate::pki::read_back::Staged;
use crate::pki::report::Issued;
use crate::pki::revocation::{Side, Signers};
use crate::store::Secrecy;

impl Rotation<'_> {
    /// Makes a new authority in the place of one that cannot sign any more, for the reason
    /// `why`, and issues every leaf anew: one change. An old one that has not ended stays trusted
    /// beside it until the rotation goes on to retire it.
    pub(in crate::pki) fn replace(
        &self,
        boundary: &Boundary,
        why: &str,
        clock: &dyn Clock,
    ) -> Result<Step, Error> {
        let (entry, paths, store) = (self.entry, &self.paths, self.pki.store);
        let diagnostic = diagnostic()?;
        let now = clock.now();
        let moment = FixedClock::new(now);
        if let Some(why) = self.pki.key_out_of_reach(entry) {
            return Err(self.refuse(why));
        }
        let live = entry
            .key
            .as_ref()
            .ok_or_else(|| self.refuse(KEY_ELSEWHERE))?;
        let old = files::certificates(store, &entry.certificate).unwrap_or_default();
        let first = old.first().cloned();
        // What has ended helps nobody as trust.
        let trusted = first
            .as_ref()
            .is_some_and(|old| old.not_after() >= now && old.not_before() <= now);
        let before = if trusted {
            files::content(store, &entry.certificate)
                .ok()
                .flatten()
                .unwrap_or_default()
        } else {
            Zeroizing::default()
        };

        let mut staged = Staged::new(format!("recover {}", entry.name));
        for path in paths.staged() {
            staged = staged.remove(path);
        }
        let source = self.pki.catalogue.key_source(&entry.name);
        let unlock = &*self.pki.unlock;
        let signer;
        (staged, signer) = keys::new_signer(boundary, staged, entry, source, Some(live), unlock)?;
        let (authority, chain) = self.make(boundary, &diagnostic, signer, &moment)?;
        let new = authority.certificate().clone();
        staged = staged.log(made(&entry.name, &new)?);
        let phase = if trusted {
            Phase::IssueFromNew
        } else {
            Phase::Retire
        };
        let pem: String = chain.iter().map(Certificate::to_pem).collect();
        let held = Held::new(before.clone(), chain, None, None, &diagnostic)?;
        let bundle = held.bundle(&entry.name, phase, now, &diagnostic)?;
        let file = held.file(phase);
        let subject = Rotated::Authority(Box::new(Authorities {
            old: first.as_ref().map(Identity::of).transpose()?,
            new: Identity::of(&new)?,
            new_by_old: None,
            old_by_new: None,
            uncrossed: Some("the old one could not sign".to_owned()),
            before: sha256(&before)?,
            trust: sha256(&file)?,
            given_up: Vec::new(),
            recovery: Some(why.to_owned()),
            old_key: source.clone(),
            new_key: source.clone(),
            key_file: Some(live.to_string()),
        }));
        if trusted {
            staged = staged.bytes(&paths.before, Secrecy::Public, before).bytes(
                &paths.new,
                Secrecy::Public,
                pem.into_bytes(),
            );
        }
        staged = staged.bytes(&entry.certificate, Secrecy::Public, file);
        if let Some(path) = &entry.nochain {
            staged = staged.bytes(path, Secrecy::Public, new.to_pem().into_bytes());
        }
        let issuer = Issuer::of_bundle(authority, &bundle);
        let (staged, leaves) = self.reissue(boundary, staged, &issuer, &moment)?;
        let staged = self.restage_kubeconfigs(staged)?;
        let signers = Signers {
            active: &issuer.authority,
            beside: trusted.then_some((Side::Old, None)),
        };
        let staged = self
            .pki
            .restage_lists(&diagnostic, staged, entry, &signers, now)?;
        let mut issued = vec![Issued {
            old_serial: first.as_ref().map(Certificate::serial),
            old_expires: first.as_ref().map(Certificate::not_after),
            ..Issued::new(&entry.name, &entry.certificate, &new)
        }];
        issued.extend(leaves);
        let journal = Journal::new(&entry.name, subject, now).entering(phase, now);
        let staged = stage_journal(staged, paths, &journal)?;
        let staged = staged.log(entered(&entry.name, None, Some(&journal)));
        let removed = removed(self.pki.store, &staged);
        let report = apply(boundary, &diagnostic, store, staged, issued, now)?;
        Ok(Step::new(
            &entry.name,
            None,
            Some(&journal),
            removed,
            report,
        ))
    }
}
