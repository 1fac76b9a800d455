//! Public keys on their own.

use x509_parser::asn1_rs::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{KeyType, SubjectKey, named};
use crate::certificate::parse::judge_key;
use crate::error::Error;
use crate::{der, pem};

/// A public key of a type that is issued for. Nothing shows that whoever brought it holds the
/// private half: a [request](crate::csr::CertificateRequest) does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key_type: KeyType,
    public: Vec<u8>,
}

impl PublicKey {
    /// Reads a PEM file with one section `PUBLIC KEY` (`SubjectPublicKeyInfo`, RFC 5280 §4.1).
    ///
    /// # Errors
    ///
    /// [`Error::Key`] for anything else, and for a key that is not issued for.
    pub fn from_pem(file: &[u8]) -> Result<Self, Error> {
        let refuse = |why: String| Error::Key { why };
        let sections = pem::sections(file).map_err(refuse)?;
        let [section] = &sections[..] else {
            return Err(refuse(format!(
                "holds {} PEM sections where one PUBLIC KEY is expected",
                sections.len()
            )));
        };
        if section.label() != b"PUBLIC KEY" {
            return Err(refuse(format!(
                "holds a section {} where a PUBLIC KEY is expected",
                pem::name(section)
            )));
        }
        let der = section.decode().map_err(|why| refuse(pem::not_pem(why)))?;
        der::bounded(&der).map_err(|why| refuse(why.to_string()))?;
        let (_, info) = SubjectPublicKeyInfo::from_der(&der)
            .map_err(|_| refuse("its DER is not that of a public key".into()))?;
        let (name, allowed) = judge_key(&info);
        let public = info.subject_public_key.data.to_vec();
        if !allowed {
            return Err(refuse(format!("{name} is outside of the policy")));
        }
        let key_type = named(&name)?;
        // An uncompressed point; RSA keys were read to be judged.
        let point = match key_type {
            KeyType::P256 => Some(65),
            KeyType::P384 => Some(97),
            KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => None,
        };
        if point.is_some_and(|len| public.len() != len || public.first() != Some(&0x04)) {
            return Err(refuse(
                "its point is not uncompressed (RFC 5480 §2.2)".into(),
            ));
        }
        Ok(Self { key_type, public })
    }
}

impl SubjectKey for PublicKey {
    fn key_type(&self) -> Result<KeyType, Error> {
        Ok(self.key_type)
    }

    fn public_key(&self) -> &[u8] {
        &self.public
    }
}
