use std::sync::Arc;

use fips_core::signing::{PrivateKey, Scheme as CoreScheme};
use rustls::crypto::KeyProvider;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, OtherError, SignatureAlgorithm, SignatureScheme};
use zeroize::Zeroizing;

use crate::policy::{Profile, Scheme};

/// Loads private keys into the module, to sign with a profile's schemes alone.
#[derive(Debug)]
pub(super) struct Keys {
    profile: Profile,
}

impl Keys {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            profile: profile.clone(),
        }
    }
}

impl KeyProvider for Keys {
    fn load_private_key(&self, der: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        // rustls hands over the only copy.
        let der = Zeroizing::new(der);
        let boundary = super::boundary().ok_or_else(|| {
            Error::General("the gate is not open in this process: enter the boundary first".into())
        })?;
        let key = PrivateKey::from_der(boundary, &der).map_err(other)?;
        if !self.profile.accepts_key(&key.algorithm().into()) {
            return Err(Error::General(format!(
                "profile {} takes no {} key",
                self.profile.name(),
                key.algorithm()
            )));
        }
        let key = TlsSigningKey::new(key).map_err(other)?;
        Ok(Arc::new(key.narrowed_to(&self.profile)))
    }

    fn fips(&self) -> bool {
        true
    }
}

/// A private key of the module, as rustls signs with it.
#[derive(Clone, Debug)]
pub(crate) struct TlsSigningKey {
    key: Arc<PrivateKey>,
    schemes: Vec<CoreScheme>,
    public_key_info: Vec<u8>,
}

impl TlsSigningKey {
    pub(crate) fn new(key: PrivateKey) -> Result<Self, fips_core::Error> {
        Ok(Self {
            public_key_info: key.public_key_info()?,
            schemes: key.algorithm().schemes().to_vec(),
            key: Arc::new(key),
        })
    }

    /// The same key, signing with the profile's schemes alone.
    pub(crate) fn narrowed_to(mut self, profile: &Profile) -> Self {
        self.schemes
            .retain(|scheme| profile.accepts_scheme(Scheme::from_core(*scheme)));
        self
    }
}

impl SigningKey for TlsSigningKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.schemes.iter().find_map(|&scheme| {
            let tls = Scheme::from_core(scheme).rustls();
            offered.contains(&tls).then(|| {
                Box::new(TlsSigner {
                    key: Arc::clone(&self.key),
                    scheme,
                    tls,
                }) as Box<dyn Signer>
            })
        })
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(&self.public_key_info[..]))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        if self.key.algorithm().is_rsa() {
            SignatureAlgorithm::RSA
        } else {
            SignatureAlgorithm::ECDSA
        }
    }
}

#[derive(Debug)]
struct TlsSigner {
    key: Arc<PrivateKey>,
    scheme: CoreScheme,
    tls: SignatureScheme,
}

impl Signer for TlsSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.sign(self.scheme, message).map_err(other)
    }

    fn scheme(&self) -> SignatureScheme {
        self.tls
    }
}

fn other(error: fips_core::Error) -> Error {
    Error::Other(OtherError(Arc::new(error)))
}
