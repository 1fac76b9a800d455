use std::cmp::Ordering;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fips_core::verification;
use rustls::pki_types::{CertificateRevocationListDer, UnixTime};
use webpki::{BorrowedCertRevocationList, CertRevocationList};
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::issuer::IssuerFacts;
use crate::certificate;
use crate::error::RevocationFault;
use crate::name;
use crate::policy::Scheme;

/// Keys of which it is remembered whether they signed a list. An authority's name has a handful.
const KEYS: usize = 16;

/// A revocation list (RFC 5280 §5): of one issuer, for some or all of its certificates.
pub struct RevocationList {
    /// Indexed by serial number.
    entries: CertRevocationList<'static>,
    der: Vec<u8>,
    /// Of the signed part in `der`.
    signed: std::ops::Range<usize>,
    signature: Vec<u8>,
    scheme: Scheme,
    issuer: String,
    /// Authority key identifier.
    issuer_key_id: Option<Vec<u8>>,
    this_update: UnixTime,
    next_update: UnixTime,
    /// Big-endian, without zeros before it.
    number: Option<Vec<u8>>,
    scope: Scope,
    len: usize,
    /// Whether a key signed it, by kind and bytes: verifying reads the whole list.
    signed_by: Mutex<Vec<(IssuerKey, bool)>>,
}

type IssuerKey = (crate::policy::PublicKey, Vec<u8>);

/// Which certificates a list speaks of (RFC 5280 §5.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) leaves_alone: bool,
    pub(super) authorities_alone: bool,
    /// The places of its distribution point, where it has one.
    pub(super) places: Option<Vec<String>>,
}

impl RevocationList {
    pub(super) fn new(
        position: usize,
        der: &CertificateRevocationListDer<'_>,
    ) -> Result<Self, RevocationFault> {
        let malformed = |reason: String| RevocationFault::Malformed { position, reason };
        // webpki is the strict one: version, extensions, scopes, entries.
        let entries = BorrowedCertRevocationList::from_der(der)
            .and_then(|list| list.to_owned())
            .map_err(|error| malformed(format!("{error:?}")))?;
        let unreadable = || malformed("it does not parse (RFC 5280 §5.1)".into());
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| unreadable())?;
        if !rest.is_empty() || list.signature_value.unused_bits != 0 {
            return Err(unreadable());
        }
        let tbs: &[u8] = list.tbs_cert_list.as_ref();
        let start = tbs.as_ptr().addr() - der.as_ptr().addr();
        let next_update = list.next_update().ok_or_else(unreadable)?;
        let issuer = name::distinguished(list.issuer());
        let scheme = certificate::scheme_of(&list.signature_algorithm).ok_or_else(|| {
            RevocationFault::Algorithm {
                issuer: name::in_error(&issuer),
                found: certificate::unknown_signature(&list.signature_algorithm),
                profile: crate::policy::Profile::sp800_52r2().name(),
            }
        })?;
        let mut scope = Scope::default();
        let mut issuer_key_id = None;
        for extension in list.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::IssuingDistributionPoint(point) => {
                    scope.leaves_alone = point.only_contains_user_certs;
                    scope.authorities_alone = point.only_contains_ca_certs;
                    scope.places = point.distribution_point.as_ref().map(uris);
                }
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::ParseError { .. } => return Err(unreadable()),
                _ => {}
            }
        }
        Ok(Self {
            entries: entries.into(),
            signed: start..start + tbs.len(),
            signature: list.signature_value.data.to_vec(),
            scheme,
            issuer,
            issuer_key_id,
            this_update: certificate::unix(list.last_update()),
            next_update: certificate::unix(next_update),
            number: list.crl_number().map(|number| number.to_bytes_be()),
            scope,
            len: list.iter_revoked_certificates().count(),
            signed_by: Mutex::default(),
            der: der.to_vec(),
        })
    }

    /// The issuer, as RFC 4514 writes it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The number (RFC 5280 §5.2.3), in hexadecimal.
    pub fn number(&self) -> Option<String> {
        let digits: String = self
            .number
            .as_ref()?
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Some(digits)
    }

    /// How many serial numbers it lists.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Since when it speaks.
    pub fn this_update(&self) -> SystemTime {
        system(self.this_update)
    }

    /// When the next one should be there; from then on this one refuses.
    pub fn next_update(&self) -> SystemTime {
        system(self.next_update)
    }

    /// Whether it speaks at `now`.
    pub fn is_current_at(&self, now: SystemTime) -> bool {
        self.this_update() <= now && now < self.next_update()
    }

    /// Whether `other` is of the same issuer, key and scope, and newer: then this one, in its
    /// place, would bring back what was revoked since.
    pub fn is_older_than(&self, other: &Self) -> bool {
        let same = self.entries.issuer() == other.entries.issuer()
            && self.issuer_key_id == other.issuer_key_id
            && self.scope == other.scope;
        same && (self.this_update < other.this_update
            || matches!(
                self.number_in_order().cmp(&other.number_in_order()),
                Ordering::Less
            ))
    }

    /// The whole encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// A key that sorts by number.
    pub(super) fn number_in_order(&self) -> Option<(usize, &[u8])> {
        self.number.as_deref().map(|number| (number.len(), number))
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn since(&self) -> UnixTime {
        self.this_update
    }

    pub(super) fn until(&self) -> UnixTime {
        self.next_update
    }

    pub(super) fn issuer_in_error(&self) -> String {
        name::in_error(&self.issuer)
    }

    /// Whether it lists the serial number, as webpki has it from a certificate.
    pub(super) fn lists(&self, serial: &[u8]) -> bool {
        // An error is one of the lazy form alone.
        !matches!(self.entries.find_serial(serial), Ok(None))
    }

    /// Whether name and key identifier are the issuer's.
    pub(super) fn may_be_of(&self, issuer: &IssuerFacts) -> bool {
        let ids_differ = matches!(
            (&self.issuer_key_id, &issuer.key_id),
            (Some(named), Some(own)) if named != own
        );
        self.entries.issuer() == issuer.name && !ids_differ
    }

    /// Whether the issuer's key made the signature.
    pub(super) fn is_signed_by(&self, issuer: &IssuerFacts) -> bool {
        let mut known = self
            .signed_by
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|((key, bits), _)| {
            (key, bits.as_slice()) == (&issuer.key, issuer.key_bits.as_slice())
        });
        if let Some((_, signed)) = found {
            return *signed;
        }
        let signed = certificate::scheme_with_key(self.scheme, &issuer.key).is_some_and(|scheme| {
            verification::verify(
                scheme.core(),
                &issuer.key_bits,
                &self.der[self.signed.clone()],
                &self.signature,
            )
            .is_ok()
        });
        if known.len() < KEYS {
            known.push(((issuer.key.clone(), issuer.key_bits.clone()), signed));
        }
        signed
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("issuer", &self.issuer)
            .field("number", &self.number())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// The places of a distribution point, those that are names of resources.
pub(super) fn uris(point: &DistributionPointName<'_>) -> Vec<String> {
    match point {
        DistributionPointName::FullName(names) => names
            .iter()
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some((*uri).to_owned()),
                _ => None,
            })
            .collect(),
        DistributionPointName::NameRelativeToCRLIssuer(_) => Vec::new(),
    }
}

fn system(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs())
}
