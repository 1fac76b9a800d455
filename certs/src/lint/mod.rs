//! Certificates against RFC 5280 and the rules of this crate, without trusting them: what does
//! not parse is a finding, no signature is verified.
//!
//! ```
//! use fips_certs::lint;
//!
//! let findings = lint::certificate(b"no DER", None);
//! assert_eq!(findings[0].rule.id, "der");
//! ```

mod checks;
mod extensions;
mod names;
mod rules;

use serde::Serialize;

use crate::certificate::Certificate;
use crate::error::Error;
use crate::pem;

pub use rules::{RULES, Rule, Severity};

/// A rule that a certificate breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    #[serde(flatten)]
    pub rule: &'static Rule,
    /// What was found.
    pub found: String,
}

/// What one certificate of a file comes to.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Linted {
    /// Which certificate of the file, counted from 0.
    pub position: usize,
    /// The subject, where it can be read.
    pub subject: Option<String>,
    /// What it breaks.
    pub findings: Vec<Finding>,
}

/// The rule of that name.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// Judges one certificate in DER; with its issuer, the rules between the two, too.
pub fn certificate(der: &[u8], issuer: Option<&Certificate>) -> Vec<Finding> {
    let mut findings = Findings::default();
    checks::run(der, issuer, &mut findings);
    findings.0
}

/// Judges every certificate of a PEM file. Each is compared with its issuer where that stands in
/// the file.
///
/// # Errors
///
/// [`Error::Certificate`] for a file without certificates, or with anything else.
pub fn file(file: &[u8]) -> Result<Vec<Linted>, Error> {
    let all = pem::certificates(file).map_err(|why| Error::Certificate { why })?;
    let read: Vec<Option<Certificate>> = all
        .iter()
        .map(|der| Certificate::from_der(der).ok())
        .collect();
    let linted = all.iter().zip(&read).enumerate();
    Ok(linted
        .map(|(position, (der, own))| {
            let issuer = own.as_ref().and_then(|own| {
                read.iter().flatten().find(|other| {
                    other.facts().subject_der == own.facts().issuer_der && *other != own
                })
            });
            Linted {
                position,
                subject: own.as_ref().map(|own| own.subject().to_owned()),
                findings: certificate(der, issuer),
            }
        })
        .collect())
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding under the rule `id`; the name of a rule that is not there adds nothing,
    /// which a test of the crate rules out.
    fn add(&mut self, id: &str, found: impl Into<String>) {
        debug_assert!(rule(id).is_some(), "{id}");
        if let Some(rule) = rule(id) {
            let found = found.into();
            self.0.push(Finding { rule, found });
        }
    }
}
