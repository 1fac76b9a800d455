//! Why something foreign is refused.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::certificate::NotIssued;
use crate::error::GateMismatch;

/// One reason against taking a foreign certificate, key or request; each says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The subject of an authority would be written differently into what it issues.
    #[error(
        "its subject would be written differently into a leaf (an attribute type twice, several \
         in one RDN, or a value of an odd kind), and no verifier would find the issuer; have it \
         name each attribute type once"
    )]
    Encoding,
    /// It ends after its issuer.
    #[error("it ends after {issuer}, which signed it; have it issued for a shorter time")]
    EndsAfterIssuer {
        /// The issuer.
        issuer: String,
    },
    /// It has ended.
    #[error("it ended on {}; have it issued again", date(*.at))]
    Expired {
        /// When.
        at: OffsetDateTime,
    },
    /// Its bytes are not of the form they must have.
    #[error("{why}")]
    Form {
        /// What is wrong with them.
        why: String,
    },
    /// Made under another kind of gate.
    #[error("{0}")]
    Gate(GateMismatch),
    /// The key is outside of the policy.
    #[error(
        "its key is {found}; the policy takes ECDSA on P-256 or P-384 and RSA from 2048 bits with \
         an odd exponent above 65536 (SP 800-131Ar2 §3, FIPS 186-5): make a key of such a kind"
    )]
    Key {
        /// What it is.
        found: String,
    },
    /// The key is verified, and nothing is issued for it.
    #[error("its key is {found}, which is verified but not issued for: use P-256, P-384 or RSA")]
    KeyNotIssued {
        /// What it is.
        found: String,
    },
    /// The chain does not lead on.
    #[error("`{below}` is not signed by `{above}`: {why}")]
    Link {
        /// The certificate below.
        below: String,
        /// The one that should have signed it.
        above: String,
        /// What does not hold.
        why: NotIssued,
    },
    /// It bears name constraints.
    #[error(
        "it constrains names (RFC 5280 §4.2.1.10), which nothing here acts upon when it issues; \
         have it issued without"
    )]
    NameConstraints,
    /// No certificate above it is a root.
    #[error(
        "no root: the chain ends at `{at}`, whose issuer `{issuer}` is not in the file; put the \
         chain up to the root behind it"
    )]
    NoRoot {
        /// Where the chain ends.
        at: String,
        /// Who would have to follow.
        issuer: String,
    },
    /// A server without names.
    #[error("it holds no name or address a server could be reached by (RFC 9525 §4.1)")]
    NoNames,
    /// It is no authority by its basic constraints.
    #[error(
        "its basic constraints do not make it an authority (RFC 5280 §4.2.1.9); have it issued as \
         a CA"
    )]
    NotAuthority,
    /// It is an authority where a leaf is expected.
    #[error("it is an authority by its basic constraints, and a leaf is expected")]
    NotLeaf,
    /// Another key than the one here.
    #[error("its key is not the one that waits for it here; have the request of this PKI signed")]
    OtherKey,
    /// The key that is there under another identifier than its present certificate gives it.
    #[error(
        "its subject key identifier is {found}, and what its key signed until now names {wanted}; \
         have it signed with subjectKeyIdentifier = {wanted}, or with a new key (`export-csr \
         --new-key`)"
    )]
    OtherIdentifier {
        /// The one it has.
        found: String,
        /// The one it must have.
        wanted: String,
    },
    /// A leaf that says something else than was asked for.
    #[error("{0}")]
    OtherLeaf(String),
    /// It begins later.
    #[error("it begins on {}; wait, or set the clock", date(*.at))]
    NotYetValid {
        /// When.
        at: OffsetDateTime,
    },
    /// An authority above leaves no room.
    #[error(
        "`{authority}` allows {allowed} authorities below it, there are {found} (RFC 5280 \
         §4.2.1.9); have it signed by one with more room"
    )]
    PathLength {
        /// The authority.
        authority: String,
        /// How many it allows.
        allowed: u32,
        /// How many there are.
        found: usize,
    },
    /// A request whose maker does not show to hold the key.
    #[error(
        "its signature does not verify under the key in it, so its maker does not show to hold \
         the key (RFC 2986 §4.2); make the request again"
    )]
    Possession,
    /// A serial number no certificate may have.
    #[error(
        "its serial number {found} is not positive and of 20 bytes at most (RFC 5280 §4.1.2.2)"
    )]
    Serial {
        /// The number in hexadecimal.
        found: String,
    },
    /// The signature's algorithm is outside of the policy.
    #[error(
        "it is signed with {found}; the policy takes ECDSA with the hash of the curve's strength, \
         and RSA with SHA-256, SHA-384 or SHA-512 (SP 800-131Ar2 §9): sign it again with such a one"
    )]
    SignatureAlgorithm {
        /// What it is.
        found: String,
    },
    /// A file holds more than belongs to the chain.
    #[error("`{subject}` belongs to no chain of what is imported; leave it out")]
    Stray {
        /// The certificate.
        subject: String,
    },
    /// An attribute of a request that nobody here knows.
    #[error("it holds the attribute {oid}, which nothing here acts upon; leave it out")]
    UnknownAttribute {
        /// Its identifier.
        oid: String,
    },
    /// A critical extension that nobody here acts upon.
    #[error(
        "its critical extension {oid} is unknown here (RFC 5280 §4.2: refused then); have it \
         issued without"
    )]
    UnknownCritical {
        /// Its identifier.
        oid: String,
    },
    /// An extension of a request that nobody here knows.
    #[error("it asks for the extension {oid}, which nothing here issues; leave it out")]
    UnknownExtension {
        /// Its identifier.
        oid: String,
    },
    /// It has no subject key identifier.
    #[error(
        "it has no subject key identifier for its leaves to name (RFC 5280 §4.2.1.2); have it \
         issued with one"
    )]
    WithoutKeyId,
    /// Its key usage lacks what an authority, or a leaf, must do.
    #[error("its key usage lacks {usage} (RFC 5280 §4.2.1.3); have it issued with it")]
    WithoutUsage {
        /// What is missing, as RFC 5280 names it.
        usage: &'static str,
    },
}

fn date(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

/// Reasons in one line.
pub(crate) fn in_one_line<R: ToString>(reasons: &[R]) -> String {
    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    reasons.join("; ")
}
