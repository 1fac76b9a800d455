//! What a renewal would do, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fips_core::Diagnostic;
use fips_core::digest::{Algorithm, digest};
use serde::Serialize;
use time::OffsetDateTime;

use super::check::Thresholds;
use super::issuer::KEY_ELSEWHERE;
use super::row::{Kind, Row, Status, in_words};
use super::{Pki, once};
use crate::catalogue::{AuthorityEntry, Content, Entry, LeafEntry};
use crate::error::Error;
use crate::key::KeySource;

/// When a leaf is renewed: what has drifted, is torn, revoked or has ended always, the others when
/// less than the level of [`remaining`](Self::remaining) and [`fraction`](Self::fraction) is left.
///
/// With both set the smaller level decides (the default), with one that one alone, with none
/// nothing is due by time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RenewalPolicy {
    /// Due when less than this is left; 90 days. A level longer than a leaf's life makes it due
    /// at every look.
    pub remaining: Option<Duration>,
    /// Due when less than this part of its life is left, between 0 and 1; a third.
    pub fraction: Option<f64>,
    /// By how much at most a leaf's level is raised, as a part of it between 0 and 1, so that
    /// not all fall due at once; none. Each leaf has its own share, fixed by its name and serial
    /// number.
    pub jitter: f64,
    /// Whether to renew what is not due, too.
    pub force: bool,
    /// The entries to look at, by their names in the catalogue: leaves, kubeconfigs, and
    /// `AUTHORITY.nochain`; all when empty.
    pub names: Vec<String>,
    /// The components whose entries to look at, besides those of [`names`](Self::names); all
    /// when both are empty.
    pub services: Vec<String>,
    /// Whether to keep the keys: then only the certificate is new.
    pub keep_keys: bool,
}

impl Default for RenewalPolicy {
    fn default() -> Self {
        Self {
            remaining: Some(Duration::from_secs(90 * 86_400)),
            fraction: Some(1.0 / 3.0),
            jitter: 0.0,
            force: false,
            names: Vec::new(),
            services: Vec::new(),
            keep_keys: false,
        }
    }
}

impl RenewalPolicy {
    /// RKE2's level: less than 90 days left, whatever the life.
    pub fn rke2() -> Self {
        Self {
            fraction: None,
            ..Self::default()
        }
    }

    fn judge(&self) -> Result<(), Error> {
        for (what, part) in [("fraction", self.fraction), ("jitter", Some(self.jitter))] {
            if let Some(part) = part.filter(|part| !(0.0..=1.0).contains(part)) {
                return Err(Error::Policy {
                    why: format!("the {what} {part} is not between 0 and 1"),
                });
            }
        }
        Ok(())
    }

    /// When the certificate of `row` falls due by time; `None`: never, or it could not be read.
    pub fn due_at(&self, row: &Row) -> Option<OffsetDateTime> {
        row.expires?.checked_sub(self.threshold(row)?)
    }

    /// The time left below which the certificate of `row` is due; `None`: never by time.
    fn threshold(&self, row: &Row) -> Option<time::Duration> {
        let life = row.expires? - row.not_before?;
        let level = self.level(life)?;
        if self.jitter == 0.0 {
            return Some(level);
        }
        let raised = level + level * (self.jitter * share(row));
        // A certificate that was just made is not due.
        Some(raised.min(level.max(life * 0.9)))
    }

    fn level(&self, life: time::Duration) -> Option<time::Duration> {
        let remaining = self
            .remaining
            .map(|left| time::Duration::try_from(left).unwrap_or(time::Duration::MAX));
        let part = self.fraction.map(|fraction| life * fraction);
        [remaining, part].into_iter().flatten().min()
    }
}

/// A number from 0 to 1 that looks random and stays the same for a certificate.
fn share(row: &Row) -> f64 {
    let name = row.entry.as_deref().unwrap_or(&row.file);
    let text = format!("{name}\n{}", row.serial.as_deref().unwrap_or_default());
    // Without a digest there is no jitter: earlier than meant would be a surprise.
    let digest = digest(Algorithm::Sha256, text.as_bytes());
    let first = digest.map_or(0, |digest| digest.as_ref().first().copied().unwrap_or(0));
    f64::from(first) / 255.0
}

/// What would be done. Only [`Pki::renewals`] makes one.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The entries to renew.
    pub renewals: Vec<Renewal>,
    /// The entries that should be renewed and cannot.
    pub blocked: Vec<Blocked>,
    /// The authorities that are not well; their rotation is another matter than a renewal.
    pub authorities: Vec<Row>,
    /// Whether keys are kept.
    pub keep_keys: bool,
}

