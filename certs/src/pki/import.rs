//! Taking over what was signed elsewhere: the certificate of an authority, a leaf of an authority
//! whose key is not here.

use std::sync::Arc;

use fips_core::{Boundary, Diagnostic};
use serde::Serialize;
use time::OffsetDateTime;

use super::bundle::Bundle;
use super::init::{apply, diagnostic};
use super::issuer::Above;
use super::read_back::Staged;
use super::report::{Issued, Report};
use super::requests::Place;
use super::revocation::Signers;
use super::rotation::Phase;
use super::{Pki, drift, files, keys, record, stage};
use crate::audit::{Event, EventKind};
use crate::catalogue::{AuthorityEntry, Definition, LeafEntry};
use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::csr::CertificateRequest;
use crate::error::Error;
use crate::import::{Chain, Judgement, Reason, judge_authority, judge_leaf};
use crate::issue::Authority;
use crate::key::{self, KeySource, PublicHalf};
use crate::store::Secrecy;

/// Where the key of an imported authority is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// Elsewhere: leaves cannot be signed here, they are requested. The authority's key file goes.
    External,
    /// Here: in its place, or waiting in `fips/requests/`.
    Here,
}

/// What an import would install, or did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// The entry of the catalogue.
    pub name: String,
    /// Subjects of what is installed, from the certificate up to the root.
    pub chain: Vec<String>,
    /// Its serial number.
    pub serial: String,
    /// The serial number of what was there before.
    pub old_serial: Option<String>,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
    /// Kind and size of its key.
    pub key: String,
    /// Whether the key that waited in `fips/requests/` takes the old one's place.
    pub new_key: bool,
    /// What is worth saying.
    pub notes: Vec<String>,
}

/// What an import is carried out by.
struct Judged<'c> {
    entry: Target<'c>,
    chain: Chain,
    place: Place,
    imported: Imported,
}

