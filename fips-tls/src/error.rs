use std::io;
use std::path::{Path, PathBuf};

use fips_core::signing::KeyAlgorithm;

use crate::authorization::AuthorizationFault;
use crate::certificate::CertificateRefused;
use crate::check::ConfigFault;
use crate::fleet::FleetKeysFault;
use crate::policy::{ProfileFileError, UnknownProfile};
use crate::refusal::PeerRefusal;

/// Why an identity, a trust store or a configuration was not made, or a finished handshake is
/// not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Rules about peers that are not taken.
    #[error("authorization: {0}")]
    Authorization(#[from] AuthorizationFault),

    /// A certificate breaks the policy.
    #[error("{what}: {refused}")]
    Certificate {
        /// Whose certificate, such as `identity` or `trust`.
        what: &'static str,
        /// Which one, and why.
        #[source]
        refused: CertificateRefused,
    },

    /// The finished configuration is not what the profile asks for: every reason found.
    #[error("the TLS configuration breaks profile {profile}:{}", list(faults))]
    Config {
        /// The profile's name.
        profile: &'static str,
        /// Each reason.
        faults: Vec<ConfigFault>,
    },

    /// Keys of a fleet that are not taken.
    #[error("fleet keys: {0}")]
    FleetKeys(#[from] FleetKeysFault),

    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },

    /// The handshake is not finished, so there is nothing to report.
    #[error("the handshake is not finished: complete it before asking for its session")]
    HandshakeNotFinished,

    /// What was read from a file is not taken.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<Self>,
    },

    /// A private key that does not belong to the leaf certificate, or is not taken.
    #[error("identity: {0}")]
    Identity(#[from] IdentityFault),

    /// The module refused or failed.
    #[error("{what}: {source}")]
    Module {
        /// What was being made.
        what: &'static str,
        /// The primitive's answer.
        #[source]
        source: fips_core::Error,
    },

    /// A peer whose certificate is outside its validity: a resumed session outlived it.
    #[error(
        "the peer's certificate ({subject}) is outside its validity now; the session was resumed \
         from before: close the connection and let the peer renew its certificate"
    )]
    PeerOutsideValidity {
        /// The subject.
        subject: String,
    },

    /// A peer who is not believed any more: its session was resumed from before, or trust,
    /// revocation or rules changed during the handshake.
    #[error("the peer is not believed any more: {0}; close the connection")]
    Peer(Box<PeerRefusal>),

    /// Text that is not the PEM it should be.
    #[error("{what}: {fault}")]
    Pem {
        /// What was being read.
        what: &'static str,
        /// What was wrong.
        fault: PemFault,
    },

    /// The clock tells no time, so that nothing can be judged.
    #[error("the clock of the configuration tells no time: give one that does")]
    NoClock,

    /// A version, suite or group that no profile names was negotiated: the connection is not
    /// one of this crate's configurations.
    #[error(
        "the connection negotiated {0}, which no profile names: it was not made from a \
         configuration of this crate"
    )]
    NotOfPolicy(String),

    /// A profile file that is not taken.
    #[error("profile: {0}")]
    ProfileFile(#[from] ProfileFileError),

    /// A revocation list that is not taken.
    #[error("revocation list: {0}")]
    Revocation(#[from] RevocationFault),

    /// A certificate store the verifier does not take.
    #[error("trust: {0}")]
    Trust(#[from] TrustFault),

    /// A profile name that nothing is known by.
    #[error(transparent)]
    UnknownProfile(#[from] UnknownProfile),

    /// The thread that follows files cannot be started.
    #[error(
        "the files cannot be followed, since no thread or descriptor is to be had: {0}; raise the \
         limits of this process (RLIMIT_NPROC, RLIMIT_NOFILE, the cgroup's pids.max)"
    )]
    Watch(#[source] io::Error),
}

impl Error {
    /// Adds the file that the fault lies in.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile {
            path: path.to_owned(),
            source: Box::new(self),
        }
    }
}