/// One entry to renew.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Renewal {
    /// Its name in the catalogue.
    pub name: String,
    /// Its file.
    pub file: String,
    /// A leaf, a kubeconfig, or the copy of an authority's certificate.
    pub kind: Kind,
    /// Why.
    pub reasons: Vec<String>,
    /// The serial number of what is there.
    pub serial: Option<String>,
    /// When that ends.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires: Option<OffsetDateTime>,
}

/// One entry that cannot be renewed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Blocked {
    /// Its name in the catalogue.
    pub name: String,
    /// Why it should be renewed.
    pub reasons: Vec<String>,
    /// The authority that cannot sign it; none where something else is in the way.
    pub issuer: Option<String>,
    /// What is in the way.
    pub why: String,
}

impl Plan {
    /// The leaves that [`Pki::init`] leaves to changes of their own.
    pub(super) fn of_missing(leaves: &[LeafEntry]) -> Self {
        let renewal = |entry: &LeafEntry| Renewal {
            name: entry.name.clone(),
            file: entry.file().to_string(),
            kind: Kind::Leaf,
            reasons: vec!["not made yet".to_owned()],
            serial: None,
            expires: None,
        };
        Self {
            renewals: leaves.iter().map(renewal).collect(),
            blocked: Vec::new(),
            authorities: Vec::new(),
            keep_keys: false,
        }
    }

    /// Whether there is nothing to renew.
    pub fn is_empty(&self) -> bool {
        self.renewals.is_empty()
    }
}

impl Pki<'_> {
    /// What is due, without doing it: ends soon, has ended, not yet valid, revoked, drifted or
    /// torn.
    ///
    /// A leaf that already lives as long as its authority is not due by time: a new one would
    /// not live longer. The copy of an authority's certificate (`*.nochain.crt`) is due when it
    /// is missing or another, never by time or force.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`]; [`Error::UnknownEntry`]; [`Error::UnknownService`].
    pub fn renewals(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        policy: &RenewalPolicy,
    ) -> Result<Plan, Error> {
        policy.judge()?;
        let wanted = self.wanted(policy)?;
        let mut planner = Planner {
            pki: self,
            policy,
            wanted,
            authorities: BTreeMap::new(),
            plan: Plan {
                renewals: Vec::new(),
                blocked: Vec::new(),
                authorities: Vec::new(),
                keep_keys: policy.keep_keys,
            },
        };
        // Rows that nothing follows from are gone at once.
        self.look(diagnostic, now, Thresholds::default(), &mut |row| {
            planner.take(row);
            Ok::<_, Error>(())
        })?;
        Ok(planner.plan)
    }

    /// The names a policy asks for; `None`: all.
    fn wanted<'p>(&'p self, policy: &'p RenewalPolicy) -> Result<Option<BTreeSet<&'p str>>, Error> {
        if policy.names.is_empty() && policy.services.is_empty() {
            return Ok(None);
        }
        let mut wanted = BTreeSet::new();
        for name in &policy.names {
            match self.catalogue.entry(name) {
                Some(Entry::Authority(_)) | None => return Err(self.unknown(name)),
                Some(_) => {
                    wanted.insert(name.as_str());
                }
            }
        }
        let services = self.catalogue.services();
        for service in &policy.services {
            if !services.contains(service.as_str()) {
                return Err(Error::UnknownService {
                    name: service.clone(),
                    known: services.into_iter().collect::<Vec<_>>().join(", "),
                });
            }
        }
        let services: BTreeSet<&str> = policy.services.iter().map(String::as_str).collect();
        let leaves = self.catalogue.leaves().iter();
        let kubeconfigs = self.catalogue.kubeconfigs().iter();
        wanted.extend(
            leaves
                .map(|entry| (entry.service.as_str(), entry.name.as_str()))
                .chain(kubeconfigs.map(|entry| (entry.service.as_str(), entry.name.as_str())))
                .filter(|(service, _)| services.contains(service))
                .map(|(_, name)| name),
        );
        Ok(Some(wanted))
    }

    /// That nothing of that name can be renewed, and what can.
    pub(super) fn unknown(&self, name: &str) -> Error {
        let leaves = self
            .catalogue
            .leaves()
            .iter()
            .map(|entry| entry.name.clone());
        let kubeconfigs = self.catalogue.kubeconfigs().iter();
        let copies = self.catalogue.authorities().iter();
        let others = self.catalogue.key_sets().iter().map(|entry| &entry.name);
        let others = others.chain(self.catalogue.files().iter().map(|entry| &entry.name));
        let mut known: Vec<String> = leaves
            .chain(kubeconfigs.map(|entry| entry.name.clone()))
            .chain(others.cloned())
            .chain(
                copies
                    .filter(|entry| entry.nochain.is_some())
                    .map(AuthorityEntry::nochain_name),
            )
            .take(MOST_NAMED + 1)
            .collect();
        if known.len() > MOST_NAMED {
            known[MOST_NAMED] = "and more".to_owned();
        }
        Error::UnknownEntry {
            name: name.to_owned(),
            known: known.join(", "),
        }
    }
}

