use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use fips_core::Boundary;
use fips_core::signing::{KeyAlgorithm, PrivateKey};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::certificate::{self, CertificateReason, CertificateRefused};
use crate::error::{Error, IdentityFault, PemFault};
use crate::name;
use crate::peer::PeerIdentity;
use crate::policy::{Profile, PublicKey};
use crate::provider::TlsSigningKey;

const WHAT: &str = "identity";

/// A certificate chain and its private key: what a side shows and signs with.
///
/// The pair matches, the chain parses, and every key and signature algorithm in it is one that
/// SP 800-52r2 names. A stricter profile judges again when a configuration is built. A strict
/// boundary takes no certificate with the evaluation mark
/// ([`EVALUATION_MARK`](fips_core::EVALUATION_MARK)) in its subject or issuer.
#[derive(Clone, Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: TlsSigningKey,
    algorithm: KeyAlgorithm,
    leaf: PeerIdentity,
}

impl Identity {
    /// Takes a chain, the leaf first, and its key: PKCS#8, SEC 1 or PKCS#1, unencrypted.
    ///
    /// The root may follow, as in the files of RKE2 and k3s.
    ///
    /// # Errors
    ///
    /// [`Error::Pem`]; [`Error::Certificate`] when the policy refuses one of the chain;
    /// [`Error::Identity`] when the key is not the leaf's; [`Error::Module`] when the module
    /// does not take the key.
    pub fn from_pem(
        boundary: &Boundary,
        chain: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, Error> {
        let chain = certificate::from_pem(WHAT, chain.as_ref())?;
        let key = key_from_pem(key.as_ref())?;
        Self::new(boundary, chain, &key)
    }

    /// As [`from_pem`](Self::from_pem), from two files.
    ///
    /// # Errors
    ///
    /// Also [`Error::File`], and [`IdentityFault::KeyFileMode`] when group or others have any
    /// access to the key file.
    pub fn from_files(
        boundary: &Boundary,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        // A chain's file can hold the key as well.
        let chain_pem = fs::File::open(chain)
            .and_then(|mut file| read(&mut file))
            .map_err(unreadable(chain))?;
        // Mode and content of the same open file, whatever is renamed over the path meanwhile.
        let mut file = fs::File::open(key).map_err(unreadable(key))?;
        let mode = file.metadata().map_err(unreadable(key))?.mode() & 0o7777;
        check_key_mode(key, mode)?;
        let key_pem = read(&mut file).map_err(unreadable(key))?;
        Self::from_contents(boundary, (chain, &chain_pem), (key, &key_pem))
    }

    /// As [`from_pem`](Self::from_pem); errors say which file.
    pub(crate) fn from_contents(
        boundary: &Boundary,
        (chain, chain_pem): (&Path, &[u8]),
        (key, key_pem): (&Path, &[u8]),
    ) -> Result<Self, Error> {
        let certificates =
            certificate::from_pem(WHAT, chain_pem).map_err(|error| error.in_file(chain))?;
        let der = key_from_pem(key_pem).map_err(|error| error.in_file(key))?;
        Self::new(boundary, certificates, &der).map_err(|error| match error {
            Error::Module { .. } => error.in_file(key),
            error => error.in_file(chain),
        })
    }

    /// As [`from_pem`](Self::from_pem), from DER.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der(
        boundary: &Boundary,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, Error> {
        if chain.is_empty() {
            return Err(Error::Pem {
                what: WHAT,
                fault: PemFault::NoCertificate,
            });
        }
        Self::new(boundary, chain, key)
    }

    /// Kind and size of the key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Who the leaf names.
    pub fn leaf(&self) -> &PeerIdentity {
        &self.leaf
    }

    /// The chain, the leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Chain and key for a configuration: the key signs with the profile's schemes alone.
    pub(crate) fn certified(&self, profile: &Profile) -> CertifiedKey {
        let key = self.key.clone().narrowed_to(profile);
        CertifiedKey::new(self.chain.clone(), Arc::new(key))
    }

    fn new(
        boundary: &Boundary,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, Error> {
        certificate::judge_chain(&Profile::sp800_52r2(), &chain).map_err(|refused| {
            Error::Certificate {
                what: WHAT,
                refused,
            }
        })?;
        let module = |source| Error::Module { what: WHAT, source };
        let key = PrivateKey::from_der(boundary, key).map_err(module)?;
        let leaf = PeerIdentity::from_certificate(&chain[0])?;
        match position_of(&key, &chain) {
            Some(0) => {}
            Some(position) => return Err(IdentityFault::LeafNotFirst { position }.into()),
            None => {
                return Err(IdentityFault::KeyMismatch {
                    key: key.algorithm(),
                    subject: name::in_error(leaf.subject()),
                }
                .into());
            }
        }
        let algorithm = key.algorithm();
        let key = TlsSigningKey::new(key).map_err(module)?;
        Ok(Self {
            chain,
            key,
            algorithm,
            leaf,
        })
    }

    /// Judges the chain under a profile.
    pub(crate) fn judge(&self, profile: &Profile) -> Result<(), CertificateRefused> {
        let key = PublicKey::from(self.algorithm);
        if !profile.accepts_key(&key) {
            return Err(CertificateRefused {
                position: 0,
                subject: name::in_error(self.leaf.subject()),
                reason: CertificateReason::Key {
                    found: key,
                    profile: profile.name(),
                    source_of_rule: profile.key_source(),
                },
            });
        }
        certificate::judge_chain(profile, self.chain())
    }
}

/// The most bytes of a key's or a chain's file. A thousand certificates are below it.
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// A key file is its owner's alone.
pub(crate) fn check_key_mode(path: &Path, mode: u32) -> Result<(), Error> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(IdentityFault::KeyFileMode {
        path: path.to_owned(),
        mode,
    }
    .into())
}

/// Reads a file to its end. No copy is left behind where the buffer grows, as it does for what
/// does not tell its size, such as a pipe.
fn read(file: &mut fs::File) -> io::Result<Zeroizing<Vec<u8>>> {
    let too_large = || {
        let why = format!("larger than {MOST_BYTES} bytes: give the file of one key or chain");
        io::Error::new(io::ErrorKind::FileTooLarge, why)
    };
    let size = usize::try_from(file.metadata()?.len()).map_err(|_| too_large())?;
    let mut content = Zeroizing::new(vec![0; size.min(MOST_BYTES) + 1]);
    let mut filled = 0;
    loop {
        match file.read(&mut content[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if filled > MOST_BYTES {
            return Err(too_large());
        }
        if filled == content.len() {
            let mut larger = Zeroizing::new(vec![0; 2 * filled.max(2048)]);
            larger[..filled].copy_from_slice(&content);
            content = larger;
        }
    }
    content.truncate(filled);
    Ok(content)
}

/// Which certificate of the chain carries the key's public half.
fn position_of(key: &PrivateKey, chain: &[CertificateDer<'_>]) -> Option<usize> {
    chain.iter().position(|der| {
        certificate::parse(der).is_ok_and(|certificate| {
            let info = certificate.public_key();
            PublicKey::of(info) == PublicKey::from(key.algorithm())
                && info.subject_public_key.data.as_ref() == key.public_key()
        })
    })
}

/// The first key of a text.
fn key_from_pem(text: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, Error> {
    let fault = |fault| Error::Pem {
        what: "identity, private key",
        fault,
    };
    let malformed = |why| fault(PemFault::Malformed(why));
    let sections = fips_core::pem::sections(text).map_err(malformed)?;
    for section in &sections {
        if let Some(key) = section.private_key().map_err(malformed)? {
            return Ok(key);
        }
    }
    let encrypted = sections
        .iter()
        .any(|section| section.label() == b"ENCRYPTED PRIVATE KEY");
    Err(fault(if encrypted {
        PemFault::EncryptedKey
    } else {
        PemFault::NoKey
    }))
}