#[derive(Clone, Copy)]
enum Target<'c> {
    Authority(&'c AuthorityEntry),
    Leaf(&'c LeafEntry),
}

impl Pki<'_> {
    /// Judges `certificates` (the one for `name` first, those above it in any order) without
    /// taking them.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`]; [`Error::Import`] with every reason; [`Error::Rotation`] while one
    /// of the authority is under way.
    pub fn judge_import(
        &self,
        diagnostic: &Diagnostic,
        name: &str,
        certificates: Vec<Certificate>,
        source: KeyPlace,
        now: OffsetDateTime,
    ) -> Result<Imported, Error> {
        self.judged(diagnostic, name, certificates, source, now)
            .map(|judged| judged.imported)
    }

    /// Installs `certificates` for the authority or leaf called `name`, as one change. Of an
    /// authority: its certificate and the chain above it as bundle, its key when one waited.
    /// Leaves of it are due afterwards: see [`renewals`](Self::renewals), on the PKI opened anew.
    /// A refusal is logged.
    ///
    /// # Errors
    ///
    /// As [`judge_import`](Self::judge_import); [`Error::Gate`]; [`Error::Catalogue`] when the
    /// key of an authority shall be elsewhere and the catalogue is one of a file, which says so
    /// itself; [`Error::ReadBack`]; failures of the module and the store. In each case nothing
    /// was changed but the log.
    pub fn import(
        &self,
        boundary: &Boundary,
        name: &str,
        certificates: Vec<Certificate>,
        source: KeyPlace,
        clock: &dyn Clock,
    ) -> Result<(Imported, Report), Error> {
        self.admit(Some(boundary.status().opening()))?;
        let (diagnostic, now) = (diagnostic()?, clock.now());
        let refused = |error| match error {
            refused @ Error::Import { .. } => self.refused(boundary, name, refused, now),
            other => other,
        };
        let judged = self.judged(&diagnostic, name, certificates, source, now);
        let judged = judged.map_err(refused)?;
        let imported = judged.imported.clone();
        let file = match judged.entry {
            Target::Authority(entry) => entry.certificate.clone(),
            Target::Leaf(entry) => entry.file().clone(),
        };
        let own = judged.chain.own().clone();
        let mut staged = match judged.entry {
            Target::Authority(entry) => {
                let staged = self.stage_authority(entry, &judged, source)?;
                self.stage_waiting(boundary, &diagnostic, staged, entry, &judged, now)
                    .map_err(refused)?
            }
            Target::Leaf(entry) => self.stage_leaf(boundary, entry, &judged)?,
        };
        for path in [&judged.place.request, &judged.place.key] {
            staged = staged.remove(path);
        }
        let mut event = Event::new(EventKind::Imported, name).with_certificate(&own)?;
        if let Some(serial) = &imported.old_serial {
            event = event.with_old_serial(serial);
        }
        staged = staged.log(event);
        if let Target::Authority(_) = judged.entry {
            for above in judged.chain.above() {
                let event = Event::new(EventKind::Imported, name);
                let event = event.with_certificate(above)?.with_reason("above it");
                staged = staged.log(event);
            }
        }
        let issued = Issued {
            old_serial: imported.old_serial.clone(),
            key_kept: !imported.new_key,
            ..Issued::new(name, file, &own)
        };
        let report = apply(boundary, &diagnostic, self.store, staged, vec![issued], now)?;
        Ok((imported, report))
    }

    fn judged(
        &self,
        diagnostic: &Diagnostic,
        name: &str,
        certificates: Vec<Certificate>,
        source: KeyPlace,
        now: OffsetDateTime,
    ) -> Result<Judged<'_>, Error> {
        let what = format!("what was signed for {name}");
        let entry = match (self.catalogue.authority(name), self.catalogue.leaf(name)) {
            (Some(entry), _) => Target::Authority(entry),
            (None, Some(entry)) => Target::Leaf(entry),
            (None, None) => return Err(self.no_authority(name)),
        };
        if let Target::Authority(entry) = entry
            && let Some(journal) = self.rotation(&entry.name)?.journal()?
            && journal.phase != Phase::Retire
        {
            return Err(Error::Rotation {
                name: entry.name.clone(),
                why: format!(
                    "one is under way, at {}, which another certificate would break: go on with \
                     `next` to its end, or back with `rollback`, first",
                    journal.phase
                ),
            });
        }
        let source = match entry {
            // Once elsewhere, it stays there.
            Target::Authority(entry) if entry.key.is_none() => KeyPlace::External,
            Target::Authority(_) | Target::Leaf(_) => source,
        };
        let place = Place::of(name)?;
        let bundle = match entry {
            Target::Authority(_) => None,
            Target::Leaf(entry) => Some(self.bundle_above(diagnostic, entry)?),
        };
        let above = bundle.iter().flat_map(|bundle| bundle.chain().to_vec());
        let mut all = certificates;
        for certificate in above {
            if !all.contains(&certificate) {
                all.push(certificate);
            }
        }
        let chain = Chain::new(all, diagnostic).ok_or_else(|| Error::Import {
            what: what.clone(),
            reasons: vec![Reason::Form {
                why: "the file holds no certificate".into(),
            }],
        })?;
        let own = chain.own();
        let present = match entry {
            Target::Authority(entry) => files::certificates(self.store, &entry.certificate).ok(),
            Target::Leaf(entry) => {
                files::Pair::of_leaf(self.store, entry).and_then(|pair| pair.certificates.ok())
            }
        };
        let present = present.as_ref().and_then(|present| present.first());
        let (key, new_key) = self.expected_key(entry, &place, own, present, source)?;
        let key = key.as_deref();
        let mut judgement = match entry {
            Target::Authority(_) => judge_authority(diagnostic, &chain, key, now),
            Target::Leaf(entry) => {
                let server = entry.usages.server();
                let mut judgement = judge_leaf(diagnostic, &chain, key, server, now);
                let issuer = bundle.as_ref().and_then(Bundle::first);
                of_entry(diagnostic, own, entry, issuer, &mut judgement);
                judgement
            }
        };
        if key.is_none() && source == KeyPlace::Here {
            judgement.reasons.push(Reason::OtherKey);
        }
        if let (Target::Authority(_), Some(present)) = (entry, present) {
            judgement.reasons.extend(other_identifier(present, own));
        }
        let mut notes = judgement.into_result(what)?;
        if let (KeyPlace::External, Target::Authority(AuthorityEntry { key: Some(key), .. })) =
            (source, entry)
        {
            notes.push(format!(
                "{key} goes: its key is kept elsewhere from here on"
            ));
        }
        let all = std::iter::once(own).chain(chain.above());
        let imported = Imported {
            name: name.to_owned(),
            chain: all.map(|one| one.subject().to_owned()).collect(),
            serial: own.serial(),
            old_serial: present.map(Certificate::serial),
            expires: own.not_after(),
            key: own.facts().key_name.clone(),
            new_key,
            notes,
        };
        Ok(Judged {
            entry,
            chain,
            place,
            imported,
        })
    }

    /// The public half of the key the certificate must have, and whether it is one that waited.
    fn expected_key(
        &self,
        entry: Target<'_>,
        place: &Place,
        own: &Certificate,
        present: Option<&Certificate>,
        source: KeyPlace,
    ) -> Result<(Option<Vec<u8>>, bool), Error> {
        let of_present = || present.map(|present| present.public_key().to_vec());
        if source == KeyPlace::External {
            let on_token = matches!(entry, Target::Authority(entry)
                if matches!(self.catalogue.key_source(&entry.name), KeySource::Pkcs11(_)));
            return Ok((on_token.then(of_present).flatten(), false));
        }
        // What is sealed states no public half: that stands beside it.
        let half = |path, beside: &dyn Fn() -> Result<Option<Vec<u8>>, Error>| match self
            .store
            .read(path)?
        {
            Some(file) if key::is_sealed(&file) => beside(),
            Some(file) => Ok(match PublicHalf::of_file(&file) {
                Ok(PublicHalf::Stated(public)) => Some(public),
                Ok(PublicHalf::Unstated) | Err(_) => None,
            }),
            None => Ok(None),
        };
        let waiting = half(&place.key, &|| {
            let request = self.store.read(&place.request)?;
            let request = request.and_then(|file| CertificateRequest::from_pem(&file).ok());
            Ok(request.map(|request| request.public_key().to_vec()))
        })?;
        if waiting.as_deref() == Some(own.public_key()) {
            return Ok((waiting, true));
        }
        let there = match entry {
            Target::Authority(AuthorityEntry {
                key: Some(path), ..
            }) => half(path, &|| Ok(of_present()))?,
            Target::Authority(_) | Target::Leaf(_) => None,
        };
        Ok((there.or(waiting), false))
    }

    /// The file of the authority above a leaf.
    fn bundle_above(&self, diagnostic: &Diagnostic, entry: &LeafEntry) -> Result<Bundle, Error> {
        let refuse = |why: String| Error::Authority {
            authority: entry.issuer.clone(),
            why,
        };
        let authority = self
            .catalogue
            .authority(&entry.issuer)
            .ok_or_else(|| self.no_authority(&entry.issuer))?;
        if authority.key.is_some() {
            return Err(refuse(format!(
                "its key is here: {} is renewed, not imported",
                entry.name
            )));
        }
        let certificates =
            files::certificates(self.store, &authority.certificate).map_err(refuse)?;
        Ok(Bundle::new(certificates, diagnostic))
    }

    fn stage_authority(
        &self,
        entry: &AuthorityEntry,
        judged: &Judged<'_>,
        source: KeyPlace,
    ) -> Result<Staged, Error> {
        let chain = whole(&judged.chain);
        let mut staged = Staged::new(format!("import the certificate of {}", entry.name));
        staged = staged.authority(&entry.certificate, &chain, chain.len());
        if let Some(path) = &entry.nochain {
            staged = staged.authority(path, &chain, 1);
        }
        match (source, &entry.key) {
            (KeyPlace::External, Some(path)) => {
                let record = self.without_key(&entry.name)?;
                let staged = staged.remove(path);
                Ok(staged.bytes(&record::path()?, Secrecy::Public, record))
            }
            (KeyPlace::External | KeyPlace::Here, _) => Ok(staged),
        }
    }

    /// With the key that waited for the certificate, and its first list where the key before had
    /// one.
    fn stage_waiting(
        &self,
        boundary: &Boundary,
        diagnostic: &Diagnostic,
        staged: Staged,
        entry: &AuthorityEntry,
        judged: &Judged<'_>,
        now: OffsetDateTime,
    ) -> Result<Staged, Error> {
        let (true, Some(path)) = (judged.imported.new_key, &entry.key) else {
            return Ok(staged);
        };
        if let Some(why) = self.key_out_of_reach(entry) {
            return Err(Error::Authority {
                authority: entry.name.clone(),
                why,
            });
        }
        let key = self.waiting_key(boundary, judged)?;
        let own = judged.chain.own();
        // What stood beside a sealed one was believed until here.
        if key.public_key() != own.public_key() {
            return Err(Error::Import {
                what: format!("what was signed for {}", entry.name),
                reasons: vec![Reason::OtherKey],
            });
        }
        let source = self.catalogue.key_source(&entry.name);
        let staged = keys::put(staged, boundary, path, &key, source, &*self.unlock)?;
        let signers = Signers {
            active: &Authority::load(own.clone(), key)?,
            beside: None,
        };
        self.restage_lists(diagnostic, staged, entry, &signers, now)
    }

    /// The record of this PKI with the key of an authority elsewhere.
    fn without_key(&self, name: &str) -> Result<Vec<u8>, Error> {
        let refuse = |why: &str| Error::Catalogue {
            option: "external_authorities".into(),
            why: why.to_owned(),
        };
        let mut record = self
            .fresh_record()?
            .ok_or_else(|| refuse("this PKI has no record yet: renew it once"))?;
        match &mut record.catalogue {
            Definition::BuiltIn(options) => options.external_authorities.push(name.to_owned()),
            #[allow(unreachable_patterns, reason = "a file's catalogue says it itself")]
            _ => {
                return Err(refuse(
                    "the catalogue is one of a file: say there where the key is",
                ));
            }
        }
        record.to_json()
    }

    fn stage_leaf(
        &self,
        boundary: &Boundary,
        entry: &LeafEntry,
        judged: &Judged<'_>,
    ) -> Result<Staged, Error> {
        let key = self.waiting_key(boundary, judged)?;
        let above = Above {
            chain: judged.chain.above().into(),
            crosses: Arc::default(),
        };
        let staged = Staged::new(format!("import the leaf {}", entry.name));
        let (store, own) = (self.store, judged.chain.own());
        stage::leaf_below(staged, store, &self.catalogue, entry, above, own, &key)
    }

    fn waiting_key(
        &self,
        boundary: &Boundary,
        judged: &Judged<'_>,
    ) -> Result<fips_core::signing::PrivateKey, Error> {
        let path = &judged.place.key;
        let file = self.store.read(path)?.ok_or_else(|| Error::Key {
            why: format!("{path} is missing"),
        })?;
        keys::from_file(boundary, path, &file, &*self.unlock)
    }
}

