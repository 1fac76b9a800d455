//! What a renewal would do, and why.

use std::time::Duration;

use fips_core::Diagnostic;
use serde::Serialize;
use time::OffsetDateTime;

use super::Pki;
use super::check::Thresholds;
use super::row::{Kind, Row, Status, in_words};
use crate::catalogue::{AuthorityEntry, Catalogue};
use crate::error::Error;

/// When a leaf is renewed: what has drifted, is torn or has ended always, the others when less
/// than the level of [`remaining`](Self::remaining) and [`fraction`](Self::fraction) is left.
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
    /// Whether to renew what is not due, too.
    pub force: bool,
    /// The entries to look at, by their names in the catalogue: leaves, kubeconfigs, and
    /// `AUTHORITY.nochain`; all when empty.
    pub names: Vec<String>,
    /// Whether to keep the keys: then only the certificate is new.
    pub keep_keys: bool,
}

impl Default for RenewalPolicy {
    fn default() -> Self {
        Self {
            remaining: Some(Duration::from_secs(90 * 86_400)),
            fraction: Some(1.0 / 3.0),
            force: false,
            names: Vec::new(),
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
        match self.fraction {
            Some(fraction) if !(0.0..=1.0).contains(&fraction) => Err(Error::Policy {
                why: format!("the fraction {fraction} is not between 0 and 1"),
            }),
            _ => Ok(()),
        }
    }

    /// The time left below which a certificate of that life is due; `None`: never by time.
    fn threshold(&self, life: time::Duration) -> Option<time::Duration> {
        let remaining = self
            .remaining
            .map(|left| time::Duration::try_from(left).unwrap_or(time::Duration::MAX));
        let part = self.fraction.map(|fraction| life * fraction);
        [remaining, part].into_iter().flatten().min()
    }
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
    /// The authority that cannot sign it.
    pub issuer: String,
    /// What is wrong with that.
    pub why: String,
}

impl Plan {
    /// Whether there is nothing to renew.
    pub fn is_empty(&self) -> bool {
        self.renewals.is_empty()
    }
}

impl Pki<'_> {
    /// What is due, without doing it: ends soon, has ended, not yet valid, drifted or torn.
    ///
    /// A leaf that already lives as long as its authority is not due by time: a new one would
    /// not live longer. The copy of an authority's certificate (`*.nochain.crt`) is due when it
    /// is missing or another, never by time or force.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`]; [`Error::UnknownEntry`]; the store cannot be listed.
    pub fn renewals(
        &self,
        diagnostic: &Diagnostic,
        now: OffsetDateTime,
        policy: &RenewalPolicy,
    ) -> Result<Plan, Error> {
        policy.judge()?;
        let known = self.renewable();
        if let Some(name) = policy.names.iter().find(|name| !known.contains(name)) {
            return Err(Error::UnknownEntry {
                name: name.clone(),
                known: known.join(", "),
            });
        }
        let rows = self.check(diagnostic, now, Thresholds::default())?;
        let authority = |name: &str| {
            rows.iter()
                .find(|row| row.kind == Kind::Authority && row.entry.as_deref() == Some(name))
        };
        let mut plan = Plan {
            renewals: Vec::new(),
            blocked: Vec::new(),
            authorities: rows
                .iter()
                .filter(|row| row.kind == Kind::Authority && row.status != Status::Ok)
                .cloned()
                .collect(),
            keep_keys: policy.keep_keys,
        };
        for row in &rows {
            let Some(name) = row.entry.as_ref() else {
                continue;
            };
            if !policy.names.is_empty() && !policy.names.contains(name) {
                continue;
            }
            let issuer = match row.kind {
                Kind::Leaf => {
                    let entry = self.catalogue.leaf(name);
                    entry.and_then(|entry| authority(&entry.issuer))
                }
                Kind::Kubeconfig => None,
                Kind::Nochain => name.strip_suffix(".nochain").and_then(authority),
                Kind::Authority | Kind::Other => continue,
            };
            let reasons = reasons(row, issuer, policy);
            if reasons.is_empty() {
                continue;
            }
            match issuer.filter(|row| row.status > Status::Warning) {
                Some(issuer) => plan.blocked.push(Blocked {
                    name: name.clone(),
                    reasons,
                    issuer: issuer.entry.clone().unwrap_or_default(),
                    why: format!("{}: {}", issuer.status, issuer.reasons.join("; ")),
                }),
                None => plan.renewals.push(Renewal {
                    name: name.clone(),
                    file: row.file.clone(),
                    kind: row.kind,
                    reasons,
                    serial: row.serial.clone(),
                    expires: row.expires,
                }),
            }
        }
        Ok(plan)
    }

    /// The names of what can be renewed.
    pub(super) fn renewable(&self) -> Vec<String> {
        let Catalogue {
            authorities,
            leaves,
            kubeconfigs,
            ..
        } = &self.catalogue;
        leaves
            .iter()
            .map(|entry| entry.name.clone())
            .chain(kubeconfigs.iter().map(|entry| entry.name.clone()))
            .chain(authorities.iter().map(AuthorityEntry::nochain_name))
            .collect()
    }
}

/// Why an entry is to be renewed; nothing when it is not.
fn reasons(row: &Row, issuer: Option<&Row>, policy: &RenewalPolicy) -> Vec<String> {
    if row.kind == Kind::Nochain {
        // Its dates are those of the authority.
        return match row.status {
            Status::Drifted | Status::Torn => row.reasons.clone(),
            _ => Vec::new(),
        };
    }
    let mut reasons = match row.status {
        Status::Ok | Status::Warning => Vec::new(),
        Status::Drifted | Status::NotYetValid | Status::Expired | Status::Torn => {
            row.reasons.clone()
        }
    };
    if let (Some(begins), Some(ends), Some(left)) =
        (row.not_before, row.expires, row.residual_seconds)
        && let Some(threshold) = policy.threshold(ends - begins)
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
