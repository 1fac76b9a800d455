//! Foreign certificates judged before they are taken: every reason at once, each with the way to
//! mend it.
//!
//! Reading has judged the form ([`Certificate::from_der`](crate::Certificate::from_der): version
//! 3, no extension twice, names read whole, no bytes after it, bounded size and depth). Here it is
//! judged whether a certificate may be an authority of a PKI, or a leaf of it. Name constraints
//! are refused: nothing here acts upon them when it issues.

pub(crate) mod algorithm;
mod chain;
mod reason;

use fips_core::Diagnostic;
use time::OffsetDateTime;

use crate::certificate::{Certificate, signature};
use crate::error::Error;
use crate::issue;
use crate::{mark, pem};

pub use chain::Chain;
pub use reason::Reason;
pub(crate) use reason::in_one_line;

/// What was found: what speaks against it, and what is only worth saying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Judgement {
    /// What is worth saying.
    pub notes: Vec<String>,
    /// Why it is refused; it is not when there are none.
    pub reasons: Vec<Reason>,
}

impl Judgement {
    /// The notes, or the refusal of `what`.
    ///
    /// # Errors
    ///
    /// [`Error::Import`] with every reason.
    pub fn into_result(self, what: impl Into<String>) -> Result<Vec<String>, Error> {
        if self.reasons.is_empty() {
            return Ok(self.notes);
        }
        Err(Error::Import {
            what: what.into(),
            reasons: self.reasons,
        })
    }
}

/// Reads every certificate of a file (PEM, or one in DER), in its order.
///
/// # Errors
///
/// [`Error::Import`] with a reason for each that cannot be read.
pub fn read(file: &[u8]) -> Result<Vec<Certificate>, Error> {
    let refuse = |reasons| Error::Import {
        what: "the file of certificates".into(),
        reasons,
    };
    let form = |why| Reason::Form { why };
    let ders = if file.starts_with(&[0x30]) {
        vec![file.to_vec().into()]
    } else {
        pem::certificates(file).map_err(|why| refuse(vec![form(why)]))?
    };
    let mut certificates = Vec::new();
    let mut reasons = Vec::new();
    for (before, der) in ders.iter().enumerate() {
        match Certificate::from_der(der) {
            Ok(certificate) => certificates.push(certificate),
            Err(error) => reasons.push(form(format!("certificate {}: {error}", before + 1))),
        }
    }
    if reasons.is_empty() {
        return Ok(certificates);
    }
    Err(refuse(reasons))
}

/// Judges the certificate of an authority that shall sign here, and the chain above it.
///
/// `key` is the public half of the key that waits for it, where one does.
pub fn judge_authority(
    diagnostic: &Diagnostic,
    chain: &Chain,
    key: Option<&[u8]>,
    now: OffsetDateTime,
) -> Judgement {
    let own = chain.own();
    let mut judgement = Judgement::default();
    let reasons = &mut judgement.reasons;
    of_authority(own, reasons);
    of_subject_key(own, key, reasons);
    if own.subject_key_id().is_none() {
        reasons.push(Reason::WithoutKeyId);
    }
    if !issue::is_rewritable(&own.facts().subject_der) {
        reasons.push(Reason::Encoding);
    }
    if !is_positive(&own.facts().serial) {
        reasons.push(serial(own));
    }
    if own.path_length() == Some(0) {
        judgement.notes.push(
            "its path length is 0: when it is rotated its successor cannot be cross-signed by it"
                .to_owned(),
        );
    }
    of_dates(own, now, &mut judgement.reasons);
    above(diagnostic, chain, now, &mut judgement);
    judgement
}

/// Judges a leaf signed elsewhere, and the chain above it. What the leaf says is compared with
/// what was asked for by who asked.
pub fn judge_leaf(
    diagnostic: &Diagnostic,
    chain: &Chain,
    key: Option<&[u8]>,
    server: bool,
    now: OffsetDateTime,
) -> Judgement {
    let leaf = chain.own();
    let mut judgement = Judgement::default();
    let reasons = &mut judgement.reasons;
    let facts = leaf.facts();
    if facts.is_authority {
        reasons.push(Reason::NotLeaf);
    }
    if facts.key_usages.is_some_and(|bits| !bits.digital_signature) {
        reasons.push(Reason::WithoutUsage {
            usage: "digitalSignature",
        });
    }
    if server && facts.names.is_empty() {
        reasons.push(Reason::NoNames);
    }
    of_any(leaf, reasons);
    of_subject_key(leaf, key, reasons);
    if !is_positive(&facts.serial) {
        reasons.push(serial(leaf));
    }
    of_dates(leaf, now, reasons);
    above(diagnostic, chain, now, &mut judgement);
    judgement
}

