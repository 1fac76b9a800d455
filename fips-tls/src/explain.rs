use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible, PeerMisbehaved};

use crate::authorization::NotAuthorized;
use crate::certificate::{CertificateReason, CertificateRefused};
use crate::name;

/// The most characters of what happened: a peer may present any number of names.
const MOST: usize = 1024;

/// A failed handshake in words: what happened, why the policy has it so, and how to mend it.
///
/// ```
/// use fips_tls::Explanation;
/// use rustls::{Error, PeerIncompatible};
///
/// let error = Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon);
/// assert!(Explanation::of(&error).to_string().contains("AES-GCM"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// What happened, on one line and cut when very long, whatever the peer's names hold.
    pub what: String,
    /// The rule behind it, with its source; empty where none of the policy is.
    pub why: &'static str,
    /// How to mend it; empty where nothing can be said.
    pub mend: &'static str,
}

impl Explanation {
    /// Explains an error of rustls.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::AlertReceived(alert) => of_alert(*alert),
            Error::DecryptError => new(
                "a record or a Finished of the peer's does not fit its keys",
                "each is authenticated (RFC 8446 §4.4.4, §5.2; RFC 5246 §6.2.3, §7.4.9)",
                INTERFERENCE,
            ),
            Error::InappropriateHandshakeMessage { .. } | Error::InappropriateMessage { .. } => {
                new(
                    format!("the peer sent a message out of its turn: {error}"),
                    "the order of messages is fixed (RFC 8446 §4, RFC 5246 §7.3)",
                    INTERFERENCE,
                )
            }
            Error::InvalidCertificate(error) => of_certificate(error),
            Error::InvalidCertRevocationList(fault) => new(
                format!("the revocation list that speaks of the peer is not taken: {fault:?}"),
                "a list counts when its issuer's key signed it and may sign lists (RFC 5280 \
                 §6.3.3 (f))",
                "fetch the list again from the authority; one whose key usage lacks cRLSign cannot \
                 issue lists: rotate it to one that has it",
            ),
            Error::InvalidMessage(reason) => new(
                format!("the peer sent what is no TLS message: {reason:?}"),
                "messages and records have a fixed form (RFC 8446 §4, §5; RFC 5246 §6, §7)",
                "look whether the peer speaks TLS on this port at all",
            ),
            Error::NoApplicationProtocol => new(
                "the peer offers no application protocol of this side's",
                "one that both name is taken, or none is (RFC 7301 §3.2)",
                "name the same protocol on both sides, such as h2 or http/1.1",
            ),
            Error::NoCertificatesPresented => new(
                "the peer showed no certificate",
                "this side takes authenticated peers alone",
                "give the peer a certificate and its key, issued by a CA this side trusts",
            ),
            Error::PeerIncompatible(reason) => of_incompatible(reason),
            // What rustls says, without a kind of its own, to a TLS 1.2 client.
            Error::General(text) if text == "incompatible signing key" => {
                of_incompatible(&PeerIncompatible::NoSignatureSchemesInCommon)
            }
            Error::PeerMisbehaved(reason) => of_misbehaviour(reason),
            Error::PeerSentOversizedRecord => new(
                "the peer sent a record that is too long",
                "a record holds 2^14 bytes at most (RFC 8446 §5.1, RFC 5246 §6.2.1)",
                INTERFERENCE,
            ),
            other => new(other.to_string(), "", ""),
        }
    }

    /// Explains why a believed peer may not come in.
    pub(crate) fn of_not_authorized(refused: &NotAuthorized) -> Self {
        // Its reasons say how to mend it themselves.
        new(refused.reason.to_string(), "", "")
    }

    /// Explains the error of rustls inside an I/O error, as tokio-rustls returns it.
    pub fn of_io(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Error>().map(Self::of)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.why.is_empty() {
            write!(f, "; {}", self.why)?;
        }
        if !self.mend.is_empty() {
            write!(f, "; to mend: {}", self.mend)?;
        }
        Ok(())
    }
}

fn new(what: impl Into<String>, why: &'static str, mend: &'static str) -> Explanation {
    Explanation {
        what: name::one_line(&what.into(), MOST),
        why,
        mend,
    }
}

/// How to mend what no sound implementation sends.
const INTERFERENCE: &str = "update the peer's TLS library; if it is sound, look for what changes \
                            bytes on the way";

