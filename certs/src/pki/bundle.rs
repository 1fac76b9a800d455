//! The certificates in an authority's file: its own, the chain above it, added trust.

use fips_core::Diagnostic;
use time::OffsetDateTime;

use super::row::Status;
use crate::certificate::Certificate;

/// An authority's file, split by signatures: a name alone links nothing.
///
/// The first certificate is the authority's own and pairs with the key. Each certificate of the
/// chain is signed by the next; it ends at the first that its own key signed. What follows is
/// trust that is only added, for a rotation, and leads nowhere from the authority.
pub(super) struct Bundle {
    certificates: Vec<Certificate>,
    /// How many of them are the chain.
    chain: usize,
    /// Why the chain does not end in a root.
    open: Option<(Status, String)>,
}

impl Bundle {
    pub(super) fn new(certificates: Vec<Certificate>, diagnostic: &Diagnostic) -> Self {
        let mut chain = certificates.len().min(1);
        let mut open = None;
        while let Some(last) = certificates[..chain].last() {
            let Err(not_root) = last.verify_issued_by(diagnostic, last) else {
                break;
            };
            let next = certificates.get(chain);
            let link = next.map(|next| last.verify_issued_by(diagnostic, next));
            if let Some(Ok(())) = link {
                chain += 1;
                continue;
            }
            let self_issued = last.facts().subject_der == last.facts().issuer_der;
            open = Some(match link {
                _ if self_issued => (Status::Drifted, format!("as a root: {not_root}")),
                Some(Err(why)) => (
                    Status::Drifted,
                    format!(
                        "certificate {chain} of the file was not signed by certificate {}: {why}; \
                         put the chain behind it, added trust after that",
                        chain + 1
                    ),
                ),
                Some(Ok(())) | None => (
                    Status::Warning,
                    format!(
                        "the chain ends at certificate {chain}, which is no root: OpenSSL and \
                         GnuTLS take no such file as trust; put the chain up to the root behind it"
                    ),
                ),
            });
            break;
        }
        Self {
            certificates,
            chain,
            open,
        }
    }

    /// The authority's own certificate.
    pub(super) fn first(&self) -> Option<&Certificate> {
        self.certificates.first()
    }

    /// The authority's own certificate and those above it.
    pub(super) fn chain(&self) -> &[Certificate] {
        &self.certificates[..self.chain]
    }

    /// The authority's own name and key under others' signatures, among the added trust.
    pub(super) fn crosses(&self) -> impl Iterator<Item = &Certificate> {
        let first = self.first().map(Certificate::facts);
        self.added().iter().filter(move |added| {
            let facts = added.facts();
            first.is_some_and(|first| {
                facts.subject_der == first.subject_der && facts.public_key == first.public_key
            })
        })
    }

    /// Trust that is only added.
    pub(super) fn added(&self) -> &[Certificate] {
        &self.certificates[self.chain..]
    }

    /// What keeps the chain from holding now: a link, a path length, a date.
    pub(super) fn flaws(&self, now: OffsetDateTime) -> Vec<(Status, String)> {
        let mut flaws: Vec<_> = self.open.iter().cloned().collect();
        for (below, certificate) in self.chain().iter().enumerate().skip(1) {
            let number = below + 1;
            // RFC 5280 §4.2.1.9 counts the authorities between this one and a leaf, without
            // those that only carry their issuer's name on.
            let between = self.chain()[..below]
                .iter()
                .filter(|found| found.facts().subject_der != found.facts().issuer_der)
                .count();
            if certificate
                .path_length()
                .is_some_and(|most| u64::from(most) < between as u64)
            {
                flaws.push((
                    Status::Drifted,
                    format!(
                        "certificate {number} of the file allows {} authorities below it, there \
                         are {between} (RFC 5280 §4.2.1.9)",
                        certificate.path_length().unwrap_or_default()
                    ),
                ));
            }
            if certificate.not_after() < now {
                flaws.push((
                    Status::Expired,
                    format!("certificate {number} of the file, above it, has ended"),
                ));
            }
            if certificate.not_before() > now {
                flaws.push((
                    Status::NotYetValid,
                    format!("certificate {number} of the file, above it, begins later"),
                ));
            }
        }
        flaws
    }

    /// Why an added certificate is no trust by itself: signed by nobody in the file.
    pub(super) fn stray(&self, added: &Certificate, diagnostic: &Diagnostic) -> Option<String> {
        let signed = self
            .certificates
            .iter()
            .any(|issuer| added.verify_issued_by(diagnostic, issuer).is_ok());
        (!signed).then(|| {
            "neither it nor another certificate of the file signed it; added trust is a root, or \
             comes with what signed it"
                .to_owned()
        })
    }
}
