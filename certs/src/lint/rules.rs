//! The rules, as data.

use std::fmt;

use serde::Serialize;

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// Its stable name.
    pub id: &'static str,
    /// How much a breach weighs.
    pub severity: Severity,
    /// Where it is written.
    pub section: &'static str,
    /// What it asks for.
    pub text: &'static str,
}

/// How much a breach weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing: this crate does it otherwise.
    Notice,
    /// Something works less well, or a SHOULD is not kept.
    Warning,
    /// A MUST is not kept; verifiers may refuse it.
    Error,
}

impl Severity {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

const fn rule(
    id: &'static str,
    severity: Severity,
    section: &'static str,
    text: &'static str,
) -> Rule {
    Rule {
        id,
        severity,
        section,
        text,
    }
}

use Severity::{Error, Notice, Warning};

/// Every rule, by name.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule("aki-critical", Error, "RFC 5280 §4.2.1.1", "the authority key identifier is not critical"),
    rule("aki-mismatch", Error, "RFC 5280 §4.2.1.1", "the authority key identifier is the subject key identifier of the issuer"),
    rule("aki-missing", Error, "RFC 5280 §4.2.1.1", "a certificate that another key signed names that key"),
    rule("basic-constraints-critical", Error, "RFC 5280 §4.2.1.9", "an authority's basic constraints are critical"),
    rule("basic-constraints-missing", Notice, "house rule", "a leaf says in basic constraints that it is none of the authorities"),
    rule("der", Error, "RFC 5280 §4.1", "a certificate is DER, whole and alone"),
    rule("dn-country", Error, "RFC 5280 appendix A.1", "a country is a PrintableString of two letters"),
    rule("dn-empty-value", Warning, "RFC 5280 appendix A.1", "a value of a name is not empty"),
    rule("dn-encoding", Error, "RFC 5280 §4.1.2.4", "text in a name is a PrintableString or UTF8String"),
    rule("dn-length", Warning, "RFC 5280 appendix A.1", "a common or organization name has at most 64 characters"),
    rule("dn-printable", Error, "X.680 §41.4", "a PrintableString holds letters, digits and ' ( ) + , - . / : = ? alone"),
    rule("eku-any", Warning, "RFC 5280 §4.2.1.12", "a certificate says what it is for, not anyExtendedKeyUsage"),
    rule("eku-missing", Warning, "house rule", "a leaf says what it is for; etcd and Kubernetes ask for clientAuth and serverAuth"),
    rule("extension-duplicate", Error, "RFC 5280 §4.2", "an extension is there once at most"),
    rule("extension-form", Error, "RFC 5280 §4.2", "an extension that is known has the form it is given"),
    rule("extension-unknown-critical", Error, "RFC 5280 §4.2", "a critical extension is one that verifiers know"),
    rule("issuer-clamp", Warning, "house rule", "a certificate is valid within the validity of its issuer"),
    rule("issuer-empty", Error, "RFC 5280 §4.1.2.4", "the issuer's name is not empty"),
    rule("key-policy", Error, "SP 800-131Ar2 §3, FIPS 186-5", "the key is ECDSA on P-256, P-384 or P-521, or RSA of 2048 to 8192 bits with an odd exponent above 2^16"),
    rule("key-usage-authority", Error, "RFC 5280 §4.2.1.3", "an authority has a key usage with keyCertSign"),
    rule("key-usage-critical", Warning, "RFC 5280 §4.2.1.3", "key usage is critical"),
    rule("key-usage-crl-sign", Warning, "RFC 5280 §4.2.1.3", "an authority may sign revocation lists (cRLSign): without it nothing can be revoked"),
    rule("key-usage-ec-encipherment", Error, "RFC 8813 §3", "an elliptic key has neither keyEncipherment nor dataEncipherment"),
    rule("key-usage-leaf-cert-sign", Error, "RFC 5280 §4.2.1.9", "what is no authority has no keyCertSign"),
    rule("key-usage-missing", Warning, "house rule", "a leaf has a key usage"),
    rule("key-usage-no-signature", Warning, "RFC 8446 §4.4.2.2", "a leaf for TLS may sign (digitalSignature)"),
    rule("kubelet-name", Error, "Kubernetes: Node authorization", "CN system:node:NAME and O system:nodes come together, as a client's leaf"),
    rule("lifetime", Warning, "house rule", "a leaf lives 825 days at most, an authority 20 years"),
    rule("path-length-leaf", Error, "RFC 5280 §4.2.1.9", "what is no authority has no path length"),
    rule("path-length-missing", Notice, "house rule", "an authority has a path length"),
    rule("san-critical", Warning, "RFC 5280 §4.2.1.6", "alternative names are critical if and only if the subject is empty"),
    rule("san-form", Error, "RFC 5280 §4.2.1.6, RFC 9525 §6.3", "an alternative name is a DNS name, perhaps a wildcard as whole first label, an address or a URI"),
    rule("san-missing", Error, "RFC 9525 §2", "a server's leaf has alternative names: the subject is not read"),
    rule("self-issued-leaf", Error, "RFC 5280 §3.2", "a leaf has another name than its issuer"),
    rule("serial-entropy", Warning, "CA/Browser Forum BR §7.1; house rule", "a serial number has 64 random bits at least, so eight bytes"),
    rule("serial-length", Error, "RFC 5280 §4.1.2.2", "a serial number has 20 octets at most"),
    rule("serial-positive", Error, "RFC 5280 §4.1.2.2", "a serial number is positive"),
    rule("signature-algorithm", Error, "SP 800-131Ar2 §9, tls-policy", "the signature is ECDSA or RSA with SHA-256, SHA-384 or SHA-512"),
    rule("signature-mismatch", Error, "RFC 5280 §4.1.1.2", "both signature algorithms of a certificate are the same"),
    rule("ski-critical", Error, "RFC 5280 §4.2.1.2", "the subject key identifier is not critical"),
    rule("ski-missing", Warning, "RFC 5280 §4.2.1.2", "a certificate has a subject key identifier; an authority must"),
    rule("subject-empty", Error, "RFC 5280 §4.1.2.6", "an authority's subject is not empty"),
    rule("validity-encoding", Error, "RFC 5280 §4.1.2.5", "dates to 2049 are UTCTime, from 2050 GeneralizedTime"),
    rule("validity-order", Error, "RFC 5280 §4.1.2.5", "a certificate does not end before it begins"),
    rule("version", Error, "RFC 5280 §4.1.2.1", "a certificate with extensions is of version 3"),
];