fn of_misbehaviour(reason: &PeerMisbehaved) -> Explanation {
    match reason {
        PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported => new(
            "the peer chose TLS 1.2 and says in its random that it was not offered TLS 1.3",
            "this side offered it, so someone took it out of the hello (RFC 8446 §4.1.3)",
            "look for what changes bytes on the way: a proxy, a firewall, an attacker",
        ),
        PeerMisbehaved::InvalidKeyShare => new(
            "the peer's key share is not one of its group (InvalidKeyShare)",
            "a point must be uncompressed and on its curve (RFC 8446 §4.2.8.2), an ML-KEM key or \
             ciphertext of exact length and a key reduced (FIPS 203 §7.2, §7.3)",
            INTERFERENCE,
        ),
        other => new(
            format!("the peer breaks the protocol: {other:?}"),
            "rules of RFC 8446 or RFC 5246 that a peer must keep",
            INTERFERENCE,
        ),
    }
}

fn of_incompatible(reason: &PeerIncompatible) -> Explanation {
    match reason {
        PeerIncompatible::ExtendedMasterSecretExtensionRequired => new(
            "the peer speaks TLS 1.2 without extended master secret",
            "TLS 1.2 is approved with extended master secret alone (RFC 7627, IG D.Q)",
            "turn extended master secret on at the peer, or let it use TLS 1.3",
        ),
        PeerIncompatible::NoCipherSuitesInCommon => new(
            "the peer offers no suite of the profile that fits this side's certificate",
            "only AES-GCM suites with ephemeral ECDH are offered; ChaCha20-Poly1305 and CBC are \
             not (SP 800-52r2 §3.3.1)",
            "enable TLS_AES_256_GCM_SHA384 or an ECDHE AES-256-GCM suite at the peer: every \
             profile has them",
        ),
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::KeyShareExtensionRequired => new(
            "the peer offers no group of the profile",
            "profiles name curves of SP 800-186, and where it was turned on ML-KEM, alone or with \
             one of them (FIPS 203); X25519 is not an approved service of the module, alone or in \
             X25519MLKEM768 (SP 800-56Ar3)",
            "enable secp384r1 at the peer: every profile has it",
        ),
        PeerIncompatible::SignatureAlgorithmsExtensionRequired => new(
            "the peer names no signature algorithms: it speaks TLS 1.1 or older, or takes SHA-1 \
             alone (RFC 5246 §7.4.1.4.1)",
            "TLS 1.3 and, where the profile names it, TLS 1.2 are offered (SP 800-52r2 §3.1)",
            "enable TLS 1.3 at the peer",
        ),
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => new(
            "the peer takes no signature this side's key can make",
            "signatures use SHA-256, SHA-384 or SHA-512, under cnsa1 SHA-384 alone (SP 800-131Ar2 \
             §9, RFC 9151 §7.1)",
            "enable ECDSA or RSA with the profile's hashes at the peer: every profile has SHA-384",
        ),
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => new(
            "the peer speaks no version of the profile",
            "TLS 1.3 and, where the profile names it, TLS 1.2 are offered (SP 800-52r2 §3.1)",
            "enable TLS 1.3 at the peer",
        ),
        other => new(
            format!("the peer is incompatible: {other:?}"),
            "",
            "compare the peer's settings with the profile",
        ),
    }
}