/// What was wrong with an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityFault {
    /// The private key belongs to another certificate of the chain.
    #[error(
        "the private key belongs to certificate {position} of the chain, not to the first: put \
         the leaf first, then its issuers (RFC 8446 §4.4.2)"
    )]
    LeafNotFirst {
        /// Where the key's certificate is.
        position: usize,
    },
    /// A certificate whose validity is over.
    #[error(
        "certificate {position} of the chain ({subject}) has expired: renew it and put the new one \
         in its place"
    )]
    Expired {
        /// The place in the chain: 0 is the leaf.
        position: usize,
        /// The subject.
        subject: String,
    },
    /// A key file that others may read.
    #[error(
        "the private key file {} has mode {mode:04o}: only its owner may read it; run chmod \
         0600 on it, and make a new key if others could read this one", path.display()
    )]
    KeyFileMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A name the certificate is not for.
    #[error(
        "the certificate ({subject}) is not for the name {name}: issue one that has it as a \
         subject alternative name (RFC 9525 §6.3)"
    )]
    NameNotCovered {
        /// The name.
        name: String,
        /// The leaf's subject.
        subject: String,
    },
    /// Two identities of one name, with keys of the same kind.
    #[error(
        "{name} has two identities with keys of the same kind ({one}; {other}): leave one of them \
         out, or give each names of its own"
    )]
    NameTwice {
        /// The name.
        name: String,
        /// Subject and serial number of the one that was there.
        one: String,
        /// Of the other.
        other: String,
    },
    /// A certificate without a DNS name.
    #[error(
        "the certificate ({subject}) has no DNS name, and server name indication has no other \
         (RFC 6066 §3): make it the default"
    )]
    NoDnsName {
        /// The leaf's subject.
        subject: String,
    },
    /// Not a DNS name.
    #[error(
        "{name} is no DNS name: give one without a dot at its end, or with *. before it for one \
         label"
    )]
    NotADnsName {
        /// The name.
        name: String,
    },
    /// The private key belongs to none of the certificates.
    #[error(
        "the private key ({key}) does not belong to the certificate ({subject}): give the pair \
         that was issued together"
    )]
    KeyMismatch {
        /// The key's kind.
        key: KeyAlgorithm,
        /// The leaf's subject.
        subject: String,
    },
    /// A certificate whose validity has not begun.
    #[error(
        "certificate {position} of the chain ({subject}) is not valid yet: compare the clocks of \
         this machine and of its issuer's"
    )]
    NotYetValid {
        /// The place in the chain: 0 is the leaf.
        position: usize,
        /// The subject.
        subject: String,
    },
    /// A certificate that certifies none before it.
    #[error(
        "certificate {position} of the chain ({subject}) certifies none before it: put after the \
         leaf those alone that lead from it to the trust anchor (RFC 8446 §4.4.2)"
    )]
    Unlinked {
        /// The place in the chain.
        position: usize,
        /// The subject.
        subject: String,
    },
}

/// What was wrong with a set of trust anchors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustFault {
    /// Anchors of which none is valid.
    #[error("no trust anchor is valid now: give the present certificate of the CA")]
    NoneValid,
    /// A certificate that is no CA.
    #[error(
        "certificate {position} ({subject}) is not a CA (basicConstraints, RFC 5280 §4.2.1.9): \
         trust the CA that issued it"
    )]
    NotACa {
        /// The place in the file, from 0.
        position: usize,
        /// The subject.
        subject: String,
    },
    /// The verifier does not take the certificate as an anchor.
    #[error("certificate {position} ({subject}) cannot be a trust anchor: {reason}")]
    Unusable {
        /// The place in the file, from 0.
        position: usize,
        /// The subject.
        subject: String,
        /// The verifier's reason.
        reason: String,
    },
}

/// What was wrong with a revocation list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationFault {
    /// A signature algorithm the profile does not name.
    #[error(
        "that of {issuer} is signed with {found}, which profile {profile} does not take: have its \
         issuer sign again with an algorithm of the profile (SP 800-131Ar2 §9)"
    )]
    Algorithm {
        /// The issuer.
        issuer: String,
        /// The algorithm.
        found: String,
        /// The profile's name.
        profile: &'static str,
    },
    /// Not a list that can be used.
    #[error(
        "list {position}: {reason}; take a whole list (no delta, not indirect, not of some \
         reasons) of version 2 with a number and a next update (RFC 5280 §5)"
    )]
    Malformed {
        /// The place in the file, from 0.
        position: usize,
        /// The parser's reason.
        reason: String,
    },
    /// A list is no longer there, where issuers without one pass.
    #[error(
        "that of {issuer}, which is in force, is not there any more, and what it revokes would \
         pass: put it back, or start anew if that is wanted"
    )]
    Gone {
        /// The issuer.
        issuer: String,
    },
    /// A list outside its time.
    #[error(
        "that of {issuer} does not speak now (its next update is {next_update}): fetch the present \
         one from the authority"
    )]
    NotCurrent {
        /// The issuer.
        issuer: String,
        /// When the next one should be there.
        next_update: String,
    },
    /// A list older than the one in force.
    #[error(
        "that of {issuer} with number {number} is older than number {served}, which is in force, \
         and what was revoked since would pass: fetch the present one from the authority"
    )]
    Older {
        /// The issuer.
        issuer: String,
        /// Its number.
        number: String,
        /// The number of the one in force.
        served: String,
    },
    /// Name and key identifier are a trust anchor's, whose key did not sign it.
    #[error(
        "that of {issuer} names a trusted authority, whose key did not sign it: fetch it again \
         from the authority"
    )]
    Signature {
        /// The issuer.
        issuer: String,
    },
}

/// What was wrong with a PEM text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemFault {
    /// An encrypted private key.
    #[error("the private key is encrypted: decrypt it before (openssl pkey -in … -out …)")]
    EncryptedKey,
    /// Broken encoding.
    #[error("not PEM (RFC 7468): {0}")]
    Malformed(String),
    /// No certificate.
    #[error("no certificate in it: expected at least one BEGIN CERTIFICATE block")]
    NoCertificate,
    /// No revocation list.
    #[error("no revocation list in it: expected at least one BEGIN X509 CRL block")]
    NoRevocationList,
    /// No private key.
    #[error(
        "no private key in it: expected a BEGIN PRIVATE KEY, EC PRIVATE KEY or RSA PRIVATE KEY block"
    )]
    NoKey,
}

fn list(faults: &[ConfigFault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}