/// What concerns each certificate, whoever it belongs to.
fn of_any(certificate: &Certificate, reasons: &mut Vec<Reason>) {
    let facts = certificate.facts();
    if !facts.key_allowed {
        reasons.push(Reason::Key {
            found: facts.key_name.clone(),
        });
    }
    if !signature::is_signature_algorithm(&facts.signature_algorithm) {
        reasons.push(Reason::SignatureAlgorithm {
            found: algorithm::name(&facts.signature_algorithm),
        });
    }
    let unknown = facts.unknown_critical.iter().cloned();
    reasons.extend(unknown.map(|oid| Reason::UnknownCritical { oid }));
    if facts.constrains_names {
        reasons.push(Reason::NameConstraints);
    }
    if let Err(why) = mark::admit(certificate, fips_core::opening()) {
        reasons.push(Reason::Gate(why));
    }
}

/// What concerns each authority, here or above.
fn of_authority(certificate: &Certificate, reasons: &mut Vec<Reason>) {
    let facts = certificate.facts();
    if !facts.is_authority {
        reasons.push(Reason::NotAuthority);
    }
    // A certificate without the extension may do everything (RFC 5280 §4.2.1.3 has CAs state it).
    let lacks = |has: fn(crate::certificate::KeyUsages) -> bool| !facts.key_usages.is_some_and(has);
    for (lacks, usage) in [
        (lacks(|bits| bits.key_cert_sign), "keyCertSign"),
        (lacks(|bits| bits.crl_sign), "cRLSign"),
    ] {
        if lacks {
            reasons.push(Reason::WithoutUsage { usage });
        }
    }
    of_any(certificate, reasons);
}

/// The key of the certificate that comes here: of a kind that is issued for, and the one here.
fn of_subject_key(certificate: &Certificate, key: Option<&[u8]>, reasons: &mut Vec<Reason>) {
    let facts = certificate.facts();
    if facts.key_allowed && crate::key::named(&facts.key_name).is_err() {
        reasons.push(Reason::KeyNotIssued {
            found: facts.key_name.clone(),
        });
    }
    if key.is_some_and(|key| key != certificate.public_key()) {
        reasons.push(Reason::OtherKey);
    }
}

fn of_dates(certificate: &Certificate, now: OffsetDateTime, reasons: &mut Vec<Reason>) {
    if certificate.not_after() < now {
        reasons.push(Reason::Expired {
            at: certificate.not_after(),
        });
    }
    if certificate.not_before() > now {
        reasons.push(Reason::NotYetValid {
            at: certificate.not_before(),
        });
    }
}

/// The certificates above, and the links to them.
fn above(diagnostic: &Diagnostic, chain: &Chain, now: OffsetDateTime, judgement: &mut Judgement) {
    let Judgement { notes, reasons } = judgement;
    for certificate in chain.above() {
        let mut found = Vec::new();
        // cRLSign of an authority above is that one's matter: who checks its lists will miss it.
        of_authority(certificate, &mut found);
        found.retain(|reason| *reason != Reason::WithoutUsage { usage: "cRLSign" });
        of_dates(certificate, now, &mut found);
        if certificate.facts().serial.iter().all(|byte| *byte == 0) {
            notes.push(format!(
                "`{}` has serial number 0 (as those of k3s have), which RFC 5280 §4.1.2.2 forbids \
                 and every verifier takes",
                certificate.subject()
            ));
        } else if !is_positive(&certificate.facts().serial) {
            found.push(serial(certificate));
        }
        reasons.extend(found.into_iter().map(|reason| match reason {
            reason @ (Reason::Gate(_) | Reason::PathLength { .. }) => reason,
            other => Reason::Form {
                why: format!("above it, `{}`: {other}", certificate.subject()),
            },
        }));
    }
    chain.links(diagnostic, reasons);
}

/// RFC 5280 §4.1.2.2: positive, and 20 bytes at most.
fn is_positive(serial: &[u8]) -> bool {
    serial.first().is_some_and(|first| first & 0x80 == 0)
        && serial.iter().any(|byte| *byte != 0)
        && serial.len() <= 20
}

fn serial(certificate: &Certificate) -> Reason {
    Reason::Serial {
        found: data_encoding::HEXUPPER.encode(&certificate.facts().serial),
    }
}
