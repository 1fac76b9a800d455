use super::spiffe::SpiffeFault;

/// Why rules about peers are not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationFault {
    /// Not the form of a file of rules.
    #[error("not a file of rules (TOML, a table [[allow]] for each rule): {0}")]
    Malformed(String),
    /// No rule.
    #[error("there is no rule, so that nobody would be admitted: name at least one peer")]
    NoRules,
    /// A rule, and what is wrong with it.
    #[error("rule {number}: {fault}")]
    Rule {
        /// Its place, from 1.
        number: usize,
        /// What is wrong with it.
        fault: RuleFault,
    },
}

/// What is wrong with one rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleFault {
    /// Parts that no certificate can have together.
    #[error("no certificate can have {0}: write two rules")]
    Contradiction(&'static str),
    /// A DNS name.
    #[error(
        "{0:?} is no DNS name of a host: write it whole, in ASCII, without a wildcard and without \
         a dot at its end (RFC 5280 §4.2.1.6)"
    )]
    DnsName(String),
    /// A rule without parts.
    #[error("it names nothing, so that everybody would be admitted: give it a name to hold")]
    Empty,
    /// A SPIFFE ID or a trust domain.
    #[error("{text:?} is no SPIFFE ID or trust domain: {fault}")]
    Spiffe {
        /// What was written, its beginning.
        text: String,
        /// Which rule of the standard it breaks.
        fault: SpiffeFault,
    },
    /// A subject.
    #[error(
        "{text:?} is not a subject as RFC 4514 writes it ({why}): take the text that a refusal \
         shows, such as CN=admin,O=system:masters"
    )]
    Subject {
        /// What was written, its beginning.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A common name or an organization.
    #[error("the {part} is empty, has control characters, or more than {most} bytes")]
    Text {
        /// Which part.
        part: &'static str,
        /// The most bytes.
        most: usize,
    },
    /// A URI.
    #[error(
        "{0:?} is no URI that can be compared: write it as the certificate has it, scheme first, \
         in visible ASCII (RFC 3986 §2, §3)"
    )]
    Uri(String),
    /// A SPIFFE ID as a plain URI.
    #[error("{0:?} is a SPIFFE ID, which has rules of its own: write it as one")]
    UriIsSpiffe(String),
}

/// A peer whose chain was believed, and who may not come in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer ({subject}) is not admitted: {reason}")]
#[non_exhaustive]
pub struct NotAuthorized {
    /// The subject of its leaf, as RFC 4514 writes it, cut after 256 characters.
    pub subject: String,
    /// Why.
    pub reason: NotAuthorizedReason,
}

/// Why a peer is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAuthorizedReason {
    /// It showed an authority's certificate.
    #[error(
        "its certificate may sign others (RFC 5280 §4.2.1.3, §4.2.1.9) and speaks for no peer: \
         issue it a leaf of its own"
    )]
    Authority,
    /// No rule holds.
    #[error(
        "no rule holds for it, which shows {shown}; the rules are: {rules}; issue it a \
         certificate that one of them names, or add a rule"
    )]
    NoRule {
        /// The names of its leaf beside the subject, their beginning.
        shown: String,
        /// The rules, their beginning.
        rules: String,
    },
}
