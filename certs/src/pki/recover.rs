//! Recovery from disk alone: what has expired, is torn, or was interrupted.

use fips_core::{Boundary, Diagnostic};
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::bundle::Bundle;
use super::files::{self, Pair};
use super::init::{apply, diagnostic};
use super::plan::RenewalPolicy;
use super::read_back::Staged;
use super::report::Report;
use super::rotation::Step;
use super::row::Status;
use super::{Pki, drift, keys};
use crate::audit::{Event, EventKind};
use crate::catalogue::AuthorityEntry;
use crate::certificate::Certificate;
use crate::clock::Clock;
use crate::error::Error;
use crate::key::PublicHalf;
use crate::store::{EntryPath, Secrecy};

/// What is not well, and what can be done about it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The authorities that cannot sign.
    pub authorities: Vec<Broken>,
    /// The leaves and other entries that are renewed, and why.
    pub renewals: Vec<super::Renewal>,
    /// What else there is to know: the clock, rotations under way.
    pub remarks: Vec<String>,
}

/// An authority that cannot sign.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Broken {
    /// Its name in the catalogue.
    pub name: String,
    /// What is wrong.
    pub why: String,
    /// What is done about it.
    pub remedy: Remedy,
}

/// What is done about an authority that cannot sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing here: what a person can do.
    ByHand(String),
    /// A new authority takes its place, as was asked for.
    NewAuthority,
    /// Its certificate is taken from that file, which holds it too.
    RestoreCertificate(String),
    /// Its key is taken from that file.
    RestoreKey(String),
    /// Its file is written as the phase of its rotation has it.
    RestoreTrust,
}

/// What a recovery did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Recovered {
    /// What was found.
    pub diagnosis: Diagnosis,
    /// The files that were put back.
    pub restored: Vec<String>,
    /// The authorities that were replaced.
    pub replaced: Vec<Step>,
    /// What was renewed.
    pub renewed: Option<Report>,
}

impl Diagnosis {
    /// Whether something is left for a person to do.
    pub fn needs_a_person(&self) -> bool {
        self.authorities
            .iter()
            .any(|one| matches!(one.remedy, Remedy::ByHand(_)))
    }
}