/// How many names an error lists.
const MOST_NAMED: usize = 60;

/// A plan in the making.
struct Planner<'p> {
    pki: &'p Pki<'p>,
    policy: &'p RenewalPolicy,
    wanted: Option<BTreeSet<&'p str>>,
    /// The rows of the authorities, by their names.
    authorities: BTreeMap<String, Row>,
    plan: Plan,
}

impl Planner<'_> {
    /// Takes the next row; those of the authorities come before those of their leaves.
    fn take(&mut self, row: Row) {
        let Some(name) = &row.entry else {
            return;
        };
        if row.kind == Kind::Authority {
            if row.status != Status::Ok {
                self.plan.authorities.push(row.clone());
            }
            self.authorities.insert(name.clone(), row);
            return;
        }
        let wanted = &self.wanted;
        if wanted
            .as_ref()
            .is_some_and(|wanted| !wanted.contains(name.as_str()))
        {
            return;
        }
        let issuer = match self.pki.catalogue.entry(name) {
            Some(Entry::Leaf(entry)) => self.pki.catalogue.authority(&entry.issuer),
            Some(Entry::Nochain(entry)) => Some(entry),
            Some(Entry::File(_) | Entry::KeySet(_) | Entry::Kubeconfig(_)) => None,
            Some(Entry::Authority(_)) | None => return,
        };
        let found = issuer.and_then(|issuer| self.authorities.get(&issuer.name));
        let reasons = reasons(&row, found, self.policy);
        if reasons.is_empty() {
            return;
        }
        let why = match self.pki.catalogue.entry(name) {
            Some(entry) if made_once(&entry, &row) => Some(once::MADE_ONCE.to_owned()),
            _ => self.cannot_sign(issuer, found),
        };
        match why {
            Some(why) => self.plan.blocked.push(Blocked {
                name: name.clone(),
                reasons,
                issuer: issuer.map(|issuer| issuer.name.clone()),
                why,
            }),
            None => self.plan.renewals.push(Renewal {
                name: name.clone(),
                file: row.file,
                kind: row.kind,
                reasons,
                serial: row.serial,
                expires: row.expires,
            }),
        }
    }

    /// Why an authority cannot sign; nothing when it can.
    fn cannot_sign(&self, entry: Option<&AuthorityEntry>, row: Option<&Row>) -> Option<String> {
        match row {
            Some(row) if row.status > Status::Warning => {
                Some(format!("{}: {}", row.status, row.reasons.join("; ")))
            }
            _ => {
                let source = self.pki.catalogue.key_source(&entry?.name);
                (*source == KeySource::External).then(|| KEY_ELSEWHERE.to_owned())
            }
        }
    }
}

/// Whether an entry is lost with what is wrong with it: a key or a secret, not what follows
/// from one.
fn made_once(entry: &Entry<'_>, row: &Row) -> bool {
    match entry {
        Entry::File(entry) => !matches!(entry.content, Content::Text(_)),
        Entry::KeySet(_) => row.status == Status::Torn,
        _ => false,
    }
}

/// Why an entry is to be renewed; nothing when it is not.
fn reasons(row: &Row, issuer: Option<&Row>, policy: &RenewalPolicy) -> Vec<String> {
    if matches!(row.kind, Kind::File | Kind::KeySet | Kind::Nochain) {
        // No dates, or those of the authority; and force makes no other keys.
        return match row.status {
            Status::Drifted | Status::Torn => row.reasons.clone(),
            _ => Vec::new(),
        };
    }
    let mut reasons = match row.status {
        Status::Ok | Status::Warning => Vec::new(),
        Status::Drifted
        | Status::NotYetValid
        | Status::Expired
        | Status::Revoked
        | Status::Torn => row.reasons.clone(),
    };
    if let Some((left, threshold)) = row.residual_seconds.zip(policy.threshold(row))
        && reasons.is_empty()
    {
        let clamped = issuer.and_then(|issuer| issuer.expires) == row.expires;
        if time::Duration::seconds(left) < threshold && !clamped {
            reasons.push(format!(
                "{} left, it is renewed when less than {} are left",
                row.residual.as_deref().unwrap_or_default(),
                in_words(threshold)
            ));
        }
    }
    if reasons.is_empty() && policy.force {
        reasons.push("forced".into());
    }
    reasons
}
