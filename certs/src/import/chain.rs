//! A certificate and those above it, put into order.

use fips_core::Diagnostic;

use super::Reason;
use crate::certificate::Certificate;

/// The certificate that is imported, then its issuer, and so on as far as the file goes.
#[derive(Clone, Debug)]
pub struct Chain {
    own: Certificate,
    above: Vec<Certificate>,
    /// What the file holds besides.
    stray: Vec<Certificate>,
}

impl Chain {
    /// From the certificates of a file: the first is the one that is imported, those above it may
    /// stand in any order. `None` for a file without any.
    pub fn new(certificates: Vec<Certificate>, diagnostic: &Diagnostic) -> Option<Self> {
        let mut pool = certificates;
        if pool.is_empty() {
            return None;
        }
        let own = pool.remove(0);
        let mut above: Vec<Certificate> = Vec::new();
        loop {
            let last = above.last().unwrap_or(&own);
            if is_root(last, diagnostic) {
                break;
            }
            // Who signed it; else who has the name, so that the reason can be said.
            let named = |one: &Certificate| one.facts().subject_der == last.facts().issuer_der;
            let found = pool
                .iter()
                .position(|one| last.verify_issued_by(diagnostic, one).is_ok())
                .or_else(|| pool.iter().position(named));
            let Some(found) = found else { break };
            above.push(pool.remove(found));
        }
        Some(Self {
            own,
            above,
            stray: pool,
        })
    }

    /// The certificate that is imported.
    pub fn own(&self) -> &Certificate {
        &self.own
    }

    /// Those above it, its issuer first; none for a root.
    pub fn above(&self) -> &[Certificate] {
        &self.above
    }

    /// Each link that does not hold, what is missing and what is too much.
    pub(super) fn links(&self, diagnostic: &Diagnostic, reasons: &mut Vec<Reason>) {
        let all: Vec<&Certificate> = std::iter::once(&self.own).chain(&self.above).collect();
        for pair in all.windows(2) {
            let [below, above] = pair else { continue };
            if let Err(why) = below.verify_issued_by(diagnostic, above) {
                reasons.push(Reason::Link {
                    below: below.subject().to_owned(),
                    above: above.subject().to_owned(),
                    why,
                });
            }
            if below.not_after() > above.not_after() {
                reasons.push(Reason::EndsAfterIssuer {
                    issuer: above.subject().to_owned(),
                });
            }
        }
        if let Some(last) = all.last()
            && !is_root(last, diagnostic)
        {
            reasons.push(Reason::NoRoot {
                at: last.subject().to_owned(),
                issuer: last.issuer().to_owned(),
            });
        }
        for (index, authority) in all.iter().enumerate().skip(1) {
            // RFC 5280 §4.2.1.9 counts the authorities between this one and a leaf, without those
            // that only carry their issuer's name on.
            let between = all[..index]
                .iter()
                .filter(|one| one.is_authority())
                .filter(|one| one.facts().subject_der != one.facts().issuer_der)
                .count();
            if let Some(allowed) = authority.path_length()
                && u64::from(allowed) < between as u64
            {
                reasons.push(Reason::PathLength {
                    authority: authority.subject().to_owned(),
                    allowed,
                    found: between,
                });
            }
        }
        reasons.extend(self.stray.iter().map(|one| Reason::Stray {
            subject: one.subject().to_owned(),
        }));
    }
}

fn is_root(certificate: &Certificate, diagnostic: &Diagnostic) -> bool {
    certificate
        .verify_issued_by(diagnostic, certificate)
        .is_ok()
}
