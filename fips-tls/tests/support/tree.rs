//! Authorities above others, their lists, and clocks that are moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fips_core::signing::{KeyAlgorithm, PrivateKey};
use fips_tls::{Identity, Revocation, Trust};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams,
    CrlIssuingDistributionPoint, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use time::{Duration, OffsetDateTime};

use super::pki::{RcgenKey, base, key_pem, pem};
use super::{NAME, boundary};

/// A clock that stands where it is put, and begins now.
#[derive(Debug)]
pub struct Clock(AtomicI64);

impl Clock {
    pub fn new() -> Arc<Self> {
        let now = i64::try_from(UnixTime::now().as_secs()).unwrap();
        Arc::new(Self(AtomicI64::new(now)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.whole_seconds(), Ordering::SeqCst);
    }

    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub fn provider(self: &Arc<Self>) -> Arc<dyn TimeProvider> {
        Arc::clone(self) as _
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.load(Ordering::SeqCst).try_into().unwrap();
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(
            seconds,
        )))
    }
}

pub fn new_key() -> Arc<PrivateKey> {
    Arc::new(PrivateKey::generate(&boundary(), KeyAlgorithm::EcdsaP256).unwrap())
}

/// An authority, with what follows its leaves.
#[derive(Clone)]
pub struct Authority {
    params: CertificateParams,
    key: Arc<PrivateKey>,
    /// Its own certificate.
    pub pem: String,
    /// Its own, where it is below another, and those above it.
    above: String,
    pub serial: Vec<u8>,
}

/// A leaf's chain and key, and its serial number.
pub struct Issued {
    pub chain: String,
    pub key: String,
    pub serial: Vec<u8>,
}

impl Issued {
    pub fn identity(&self) -> Identity {
        Identity::from_pem(&boundary(), &self.chain, &self.key).unwrap()
    }
}

fn authority(name: &str, key: &PrivateKey) -> CertificateParams {
    let mut params = base(name, key);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn serial(params: &CertificateParams) -> Vec<u8> {
    params.serial_number.clone().unwrap().as_ref().to_vec()
}

impl Authority {
    pub fn root(name: &str) -> Self {
        Self::root_with(name, new_key(), |_| {})
    }

    pub fn root_with(
        name: &str,
        key: Arc<PrivateKey>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = authority(name, &key);
        change(&mut params);
        let certificate = params.self_signed(&RcgenKey(Arc::clone(&key))).unwrap();
        Self {
            serial: serial(&params),
            pem: pem("CERTIFICATE", certificate.der()),
            above: String::new(),
            params,
            key,
        }
    }

    /// An authority below this one.
    pub fn below(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        self.sign(name, new_key(), change)
    }

    /// This one's certificate for the key and the name of `other`: a cross-signed one.
    pub fn cross_sign(&self, other: &Self) -> Self {
        self.sign("", Arc::clone(&other.key), |params| {
            params.distinguished_name = other.params.distinguished_name.clone();
        })
    }

    fn sign(
        &self,
        name: &str,
        key: Arc<PrivateKey>,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = authority(name, &key);
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let certificate = params
            .signed_by(&RcgenKey(Arc::clone(&key)), &self.issuer())
            .unwrap();
        let pem = pem("CERTIFICATE", certificate.der());
        Self {
            serial: serial(&params),
            above: pem.clone() + &self.above,
            pem,
            params,
            key,
        }
    }

    pub fn key_id(&self) -> KeyIdMethod {
        match &self.params.key_identifier_method {
            KeyIdMethod::PreSpecified(id) => KeyIdMethod::PreSpecified(id.clone()),
            _ => unreachable!("all of the tests are given"),
        }
    }

    pub fn key(&self) -> Arc<PrivateKey> {
        Arc::clone(&self.key)
    }

    fn issuer(&self) -> Issuer<'_, RcgenKey> {
        Issuer::from_params(&self.params, RcgenKey(Arc::clone(&self.key)))
    }

    /// A leaf for [`NAME`], as server and as client.
    pub fn leaf(&self) -> Issued {
        self.leaf_with("peer", |_| {})
    }

    pub fn leaf_with(
        &self,
        common_name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let key = new_key();
        let mut params = base(common_name, &key);
        params.subject_alt_names = vec![SanType::DnsName(NAME.try_into().unwrap())];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let certificate = params
            .signed_by(&RcgenKey(Arc::clone(&key)), &self.issuer())
            .unwrap();
        Issued {
            serial: serial(&params),
            chain: pem("CERTIFICATE", certificate.der()) + &self.above,
            key: key_pem(&key),
        }
    }

    pub fn trust(&self) -> Trust {
        Trust::from_pem(&self.pem).unwrap()
    }

    /// Its list of these serial numbers.
    pub fn list(&self, revoked: &[&[u8]]) -> String {
        self.list_with(revoked, |_| {})
    }

    pub fn list_with(
        &self,
        revoked: &[&[u8]],
        change: impl FnOnce(&mut CertificateRevocationListParams),
    ) -> String {
        let now = OffsetDateTime::now_utc();
        let mut params = CertificateRevocationListParams {
            this_update: now - Duration::hours(1),
            next_update: now + Duration::days(7),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from_slice(serial),
                    revocation_time: now - Duration::hours(2),
                    reason_code: Some(RevocationReason::KeyCompromise),
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: match &self.params.key_identifier_method {
                KeyIdMethod::PreSpecified(id) => KeyIdMethod::PreSpecified(id.clone()),
                _ => unreachable!("all of the tests are given"),
            },
        };
        change(&mut params);
        let list = params.signed_by(&self.issuer()).unwrap();
        pem("X509 CRL", list.der())
    }

    /// Its trust, with a list of these serial numbers.
    pub fn trust_without(&self, revoked: &[&[u8]]) -> Trust {
        with_lists(self.trust(), &[self.list(revoked)])
    }
}

pub fn with_lists(trust: Trust, lists: &[String]) -> Trust {
    trust
        .with_revocation(Revocation::from_pem(lists.concat()).unwrap())
        .unwrap()
}

/// A part of a list, by the place that certificates name.
pub fn part(place: &str) -> CrlIssuingDistributionPoint {
    CrlIssuingDistributionPoint {
        distribution_point: rcgen::CrlDistributionPoint {
            uris: vec![place.to_owned()],
        },
        scope: None,
    }
}