/// Leaves, lists and registers name an authority's key by the identifier that its certificate has
/// (RFC 5280 §4.2.1.1, §5.2.1): under another one for the same key, peers such as OpenSSL would
/// refuse the leaves, and what was revoked would be on no list.
fn other_identifier(present: &Certificate, own: &Certificate) -> Option<Reason> {
    let wanted = present.subject_key_id()?;
    let found = own.subject_key_id();
    let hex = |id: &[u8]| {
        let octets = id.iter().map(|octet| format!("{octet:02X}"));
        octets.collect::<Vec<_>>().join(":")
    };
    (own.public_key() == present.public_key() && found != Some(wanted)).then(|| {
        Reason::OtherIdentifier {
            found: found.map_or_else(|| "none".to_owned(), hex),
            wanted: hex(wanted),
        }
    })
}

/// What a leaf says against what its entry asks for.
fn of_entry(
    diagnostic: &Diagnostic,
    leaf: &Certificate,
    entry: &LeafEntry,
    issuer: Option<&Certificate>,
    judgement: &mut Judgement,
) {
    for difference in drift::of_leaf(leaf, entry, issuer, diagnostic) {
        let reason = Reason::OtherLeaf(difference);
        if !judgement.reasons.contains(&reason) {
            judgement.reasons.push(reason);
        }
    }
}

fn whole(chain: &Chain) -> Arc<[Certificate]> {
    std::iter::once(chain.own())
        .chain(chain.above())
        .cloned()
        .collect()
}