fn of_certificate(error: &CertificateError) -> Explanation {
    use CertificateError as E;
    const VALIDITY: &str = "a certificate counts from notBefore to notAfter (RFC 5280 §4.1.2.5)";
    match error {
        E::ApplicationVerificationFailure => new(
            "the peer is who it says it is, and is not admitted",
            "the rules about peers of this side name none that holds for it",
            "issue it a certificate that a rule names, or add a rule",
        ),
        E::BadSignature => new(
            "a signature of the peer's chain or handshake is wrong",
            "the peer proves with it that it holds the certificate's key (RFC 8446 §4.4.3, RFC \
             5246 §7.4.3, §7.4.8)",
            "give the peer the key and the chain that belong to its certificate; if they do, look \
             for what changes bytes on the way",
        ),
        E::Expired | E::ExpiredContext { .. } => new(
            format!("the peer's certificate has expired: {error}"),
            VALIDITY,
            "renew the peer's certificate, or set this machine's clock",
        ),
        E::NotValidYet | E::NotValidYetContext { .. } => new(
            format!("the peer's certificate is not valid yet: {error}"),
            VALIDITY,
            "set the clocks of the issuing machine and of this one",
        ),
        E::UnknownIssuer => new(
            "the peer's certificate was not issued by a CA that is trusted here",
            "a chain must end at a trust anchor (RFC 5280 §6.1)",
            "add the issuing CA to the trust of this side, or give the peer a certificate of a \
             trusted CA, with its intermediates",
        ),
        E::NotValidForName | E::NotValidForNameContext { .. } => new(
            error.to_string(),
            "a server's certificate must name it in subjectAltName (RFC 9525 §2, SP 800-52r2 \
             §3.2.1)",
            "connect by a name of the certificate, or issue it again with this name",
        ),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => new(
            format!("the peer's certificate is not for this use: {error}"),
            "a server needs extended key usage serverAuth, a client clientAuth (RFC 5280 \
             §4.2.1.12)",
            "issue the certificate again for this use",
        ),
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => new(
            format!("the revocation list that speaks of the peer has ended: {error}"),
            "a list that has ended does not say who was revoked since (RFC 5280 §5.1.2.5, §6.3.3)",
            "fetch the authority's present list; where it issues none, see to its next update",
        ),
        E::UnknownRevocationStatus => new(
            "no current revocation list speaks of the peer's certificate or of an authority above \
             it",
            "where lists are asked, each authority of a chain needs one, of this kind of \
             certificate and of its distribution point, that has begun (RFC 5280 §6.3.3)",
            "add the list of the issuing authority to the trust of this side",
        ),
        E::Revoked => new(
            "the peer's certificate is revoked",
            "a revoked certificate counts no more (RFC 5280 §6.3)",
            "issue a new one with a new key",
        ),
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => new(
            "the peer's chain or handshake is signed with an algorithm that is not accepted",
            "ECDSA comes with the hash of its curve, RSA with SHA-256, SHA-384 or SHA-512 \
             (RFC 8446 §4.2.3, SP 800-52r2 §3.2.1)",
            "have the certificate issued again",
        ),
        E::Other(other)
            if matches!(
                other.0.downcast_ref(),
                Some(webpki::Error::NameConstraintViolation)
            ) =>
        {
            new(
                "the peer's certificate has a name outside of what its authority may name",
                "an authority's name constraints bind what it issues (RFC 5280 §4.2.1.10)",
                "have the certificate issued by an authority that may name it",
            )
        }
        E::Other(other) => match other.0.downcast_ref::<CertificateRefused>() {
            Some(refused) => new(
                refused.to_string(),
                match refused.reason {
                    CertificateReason::EvaluationOnly => {
                        "what was made under evaluation stays there"
                    }
                    _ => "every certificate of a chain must fit the profile",
                },
                "",
            ),
            None => new(
                format!("the peer's certificate is refused: {other}"),
                "",
                "",
            ),
        },
        other => new(
            format!("the peer's certificate is refused: {other}"),
            "",
            "",
        ),
    }
}

fn of_alert(alert: AlertDescription) -> Explanation {
    use AlertDescription as A;
    let mend = match alert {
        A::AccessDenied => {
            "the peer believes this side's certificate and admits others alone: look at its rules"
        }
        A::BadCertificate | A::CertificateUnknown | A::UnsupportedCertificate => {
            "look at the peer's log: it refuses this side's certificate"
        }
        A::CertificateExpired => "renew this side's certificate, or set the peer's clock",
        A::CertificateRequired => "give this side a certificate the peer's CA issued",
        A::CertificateRevoked => "give this side a new certificate",
        A::HandshakeFailure | A::InsufficientSecurity => {
            "the peer shares no suite, group or signature scheme with this side: enable AES-GCM \
             with ECDHE on P-256 there"
        }
        A::ProtocolVersion => "enable TLS 1.3, or TLS 1.2 with extended master secret, at the peer",
        A::UnknownCA => "let the peer trust the CA of this side's certificate",
        _ => "look at the peer's log",
    };
    new(
        format!("the peer ended the handshake with alert {alert:?}"),
        "",
        mend,
    )
}
