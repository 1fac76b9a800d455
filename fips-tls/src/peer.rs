use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_X509_EXT_BASIC_CONSTRAINTS;
use x509_parser::x509::X509Name;

use crate::authorization::SpiffeId;
use crate::certificate::{self, CertificateReason, CertificateRefused};
use crate::error::Error;
use crate::name;

/// The tag of a URI among general names (RFC 5280 §4.2.1.6).
const URI: u32 = 6;

/// Who a certificate names, read for authorisation and reports.
///
/// It says who the peer is only after a handshake that verified the chain.
///
/// # Security
///
/// [`subject`](Self::subject) and [`issuer`](Self::issuer) are escaped, for logs and reports.
/// [`common_name`](Self::common_name) and [`organizations`](Self::organizations) are the
/// certificate's own text, control characters and all: compare them, and escape them before
/// they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    subject: String,
    common_name: Option<String>,
    organizations: Vec<String>,
    dns_names: Vec<String>,
    ip_addresses: Vec<IpAddr>,
    uris: Vec<String>,
    /// Of every URI, those left out too.
    uri_count: usize,
    unreadable_names: bool,
    is_authority: bool,
    serial: String,
    issuer: String,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl PeerIdentity {
    /// Reads the leaf of what a connection's `peer_certificates()` answers; `None` when the
    /// peer showed none.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] when it does not parse.
    pub fn from_certificates(
        certificates: Option<&[CertificateDer<'_>]>,
    ) -> Result<Option<Self>, Error> {
        certificates
            .and_then(<[_]>::first)
            .map(Self::from_certificate)
            .transpose()
    }

    /// Reads one certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] when it does not parse.
    pub fn from_certificate(der: &CertificateDer<'_>) -> Result<Self, Error> {
        let malformed = || Error::Certificate {
            what: "peer",
            refused: CertificateRefused {
                position: 0,
                subject: "unreadable".into(),
                reason: CertificateReason::Malformed,
            },
        };
        let certificate = certificate::parse(der).map_err(|()| malformed())?;
        let mut identity = Self {
            subject: name::distinguished(certificate.subject()),
            common_name: common_name(certificate.subject()),
            organizations: organizations(certificate.subject()),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            uris: Vec::new(),
            uri_count: 0,
            unreadable_names: false,
            is_authority: is_authority(&certificate).ok_or_else(malformed)?,
            serial: serial(&certificate),
            issuer: name::distinguished(certificate.issuer()),
            not_before: time(certificate.validity().not_before.timestamp()),
            not_after: time(certificate.validity().not_after.timestamp()),
        };
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| malformed())?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(name) => {
                    identity.unreadable_names |= take(&mut identity.dns_names, visible(name));
                }
                GeneralName::IPAddress(bytes) => {
                    identity.unreadable_names |= take(&mut identity.ip_addresses, address(bytes));
                }
                GeneralName::URI(uri) => {
                    identity.uri_count += 1;
                    identity.unreadable_names |= take(&mut identity.uris, visible(uri));
                }
                GeneralName::Invalid(tag, _) => {
                    identity.unreadable_names = true;
                    identity.uri_count += usize::from(tag.0 == URI);
                }
                // Of these there is no rule and no accessor.
                GeneralName::DirectoryName(_)
                | GeneralName::EDIPartyName(_)
                | GeneralName::OtherName(..)
                | GeneralName::RFC822Name(_)
                | GeneralName::RegisteredID(_)
                | GeneralName::X400Address(_) => {}
            }
        }
        Ok(identity)
    }

    /// The whole subject, as RFC 4514 writes it: the last relative name first, such as
    /// `CN=admin,O=system:masters`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The common name: the user in Kubernetes. Not escaped.
    ///
    /// `None` unless the subject holds exactly one, and that as text (UTF8String,
    /// PrintableString, IA5String, NumericString): of several, programs take different ones
    /// (Go, and with it Kubernetes, the last), so that one certificate would name two users.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The organizations that are text: the groups in Kubernetes. Not escaped.
    pub fn organizations(&self) -> &[String] {
        &self.organizations
    }

    /// DNS names (RFC 5280 §4.2.1.6); what holds other than visible ASCII is none, and left out.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// IP addresses.
    pub fn ip_addresses(&self) -> &[IpAddr] {
        &self.ip_addresses
    }

    /// Uniform resource identifiers, such as a SPIFFE ID; what holds other than visible ASCII is
    /// none (RFC 3986 §2), and left out.
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// The SPIFFE ID: that of the only URI, where it is one, of a leaf that signs nothing.
    ///
    /// An X.509-SVID has exactly one URI, a path in it, and is no signing certificate (X509-SVID
    /// §2, §3.1, §5.2). `None` for any other certificate: of two URIs, programs would take
    /// different ones.
    pub fn spiffe_id(&self) -> Option<SpiffeId> {
        match &self.uris[..] {
            [only] if self.uri_count == 1 && !self.is_authority => SpiffeId::new(only).ok(),
            _ => None,
        }
    }

    /// Whether a subject alternative name was there that could not be read, and was left out:
    /// one that holds other than visible ASCII, an address of no known length.
    pub fn has_unreadable_names(&self) -> bool {
        self.unreadable_names
    }

    /// Whether the certificate may sign others, or revocation lists (RFC 5280 §4.2.1.3,
    /// §4.2.1.9): it speaks for an authority, and for no peer.
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// The serial number as OpenSSL prints it: hexadecimal, upper case, two digits a byte.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The issuer, as RFC 4514 writes it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When the certificate becomes valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// When the certificate stops being valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whether `now` lies in the certificate's validity.
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

