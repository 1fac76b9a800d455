use crate::certificate::CertificateRefused;

/// One way in which a configuration is not what its profile asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// A server may choose a protocol that was not offered.
    #[error(
        "the server's choice of application protocol is not checked (RFC 7301 §3.1): leave \
         check_selected_alpn on"
    )]
    ApplicationProtocol,
    /// Rules about clients that are never asked who they are.
    #[error(
        "there are rules about clients, and anyone may connect: ask them for a certificate with \
         with_client_trust, or leave the rules out"
    )]
    Authorization,
    /// Early data (0-RTT) is on.
    #[error("early data (0-RTT) is on: it can be replayed (RFC 8446 §8); leave it off")]
    EarlyData,
    /// Certificate compression is on.
    #[error("certificate compression is on: the profiles name none; leave its lists empty")]
    CertificateCompression,
    /// The clock was replaced.
    #[error("the clock was replaced: give it to the builder with with_time_provider")]
    Clock,
    /// TLS 1.2 is on and extended master secret is not required.
    #[error(
        "extended master secret is not required (RFC 7627, SP 800-52r2 §3.4.1.3; IG D.Q): set \
         require_ems"
    )]
    ExtendedMasterSecret,
    /// A group the profile does not name.
    #[error("group {0} is not of the profile: take the provider of this crate")]
    Group(String),
    /// Data may go out before the client is authenticated.
    #[error("half-RTT data is on: it goes out before the client has shown who it is")]
    HalfRtt,
    /// The identity's key or chain.
    #[error("identity: {0}")]
    Identity(CertificateRefused),
    /// Secrets go to a key log.
    #[error("a key log is set: it writes session secrets out; leave it at none")]
    KeyLog,
    /// No identity was given.
    #[error("there is no identity: add one at least")]
    NoIdentity,
    /// A part of the provider that does not call itself approved.
    #[error("{part} does not come from the module: take the provider of this crate")]
    NotFips {
        /// Which part.
        part: &'static str,
    },
    /// What is to be a server's name is none.
    #[error(
        "{0} is no name of a server: give a DNS name, with *. before it for one label, or an IP \
         address"
    )]
    PeerName(String),
    /// Two identities for one server.
    #[error("{0} is given two identities: give it one")]
    PeerNameTwice(String),
    /// The provider was replaced, be it by one that calls itself approved.
    #[error("the provider was replaced: build the configuration from the profile")]
    Provider,
    /// The certificates and keys come from somewhere else.
    #[error("the certificate resolver was replaced: give the identity to the builder")]
    Resolver,
    /// Sessions are kept by someone else, or resumed in another way.
    #[error(
        "the client's session store was replaced: it is not known to drop sessions after one \
         hour; leave resumption as it was built"
    )]
    Resumption,
    /// A signature scheme the profile does not name.
    #[error("signature scheme {0} is not of the profile: take the provider of this crate")]
    Scheme(String),
    /// Traffic secrets may be taken out.
    #[error("secret extraction is on: traffic keys would leave the module; leave it off")]
    SecretExtraction,
    /// Server names are not sent.
    #[error("server name indication is off (SP 800-52r2 §4.4.1): leave it on")]
    ServerName,
    /// Sessions are kept by someone, without a bound on their life that is known.
    #[error("the session store was replaced: sessions live in tickets alone, one hour at most")]
    SessionStorage,
    /// A suite the profile does not name.
    #[error("suite {0} is not of the profile: take the provider of this crate")]
    Suite(String),
    /// Tickets are sealed by someone else.
    #[error("the ticketer was replaced: tickets are sealed by the module, with keys of its DRBG")]
    Ticketer,
    /// Tickets live too long.
    #[error("tickets live {seconds} seconds; one hour is the most")]
    TicketLifetime {
        /// The lifetime.
        seconds: u32,
    },
    /// A trust anchor.
    #[error("{0}")]
    Trust(String),
    /// The peer's chain is judged by someone else.
    #[error("the verifier of the peer's chain was replaced: give the trust to the builder")]
    Verifier,
    /// A version the profile does not name.
    #[error("version {0} is not of the profile: take the provider of this crate")]
    Version(String),
}
