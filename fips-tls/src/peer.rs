use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::X509Name;

use crate::certificate::{self, CertificateReason, CertificateRefused};
use crate::error::Error;
use crate::name;

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
                GeneralName::DNSName(name) => identity.dns_names.extend(visible(name)),
                GeneralName::IPAddress(bytes) => identity.ip_addresses.extend(address(bytes)),
                GeneralName::URI(uri) => identity.uris.extend(visible(uri)),
                _ => {}
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
    only.as_str().ok().map(str::to_owned)
}

fn organizations(subject: &X509Name<'_>) -> Vec<String> {
    subject
        .iter_organization()
        .filter_map(|attribute| attribute.as_str().ok())
        .map(str::to_owned)
        .collect()
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