fn common_name(subject: &X509Name<'_>) -> Option<String> {
    let mut names = subject.iter_common_name();
    let only = names.next().filter(|_| names.next().is_none())?;
    name::text(only).map(str::to_owned)
}

fn organizations(subject: &X509Name<'_>) -> Vec<String> {
    subject
        .iter_organization()
        .filter_map(name::text)
        .map(str::to_owned)
        .collect()
}

/// Whether basic constraints or key usage make it an authority; `None` when they do not parse.
fn is_authority(certificate: &X509Certificate<'_>) -> Option<bool> {
    let constraints = certificate
        .get_extension_unique(&OID_X509_EXT_BASIC_CONSTRAINTS)
        .ok()?;
    let authority = match constraints.map(|extension| extension.parsed_extension()) {
        Some(ParsedExtension::BasicConstraints(constraints)) => constraints.ca,
        Some(_) => return None,
        None => false,
    };
    let usage = certificate.key_usage().ok()?;
    Some(
        authority
            || usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign()),
    )
}

/// Keeps what could be read, and says whether it could not.
fn take<T>(names: &mut Vec<T>, name: Option<T>) -> bool {
    let unreadable = name.is_none();
    names.extend(name);
    unreadable
}

/// An IA5String may hold control characters, which no name of a host or resource has.
fn visible(name: &str) -> Option<String> {
    name.bytes()
        .all(|byte| byte.is_ascii_graphic())
        .then(|| name.to_owned())
}

/// As OpenSSL prints it: two digits a byte, without the zero byte DER puts before a number whose
/// first bit is set.
fn serial(certificate: &X509Certificate<'_>) -> String {
    let number = match certificate.raw_serial() {
        [0, rest @ ..] if !rest.is_empty() => rest,
        number => number,
    };
    number.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// Seconds since 1970, which a certificate may also have before it.
fn time(timestamp: i64) -> SystemTime {
    let distance = Duration::from_secs(timestamp.unsigned_abs());
    if timestamp < 0 {
        SystemTime::UNIX_EPOCH - distance
    } else {
        SystemTime::UNIX_EPOCH + distance
    }
}
