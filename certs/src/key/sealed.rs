//! Private keys sealed under a passphrase or a key file.

use fips_core::Boundary;
use fips_core::signing::PrivateKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::sealing::{Binding, Secret, envelope};

/// The label of a sealed private key.
pub const SEALED_LABEL: &str = "FIPS SEALED PRIVATE KEY";

/// The key as one PEM section [`SEALED_LABEL`]: its PKCS#8 (RFC 5958) in an
/// [`envelope`] that opens as a private key alone.
///
/// # Errors
///
/// [`Error::Crypto`].
///
/// # Security
///
/// The text may be stored where others read it, as far as the secret is hard to guess.
pub fn to_sealed_pem(
    boundary: &Boundary,
    key: &PrivateKey,
    secret: &Secret,
) -> Result<String, Error> {
    let der = key.to_pkcs8().map_err(|source| Error::Crypto {
        action: "encode a private key",
        source,
    })?;
    envelope::seal_as(SEALED_LABEL, boundary, &binding()?, secret, &der)
}

/// Opens what [`to_sealed_pem`] made.
///
/// # Errors
///
/// [`Error::Sealing`]; [`Error::Gate`]; [`Error::Crypto`]; [`Error::Key`] for a key that the
/// module does not take.
pub fn from_sealed_pem(
    boundary: &Boundary,
    text: &[u8],
    secret: &Secret,
) -> Result<PrivateKey, Error> {
    let mut der = envelope::open_as(SEALED_LABEL, boundary, &binding()?, secret, text)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(std::mem::take(&mut *der)));
    PrivateKey::from_der(boundary, &Zeroizing::new(der)).map_err(|error| Error::Key {
        why: error.to_string(),
    })
}

/// Whether a file holds a sealed key, by its label.
pub fn is_sealed(file: &[u8]) -> bool {
    let begin = format!("-----BEGIN {SEALED_LABEL}-----");
    file.split(|byte| matches!(byte, b'\n' | b'\r'))
        .any(|line| line.trim_ascii_end() == begin.as_bytes())
}

fn binding() -> Result<Binding, Error> {
    Binding::new("private-key")
}

#[cfg(all(test, feature = "evaluation"))]
mod tests {
    use fips_core::Requirements;

    use super::*;
    use crate::key::{self, KeyType};
    use crate::sealing::{FileKey, Passphrase, SealingFault};

    fn passphrase(text: &[u8]) -> Secret {
        Passphrase::new(text.to_vec())
            .unwrap()
            .with_iterations(1000)
            .unwrap()
            .into()
    }

    #[test]
    fn a_key_comes_back_under_its_secret_alone() {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let file_key = || FileKey::generate(&boundary).unwrap().into();
        for (secret, other) in [
            (
                passphrase(b"correct horse battery"),
                passphrase(b"another phrase"),
            ),
            (file_key(), file_key()),
        ] {
            for key_type in [KeyType::P256, KeyType::P384] {
                let key = key::generate(&boundary, key_type).unwrap();
                let text = to_sealed_pem(&boundary, &key, &secret).unwrap();
                assert!(is_sealed(text.as_bytes()));
                let again = from_sealed_pem(&boundary, text.as_bytes(), &secret).unwrap();
                assert_eq!(again.to_pkcs8().unwrap(), key.to_pkcs8().unwrap());
                let wrong = from_sealed_pem(&boundary, text.as_bytes(), &other).unwrap_err();
                assert!(matches!(
                    wrong,
                    Error::Sealing(SealingFault::WrongKey | SealingFault::WrongPassphrase)
                ));
            }
        }
    }

    #[test]
    fn nothing_else_passes_for_a_key_and_the_plain_reader_says_what_it_is() {
        let boundary = Boundary::enter_for_evaluation(Requirements::strict()).unwrap();
        let secret = passphrase(b"correct horse battery");
        let key = key::generate(&boundary, KeyType::P256).unwrap();
        let text = to_sealed_pem(&boundary, &key, &secret).unwrap();
        let error = key::from_pem(&boundary, text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("sealed"), "{error}");

        // Bootstrap data under the label of a key: bound to another purpose.
        let binding = Binding::bootstrap("c").unwrap();
        let data = envelope::seal(&boundary, &binding, &secret, &key.to_pkcs8().unwrap()).unwrap();
        assert!(!is_sealed(data.as_bytes()));
        let relabelled = data.replace(envelope::BOOTSTRAP_LABEL, SEALED_LABEL);
        let error = from_sealed_pem(&boundary, relabelled.as_bytes(), &secret).unwrap_err();
        assert!(
            matches!(error, Error::Sealing(SealingFault::Purpose { .. })),
            "{error}"
        );
        for other in [&data, &*key::to_pem(&key).unwrap()] {
            let error = from_sealed_pem(&boundary, other.as_bytes(), &secret).unwrap_err();
            assert!(matches!(error, Error::Sealing(SealingFault::Pem { .. })));
        }
    }
}