impl Pki<'_> {
    /// What is not well, without changing anything. `new` names the authorities that may be
    /// replaced where nothing else helps.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownEntry`] for a name that is no authority; [`Error::RotationJournal`]; the
    /// store cannot be listed.
    pub fn diagnose(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        new: &[String],
    ) -> Result<Diagnosis, Error> {
        for name in new {
            self.rotation(name)?;
        }
        let mut authorities = Vec::new();
        for entry in self.catalogue.authorities() {
            if let Some((why, remedy)) = self.broken(entry, diagnostic, now)? {
                let remedy = match remedy {
                    Remedy::ByHand(_) if new.contains(&entry.name) => Remedy::NewAuthority,
                    other => other,
                };
                authorities.push(Broken {
                    name: entry.name.clone(),
                    why,
                    remedy,
                });
            } else if new.contains(&entry.name) {
                return Err(super::rotation::refuse(
                    &entry.name,
                    "it can sign: replace it with `rotate-ca`, which keeps connections",
                ));
            }
        }
        let plan = self.renewals(diagnostic, now, &RenewalPolicy::default())?;
        let mut remarks = Vec::new();
        if let Some(record) = &self.record
            && now < record.made_at
        {
            remarks.push(format!(
                "the clock stands at {now}, before this PKI was made ({}): set it first",
                record.made_at
            ));
        }
        for journal in self.rotations()? {
            if !journal.is_done() {
                let under_way = super::rotation::under_way(&journal);
                remarks.push(format!("the rotation of {}: {under_way}", journal.name));
            }
        }
        Ok(Diagnosis {
            authorities,
            renewals: plan.renewals,
            remarks,
        })
    }

    /// Makes good what [`diagnose`](Self::diagnose) finds, in three changes, each whole: files
    /// that another file still holds are put back; the authorities that `new` names are replaced;
    /// what has ended, drifted or is torn is issued anew.
    ///
    /// # Errors
    ///
    /// As [`diagnose`](Self::diagnose), and those of a renewal.
    pub fn recover(
        &self,
        boundary: &Boundary,
        new: &[String],
        clock: &dyn Clock,
    ) -> Result<Recovered, Error> {
        self.admit(Some(boundary.status().opening()))?;
        let looking = diagnostic()?;
        let now = clock.now();
        let diagnosis = self.diagnose(&looking, now, new)?;
        let mut staged = Staged::new("recover");
        let mut restored = Vec::new();
        for broken in &diagnosis.authorities {
            let Some(entry) = self.catalogue.authority(&broken.name) else {
                continue;
            };
            let event = Event::new(EventKind::Recovered, &broken.name);
            match &broken.remedy {
                Remedy::RestoreCertificate(from) => {
                    let (certificate, _) = self
                        .lost_certificate(entry, &looking, now)?
                        .ok_or_else(|| gone(from))?;
                    let file = self.restored(entry, &certificate);
                    restored.push(entry.certificate.to_string());
                    staged = staged.bytes(&entry.certificate, Secrecy::Public, file);
                    staged = staged.log(event.with_reason(format!("certificate from {from}")));
                }
                Remedy::RestoreKey(from) => {
                    let from_path = EntryPath::new(from.clone())?;
                    let key = self.store.read(&from_path)?.ok_or_else(|| gone(from))?;
                    let path = entry.key.as_ref().ok_or_else(|| gone(from))?;
                    restored.push(path.to_string());
                    // The module reads it: a half that is stated is not believed.
                    let key = keys::from_file(boundary, &from_path, &key, &*self.unlock)?;
                    let source = self.catalogue.key_source(&entry.name);
                    staged = keys::put(staged, boundary, path, &key, source, &*self.unlock)?;
                    staged = staged.log(event.with_reason(format!("key from {from}")));
                }
                Remedy::RestoreTrust => {
                    let file = self
                        .rotation(&entry.name)?
                        .trust(&looking)?
                        .ok_or_else(|| gone(entry.certificate.as_str()))?;
                    restored.push(entry.certificate.to_string());
                    staged = staged.bytes(&entry.certificate, Secrecy::Public, file);
                    staged = staged.log(event.with_reason("file as its rotation has it"));
                }
                Remedy::ByHand(_) | Remedy::NewAuthority => {}
            }
        }
        if !staged.change().is_empty() {
            apply(boundary, &looking, self.store, staged, Vec::new(), now)?;
        }
        let mut replaced = Vec::new();
        for broken in &diagnosis.authorities {
            if broken.remedy == Remedy::NewAuthority {
                let rotation = self.rotation(&broken.name)?;
                replaced.push(rotation.replace(boundary, &broken.why, clock)?);
            }
        }
        let plan = self.renewals(&looking, now, &RenewalPolicy::default())?;
        let renewed = if plan.is_empty() {
            None
        } else {
            Some(self.renew(boundary, &plan, clock)?)
        };
        Ok(Recovered {
            diagnosis,
            restored,
            replaced,
            renewed,
        })
    }

    /// What keeps an authority from signing, and what helps.
    fn broken(
        &self,
        entry: &AuthorityEntry,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Option<(String, Remedy)>, Error> {
        let Some(key_path) = &entry.key else {
            return Ok(None);
        };
        let pair = Pair::of_authority(self.store, entry);
        if let Some(why) = self.changed_in_rotation(entry, &pair, diagnostic)? {
            return Ok(Some((why, Remedy::RestoreTrust)));
        }
        let anew = format!(
            "or have a new one made by --new-ca {}, which everybody must then be told to trust",
            entry.name
        );
        if let Some(why) = pair.torn() {
            if let Some(from) = self.lost_key(entry)? {
                return Ok(Some((why, Remedy::RestoreKey(from))));
            }
            if let Some((_, from)) = self.lost_certificate(entry, diagnostic, now)? {
                return Ok(Some((why, Remedy::RestoreCertificate(from))));
            }
            let certificate = &entry.certificate;
            let by_hand = match (&pair.certificates, &pair.key) {
                (Ok(_), _) => format!(
                    "its key is lost, and nothing signs; what it signed goes on until it ends: \
                     restore {key_path} from a backup, {anew}"
                ),
                (Err(_), Ok(_)) => format!(
                    "its key is there, but no file holds its certificate: restore {certificate} \
                     from a backup, {anew}"
                ),
                (Err(_), Err(_)) => format!(
                    "neither is there: restore {certificate} and {key_path} from a backup, {anew}"
                ),
            };
            return Ok(Some((why, Remedy::ByHand(by_hand))));
        }
        let certificates = pair.certificates.unwrap_or_default();
        let bundle = Bundle::new(certificates, diagnostic);
        let Some(first) = bundle.first() else {
            return Ok(None);
        };
        if first.not_before() > now {
            let why = format!("it begins at {}", first.not_before());
            let remedy = "the clock stands before it begins: set the clock".to_owned();
            return Ok(Some((why, Remedy::ByHand(remedy))));
        }
        if first.not_after() < now {
            let why = format!("it has ended at {}", first.not_after());
            let remedy = format!("see whether the clock is right, {anew}");
            return Ok(Some((why, Remedy::ByHand(remedy))));
        }
        let flaw = bundle
            .flaws(now)
            .into_iter()
            .find(|(status, _)| *status > Status::Warning)
            .map(|(_, why)| why)
            .or_else(|| drift::of_authority(first).into_iter().next());
        Ok(flaw.map(|why| {
            let remedy = format!("mend {}, {anew}", entry.certificate);
            (why, Remedy::ByHand(remedy))
        }))
    }

    /// Whether its file is another than its rotation left, and its key still the one.
    fn changed_in_rotation(
        &self,
        entry: &AuthorityEntry,
        pair: &Pair,
        diagnostic: &Diagnostic,
    ) -> Result<Option<String>, Error> {
        // A journal or a staged file that cannot be used is told of by `rotate-ca status`.
        let Ok(Some(file)) = self.rotation(&entry.name)?.trust(diagnostic) else {
            return Ok(None);
        };
        let wanted = Certificate::from_pem(&file)?;
        let fits = match (&pair.key, wanted.first()) {
            (Ok(PublicHalf::Stated(public)), Some(first)) => first.public_key() == public,
            _ => false,
        };
        let found = self.store.read(&entry.certificate).ok().flatten();
        let same = found.is_some_and(|found| *found == file);
        Ok((fits && !same)
            .then(|| format!("{} is not what its rotation left there", entry.certificate)))
    }

    /// The key of the certificate that is there, from what a rotation of it kept. From nowhere
    /// else: a certificate that came here by mistake must not bring its own key along.
    fn lost_key(&self, entry: &AuthorityEntry) -> Result<Option<String>, Error> {
        let Ok(certificates) = files::certificates(self.store, &entry.certificate) else {
            return Ok(None);
        };
        let Some(first) = certificates.first() else {
            return Ok(None);
        };
        for path in self.store.list()? {
            let own = ["rotation", "retired"].iter().any(|folder| {
                path.as_str()
                    .starts_with(&format!("fips/{folder}/{}/", entry.name))
            });
            if !own || !path.as_str().ends_with(".key") {
                continue;
            }
            let half = files::content(self.store, &path)
                .ok()
                .flatten()
                .and_then(|file| PublicHalf::of_file(&file).ok());
            if half == Some(PublicHalf::Stated(first.public_key().to_vec())) {
                return Ok(Some(path.to_string()));
            }
        }
        Ok(None)
    }

    /// The certificate of the key that is there, from another file.
    fn lost_certificate(
        &self,
        entry: &AuthorityEntry,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
    ) -> Result<Option<(Certificate, String)>, Error> {
        let key = match &entry.key {
            Some(path) => files::content(self.store, path).ok().flatten(),
            None => None,
        };
        let Some(PublicHalf::Stated(public)) =
            key.and_then(|file: Zeroizing<Vec<u8>>| PublicHalf::of_file(&file).ok())
        else {
            return Ok(None);
        };
        for (file, certificates) in self.sources(entry) {
            for certificate in certificates {
                // A root alone: one that others signed could not stand first without them.
                if certificate.public_key() == public
                    && drift::of_authority(&certificate).is_empty()
                    && certificate.not_after() >= now
                    && certificate
                        .verify_issued_by(diagnostic, &certificate)
                        .is_ok()
                {
                    return Ok(Some((certificate, file)));
                }
            }
        }
        Ok(None)
    }

    /// The files that hold this authority's certificate, too. No others: a key that came here by
    /// mistake must not bring its own authority along.
    fn sources(&self, entry: &AuthorityEntry) -> Vec<(String, Vec<Certificate>)> {
        let staged = ["before.crt", "new.crt"];
        let staged = staged.map(|file| format!("fips/rotation/{}/{file}", entry.name));
        let staged = staged
            .into_iter()
            .filter_map(|path| EntryPath::new(path).ok());
        let leaves = self.catalogue.leaves().iter();
        let leaves = leaves.filter(|leaf| leaf.issuer == entry.name);
        let mut found: Vec<(String, Vec<Certificate>)> = entry
            .nochain
            .iter()
            .cloned()
            .chain(staged)
            .chain(leaves.map(|leaf| leaf.file().clone()))
            .filter_map(|path| {
                Some((
                    path.to_string(),
                    files::certificates(self.store, &path).ok()?,
                ))
            })
            .collect();
        for kubeconfig in self.catalogue.kubeconfigs() {
            if kubeconfig.authority == entry.name
                && let Ok(Some(embedded)) = files::kubeconfig(self.store, &kubeconfig.path)
                && let Some(Ok(certificates)) =
                    embedded.authority.as_deref().map(Certificate::from_pem)
            {
                found.push((kubeconfig.path.to_string(), certificates));
            }
        }
        found
    }

    /// Whether a certificate is that of another authority, and here by mistake.
    fn signs_else(&self, entry: &AuthorityEntry, certificate: &Certificate) -> bool {
        self.catalogue
            .authorities()
            .iter()
            .filter(|other| other.name != entry.name)
            .filter_map(|other| files::certificates(self.store, &other.certificate).ok())
            .any(|other| other.first() == Some(certificate))
    }

    /// The authority's file with its own certificate first, and what could be read after it.
    fn restored(&self, entry: &AuthorityEntry, own: &Certificate) -> Vec<u8> {
        let rest = files::certificates(self.store, &entry.certificate).unwrap_or_default();
        std::iter::once(own)
            .chain(
                rest.iter()
                    .filter(|one| *one != own && !self.signs_else(entry, one)),
            )
            .map(Certificate::to_pem)
            .collect::<String>()
            .into_bytes()
    }
}

fn gone(path: &str) -> Error {
    Error::Certificate {
        why: format!("{path} changed while it was read; do it again"),
    }
}
